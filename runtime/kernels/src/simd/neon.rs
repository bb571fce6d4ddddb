//! 4 lanes, 32 registers, multiply-adds by one lane of a register.

use core::arch::aarch64::*;

use super::intrinsics;

/// NEON, which every 64-bit ARM with floats has.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

// 8 x 2 accumulators, 8 left operands of four lanes each, 2 weights: six registers to spare.
intrinsics!(Neon, float32x4_t, half Neon, lanes 4, tile 8, column 12,
    features "neon",
    vdupq_n_f32, vld1q_f32, vst1q_f32, vaddq_f32, vmulq_f32, vmaxq_f32, vminq_f32,
    |a, b, c| vfmaq_f32(c, a, b), prefetch, {
    const BY_LANE: bool = true;

    #[inline(always)]
    unsafe fn fma_lane<const LANE: usize>(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: the caller has the instruction set, by the contract of Simd.
        unsafe {
            match LANE {
                0 => vfmaq_laneq_f32::<0>(c, b, a),
                1 => vfmaq_laneq_f32::<1>(c, b, a),
                2 => vfmaq_laneq_f32::<2>(c, b, a),
                _ => vfmaq_laneq_f32::<3>(c, b, a),
            }
        }
    }
});

#[inline(always)]
fn prefetch(from: *const f32) {
    // SAFETY: a prefetch never faults and changes nothing.
    unsafe {
        core::arch::asm!("prfm pldl2keep, [{}]", in(reg) from, options(readonly, nostack, preserves_flags));
    }
}
