//! Dot products of bytes: what differs between instruction sets in networks of bytes.
//!
//! Everything comes in blocks of 16, as channels do: 16 sums of 32 bits are one vector, two or four.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
pub(crate) mod pairs;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(target_arch = "x86_64")]
mod vnni;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[allow(unused_unsafe, reason = "what is unsafe to call elsewhere is safe where a module is all or nothing")]
mod wasm;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::{Avx2, AvxVnni};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::{Neon, NeonDot};
pub(crate) use scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::Sse2;
#[cfg(target_arch = "x86_64")]
pub(crate) use vnni::Vnni;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use wasm::Simd128;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
pub(crate) use wasm::{RelaxedDot, RelaxedSimd, has_dots};

use crate::layout::BLOCK;
use crate::quantised::layout::QUAD;
use crate::simd::Simd;

/// Which of four neighbouring pixels are inside a map: two bits each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inside(u8);

impl Inside {
    pub(crate) const ALL: Inside = Inside(0xff);
    pub(crate) const NONE: Inside = Inside(0);

    /// Of the four pixels from `column` on, in a row of `width`.
    #[inline(always)]
    pub(crate) fn new(column: isize, width: usize) -> Self {
        let (before, until) = ((-column).clamp(0, 4), (width as isize - column).clamp(0, 4));
        Inside((0xff_u32 << (2 * before)) as u8 & !(0xff_u32 << (2 * until)) as u8)
    }

    /// Those that are inside in both ways.
    #[inline(always)]
    pub(crate) fn and(self, other: Inside) -> Self {
        Inside(self.0 & other.0)
    }

    /// Two bits a pixel.
    #[inline(always)]
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// Whether pixel `p` is inside.
    #[inline(always)]
    pub(crate) fn has(self, p: usize) -> bool {
        self.bits() >> (2 * p) & 1 != 0
    }
}

/// Sixteen dot products of quads at a time.
///
/// # Safety
///
/// Methods may only be called where the processor has the instruction set: inside an entry point whose
/// `target_feature`s include it. Pointers may have any alignment.
pub(crate) trait Dot: Copy {
    /// 16 sums.
    type Sums: Copy;
    /// 16 quads of unsigned bytes.
    type Left: Copy;
    /// 16 quads of signed bytes.
    type Right: Copy;
    /// What 16 sums are scaled with.
    type Factors: Copy;
    /// 16 factors or summands in double precision.
    type Doubles: Copy;
    /// Four pixels of a block, one after the other.
    type Bytes: Copy;
    /// The set's floats: prefetches are the same.
    type Set: Simd;
    /// Blocks that a tile of a matrix product is wide, 1 or 2.
    const BLOCKS: usize;
    /// Pixels of such a tile: sums and operands leave a register to spare, or the compiler spills.
    const TILE: usize;
    /// Pixels of a tile one block wide.
    const COLUMN: usize;
    /// Rows of depthwise output computed together, 1 or 2.
    const ROWS: usize;
    /// Whether sums are vectors. Where they are not, depthwise convolutions go tap by tap.
    const VECTORS: bool = true;
    /// Whether [`Kind::Pair`](crate::quantised::layout::Kind::Pair) is computed as its name says, because single multiply-adds can
    /// be rounded down. All others are too then, which [their proof](crate::quantised::pack::Epilogue::float) allows.
    const PAIRS: bool = false;

    /// Whether [`dot`](Dot::dot) takes left operands less 128. [`rest`](Dot::rest) is what that leaves out of sums: in a matrix
    /// product the same for all pixels.
    const FLIPPED: bool = false;
    /// Whether that is so here, where sets leave it open.
    #[inline(always)]
    fn is_flipped() -> bool {
        Self::FLIPPED
    }

    /// Calls `f` as a function of its own with the instruction set switched on. `f` must be `#[inline(always)]`.
    unsafe fn call(f: impl FnOnce());

    unsafe fn splat(value: i32) -> Self::Sums;
    /// Reads 16 sums.
    unsafe fn load(from: *const i32) -> Self::Sums;
    /// Writes 16 sums.
    unsafe fn store(to: *mut i32, sums: Self::Sums);
    unsafe fn add(a: Self::Sums, b: Self::Sums) -> Self::Sums;

