//! 4 lanes; 16 registers where browsers run on x86-64. Whether a module may use vectors is known when it is compiled.

use core::arch::wasm32::*;

use super::intrinsics;

/// 128-bit SIMD.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

// 4 x 2 accumulators, 2 weights, 4 broadcasts, all of which LLVM brings forward: taller tiles spill. So do products that are not fused.
intrinsics!(Simd128, v128, half Simd128, lanes 4, tile 4, column 8,
    features "simd128",
    f32x4_splat, load, store, f32x4_add, f32x4_mul, max, min,
    |a, b, c| f32x4_add(f32x4_mul(a, b), c), prefetch, { const READS_AHEAD: bool = true; });

/// 128-bit SIMD with instructions whose results may differ in the last bit between processors.
#[cfg(target_feature = "relaxed-simd")]
#[derive(Clone, Copy)]
pub(crate) struct RelaxedSimd;

/// Where operations stay in the order in which they are written, 6 x 2 accumulators, 2 weights and one broadcast at a time are all the
/// registers that V8 has on x86-64. Else as above.
#[cfg(target_feature = "relaxed-simd")]
const TILE: usize = if cfg!(source_order) { 6 } else { 4 };

#[cfg(target_feature = "relaxed-simd")]
intrinsics!(RelaxedSimd, v128, half RelaxedSimd, lanes 4, tile TILE, column 8,
    features "simd128,relaxed-simd",
    f32x4_splat, load, store, f32x4_add, f32x4_mul, f32x4_relaxed_max, f32x4_relaxed_min,
    f32x4_relaxed_madd, prefetch, { const READS_AHEAD: bool = true; });

#[inline(always)]
unsafe fn load(from: *const f32) -> v128 {
    // SAFETY: 4 values are there to be read, by the contract of Simd; v128_load takes any alignment.
    unsafe { v128_load(from.cast()) }
}

#[inline(always)]
unsafe fn store(to: *mut f32, value: v128) {
    // SAFETY: 4 values are there to be written, by the contract of Simd.
    unsafe { v128_store(to.cast(), value) }
}

/// One instruction on x86-64 too, which `f32x4_max` with its care for NaN is not.
#[inline(always)]
fn max(a: v128, b: v128) -> v128 {
    f32x4_pmax(b, a)
}

#[inline(always)]
fn min(a: v128, b: v128) -> v128 {
    f32x4_pmin(b, a)
}

/// There is no such instruction.
#[inline(always)]
fn prefetch(_from: *const f32) {}
