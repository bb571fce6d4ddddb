//! 16 lanes, 32 registers.

use core::arch::x86_64::*;

use super::{Avx2, intrinsics, prefetch};
use crate::narrow::{Bf16, F16};

/// AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

/// The same, and AVX-512 BF16.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Bf16;

// 14 x 2 accumulators, 2 weights; the broadcast comes from memory.
intrinsics!(Avx512, __m512, half Avx2, lanes 16, tile 14, column 14,
    features "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c",
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_mul_ps, _mm512_max_ps, _mm512_min_ps,
    _mm512_fmadd_ps, prefetch, {
    #[inline(always)]
    unsafe fn low(pairs: __m512) -> __m512 {
        // SAFETY: the caller has the instruction set, by the contract of Simd; so below.
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(pairs))) }
    }
    #[inline(always)]
    unsafe fn high(pairs: __m512) -> __m512 {
        // SAFETY: as in low.
        unsafe { _mm512_and_ps(pairs, _mm512_castsi512_ps(_mm512_set1_epi32(!0xffff))) }
    }
    #[inline(always)]
    unsafe fn store_bf16(to: *mut Bf16, value: __m512) {
        // SAFETY: and LANES values are there to be written.
        unsafe {
            let bits = _mm512_castps_si512(value);
            let even = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
            let halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded));
            _mm256_storeu_si256(to.cast(), halves);
        }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const F16) -> __m512 {
        // SAFETY: and LANES values are there to be read.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
});

intrinsics!(Avx512Bf16, __m512, half Avx2, lanes 16, tile 14, column 14,
    features "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c",
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_mul_ps, _mm512_max_ps, _mm512_min_ps,
    _mm512_fmadd_ps, prefetch, {
    const DOTS: bool = true;
    #[inline(always)]
    unsafe fn dot(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller has the instruction set, by the contract of Simd; the types are bits.
        unsafe {
            let a = core::mem::transmute::<__m512, __m512bh>(a);
            let b = core::mem::transmute::<__m512, __m512bh>(b);
            _mm512_dpbf16_ps(c, a, b)
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(to: *mut Bf16, value: __m512) {
        // SAFETY: as in dot; LANES values are there to be written.
        unsafe {
            let halves = core::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(value));
            _mm256_storeu_si256(to.cast(), halves);
        }
    }
});