    /// One quad, 16 times.
    unsafe fn broadcast(from: *const u8) -> Self::Left;
    /// 16 quads as they lie in memory.
    unsafe fn left(from: *const u8) -> Self::Left;
    /// Four neighbouring pixels of a block, by channel: quad c has byte c of each.
    unsafe fn window(from: *const u8) -> Self::Left;
    /// The same; pixels that are not inside are not read, but are `outside` in all channels.
    unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> Self::Left;
    /// 16 quads as they lie in memory.
    unsafe fn right(from: *const i32) -> Self::Right;
    /// Adds the products of each quad to its sum, wrapping.
    unsafe fn dot(sums: Self::Sums, left: Self::Left, right: Self::Right) -> Self::Sums;
    /// Adds what [`dot`](Dot::dot) leaves out: the products of `right` with quads of 128.
    #[inline(always)]
    unsafe fn rest(sums: Self::Sums, _: Self::Right) -> Self::Sums {
        sums
    }

    /// Parts in which a tile is computed, one after the other, where there are not registers for the sums of all.
    const PARTS: usize = 1;
    /// Adds the products of `quads` consecutive quads of MR pixels, `step` bytes apart, with as many rows of a panel, `width`
    /// words apart, of which NV blocks are there; to the sums of one part.
    #[inline(always)]
    unsafe fn multiply<const PART: usize, const MR: usize, const NV: usize>(
        acc: [[Self::Sums; NV]; MR],
        left: *const u8,
        step: usize,
        quads: usize,
        panel: *const f32,
        width: usize,
    ) -> [[Self::Sums; NV]; MR] {
        // SAFETY: passed on.
        unsafe { quad_by_quad::<Self, MR, NV>(acc, left, step, quads, panel, width) }
    }

    /// The totals of 16 pixels, whose sums are four each.
    unsafe fn totals(sums: [Self::Sums; 4]) -> Self::Sums;

    /// Reads 16 words a, and 16 words b, of an epilogue: that of a pair, whose output's zero point is given, or of single ones.
    unsafe fn factors(words: *const f32, zero: Option<f32>) -> Self::Factors;
    /// `sum * a + b` as an `f32`, rounded once, or that of a pair; then without its fraction.
    ///
    /// Where there is no fused multiply-add, `f64`s do the same: [`packing`](crate::quantised::pack) sees to it that below 512
    /// their sum is exact.
    unsafe fn scale(sums: Self::Sums, factors: Self::Factors) -> Self::Sums;
    /// Reads 16 doubles.
    unsafe fn doubles(from: *const f64) -> Self::Doubles;
    /// `sum * scale + shift`, at most 256, then without its fraction. It does not matter whether products are rounded.
    unsafe fn scale_double(sums: Self::Sums, scale: Self::Doubles, shift: Self::Doubles) -> Self::Sums;
    /// One byte everywhere.
    unsafe fn bytes(byte: u8) -> Self::Bytes;
    /// Writes four blocks of sums as the nearest bytes between two bounds, the first `pixels` of them.
    unsafe fn store_bytes(to: *mut u8, sums: [Self::Sums; 4], pixels: usize, bounds: [Self::Bytes; 2]);
    /// Both at once: four blocks of sums [scaled](Self::scale), as bytes.
    #[inline(always)]
    unsafe fn finish(
        to: *mut u8,
        [a, b, c, d]: [Self::Sums; 4],
        factors: Self::Factors,
        pixels: usize,
        bounds: [Self::Bytes; 2],
    ) {
        // SAFETY: passed on.
        unsafe {
            let scaled = [
                Self::scale(a, factors),
                Self::scale(b, factors),
                Self::scale(c, factors),
                Self::scale(d, factors),
            ];
            Self::store_bytes(to, scaled, pixels, bounds);
        }
    }
}

/// [`Dot::multiply`] by its methods: a row of the panel after the other.
#[inline(always)]
unsafe fn quad_by_quad<D: Dot, const MR: usize, const NV: usize>(
    mut acc: [[D::Sums; NV]; MR],
    left: *const u8,
    step: usize,
    quads: usize,
    mut panel: *const f32,
    width: usize,
) -> [[D::Sums; NV]; MR] {
    for k in 0..quads {
        // SAFETY: row k of the panel has NV blocks, and pixel i a quad k, by the contract of the trait.
        unsafe {
            let mut w = [D::right(panel.cast()); NV];
            for (v, w) in w.iter_mut().enumerate().skip(1) {
                *w = D::right(panel.add(v * BLOCK).cast());
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                let x = D::broadcast(left.add(i * step + k * QUAD));
                for v in 0..NV {
                    acc[v] = D::dot(acc[v], x, w[v]);
                }
            }
            panel = panel.wrapping_add(width);
        }
    }
    acc
}
