//! 16 lanes, 32 registers.

use core::arch::x86_64::*;

use super::{Avx2, intrinsics, prefetch};

/// AVX-512 F.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// 14 x 2 accumulators, 2 weights; the broadcast comes from memory.
intrinsics!(Avx512, __m512, half Avx2, lanes 16, tile 14, column 14,
    features "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma",
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_mul_ps, _mm512_max_ps, _mm512_min_ps,
    _mm512_fmadd_ps, prefetch);
