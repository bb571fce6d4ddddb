//! From sums to bytes.

use super::word;
use crate::dot::Dot;
use crate::fixed::{Factor, Multiplier};
use crate::layout::BLOCK;
use crate::quantised::layout::{HEAD, Kind, Section, Word, shift};

/// How the sums of a block of outputs become bytes.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue {
    kind: Kind,
    bounds: [u8; 2],
    zero: i32,
    /// Three words an output: bias, a, b.
    words: *const f32,
}

/// Scales and shifts of [`Kind::Double`].
pub(crate) type Doubles = [[f64; BLOCK]; 2];

impl Epilogue {
    /// That of a block of the layer whose section is given.
    ///
    /// # Safety
    ///
    /// The section must be there, and have the block.
    #[inline(always)]
    pub(crate) unsafe fn new(section: *const f32, places: &Section, block: usize) -> Self {
        // SAFETY: passed on.
        unsafe {
            Epilogue {
                kind: kind(section.add(HEAD + block).cast::<i32>().read()),
                bounds: [word(section, Word::Low) as u8, word(section, Word::High) as u8],
                zero: word(section, Word::OutputZero),
                words: section.add(places.epilogue + block * 3 * BLOCK),
            }
        }
    }

    /// What sums begin with.
    #[inline(always)]
    pub(crate) unsafe fn bias<D: Dot>(&self) -> D::Sums {
        // SAFETY: the block has its words.
        unsafe { D::load(self.words.cast()) }
    }

    /// The same as integers.
    #[inline(always)]
    pub(crate) unsafe fn biases(&self) -> [i32; BLOCK] {
        // SAFETY: as above.
        unsafe { self.words.cast::<[i32; BLOCK]>().read() }
    }

    /// Least and greatest byte.
    #[inline(always)]
    pub(crate) unsafe fn bounds<D: Dot>(&self) -> [D::Bytes; 2] {
        // SAFETY: passed on.
        unsafe { [D::bytes(self.bounds[0]), D::bytes(self.bounds[1])] }
    }

    /// Whether sums are scaled in single precision.
    #[inline(always)]
    pub(crate) fn is_float(&self) -> bool {
        self.kind == Kind::Float
    }

    /// What they are scaled with in double precision, if they are.
    #[inline(always)]
    pub(crate) unsafe fn doubles<D: Dot>(&self) -> Option<Doubles> {
        if !D::VECTORS || self.kind != Kind::Double {
            return None;
        }
        // SAFETY: as in bias.
        let [a, b] = unsafe { self.factors() };
        let mut doubles = [[0.0; BLOCK]; 2];
        for i in 0..BLOCK {
            doubles[0][i] = f64::from(a[i]) * power(b[i] - 31);
            doubles[1][i] = shift(b[i].max(-31)) + f64::from(self.zero);
        }
        Some(doubles)
    }

    /// The words a and b.
    #[inline(always)]
    unsafe fn factors(&self) -> [[i32; BLOCK]; 2] {
        // SAFETY: as in bias.
        unsafe { self.words.add(BLOCK).cast::<[[i32; BLOCK]; 2]>().read() }
    }

    /// Writes the first `pixels` of four pixels, if sums [are scaled in single precision](Self::is_float).
    ///
    /// # Safety
    ///
    /// They must be there.
    #[inline(always)]
    pub(crate) unsafe fn finish<D: Dot>(
        &self,
        sums: [D::Sums; 4],
        bounds: [D::Bytes; 2],
        pixels: usize,
        to: *mut u8,
    ) {
        // SAFETY: passed on; the block has its words.
        unsafe {
            let (scale, shift) = (D::floats(self.words.add(BLOCK)), D::floats(self.words.add(2 * BLOCK)));
            D::finish(to, sums, [scale, shift], pixels, bounds);
        }
    }

    /// The same in double precision.
    ///
    /// # Safety
    ///
    /// As above.
    #[inline(always)]
    pub(crate) unsafe fn finish_double<D: Dot>(
        [scale, shift]: &Doubles,
        [a, b, c, d]: [D::Sums; 4],
        bounds: [D::Bytes; 2],
        pixels: usize,
        to: *mut u8,
    ) {
        // SAFETY: passed on; 16 doubles are read.
        unsafe {
            let (scale, shift) = (D::doubles(scale.as_ptr()), D::doubles(shift.as_ptr()));
            let scaled = [
                D::scale_double(a, scale, shift),
                D::scale_double(b, scale, shift),
                D::scale_double(c, scale, shift),
                D::scale_double(d, scale, shift),
            ];
            D::store_bytes(to, scaled, pixels, bounds);
        }
    }

    /// The same for any epilogue, and any number of pixels, from sums in memory.
    ///
    /// # Safety
    ///
    /// Pixels must be there, and sums of whole fours.
    #[inline(always)]
    pub(crate) unsafe fn finish_spilled<D: Dot>(
        &self,
        sums: &mut [[[i32; BLOCK]; 4]],
        mut pixels: usize,
        mut to: *mut u8,
    ) {
        // SAFETY: passed on.
        unsafe {
            let (bounds, doubles) = (self.bounds::<D>(), self.doubles::<D>());
            for sums in sums {
                let four = pixels.min(4);
                if self.is_float() {
                    self.finish::<D>(load::<D>(sums), bounds, four, to);
                } else if let Some(doubles) = &doubles {
                    Self::finish_double::<D>(doubles, load::<D>(sums), bounds, four, to);
                } else {
                    D::call(
                        #[inline(always)]
                        || self.exactly(sums),
                    );
                    D::store_bytes(to, load::<D>(sums), four, bounds);
                }
                pixels -= four;
                to = to.wrapping_add(4 * BLOCK);
            }
        }
    }

    /// In integers, and dense layers as the reference does it.
    #[inline(always)]
    unsafe fn exactly(&self, sums: &mut [[i32; BLOCK]; 4]) {
        // SAFETY: passed on.
        let [a, b] = unsafe { self.factors() };
        for i in 0..BLOCK {
            let multiplier = Multiplier { factor: a[i], exponent: b[i].clamp(-31, 30) };
            let dense = f64::from_bits(u64::from(a[i] as u32) | u64::from(b[i] as u32) << 32);
            for sums in sums.iter_mut() {
                let product = match self.kind {
                    Kind::Dense => Factor::Double(dense).apply(sums[i]),
                    Kind::Double => multiplier.apply_down(sums[i]),
                    _ => multiplier.apply(sums[i]),
                };
                sums[i] = product.saturating_add(self.zero);
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
