//! 8 lanes, 16 registers.

use core::arch::x86_64::*;

use super::{intrinsics, prefetch};

/// AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// 6 x 2 accumulators, 2 weights, 1 broadcast: one register to spare.
intrinsics!(Avx2, __m256, half Avx2, lanes 8, tile 6, column 12,
    features "avx2,fma",
    _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_mul_ps, _mm256_max_ps, _mm256_min_ps,
    _mm256_fmadd_ps, prefetch);
