//! 128-bit vectors of 64-bit ARM: four are a block. There are products of signed bytes only, so that left operands are taken less
//! 128.

use core::arch::aarch64::*;
use core::arch::asm;
use core::array::from_fn;

use super::{Dot, Inside, quad_by_quad};
use crate::layout::BLOCK;
use crate::quantised::layout::QUAD;
use crate::simd;

/// NEON: products of bytes as 16-bit integers, added up in pairs.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

/// NEON with dot products of signed bytes.
#[derive(Clone, Copy)]
pub(crate) struct NeonDot;

/// Four vectors of sums.
type Sums = [int32x4_t; 4];
/// Four vectors of quads.
type Quads = [int8x16_t; 4];

/// What the two sets have in common.
macro_rules! common {
    (tile $tile:literal, features $features:literal) => {
        type Sums = Sums;
        type Left = Quads;
        type Right = Quads;
        type Factors = [[float32x4_t; 4]; 2];
        type Doubles = [[float64x2_t; 2]; 4];
        type Bytes = uint8x16_t;
        type Set = simd::Neon;
        const BLOCKS: usize = 1;
        const TILE: usize = $tile;
        const COLUMN: usize = $tile;
        const ROWS: usize = 1;
        const FLIPPED: bool = true;

        #[target_feature(enable = $features)]
        #[inline(never)]
        unsafe fn call(f: impl FnOnce()) {
            f();
        }
        #[inline(always)]
        unsafe fn splat(value: i32) -> Sums {
            unsafe { [vdupq_n_s32(value); 4] }
        }
        #[inline(always)]
        unsafe fn load(from: *const i32) -> Sums {
            from_fn(|i| unsafe { vld1q_s32(from.add(4 * i)) })
        }
        #[inline(always)]
        unsafe fn store(to: *mut i32, sums: Sums) {
            for (i, sums) in sums.into_iter().enumerate() {
                unsafe { vst1q_s32(to.add(4 * i), sums) }
            }
        }
        #[inline(always)]
        unsafe fn add(a: Sums, b: Sums) -> Sums {
            from_fn(|i| unsafe { vaddq_s32(a[i], b[i]) })
        }
        #[inline(always)]
        unsafe fn broadcast(from: *const u8) -> Quads {
            unsafe { [flipped(vreinterpretq_u8_u32(vdupq_n_u32(from.cast::<u32>().read_unaligned()))); 4] }
        }
        #[inline(always)]
        unsafe fn left(from: *const u8) -> Quads {
            unsafe { load(from).map(|quads| flipped(quads)) }
        }
        #[inline(always)]
        unsafe fn window(from: *const u8) -> Quads {
            unsafe { transposed(load(from)) }
        }
        #[inline(always)]
        unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> Quads {
            let outside = [outside; BLOCK];
            let pixels = from_fn(|p| {
                let from = if inside.has(p) { from.wrapping_add(p * BLOCK) } else { outside.as_ptr() };
                unsafe { vld1q_u8(from) }
            });
            unsafe { transposed(pixels) }
        }
        #[inline(always)]
        unsafe fn right(from: *const i32) -> Quads {
            from_fn(|i| unsafe { vld1q_s8(from.add(4 * i).cast()) })
        }
        #[inline(always)]
        unsafe fn rest(sums: Sums, right: Quads) -> Sums {
            unsafe {
                let half = [vdupq_n_s8(64); 4];
                Self::dot(Self::dot(sums, half, right), half, right)
            }
        }
        #[inline(always)]
        unsafe fn totals(sums: [Sums; 4]) -> Sums {
            from_fn(|i| unsafe {
                let [a, b, c, d] = sums[i];
                vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d))
            })
        }
        #[inline(always)]
        unsafe fn factors(words: *const f32, _: Option<f32>) -> Self::Factors {
            from_fn(|i| from_fn(|j| unsafe { vld1q_f32(words.add(i * BLOCK + 4 * j)) }))
        }
        #[inline(always)]
        unsafe fn scale(sums: Sums, [scale, shift]: Self::Factors) -> Sums {
            from_fn(|i| unsafe { vcvtq_s32_f32(vfmaq_f32(shift[i], vcvtq_f32_s32(sums[i]), scale[i])) })
        }
        #[inline(always)]
        unsafe fn doubles(from: *const f64) -> Self::Doubles {
            from_fn(|i| from_fn(|j| unsafe { vld1q_f64(from.add(4 * i + 2 * j)) }))
        }
        #[inline(always)]
        unsafe fn scale_double(sums: Sums, scale: Self::Doubles, shift: Self::Doubles) -> Sums {
            from_fn(|i| unsafe {
                let halves = [vmovl_s32(vget_low_s32(sums[i])), vmovl_high_s32(sums[i])];
                let [left, right]: [int64x2_t; 2] = from_fn(|j| {
                    let scaled = vfmaq_f64(shift[i][j], vcvtq_f64_s64(halves[j]), scale[i][j]);
                    vcvtq_s64_f64(vminq_f64(scaled, vdupq_n_f64(256.0)))
                });
                vcombine_s32(vqmovn_s64(left), vqmovn_s64(right))
            })
        }
        #[inline(always)]
        unsafe fn bytes(byte: u8) -> uint8x16_t {
            unsafe { vdupq_n_u8(byte) }
        }
        #[inline(always)]
        unsafe fn store_bytes(to: *mut u8, sums: [Sums; 4], pixels: usize, [low, high]: [uint8x16_t; 2]) {
            for (i, [a, b, c, d]) in sums.into_iter().enumerate() {
                if i < pixels {
                    unsafe {
                        let left = vqmovun_s16(vqmovn_high_s32(vqmovn_s32(a), b));
                        let bytes = vqmovun_high_s16(left, vqmovn_high_s32(vqmovn_s32(c), d));
                        vst1q_u8(to.add(i * BLOCK), vminq_u8(vmaxq_u8(bytes, low), high));
                    }
                }
            }
        }
    };
}

