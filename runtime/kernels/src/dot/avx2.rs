//! 256-bit vectors: two are a block.

use core::arch::x86_64::*;

use super::{Dot, Inside};
use crate::layout::BLOCK;
use crate::simd;

/// AVX2 and FMA: products of halves of quads, as 16-bit integers.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// AVX2, FMA and AVX-VNNI.
#[derive(Clone, Copy)]
pub(crate) struct AvxVnni;

/// Two vectors.
type Pair<V = __m256i> = [V; 2];

/// Bytes 0 and 2 of quads, and bytes 1 and 3, as 16-bit integers.
#[derive(Clone, Copy)]
pub(crate) struct Halves {
    even: Pair,
    odd: Pair,
}

/// An array of an expression with `$i` 0 and 1. Written out, because closures that functions of the standard library call are
/// compiled without the instruction set, and then instructions are function calls.
macro_rules! both {
    (|$i:ident| $value:expr) => {
        [
            {
                const $i: usize = 0;
                $value
            },
            {
                const $i: usize = 1;
                $value
            },
        ]
    };
}

/// What the two sets have in common.
macro_rules! common {
    (tile $tile:literal, features $features:literal) => {
        type Sums = Pair;
        type Factors = [Pair<__m256>; 2];
        type Doubles = Pair<Pair<__m256d>>;
        type Bytes = __m256i;
        type Set = simd::Avx2;
        const BLOCKS: usize = 1;
        const TILE: usize = $tile;
        const COLUMN: usize = $tile;
        const ROWS: usize = 1;

        #[target_feature(enable = $features)]
        #[inline(never)]
        unsafe fn call(f: impl FnOnce()) {
            f();
        }
        #[inline(always)]
        unsafe fn splat(value: i32) -> Pair {
            unsafe { [_mm256_set1_epi32(value); 2] }
        }
        #[inline(always)]
        unsafe fn load(from: *const i32) -> Pair {
            unsafe { load(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut i32, [a, b]: Pair) {
            unsafe {
                _mm256_storeu_si256(to.cast(), a);
                _mm256_storeu_si256(to.add(8).cast(), b);
            }
        }
        #[inline(always)]
        unsafe fn add(a: Pair, b: Pair) -> Pair {
            unsafe { [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])] }
        }
        #[inline(always)]
        unsafe fn totals(sums: [Pair; 4]) -> Pair {
            unsafe {
                let ab = both!(|I| _mm256_hadd_epi32(sums[I][0], sums[I][1]));
                let cd = both!(|I| _mm256_hadd_epi32(sums[2 + I][0], sums[2 + I][1]));
                // Lane by lane: even pixels in the lower, odd ones in the upper.
                let lanes = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
                let totals = [_mm256_hadd_epi32(ab[0], ab[1]), _mm256_hadd_epi32(cd[0], cd[1])];
                both!(|I| _mm256_permutevar8x32_epi32(totals[I], lanes))
            }
        }
        #[inline(always)]
        unsafe fn factors(words: *const f32, _: Option<f32>) -> [Pair<__m256>; 2] {
            unsafe { both!(|I| both!(|J| _mm256_loadu_ps(words.add(I * BLOCK + 8 * J)))) }
        }
        #[inline(always)]
        unsafe fn scale(sums: Pair, [scale, shift]: [Pair<__m256>; 2]) -> Pair {
            unsafe {
                both!(|I| _mm256_cvttps_epi32(_mm256_fmadd_ps(
                    _mm256_cvtepi32_ps(sums[I]),
                    scale[I],
                    shift[I]
                )))
            }
        }
        #[inline(always)]
        unsafe fn doubles(from: *const f64) -> Pair<Pair<__m256d>> {
            unsafe { both!(|I| both!(|J| _mm256_loadu_pd(from.add(8 * I + 4 * J)))) }
        }
        #[inline(always)]
        unsafe fn scale_double(sums: Pair, scale: Pair<Pair<__m256d>>, shift: Pair<Pair<__m256d>>) -> Pair {
            unsafe {
                both!(|I| {
                    let halves = [_mm256_castsi256_si128(sums[I]), _mm256_extracti128_si256::<1>(sums[I])];
                    let scaled =
                        both!(|J| _mm256_fmadd_pd(_mm256_cvtepi32_pd(halves[J]), scale[I][J], shift[I][J]));
                    let whole =
                        both!(|J| _mm256_cvttpd_epi32(_mm256_min_pd(scaled[J], _mm256_set1_pd(256.0))));
                    _mm256_set_m128i(whole[1], whole[0])
                })
            }
        }
        #[inline(always)]
        unsafe fn bytes(byte: u8) -> __m256i {
            unsafe { _mm256_set1_epi8(byte as i8) }
        }
        #[inline(always)]
        unsafe fn store_bytes(to: *mut u8, sums: [Pair; 4], pixels: usize, bounds: [__m256i; 2]) {
            unsafe { store_bytes(to, sums, pixels, bounds) }
        }
    };
}

