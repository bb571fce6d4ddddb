//! Plain arrays, which the compiler may turn into vectors of whatever the target has.

use core::array::from_fn;

use super::{Dot, Inside};
use crate::layout::BLOCK;
use crate::simd;

/// Any processor.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Dot for Scalar {
    type Sums = [i32; BLOCK];
    type Left = [[u8; 4]; BLOCK];
    type Right = [[i8; 4]; BLOCK];
    type Factors = [[f64; BLOCK]; 2];
    type Doubles = [f64; BLOCK];
    type Bytes = u8;
    type Set = simd::Scalar;
    const BLOCKS: usize = 1;
    const TILE: usize = 1;
    const COLUMN: usize = 1;
    const ROWS: usize = 1;

    #[inline(never)]
    unsafe fn call(f: impl FnOnce()) {
        f();
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> Self::Sums {
        [value; BLOCK]
    }
    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self::Sums {
        // SAFETY: what is read is there, by the contract of Dot; so below.
        unsafe { from.cast::<Self::Sums>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, sums: Self::Sums) {
        // SAFETY: and so is what is written.
        unsafe { to.cast::<Self::Sums>().write_unaligned(sums) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::Sums, b: Self::Sums) -> Self::Sums {
        from_fn(|i| a[i].wrapping_add(b[i]))
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Self::Left {
        // SAFETY: as in load.
        [unsafe { from.cast::<[u8; 4]>().read_unaligned() }; BLOCK]
    }
    #[inline(always)]
    unsafe fn left(from: *const u8) -> Self::Left {
        // SAFETY: as in load.
        unsafe { from.cast::<Self::Left>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn window(from: *const u8) -> Self::Left {
        // SAFETY: as in load.
        let pixels = unsafe { from.cast::<[[u8; BLOCK]; 4]>().read_unaligned() };
        from_fn(|c| from_fn(|p| pixels[p][c]))
    }
    #[inline(always)]
    unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> Self::Left {
        let mut pixels = [[outside; BLOCK]; 4];
        for (p, pixel) in pixels.iter_mut().enumerate().filter(|&(p, _)| inside.has(p)) {
            // SAFETY: as in load; this pixel is inside.
            *pixel = unsafe { from.wrapping_add(p * BLOCK).cast::<[u8; BLOCK]>().read_unaligned() };
        }
        from_fn(|c| from_fn(|p| pixels[p][c]))
    }
    #[inline(always)]
    unsafe fn right(from: *const i32) -> Self::Right {
        // SAFETY: as in load.
        unsafe { from.cast::<Self::Right>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn dot(sums: Self::Sums, left: Self::Left, right: Self::Right) -> Self::Sums {
        from_fn(|i| {
            let products = (0..4).map(|j| i32::from(left[i][j]) * i32::from(right[i][j]));
            products.fold(sums[i], i32::wrapping_add)
        })
    }
    #[inline(always)]
    unsafe fn totals(sums: [Self::Sums; 4]) -> Self::Sums {
        from_fn(|i| sums[i / 4][i % 4 * 4..][..4].iter().fold(0, |total: i32, &sum| total.wrapping_add(sum)))
    }
    #[inline(always)]
    unsafe fn factors(words: *const f32, _: Option<f32>) -> Self::Factors {
        // SAFETY: as in load.
        unsafe { words.cast::<[[f32; BLOCK]; 2]>().read_unaligned() }.map(|words| words.map(f64::from))
    }
    #[inline(always)]
    unsafe fn scale(sums: Self::Sums, [scale, shift]: Self::Factors) -> Self::Sums {
        from_fn(|i| (f64::from(sums[i] as f32) * scale[i] + shift[i]) as f32 as i32)
    }
    #[inline(always)]
    unsafe fn doubles(from: *const f64) -> Self::Doubles {
        // SAFETY: as in load.
        unsafe { from.cast::<Self::Doubles>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn scale_double(sums: Self::Sums, scale: Self::Doubles, shift: Self::Doubles) -> Self::Sums {
        from_fn(|i| {
            let scaled = f64::from(sums[i]) * scale[i] + shift[i];
            if scaled < 256.0 { scaled as i32 } else { 256 }
        })
    }
    #[inline(always)]
    unsafe fn bytes(byte: u8) -> u8 {
        byte
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, sums: [Self::Sums; 4], pixels: usize, bounds: [u8; 2]) {
        let [low, high] = bounds.map(i32::from);
        for (i, sums) in sums.into_iter().enumerate().take(pixels) {
            let bytes = sums.map(|sum| sum.max(low).min(high) as u8);
            // SAFETY: as in store.
            unsafe { to.add(i * BLOCK).cast::<[u8; BLOCK]>().write_unaligned(bytes) }
        }
    }
}
