//! 128-bit vectors: four are a block. No fused multiply-add that is known to be one.

use core::arch::wasm32::*;
use core::array::from_fn;

use super::{Dot, Inside, quad_by_quad};
use crate::layout::BLOCK;
use crate::quantised::layout::{QUAD, shift};
use crate::simd;

/// SIMD: products of halves of quads, as 16-bit integers.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

/// The same with multiply-adds that may be fused, and conversions that may do anything with what does not fit.
#[cfg(target_feature = "relaxed-simd")]
#[derive(Clone, Copy)]
pub(crate) struct RelaxedSimd;

/// The same where relaxed dot products are those of 8 bits: see [`flip`].
#[cfg(target_feature = "relaxed-simd")]
#[derive(Clone, Copy)]
pub(crate) struct RelaxedDot;

/// Four vectors.
type Four = [v128; 4];

/// Bytes 0 and 2 of quads, and bytes 1 and 3, as 16-bit integers.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Halves {
    even: Four,
    odd: Four,
}

/// What sums are scaled with.
#[derive(Clone, Copy)]
pub(crate) struct Factors {
    way: Way,
    scale: Doubles,
    shift: Doubles,
}

/// How sums are scaled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By a fused multiply-add in single precision; the first of two vectors has all of four factors.
    Fused,
    /// In double precision, after they have been rounded to single precision.
    Rounded,
    /// In double precision.
    Exact,
}

/// Sixteen doubles.
type Doubles = [[v128; 2]; 4];

/// What all sets have in common.
macro_rules! common {
    ($set:ident, features $features:literal, $trunc:ident, $madd:ident, $scale:ident, $is_fused:expr) => {
        type Sums = Four;
        type Factors = Factors;
        type Doubles = Doubles;
        type Bytes = v128;
        type Set = simd::$set;
        const BLOCKS: usize = 1;
        const ROWS: usize = 1;
        const PAIRS: bool = true;

        #[target_feature(enable = $features)]
        #[inline(never)]
        unsafe fn call(f: impl FnOnce()) {
            f();
        }
        #[inline(always)]
        unsafe fn splat(value: i32) -> Four {
            [i32x4_splat(value); 4]
        }
        #[inline(always)]
        unsafe fn load(from: *const i32) -> Four {
            unsafe { load(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut i32, sums: Four) {
            for (i, sums) in sums.into_iter().enumerate() {
                unsafe { v128_store(to.add(4 * i).cast(), sums) }
            }
        }
        #[inline(always)]
        unsafe fn add(a: Four, b: Four) -> Four {
            from_fn(|i| i32x4_add(a[i], b[i]))
        }
        #[inline(always)]
        unsafe fn totals(sums: [Four; 4]) -> Four {
            from_fn(|i| {
                let [a, b, c, d] = sums[i];
                let ab = i32x4_add(low(a, b), high(a, b));
                let cd = i32x4_add(low(c, d), high(c, d));
                i32x4_add(i64x2_shuffle::<0, 2>(ab, cd), i64x2_shuffle::<1, 3>(ab, cd))
            })
        }
        #[inline(always)]
        unsafe fn factors(words: *const f32, zero: Option<f32>) -> Factors {
            if zero.is_none() && $is_fused {
                let four =
                    |first: usize| from_fn(|i| [unsafe { v128_load(words.add(first + 4 * i).cast()) }; 2]);
                return Factors { way: Way::Fused, scale: four(0), shift: four(BLOCK) };
            }
            let [a, b] = unsafe { words.cast::<[[f32; BLOCK]; 2]>().read() };
            let mut both = [a.map(f64::from), b.map(f64::from)];
            if let Some(zero) = zero {
                for i in 0..BLOCK {
                    both[0][i] = f64::from(a[i]) + f64::from(b[i]);
                    both[1][i] = shift(a[i], zero as i32);
                }
            }
            let [scale, shift] = both.map(|all| unsafe { Self::doubles(all.as_ptr()) });
            Factors { way: if zero.is_none() { Way::Rounded } else { Way::Exact }, scale, shift }
        }
        #[inline(always)]
        unsafe fn scale(sums: Four, factors: Factors) -> Four {
            let Factors { way, scale, shift } = factors;
            if way == Way::Fused {
                return from_fn(|i| $scale(sums[i], scale[i][0], shift[i][0]));
            }
            from_fn(|i| {
                let next = i64x2_shuffle::<1, 1>(sums[i], sums[i]);
                let wide = if way == Way::Rounded {
                    [sums[i], next].map(|sums| f64x2_promote_low_f32x4(f32x4_convert_i32x4(sums)))
                } else {
                    [sums[i], next].map(|sums| f64x2_convert_low_i32x4(sums))
                };
                let [left, right]: [v128; 2] = from_fn(|j| $trunc($madd(wide[j], scale[i][j], shift[i][j])));
                i64x2_shuffle::<0, 2>(left, right)
            })
        }
        #[inline(always)]
        unsafe fn doubles(from: *const f64) -> Doubles {
            from_fn(|i| from_fn(|j| unsafe { v128_load(from.add(4 * i + 2 * j).cast()) }))
        }
        #[inline(always)]
        unsafe fn scale_double(sums: Four, scale: Doubles, shift: Doubles) -> Four {
            unsafe { Self::scale(sums, Factors { way: Way::Exact, scale, shift }) }
        }
        #[inline(always)]
        unsafe fn bytes(byte: u8) -> v128 {
            u8x16_splat(byte)
        }
        #[inline(always)]
        unsafe fn store_bytes(to: *mut u8, sums: [Four; 4], pixels: usize, [low, high]: [v128; 2]) {
            for (i, [a, b, c, d]) in sums.into_iter().enumerate() {
                if i < pixels {
                    let bytes = u8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d));
                    let bytes = u8x16_min(u8x16_max(bytes, low), high);
                    unsafe { v128_store(to.add(i * BLOCK).cast(), bytes) }
                }
            }
        }
    };
}

