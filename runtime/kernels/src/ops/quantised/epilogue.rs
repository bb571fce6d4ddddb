//! From sums to bytes.

use core::array::from_fn;

use super::word;
use crate::dot::Dot;
use crate::fixed::{Factor, Multiplier};
use crate::layout::BLOCK;
use crate::quantised::layout::{HEAD, Kind, Section, Word, shift};

/// How the sums of a block of outputs become bytes.
pub(crate) struct Epilogue {
    kind: Kind,
    bounds: [u8; 2],
    zero: i32,
    /// Three words an output: bias, a, b.
    words: *const f32,
}

/// What a block's sums are scaled with, and between which bounds they are.
#[derive(Clone, Copy)]
pub(crate) struct Scale<D: Dot> {
    scale: D::Floats,
    shift: D::Floats,
    bounds: [D::Bytes; 2],
}

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

    /// What they are scaled with, if [`is_float`](Self::is_float), and between which bounds they are.
    #[inline(always)]
    pub(crate) unsafe fn scale<D: Dot>(&self) -> Scale<D> {
        // SAFETY: as in bias.
        unsafe {
            Scale {
                scale: D::floats(self.words.add(BLOCK)),
                shift: D::floats(self.words.add(2 * BLOCK)),
                bounds: [D::bytes(self.bounds[0]), D::bytes(self.bounds[1])],
            }
        }
    }

    /// Whether sums are scaled as `f32`s, in registers.
    #[inline(always)]
    pub(crate) fn is_float(&self) -> bool {
        self.kind == Kind::Float
    }

    /// Writes the first `pixels` of four pixels, if [`is_float`](Self::is_float).
    ///
    /// # Safety
    ///
    /// They must be there.
    #[inline(always)]
    pub(crate) unsafe fn finish<D: Dot>(
        &self,
        Scale { scale, shift, bounds }: Scale<D>,
        [a, b, c, d]: [D::Sums; 4],
        pixels: usize,
        to: *mut u8,
    ) {
        // SAFETY: passed on.
        unsafe {
            let scaled = [
                D::scale(a, scale, shift),
                D::scale(b, scale, shift),
                D::scale(c, scale, shift),
                D::scale(d, scale, shift),
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
        for sums in sums {
            let four = pixels.min(4);
            // SAFETY: passed on.
            unsafe {
                let scale = self.scale::<D>();
                if self.is_float() {
                    self.finish(scale, load::<D>(sums), four, to);
                } else {
                    self.each(sums);
                    D::store_bytes(to, load::<D>(sums), four, scale.bounds);
                }
            }
            pixels -= four;
            to = to.wrapping_add(4 * BLOCK);
        }
    }

    #[inline(always)]
    unsafe fn each(&self, sums: &mut [[i32; BLOCK]; 4]) {
        // SAFETY: the block has three words an output.
        let [a, b] = unsafe { self.words.add(BLOCK).cast::<[[i32; BLOCK]; 2]>().read() };
        if self.kind == Kind::Double {
            let scales: [f64; BLOCK] = from_fn(|i| f64::from(a[i]) * power(b[i] - 31));
            let shifts: [f64; BLOCK] = from_fn(|i| shift(b[i].max(-31)) + f64::from(self.zero));
            for sums in sums {
                *sums = from_fn(|i| {
                    let scaled = f64::from(sums[i]) * scales[i] + shifts[i];
                    // Not NaN, but `max` and `min` are more than comparisons.
                    let scaled = if scaled > 0.0 { scaled } else { 0.0 };
                    let scaled = if scaled < 256.0 { scaled } else { 256.0 };
                    // SAFETY: between 0 and 256.
                    unsafe { scaled.to_int_unchecked::<i32>() }
                });
            }
            return;
        }
        for i in 0..BLOCK {
            let factor = match self.kind {
                Kind::Dense => {
                    Factor::Double(f64::from_bits(u64::from(a[i] as u32) | u64::from(b[i] as u32) << 32))
                }
                _ => Factor::Fixed(Multiplier { factor: a[i], exponent: b[i].clamp(-31, 30) }),
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