// SAFETY of all: the caller has the instruction set, and what is read and written is there, by the contract of Dot.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Dot for AvxVnni {
    type Left = Pair;
    type Right = Pair;
    // 6 x 2 sums, 2 weights, 1 broadcast.
    common!(tile 6, features "avx2,fma,avxvnni");

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Pair {
        unsafe { [_mm256_set1_epi32(from.cast::<i32>().read_unaligned()); 2] }
    }
    #[inline(always)]
    unsafe fn left(from: *const u8) -> Pair {
        unsafe { load(from) }
    }
    #[inline(always)]
    unsafe fn window(from: *const u8) -> Pair {
        unsafe { transposed(load(from)) }
    }
    #[inline(always)]
    unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> Pair {
        unsafe { transposed(load_inside(from, inside, outside)) }
    }
    #[inline(always)]
    unsafe fn right(from: *const i32) -> Pair {
        unsafe { load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn dot(sums: Pair, left: Pair, right: Pair) -> Pair {
        unsafe { both!(|I| _mm256_dpbusd_avx_epi32(sums[I], left[I], right[I])) }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Dot for Avx2 {
    type Left = Halves;
    type Right = Halves;
    // 4 x 2 sums, 4 halves of weights, 2 of a broadcast, a product.
    common!(tile 4, features "avx2,fma");

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Halves {
        unsafe { unsigned([_mm256_set1_epi32(from.cast::<i32>().read_unaligned()); 2]) }
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
        unsafe { unsigned(transposed(load_inside(from, inside, outside))) }
    }
    #[inline(always)]
    unsafe fn right(from: *const i32) -> Halves {
        unsafe {
            let quads = load(from.cast());
            Halves {
                even: both!(|I| _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(quads[I]))),
                odd: both!(|I| _mm256_srai_epi16::<8>(quads[I])),
            }
        }
    }
    #[inline(always)]
    unsafe fn dot(sums: Pair, left: Halves, right: Halves) -> Pair {
        unsafe {
            both!(|I| {
                let even = _mm256_madd_epi16(left.even[I], right.even[I]);
                let odd = _mm256_madd_epi16(left.odd[I], right.odd[I]);
                _mm256_add_epi32(_mm256_add_epi32(sums[I], even), odd)
            })
        }
    }
}

// Helpers, all on the same terms.

#[inline(always)]
unsafe fn load(from: *const u8) -> Pair {
    // SAFETY: as above; so below.
    unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())] }
}

/// Loads pixels one by one, those that are not inside from elsewhere.
#[inline(always)]
unsafe fn load_inside(from: *const u8, inside: Inside, outside: u8) -> Pair {
    let outside = [outside; BLOCK];
    let pixel = |p: usize| {
        let from = if inside.has(p) { from.wrapping_add(p * BLOCK) } else { outside.as_ptr() };
        // SAFETY: 16 bytes are there either way.
        unsafe { _mm_loadu_si128(from.cast()) }
    };
    // SAFETY: as above.
    unsafe { [_mm256_set_m128i(pixel(1), pixel(0)), _mm256_set_m128i(pixel(3), pixel(2))] }
}

/// Halves of quads of unsigned bytes.
#[inline(always)]
unsafe fn unsigned(quads: Pair) -> Halves {
    // SAFETY: as above.
    unsafe {
        let low = _mm256_set1_epi16(0xff);
        Halves {
            even: both!(|I| _mm256_and_si256(quads[I], low)),
            odd: both!(|I| _mm256_srli_epi16::<8>(quads[I])),
        }
    }
}

/// Four pixels of a block as its quads.
#[inline(always)]
unsafe fn transposed(pixels: Pair) -> Pair {
    // SAFETY: as above.
    unsafe {
        // Both pixels of a vector side by side, channels 0 to 3 and 8 to 11 in the lower lane; then in turns.
        let lanes = _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7);
        let turns =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
        let [a, b] = both!(|I| _mm256_shuffle_epi8(_mm256_permutevar8x32_epi32(pixels[I], lanes), turns));
        [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
    }
}

#[inline(always)]
unsafe fn store_bytes(to: *mut u8, sums: [Pair; 4], pixels: usize, [low, high]: [__m256i; 2]) {
    // SAFETY: as above; no more pixels are written than are there.
    unsafe {
        // Packing goes lane by lane.
        let lanes = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let [first, second] = both!(|I| {
            let words = both!(|J| _mm256_packs_epi32(sums[2 * I + J][0], sums[2 * I + J][1]));
            let bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(words[0], words[1]), lanes);
            _mm256_min_epu8(_mm256_max_epu8(bytes, low), high)
        });
        let (rest, left, at) = if pixels >= 2 { (second, pixels - 2, 32) } else { (first, pixels, 0) };
        if pixels >= 2 {
            _mm256_storeu_si256(to.cast(), first);
        }
        match left {
            2 => _mm256_storeu_si256(to.add(at).cast(), rest),
            1 => _mm_storeu_si128(to.add(at).cast(), _mm256_castsi256_si128(rest)),
            _ => {}
        }
    }
}
