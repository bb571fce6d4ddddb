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

    /// The words that sums begin with, one an output.
    #[inline(always)]
    pub(crate) fn words(&self) -> *const f32 {
        self.words
    }

    /// What sums begin with.
    #[inline(always)]
    pub(crate) unsafe fn bias<D: Dot>(&self) -> D::Sums {
        // SAFETY: the block has its words.
        unsafe { D::load(self.words.cast()) }
    }

    /// Least and greatest byte.
    #[inline(always)]
    pub(crate) unsafe fn bounds<D: Dot>(&self) -> [D::Bytes; 2] {
        // SAFETY: passed on.
        unsafe { [D::bytes(self.bounds[0]), D::bytes(self.bounds[1])] }
    }

    /// Whether sums are scaled in single precision.
    #[inline(always)]
    pub(crate) fn is_single<D: Dot>(&self) -> bool {
        self.kind == Kind::Float || D::PAIRS && self.kind == Kind::Pair
    }

    /// What they are scaled with in single precision, if [they are](Self::is_single).
    #[inline(always)]
    pub(crate) unsafe fn factors<D: Dot>(&self) -> D::Factors {
        let zero = (self.kind == Kind::Pair).then_some(self.zero as f32);
        // SAFETY: as in bias.
        unsafe { D::factors(self.words.add(BLOCK), zero) }
    }

    /// What they are scaled with in double precision, if they are.
    #[inline(always)]
    pub(crate) unsafe fn doubles(&self) -> Option<Doubles> {
        if !matches!(self.kind, Kind::Double | Kind::Pair) {
            return None;
        }
        // SAFETY: as in bias.
        let [a, b] = unsafe { self.words.add(BLOCK).cast::<[[f32; BLOCK]; 2]>().read() };
        let mut doubles = [[0.0; BLOCK]; 2];
        for i in 0..BLOCK {
            doubles[0][i] = f64::from(a[i]) + f64::from(b[i]);
            doubles[1][i] = shift(a[i], self.zero);
        }
        Some(doubles)
    }

    /// Writes the first `pixels` of four pixels in single precision.
    ///
    /// # Safety
    ///
    /// They must be there.
    #[inline(always)]
    pub(crate) unsafe fn finish<D: Dot>(
        factors: D::Factors,
        sums: [D::Sums; 4],
        bounds: [D::Bytes; 2],
        pixels: usize,
        to: *mut u8,
    ) {
        // SAFETY: passed on.
        unsafe { D::finish(to, sums, factors, pixels, bounds) }
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
            let (bounds, factors, is_single) =
                (self.bounds::<D>(), self.factors::<D>(), self.is_single::<D>());
            let doubles = if is_single { None } else { self.doubles() };
            for sums in sums {
                let four = pixels.min(4);
                if is_single {
                    Self::finish::<D>(factors, load::<D>(sums), bounds, four, to);
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

    /// As the reference does it.
    #[inline(always)]
    unsafe fn exactly(&self, sums: &mut [[i32; BLOCK]; 4]) {
        // SAFETY: as in bias.
        let [a, b] = unsafe { self.words.add(BLOCK).cast::<[[i32; BLOCK]; 2]>().read() };
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
        4 => Kind::Pair,
        _ => Kind::Fixed,
    }
}