/// What sets without dot products of bytes have in common.
macro_rules! halves {
    () => {
        type Left = Halves;
        type Right = Halves;
        // 4 x 2 sums, 4 halves of weights, 2 of a broadcast, a product.
        const TILE: usize = 4;
        const COLUMN: usize = 4;
        const PARTS: usize = 2;

        #[inline(always)]
        unsafe fn multiply<const PART: usize, const MR: usize, const NV: usize>(
            acc: [[Four; NV]; MR],
            left: *const u8,
            step: usize,
            quads: usize,
            panel: *const f32,
            width: usize,
        ) -> [[Four; NV]; MR] {
            unsafe { multiply_half::<PART, MR, NV>(acc, left, step, quads, panel, width) }
        }
        #[inline(always)]
        unsafe fn broadcast(from: *const u8) -> Halves {
            unsafe { unsigned([v128_load32_splat(from.cast()); 4]) }
        }
        #[inline(always)]
        unsafe fn left(from: *const u8) -> Halves {
            unsafe { unsigned(load(from)) }
        }
        #[inline(always)]
        unsafe fn window(from: *const u8) -> Halves {
            unsafe { unsigned(transposed(load(from))) }
        }
        #[inline(always)]
        unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> Halves {
            unsigned(transposed(unsafe { load_inside(from, inside, outside) }))
        }
        #[inline(always)]
        unsafe fn right(from: *const i32) -> Halves {
            let quads = unsafe { load(from.cast()) };
            Halves {
                even: quads.map(|quads| i16x8_shr(i16x8_shl(quads, 8), 8)),
                odd: quads.map(|quads| i16x8_shr(quads, 8)),
            }
        }
        #[inline(always)]
        unsafe fn dot(sums: Four, left: Halves, right: Halves) -> Four {
            from_fn(|i| {
                let even = i32x4_dot_i16x8(left.even[i], right.even[i]);
                let odd = i32x4_dot_i16x8(left.odd[i], right.odd[i]);
                i32x4_add(i32x4_add(sums[i], even), odd)
            })
        }
    };
}

