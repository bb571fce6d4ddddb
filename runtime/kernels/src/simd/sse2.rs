//! 4 lanes, 16 registers, no fused multiply-add.

use core::arch::x86_64::*;

use super::{intrinsics, prefetch};

/// SSE2, which every x86-64 has.
#[derive(Clone, Copy)]
pub(crate) struct Sse2;

intrinsics!(Sse2, __m128, half Sse2, lanes 4, tile 5, column 10,
    features "sse2",
    _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, _mm_mul_ps, _mm_max_ps, _mm_min_ps,
    |a, b, c| _mm_add_ps(_mm_mul_ps(a, b), c), prefetch);