// SAFETY of all: the caller has the instruction set, and what is read and written is there, by the contract of Dot.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Dot for Neon {
    // 4 x 4 sums, 4 weights, a broadcast, 4 products and their sums.
    common!(tile 4, features "neon");

    #[inline(always)]
    unsafe fn dot(sums: Sums, left: Quads, right: Quads) -> Sums {
        from_fn(|i| unsafe {
            let first = vmull_s8(vget_low_s8(left[i]), vget_low_s8(right[i]));
            let second = vmull_high_s8(left[i], right[i]);
            vaddq_s32(sums[i], vpaddq_s32(vpaddlq_s16(first), vpaddlq_s16(second)))
        })
    }
}

/// Adds dot products of one quad of the left operand, in `$lane`, with four quads.
macro_rules! dot_lane {
    ($sums:expr, $left:expr, $right:expr, $lane:literal) => {
        // Not an intrinsic yet. Outside of functions with the instruction set, where no inlining has put it, the assembler would
        // not know it.
        asm!(
            ".arch_extension dotprod",
            concat!("sdot {sums:v}.4s, {right:v}.16b, {left:v}.4b[", $lane, "]"),
            sums = inout(vreg) $sums,
            left = in(vreg) $left,
            right = in(vreg) $right,
            options(pure, nomem, nostack, preserves_flags),
        )
    };
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Dot for NeonDot {
    // 5 x 4 sums, 5 pixels of four quads, 4 weights.
    common!(tile 5, features "neon,dotprod");

    #[inline(always)]
    unsafe fn dot(mut sums: Sums, left: Quads, right: Quads) -> Sums {
        for i in 0..4 {
            unsafe {
                asm!(
                    ".arch_extension dotprod",
                    "sdot {sums:v}.4s, {left:v}.16b, {right:v}.16b",
                    sums = inout(vreg) sums[i],
                    left = in(vreg) left[i],
                    right = in(vreg) right[i],
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
        }
        sums
    }
    /// Four quads of a pixel are one load, of which each product takes one lane.
    #[inline(always)]
    unsafe fn multiply<const PART: usize, const MR: usize, const NV: usize>(
        mut acc: [[Sums; NV]; MR],
        left: *const u8,
        step: usize,
        quads: usize,
        mut panel: *const f32,
        width: usize,
    ) -> [[Sums; NV]; MR] {
        // An unknown length keeps the loop: unrolled, LLVM brings all of its loads forward, and spills.
        let quads = core::hint::black_box(quads);
        let mut done = 0;
        while done + 4 <= quads {
            let x: [int8x16_t; MR] =
                from_fn(|i| unsafe { flipped(vld1q_u8(left.add(i * step + done * QUAD))) });
            macro_rules! lanes {
                ($($lane:literal)*) => {$(
                    for v in 0..NV {
                        unsafe {
                            let w = Self::right(panel.add(v * BLOCK).cast());
                            for (&x, acc) in x.iter().zip(&mut acc) {
                                for (sums, w) in acc[v].iter_mut().zip(w) {
                                    dot_lane!(*sums, x, w, $lane);
                                }
                            }
                        }
                    }
                    panel = panel.wrapping_add(width);
                )*};
            }
            lanes!(0 1 2 3);
            done += 4;
        }
        unsafe {
            let left = left.wrapping_add(done * QUAD);
            quad_by_quad::<Self, MR, NV>(acc, left, step, quads - done, panel, width)
        }
    }
}

// Helpers, all on the same terms.

#[inline(always)]
unsafe fn load(from: *const u8) -> [uint8x16_t; 4] {
    // SAFETY: as above; so below.
    from_fn(|i| unsafe { vld1q_u8(from.add(BLOCK * i)) })
}

/// Unsigned bytes less 128.
#[inline(always)]
unsafe fn flipped(bytes: uint8x16_t) -> int8x16_t {
    // SAFETY: as above.
    unsafe { vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(128))) }
}

/// Four pixels of a block as its quads.
#[inline(always)]
unsafe fn transposed([a, b, c, d]: [uint8x16_t; 4]) -> Quads {
    // SAFETY: as above.
    unsafe {
        let (ab, cd) = (vzip1q_u8(a, b), vzip1q_u8(c, d));
        let (ab_high, cd_high) = (vzip2q_u8(a, b), vzip2q_u8(c, d));
        let words = vreinterpretq_u16_u8;
        let quads = [
            vzip1q_u16(words(ab), words(cd)),
            vzip2q_u16(words(ab), words(cd)),
            vzip1q_u16(words(ab_high), words(cd_high)),
            vzip2q_u16(words(ab_high), words(cd_high)),
        ];
        quads.map(|quads| flipped(vreinterpretq_u8_u16(quads)))
    }
}