// SAFETY of all: a module is all or nothing, and what is read and written is there, by the contract of Dot.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Dot for Simd128 {
    common!(Simd128, features "simd128", i32x4_trunc_sat_f64x2_zero, madd, unfused, false);
    halves!();
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
#[cfg(target_feature = "relaxed-simd")]
impl Dot for RelaxedSimd {
    common!(RelaxedSimd, features "simd128,relaxed-simd", i32x4_relaxed_trunc_f64x2_zero, f64x2_relaxed_madd, fused, is_fused());
    halves!();
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
#[cfg(target_feature = "relaxed-simd")]
impl Dot for RelaxedDot {
    common!(RelaxedSimd, features "simd128,relaxed-simd", i32x4_relaxed_trunc_f64x2_zero, f64x2_relaxed_madd, fused, is_fused());
    type Left = Four;
    type Right = Four;
    // 2 x 4 sums, 4 weights, a broadcast, what turns it.
    const TILE: usize = 2;
    const COLUMN: usize = 2;
    const FLIPPED: bool = true;

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Four {
        [unsafe { v128_xor(v128_load32_splat(from.cast()), flip()) }; 4]
    }
    #[inline(always)]
    unsafe fn left(from: *const u8) -> Four {
        unsafe { load(from) }.map(|quads| v128_xor(quads, flip()))
    }
    #[inline(always)]
    unsafe fn window(from: *const u8) -> Four {
        transposed(unsafe { Self::left(from) })
    }
    #[inline(always)]
    unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> Four {
        transposed(unsafe { load_inside(from, inside, outside) }.map(|pixel| v128_xor(pixel, flip())))
    }
    #[inline(always)]
    unsafe fn right(from: *const i32) -> Four {
        unsafe { load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn dot(sums: Four, left: Four, right: Four) -> Four {
        from_fn(|i| i32x4_relaxed_dot_i8x16_i7x16_add(right[i], left[i], sums[i]))
    }
    #[inline(always)]
    unsafe fn multiply<const PART: usize, const MR: usize, const NV: usize>(
        acc: [[Four; NV]; MR],
        left: *const u8,
        step: usize,
        quads: usize,
        panel: *const f32,
        width: usize,
    ) -> [[Four; NV]; MR] {
        unsafe { quad_by_quad::<Self, MR, NV>(acc, left, step, rolled(quads), panel, width) }
    }
    #[inline(always)]
    fn is_flipped() -> bool {
        v128_any_true(flip())
    }
    #[inline(always)]
    unsafe fn rest(sums: Four, right: Four) -> Four {
        // Half of 128, which is positive either way, twice; nothing where inputs are not lowered.
        let half = [u8x16_shr(flip(), 1); 4];
        unsafe { Self::dot(Self::dot(sums, half, right), half, right) }
    }
}

/// Whether relaxed multiply-adds are rounded once. It is the same all the time.
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
fn is_fused() -> bool {
    // The square is 2^-24 more than its nearest `f32`.
    let x = f32x4_splat(1.0 + 1.0 / 4096.0);
    v128_any_true(f32x4_relaxed_madd(x, x, f32x4_splat(-1.0 - 1.0 / 2048.0)))
}

/// Whether relaxed dot products are those of signed bytes with others of 8 bits, without saturation: what processors with dot
/// products of bytes make of them. They are the same all the time.
#[cfg(target_feature = "relaxed-simd")]
pub(crate) fn has_dots() -> bool {
    let dot = |signed: i8, other: u8| {
        let (signed, other) = (core::hint::black_box(i8x16_splat(signed)), u8x16_splat(other));
        i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(signed, other, i32x4_splat(3)))
    };
    let found = [dot(-128, 255), dot(127, 255), dot(-128, 128), dot(127, 128), dot(-128, 127)];
    let expected = |other: fn(u8) -> i32| {
        [(-128, 255), (127, 255), (-128, 128), (127, 128), (-128, 127)]
            .map(|(signed, byte)| 3 + 4 * signed * other(byte))
    };
    found == expected(i32::from) || found == expected(|byte| i32::from(byte as i8))
}

/// What makes inputs operands of relaxed dot products: nothing where those are unsigned, else their highest bits are turned, which
/// lowers them by 128.
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
fn flip() -> v128 {
    let product = i32x4_relaxed_dot_i8x16_i7x16_add(i8x16_splat(1), u8x16_splat(128), i32x4_splat(0));
    v128_and(i32x4_shr(product, 31), u8x16_splat(128))
}

/// `a * b + c`.
#[inline(always)]
fn madd(a: v128, b: v128, c: v128) -> v128 {
    f64x2_add(f64x2_mul(a, b), c)
}

/// Four sums by a multiply-add that is fused.
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
fn fused(sums: v128, scale: v128, shift: v128) -> v128 {
    i32x4_relaxed_trunc_f32x4(f32x4_relaxed_madd(f32x4_convert_i32x4(sums), scale, shift))
}

/// The same where there is none.
#[inline(always)]
fn unfused(sums: v128, _: v128, _: v128) -> v128 {
    sums
}

#[inline(always)]
unsafe fn load(from: *const u8) -> Four {
    // SAFETY: as above.
    from_fn(|i| unsafe { v128_load(from.add(BLOCK * i).cast()) })
}

/// Loads pixels one by one, those that are not inside from elsewhere.
#[inline(always)]
unsafe fn load_inside(from: *const u8, inside: Inside, outside: u8) -> Four {
    let outside = [outside; BLOCK];
    from_fn(|p| {
        let from = if inside.has(p) { from.wrapping_add(p * BLOCK) } else { outside.as_ptr() };
        // SAFETY: 16 bytes are there either way.
        unsafe { v128_load(from.cast()) }
    })
}

/// The first two lanes of both, by turns.
#[inline(always)]
fn low(a: v128, b: v128) -> v128 {
    i32x4_shuffle::<0, 4, 1, 5>(a, b)
}

/// The last two.
#[inline(always)]
fn high(a: v128, b: v128) -> v128 {
    i32x4_shuffle::<2, 6, 3, 7>(a, b)
}

/// Even and odd bytes of quads of unsigned bytes.
#[inline(always)]
fn halves(quads: v128) -> [v128; 2] {
    [v128_and(quads, u16x8_splat(0xff)), u16x8_shr(quads, 8)]
}

/// A number that the compiler does not know. Loops that it unrolls multiply several quads with one sum at once, and spill the others.
#[inline(always)]
fn rolled(quads: usize) -> usize {
    core::hint::black_box(quads)
}

/// Products of halves with half of the outputs of a tile, MR pixels x 2 vectors.
#[inline(always)]
unsafe fn multiply_half<const PART: usize, const MR: usize, const NV: usize>(
    mut acc: [[Four; NV]; MR],
    left: *const u8,
    step: usize,
    quads: usize,
    panel: *const f32,
    width: usize,
) -> [[Four; NV]; MR] {
    let mut panel = panel.wrapping_add(8 * PART);
    for k in 0..rolled(quads) {
        // SAFETY: the panel has a row for each quad, and pixels have so many; NV is 1.
        unsafe {
            let w: [[v128; 2]; 2] = from_fn(|v| {
                let quads = v128_load(panel.add(4 * v).cast());
                [i16x8_shr(i16x8_shl(quads, 8), 8), i16x8_shr(quads, 8)]
            });
            for (i, acc) in acc.iter_mut().enumerate() {
                let x = halves(v128_load32_splat(left.add(k * QUAD).add(i * step).cast()));
                for (w, sums) in w.iter().zip(&mut acc[0][2 * PART..]) {
                    let [even, odd] = from_fn(|half| i32x4_dot_i16x8(x[half], w[half]));
                    *sums = i32x4_add(i32x4_add(*sums, even), odd);
                }
            }
            panel = panel.wrapping_add(width);
        }
    }
    acc
}

/// Halves of quads of unsigned bytes.
#[inline(always)]
fn unsigned(quads: Four) -> Halves {
    let halves = quads.map(halves);
    Halves { even: halves.map(|[even, _]| even), odd: halves.map(|[_, odd]| odd) }
}

/// Four pixels of a block as its quads.
#[inline(always)]
fn transposed([a, b, c, d]: Four) -> Four {
    let (ab, cd) = (bytes_low(a, b), bytes_low(c, d));
    let (ab_high, cd_high) = (bytes_high(a, b), bytes_high(c, d));
    let low = |a, b| i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b);
    let high = |a, b| i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b);
    [low(ab, cd), high(ab, cd), low(ab_high, cd_high), high(ab_high, cd_high)]
}

#[inline(always)]
fn bytes_low(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b)
}

#[inline(always)]
fn bytes_high(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b)
}
