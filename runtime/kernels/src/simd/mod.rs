//! Vectors: the one thing that differs between instruction sets.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[allow(unused_unsafe, reason = "what is unsafe to call elsewhere is safe where a module is all or nothing")]
mod wasm;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{Avx512, Avx512Bf16};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::Sse2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
pub(crate) use wasm::RelaxedSimd;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use wasm::Simd128;

use crate::layout::BLOCK;
use crate::narrow::{Bf16, F16};

/// A vector of `f32`s.
///
/// # Safety
///
/// Methods may only be called where the processor has the instruction set: inside an entry point whose
/// `target_feature`s include it. `load` and `store` touch [`LANES`](Simd::LANES) values from the pointer on, at any
/// alignment.
pub(crate) trait Simd: Copy {
    /// The vector.
    type V: Copy;
    /// The set for the last 8 channels of a map, where this one's vectors are wider.
    type Half: Simd;
    /// `f32`s in a vector; divides 16.
    const LANES: usize;
    /// Rows of a tile two vectors wide: accumulators and operands leave a register to spare, or the compiler spills.
    const TILE: usize;
    /// Rows of a tile one vector wide: enough accumulators that additions do not wait for each other.
    const COLUMN: usize;
    /// Whether [`fma_lane`](Simd::fma_lane) is one instruction. Left operands of a product are then loaded four at a
    /// time; elsewhere each is broadcast from memory.
    const BY_LANE: bool = false;

    /// Calls `f` as a function of its own with the instruction set switched on: keeps functions small, which keeps
    /// the compiler quick. `f` must be `#[inline(always)]`.
    unsafe fn call(f: impl FnOnce());

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, value: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the processor does that.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a[LANE] * b + c`, for lanes below 4.
    #[inline(always)]
    unsafe fn fma_lane<const LANE: usize>(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let mut lanes = [0.0; 16];
        // SAFETY: no vector has more than 16 lanes; the caller has the instruction set.
        unsafe {
            Self::store(lanes.as_mut_ptr(), a);
            Self::fma(Self::splat(lanes[LANE]), b, c)
        }
    }
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;

    /// Whether [`dot`](Simd::dot) is one instruction.
    const DOTS: bool = false;

    /// Of pairs of bf16s, one pair a lane, those in the lower halves as `f32`s.
    #[inline(always)]
    unsafe fn low(pairs: Self::V) -> Self::V {
        // SAFETY: passed on.
        unsafe { each::<Self>(pairs, |bits| bits << 16) }
    }
    /// Those in the upper halves.
    #[inline(always)]
    unsafe fn high(pairs: Self::V) -> Self::V {
        // SAFETY: passed on.
        unsafe { each::<Self>(pairs, |bits| bits & 0xffff_0000) }
    }
    /// `a * b + c` of pairs of bf16s, the upper ones first.
    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: passed on.
        unsafe { Self::fma(Self::low(a), Self::low(b), Self::fma(Self::high(a), Self::high(b), c)) }
    }
    /// Stores [`LANES`](Simd::LANES) values, which are numbers, as bf16s.
    #[inline(always)]
    unsafe fn store_bf16(to: *mut Bf16, value: Self::V) {
        let mut lanes = [0.0; BLOCK];
        // SAFETY: LANES is at most 16; so many values are there to be written.
        unsafe {
            Self::store(lanes.as_mut_ptr(), value);
            for (i, &lane) in lanes[..Self::LANES].iter().enumerate() {
                to.add(i).write(Bf16::from(lane));
            }
        }
    }
    /// Loads [`LANES`](Simd::LANES) f16s.
    #[inline(always)]
    unsafe fn load_f16(from: *const F16) -> Self::V {
        let mut lanes = [0.0; BLOCK];
        // SAFETY: LANES is at most 16; so many values are there to be read.
        unsafe {
            for (i, lane) in lanes[..Self::LANES].iter_mut().enumerate() {
                *lane = f32::from(from.add(i).read());
            }
            Self::load(lanes.as_ptr())
        }
    }

    /// Whether there is no instruction for [`prefetch`](Simd::prefetch), and it pays to read weights that will be needed, in its place.
    const READS_AHEAD: bool = false;
    /// Asks for a cache line to be brought into the second-level cache. Any address will do.
    fn prefetch(from: *const f32);
    /// The same, into the first-level cache.
    #[inline(always)]
    fn prefetch_first(from: *const f32) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch never faults, and every x86-64 has it.
        unsafe {
            core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(from.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = from;
    }
}

/// Changes the bits of each lane.
///
/// # Safety
///
/// As all of [`Simd`].
#[inline(always)]
unsafe fn each<S: Simd>(value: S::V, change: impl Fn(u32) -> u32) -> S::V {
    let mut lanes = [0.0; BLOCK];
    // SAFETY: LANES is at most 16.
    unsafe {
        S::store(lanes.as_mut_ptr(), value);
        for lane in &mut lanes[..S::LANES] {
            *lane = f32::from_bits(change(lane.to_bits()));
        }
        S::load(lanes.as_ptr())
    }
}

/// Implements [`Simd`] by intrinsics; what else a set has stands at the end.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
macro_rules! intrinsics {
    ($set:ident, $vector:ty, half $half:ty, lanes $lanes:literal, tile $tile:expr, column $column:literal,
     features $features:literal, $splat:ident, $load:expr, $store:expr, $add:ident, $mul:ident, $max:expr, $min:expr, $fma:expr, $prefetch:path $(, { $($more:item)* })?) => {
        impl crate::simd::Simd for $set {
            type V = $vector;
            type Half = $half;
            const LANES: usize = $lanes;
            const TILE: usize = $tile;
            const COLUMN: usize = $column;

            #[target_feature(enable = $features)]
            #[inline(never)]
            unsafe fn call(f: impl FnOnce()) {
                f();
            }
            #[inline(always)]
            unsafe fn splat(value: f32) -> $vector {
                // SAFETY: the caller has the instruction set, by the contract of Simd; so below.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> $vector {
                // SAFETY: and LANES values are there to be read.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(to: *mut f32, value: $vector) {
                // SAFETY: and LANES values are there to be written.
                unsafe { $store(to, value) }
            }
            #[inline(always)]
            unsafe fn add(a: $vector, b: $vector) -> $vector {
                // SAFETY: as in splat.
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            unsafe fn mul(a: $vector, b: $vector) -> $vector {
                // SAFETY: as in splat.
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            unsafe fn fma(a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: as in splat.
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            unsafe fn max(a: $vector, b: $vector) -> $vector {
                // SAFETY: as in splat.
                unsafe { $max(a, b) }
            }
            #[inline(always)]
            unsafe fn min(a: $vector, b: $vector) -> $vector {
                // SAFETY: as in splat.
                unsafe { $min(a, b) }
            }
            #[inline(always)]
            fn prefetch(from: *const f32) {
                $prefetch(from);
            }
            $($($more)*)?
        }
    };
}
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
use intrinsics;

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch(from: *const f32) {
    use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a prefetch never faults, and every x86-64 has it.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
}
