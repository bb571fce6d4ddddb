//! 512-bit vectors: one is a block.

use core::arch::x86_64::*;

use super::{Dot, Inside};
use crate::layout::BLOCK;
use crate::quantised::layout::POWER;
use crate::simd;

/// AVX-512 with VNNI and VBMI.
#[derive(Clone, Copy)]
pub(crate) struct Vnni;

/// Byte `4 * c + p` of transposed pixels is byte `16 * p + c`.
static TRANSPOSED: [u8; 64] = {
    let mut bytes = [0; 64];
    let mut i = 0;
    while i < 64 {
        bytes[i] = (i % 4 * BLOCK + i / 4) as u8;
        i += 1;
    }
    bytes
};

/// Some instructions go lane by lane: lane l of what is made of four vectors has their lanes l.
static LANES: [u32; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

// SAFETY of all: the caller has the instruction set, and what is read and written is there, by the contract of Dot.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Dot for Vnni {
    type Sums = __m512i;
    type Left = __m512i;
    type Right = __m512i;
    /// Scale, what that lacks, shift.
    type Factors = [__m512; 3];
    type Doubles = [__m512d; 2];
    type Bytes = __m512i;
    type Set = simd::Avx512;
    const BLOCKS: usize = 2;
    // 14 x 2 sums, 2 weights, 1 broadcast.
    const TILE: usize = 14;
    const COLUMN: usize = 14;
    const ROWS: usize = 2;
    const PAIRS: bool = true;

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx2,fma")]
    #[inline(never)]
    unsafe fn call(f: impl FnOnce()) {
        f();
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, sums: __m512i) {
        unsafe { _mm512_storeu_si512(to.cast(), sums) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn left(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn window(from: *const u8) -> __m512i {
        unsafe { transposed(_mm512_loadu_si512(from.cast())) }
    }
    #[inline(always)]
    unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> __m512i {
        // What is masked is not touched.
        unsafe {
            let outside = _mm512_set1_epi8(outside as i8);
            transposed(_mm512_mask_loadu_epi64(outside, inside.bits(), from.cast()))
        }
    }
    #[inline(always)]
    unsafe fn right(from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn dot(sums: __m512i, left: __m512i, right: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, left, right) }
    }
    #[inline(always)]
    unsafe fn totals([a, b, c, d]: [__m512i; 4]) -> __m512i {
        unsafe {
            let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            let totals = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
            _mm512_permutexvar_epi32(_mm512_loadu_si512(LANES.as_ptr().cast()), totals)
        }
    }
    #[inline(always)]
    unsafe fn factors(words: *const f32, zero: Option<f32>) -> [__m512; 3] {
        unsafe {
            let (a, b) = (_mm512_loadu_ps(words), _mm512_loadu_ps(words.add(BLOCK)));
            let Some(zero) = zero else { return [a, _mm512_setzero_ps(), b] };
            let power = _mm512_and_ps(a, _mm512_set1_ps(f32::from_bits(POWER)));
            [a, b, _mm512_add_ps(_mm512_set1_ps(zero + 0.5), power)]
        }
    }
    #[inline(always)]
    unsafe fn scale(sums: __m512i, [scale, rest, shift]: [__m512; 3]) -> __m512i {
        const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
        unsafe {
            let sums = _mm512_cvtepi32_ps(sums);
            let shift = _mm512_fmadd_ps(sums, rest, shift);
            _mm512_cvttps_epi32(_mm512_fmadd_round_ps::<DOWN>(sums, scale, shift))
        }
    }
    #[inline(always)]
    unsafe fn doubles(from: *const f64) -> [__m512d; 2] {
        unsafe { [_mm512_loadu_pd(from), _mm512_loadu_pd(from.add(8))] }
    }
    #[inline(always)]
    unsafe fn scale_double(sums: __m512i, scale: [__m512d; 2], shift: [__m512d; 2]) -> __m512i {
        unsafe {
            let left = half(_mm512_castsi512_si256(sums), scale[0], shift[0]);
            let right = half(_mm512_extracti64x4_epi64::<1>(sums), scale[1], shift[1]);
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(left), right)
        }
    }
    #[inline(always)]
    unsafe fn bytes(byte: u8) -> __m512i {
        unsafe { _mm512_set1_epi8(byte as i8) }
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, [a, b, c, d]: [__m512i; 4], pixels: usize, [low, high]: [__m512i; 2]) {
        unsafe {
            let packed = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
            let bytes = _mm512_permutexvar_epi32(_mm512_loadu_si512(LANES.as_ptr().cast()), packed);
            let bytes = _mm512_max_epu8(bytes, low);
            let bytes = _mm512_min_epu8(bytes, high);
            match pixels {
                4 => _mm512_storeu_si512(to.cast(), bytes),
                _ => _mm512_mask_storeu_epi64(to.cast(), !(0xff_u32 << (2 * pixels)) as u8, bytes),
            }
        }
    }
}

/// Four pixels of a block as its quads.
#[inline(always)]
unsafe fn transposed(pixels: __m512i) -> __m512i {
    // SAFETY: as above.
    unsafe { _mm512_permutexvar_epi8(_mm512_loadu_si512(TRANSPOSED.as_ptr().cast()), pixels) }
}

/// Eight sums, scaled.
#[inline(always)]
unsafe fn half(sums: __m256i, scale: __m512d, shift: __m512d) -> __m256i {
    // SAFETY: as above.
    unsafe {
        let scaled = _mm512_fmadd_pd(_mm512_cvtepi32_pd(sums), scale, shift);
        _mm512_cvttpd_epi32(_mm512_min_pd(scaled, _mm512_set1_pd(256.0)))
    }
}
