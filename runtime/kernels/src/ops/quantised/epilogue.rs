//! From sums to bytes.

use core::array::from_fn;

use super::word;
use crate::dot::Dot;
use crate::fixed::{Factor, Multiplier};
use crate::layout::BLOCK;
use crate::quantised::layout::{HEAD, Kind, Section, Word, shift};

/// How the sums of a block of outputs become bytes.
pub(crate) struct Epilogue<D: Dot> {
    kind: Kind,
    bounds: [D::Bytes; 2],
    zero: i32,
    /// Three words an output: bias, a, b.
    words: *const f32,
    /// Scales and shifts of [`Kind::Double`].
    doubles: [[f64; BLOCK]; 2],
}

impl<D: Dot> Epilogue<D> {
    /// That of a block of the layer whose section is given.
    ///
    /// # Safety
    ///
    /// The section must be there, and have the block.
    #[inline(always)]
    pub(crate) unsafe fn new(section: *const f32, places: &Section, block: usize) -> Self {
        // SAFETY: passed on.
        unsafe {
            let mut epilogue = Epilogue {
                kind: kind(section.add(HEAD + block).cast::<i32>().read()),
                bounds: [Word::Low, Word::High].map(
                    #[inline(always)]
                    |bound| D::bytes(word(section, bound) as u8),
                ),
                zero: word(section, Word::OutputZero),
                words: section.add(places.epilogue + block * 3 * BLOCK),
                doubles: [[0.0; BLOCK]; 2],
            };
            if epilogue.kind == Kind::Double {
                let [a, b] = epilogue.factors();
                let scales = from_fn(|i| f64::from(a[i]) * power(b[i] - 31));
                let shifts = from_fn(|i| shift(b[i].max(-31)) + f64::from(epilogue.zero));
                epilogue.doubles = [scales, shifts];
            }
            epilogue
        }
    }

    /// What sums begin with.
    #[inline(always)]
    pub(crate) unsafe fn bias(&self) -> D::Sums {
        // SAFETY: the block has its words.
        unsafe { D::load(self.words.cast()) }
    }

    /// The words a and b.
    #[inline(always)]
    unsafe fn factors(&self) -> [[i32; BLOCK]; 2] {
        // SAFETY: as in bias.
        unsafe { self.words.add(BLOCK).cast::<[[i32; BLOCK]; 2]>().read() }
    }

    /// Whether sums are scaled in registers.
    #[inline(always)]
    pub(crate) fn is_quick(&self) -> bool {
        matches!(self.kind, Kind::Float | Kind::Double)
    }

    /// Whether that is in single precision.
    #[inline(always)]
    pub(crate) fn is_float(&self) -> bool {
        self.kind == Kind::Float
    }

    /// Writes the first `pixels` of four pixels, if this [is quick](Self::is_quick).
    ///
    /// # Safety
    ///
    /// They must be there.
    #[inline(always)]
    pub(crate) unsafe fn finish(&self, sums: [D::Sums; 4], pixels: usize, to: *mut u8) {
        // SAFETY: passed on.
        unsafe {
            if self.is_float() {
                self.finish_float(sums, pixels, to);
            } else {
                self.finish_double(sums, pixels, to);
            }
        }
    }

    /// The same, if this [is in single precision](Self::is_float).
    ///
    /// # Safety
    ///
    /// As above.
    #[inline(always)]
    pub(crate) unsafe fn finish_float(&self, [a, b, c, d]: [D::Sums; 4], pixels: usize, to: *mut u8) {
        // SAFETY: passed on; the block has its words.
        unsafe {
            let (scale, shift) = (D::floats(self.words.add(BLOCK)), D::floats(self.words.add(2 * BLOCK)));
            let scaled = [
                D::scale(a, scale, shift),
                D::scale(b, scale, shift),
                D::scale(c, scale, shift),
                D::scale(d, scale, shift),
            ];
            D::store_bytes(to, scaled, pixels, self.bounds);
        }
    }

    #[inline(always)]
    unsafe fn finish_double(&self, [a, b, c, d]: [D::Sums; 4], pixels: usize, to: *mut u8) {
        // SAFETY: as in finish.
        unsafe {
            let (scale, shift) = (D::doubles(self.doubles[0].as_ptr()), D::doubles(self.doubles[1].as_ptr()));
            let scaled = [
                D::scale_double(a, scale, shift),
                D::scale_double(b, scale, shift),
                D::scale_double(c, scale, shift),
                D::scale_double(d, scale, shift),
            ];
            D::store_bytes(to, scaled, pixels, self.bounds);
        }
    }

    /// The same for any epilogue, and any number of pixels, from sums in memory.
    ///
    /// # Safety
    ///
    /// Pixels must be there, and sums of whole fours.
    #[inline(always)]
    pub(crate) unsafe fn finish_spilled(
        &self,
        sums: &mut [[[i32; BLOCK]; 4]],
        mut pixels: usize,
        mut to: *mut u8,
    ) {
        for sums in sums {
            let four = pixels.min(4);
            // SAFETY: passed on.
            unsafe {
                if self.is_quick() {
                    self.finish(load::<D>(sums), four, to);
                } else {
                    self.exactly(sums);
                    D::store_bytes(to, load::<D>(sums), four, self.bounds);
                }
            }
            pixels -= four;
            to = to.wrapping_add(4 * BLOCK);
        }
    }

    /// As the reference does it.
    #[inline(always)]
    unsafe fn exactly(&self, sums: &mut [[i32; BLOCK]; 4]) {
        // SAFETY: passed on.
        let [a, b] = unsafe { self.factors() };
        for i in 0..BLOCK {
            let factor = if self.kind == Kind::Dense {
                Factor::Double(f64::from_bits(u64::from(a[i] as u32) | u64::from(b[i] as u32) << 32))
            } else {
                Factor::Fixed(Multiplier { factor: a[i], exponent: b[i].clamp(-31, 30) })
            };
            for sums in sums.iter_mut() {
                sums[i] = factor.apply(sums[i]).saturating_add(self.zero);
            }
        }
    }
}

#[inline(always)]
unsafe fn load<D: Dot>(sums: &[[i32; BLOCK]; 4]) -> [D::Sums; 4] {
    let [a, b, c, d] = sums;
    // SAFETY: blocks of sums are read.
    unsafe { [D::load(a.as_ptr()), D::load(b.as_ptr()), D::load(c.as_ptr()), D::load(d.as_ptr())] }
}

/// A kind as sections have it; whatever else stands there is as good as any.
#[inline(always)]
fn kind(word: i32) -> Kind {
    match word {
        0 => Kind::Float,
        1 => Kind::Double,
        3 => Kind::Dense,
        _ => Kind::Fixed,
    }
}

/// A power of two.
#[inline(always)]
fn power(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64 & 0x7ff) << 52)
}
