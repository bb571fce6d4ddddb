//! 8 lanes, 16 registers.

use core::arch::x86_64::*;

use super::{intrinsics, prefetch};
use crate::narrow::{Bf16, F16};

/// AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// 6 x 2 accumulators, 2 weights, 1 broadcast: one register to spare.
intrinsics!(Avx2, __m256, half Avx2, lanes 8, tile 6, column 12,
    features "avx2,fma,f16c",
    _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_mul_ps, _mm256_max_ps, _mm256_min_ps,
    _mm256_fmadd_ps, prefetch, {
    #[inline(always)]
    unsafe fn low(pairs: __m256) -> __m256 {
        // SAFETY: the caller has the instruction set, by the contract of Simd; so below.
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(pairs))) }
    }
    #[inline(always)]
    unsafe fn high(pairs: __m256) -> __m256 {
        // SAFETY: as in low.
        unsafe { _mm256_and_ps(pairs, _mm256_castsi256_ps(_mm256_set1_epi32(!0xffff))) }
    }
    #[inline(always)]
    unsafe fn store_bf16(to: *mut Bf16, value: __m256) {
        // SAFETY: and LANES values are there to be written.
        unsafe {
            let bits = _mm256_castps_si256(value);
            let even = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
            let words = _mm256_srli_epi32::<16>(rounded);
            let halves = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), halves);
        }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const F16) -> __m256 {
        // SAFETY: and LANES values are there to be read.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }
});
