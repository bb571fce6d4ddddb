//! 128-bit vectors: four are a block. No fused multiply-add.

use core::arch::x86_64::*;
use core::array::from_fn;

use super::{Dot, Inside};
use crate::layout::BLOCK;
use crate::simd;

/// SSE2: products of halves of quads, as 16-bit integers.
#[derive(Clone, Copy)]
pub(crate) struct Sse2;

/// Four vectors.
type Four = [__m128i; 4];

/// Bytes 0 and 2 of quads, and bytes 1 and 3, as 16-bit integers.
#[derive(Clone, Copy)]
pub(crate) struct Halves {
    even: Four,
    odd: Four,
}

// SAFETY of all: every x86-64 has the instruction set, and what is read and written is there, by the contract of Dot.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Dot for Sse2 {
    type Sums = Four;
    type Left = Halves;
    type Right = Halves;
    type Factors = [[[__m128d; 2]; 4]; 2];
    type Doubles = [[__m128d; 2]; 4];
    type Bytes = __m128i;
    type Set = simd::Sse2;
    const BLOCKS: usize = 1;
    // 2 x 4 sums, 2 halves of weights, 2 x 2 of broadcasts, a product.
    const TILE: usize = 2;
    const COLUMN: usize = 2;
    const ROWS: usize = 1;

    #[inline(never)]
    unsafe fn call(f: impl FnOnce()) {
        f();
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> Four {
        unsafe { [_mm_set1_epi32(value); 4] }
    }
    #[inline(always)]
    unsafe fn load(from: *const i32) -> Four {
        unsafe { load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, sums: Four) {
        for (i, sums) in sums.into_iter().enumerate() {
            unsafe { _mm_storeu_si128(to.add(4 * i).cast(), sums) }
        }
    }
    #[inline(always)]
    unsafe fn add(a: Four, b: Four) -> Four {
        from_fn(|i| unsafe { _mm_add_epi32(a[i], b[i]) })
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Halves {
        unsafe { unsigned([_mm_set1_epi32(from.cast::<i32>().read_unaligned()); 4]) }
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
        let outside = [outside; BLOCK];
        let pixels = from_fn(|p| {
            let from = if inside.has(p) { from.wrapping_add(p * BLOCK) } else { outside.as_ptr() };
            unsafe { _mm_loadu_si128(from.cast()) }
        });
        unsafe { unsigned(transposed(pixels)) }
    }
    #[inline(always)]
    unsafe fn right(from: *const i32) -> Halves {
        unsafe {
            let quads = load(from.cast());
            Halves {
                even: quads.map(|quads| _mm_srai_epi16::<8>(_mm_slli_epi16::<8>(quads))),
                odd: quads.map(|quads| _mm_srai_epi16::<8>(quads)),
            }
        }
    }
    #[inline(always)]
    unsafe fn dot(sums: Four, left: Halves, right: Halves) -> Four {
        from_fn(|i| unsafe {
            let even = _mm_madd_epi16(left.even[i], right.even[i]);
            let odd = _mm_madd_epi16(left.odd[i], right.odd[i]);
            _mm_add_epi32(_mm_add_epi32(sums[i], even), odd)
        })
    }
    #[inline(always)]
    unsafe fn totals(sums: [Four; 4]) -> Four {
        from_fn(|i| unsafe {
            let [a, b, c, d] = sums[i];
            let ab = _mm_add_epi32(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
            let cd = _mm_add_epi32(_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
            _mm_add_epi32(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd))
        })
    }
    #[inline(always)]
    unsafe fn factors(words: *const f32, _: Option<f32>) -> Self::Factors {
        from_fn(|i| from_fn(|j| unsafe { wide(_mm_loadu_ps(words.add(i * BLOCK + 4 * j))) }))
    }
    #[inline(always)]
    unsafe fn scale(sums: Four, [scale, shift]: Self::Factors) -> Four {
        from_fn(|i| unsafe {
            let [left, right] = wide(_mm_cvtepi32_ps(sums[i]));
            let left = _mm_add_pd(_mm_mul_pd(left, scale[i][0]), shift[i][0]);
            let right = _mm_add_pd(_mm_mul_pd(right, scale[i][1]), shift[i][1]);
            _mm_cvttps_epi32(_mm_movelh_ps(_mm_cvtpd_ps(left), _mm_cvtpd_ps(right)))
        })
    }
    #[inline(always)]
    unsafe fn doubles(from: *const f64) -> Self::Doubles {
        from_fn(|i| unsafe { [_mm_loadu_pd(from.add(4 * i)), _mm_loadu_pd(from.add(4 * i + 2))] })
    }
    #[inline(always)]
    unsafe fn scale_double(sums: Four, scale: Self::Doubles, shift: Self::Doubles) -> Four {
        from_fn(|i| unsafe {
            let halves = [sums[i], _mm_unpackhi_epi64(sums[i], sums[i])];
            let [left, right]: [__m128i; 2] = from_fn(|j| {
                let scaled = _mm_add_pd(_mm_mul_pd(_mm_cvtepi32_pd(halves[j]), scale[i][j]), shift[i][j]);
                _mm_cvttpd_epi32(_mm_min_pd(scaled, _mm_set1_pd(256.0)))
            });
            _mm_unpacklo_epi64(left, right)
        })
    }
    #[inline(always)]
    unsafe fn bytes(byte: u8) -> __m128i {
        unsafe { _mm_set1_epi8(byte as i8) }
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, sums: [Four; 4], pixels: usize, [low, high]: [__m128i; 2]) {
        for (i, [a, b, c, d]) in sums.into_iter().enumerate() {
            if i < pixels {
                unsafe {
                    let bytes = _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
                    let bytes = _mm_max_epu8(bytes, low);
                    let bytes = _mm_min_epu8(bytes, high);
                    _mm_storeu_si128(to.add(i * BLOCK).cast(), bytes);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn load(from: *const u8) -> Four {
    // SAFETY: as above; so below.
    from_fn(|i| unsafe { _mm_loadu_si128(from.add(BLOCK * i).cast()) })
}

/// Floats as doubles.
#[inline(always)]
unsafe fn wide(floats: __m128) -> [__m128d; 2] {
    // SAFETY: as above.
    unsafe { [_mm_cvtps_pd(floats), _mm_cvtps_pd(_mm_movehl_ps(floats, floats))] }
}

/// Halves of quads of unsigned bytes.
#[inline(always)]
unsafe fn unsigned(quads: Four) -> Halves {
    // SAFETY: as above.
    unsafe {
        let low = _mm_set1_epi16(0xff);
        Halves {
            even: quads.map(|quads| _mm_and_si128(quads, low)),
            odd: quads.map(|quads| _mm_srli_epi16::<8>(quads)),
        }
    }
}

/// Four pixels of a block as its quads.
#[inline(always)]
unsafe fn transposed([a, b, c, d]: Four) -> Four {
    // SAFETY: as above.
    unsafe {
        let (ab, cd) = (_mm_unpacklo_epi8(a, b), _mm_unpacklo_epi8(c, d));
        let (ab_high, cd_high) = (_mm_unpackhi_epi8(a, b), _mm_unpackhi_epi8(c, d));
        [
            _mm_unpacklo_epi16(ab, cd),
            _mm_unpackhi_epi16(ab, cd),
            _mm_unpacklo_epi16(ab_high, cd_high),
            _mm_unpackhi_epi16(ab_high, cd_high),
        ]
    }
}
