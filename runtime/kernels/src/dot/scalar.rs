//! No vectors. Where there are few registers, sums wait in memory, and only those of two pixels and two outputs are in registers
//! while four quads are multiplied. Loops stay loops: where there are no vectors, memory for code tends to be scarce too.

use core::array::from_fn;

use super::pairs::{self, Factors, Quad, RUN, add_products, add_run, finish, read, signed, unsigned};
use super::{Dot, Inside};
use crate::layout::{BLOCK, PANEL};
use crate::quantised::layout::QUAD;
use crate::simd;

/// Any processor; pairs of 16-bit integers where there is an instruction for them.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Dot for Scalar {
    type Sums = [i32; BLOCK];
    type Left = [Quad; BLOCK];
    type Right = [Quad; BLOCK];
    type Factors = Factors;
    type Doubles = *const f64;
    type Bytes = u8;
    type Set = simd::Scalar;
    const BLOCKS: usize = 1;
    const TILE: usize = 2;
    const COLUMN: usize = 2;
    const ROWS: usize = 1;
    const VECTORS: bool = false;
    const PAIRS: bool = pairs::DOWN;

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
        [unsigned(unsafe { read(from) }); BLOCK]
    }
    #[inline(always)]
    unsafe fn left(from: *const u8) -> Self::Left {
        // SAFETY: as in load.
        from_fn(|i| unsigned(unsafe { read(from.add(i * 4)) }))
    }
    #[inline(always)]
    unsafe fn window(from: *const u8) -> Self::Left {
        // SAFETY: as in load.
        unsafe { Self::window_at_border(from, Inside::ALL, 0) }
    }
    #[inline(always)]
    unsafe fn window_at_border(from: *const u8, inside: Inside, outside: u8) -> Self::Left {
        let mut pixels = [[outside; BLOCK]; 4];
        for (p, pixel) in pixels.iter_mut().enumerate().filter(|&(p, _)| inside.has(p)) {
            // SAFETY: as in load; this pixel is inside.
            *pixel = unsafe { from.wrapping_add(p * BLOCK).cast::<[u8; BLOCK]>().read_unaligned() };
        }
        from_fn(|c| unsigned(u32::from_le_bytes(from_fn(|p| pixels[p][c]))))
    }
    #[inline(always)]
    unsafe fn right(from: *const i32) -> Self::Right {
        // SAFETY: as in load.
        from_fn(|i| signed(unsafe { read(from.add(i).cast()) }))
    }
    #[inline(always)]
    unsafe fn dot(mut sums: Self::Sums, left: Self::Left, right: Self::Right) -> Self::Sums {
        for ((sum, x), w) in sums.iter_mut().zip(left).zip(right) {
            *sum = add_products(add_products(*sum, x[0], w[0]), x[1], w[1]);
        }
        sums
    }
    #[inline(always)]
    unsafe fn multiply<const PART: usize, const MR: usize, const NV: usize>(
        mut acc: [[Self::Sums; NV]; MR],
        left: *const u8,
        step: usize,
        quads: usize,
        panel: *const f32,
        width: usize,
    ) -> [[Self::Sums; NV]; MR] {
        for (i, two) in acc.chunks_mut(2).enumerate() {
            for v in 0..NV {
                let (left, panel) = (left.wrapping_add(2 * i * step), panel.wrapping_add(v * BLOCK).cast());
                // SAFETY: these quads and rows are there, by the contract of Dot.
                unsafe {
                    match (&mut *two, width) {
                        ([a, b], PANEL) => {
                            multiply_two::<PANEL>([&mut a[v], &mut b[v]], left, step, quads, panel)
                        }
                        ([a, b], _) => {
                            multiply_two::<BLOCK>([&mut a[v], &mut b[v]], left, step, quads, panel)
                        }
                        ([a], PANEL) => multiply_one::<PANEL>(&mut a[v], left, quads, panel),
                        ([a], _) => multiply_one::<BLOCK>(&mut a[v], left, quads, panel),
                        _ => {}
                    }
                }
            }
        }
        acc
    }
    #[inline(always)]
    unsafe fn totals(sums: [Self::Sums; 4]) -> Self::Sums {
        from_fn(|i| sums[i / 4][i % 4 * 4..][..4].iter().fold(0, |total: i32, &sum| total.wrapping_add(sum)))
    }
    #[inline(always)]
    unsafe fn factors(words: *const f32, zero: Option<f32>) -> Factors {
        Factors { words: words.cast(), zero }
    }
    #[inline(always)]
    unsafe fn scale(sums: Self::Sums, factors: Factors) -> Self::Sums {
        let mut bytes = [0; BLOCK];
        // SAFETY: as in load; there is room for a pixel.
        unsafe { finish(bytes.as_mut_ptr(), &[sums], &factors, [0, 255]) }
        bytes.map(i32::from)
    }
    #[inline(always)]
    unsafe fn doubles(from: *const f64) -> Self::Doubles {
        from
    }
    #[inline(always)]
    unsafe fn scale_double(sums: Self::Sums, scale: Self::Doubles, shift: Self::Doubles) -> Self::Sums {
        from_fn(|i| {
            // SAFETY: as in load.
            let scaled = unsafe { f64::from(sums[i]) * scale.add(i).read() + shift.add(i).read() };
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
        for (i, sums) in sums.iter().enumerate().take(pixels) {
            let bytes: [u8; BLOCK] = from_fn(|c| sums[c].max(low).min(high) as u8);
            // SAFETY: as in store.
            unsafe { to.add(i * BLOCK).cast::<[u8; BLOCK]>().write_unaligned(bytes) }
        }
    }
    #[inline(always)]
    unsafe fn finish(to: *mut u8, sums: [Self::Sums; 4], factors: Factors, pixels: usize, bounds: [u8; 2]) {
        let (sums, _) = sums.split_at(if pixels < sums.len() { pixels } else { sums.len() });
        // SAFETY: as in load and in store.
        unsafe { finish(to, sums, &factors, bounds) }
    }
}

/// Adds the products of quads of two pixels with as many rows of a panel: in whole runs, and then one by one.
#[inline(never)]
unsafe fn multiply_two<const WIDTH: usize>(
    sums: [&mut [i32; BLOCK]; 2],
    left: *const u8,
    step: usize,
    quads: usize,
    panel: *const u8,
) {
    let [a, b] = sums;
    let whole = quads / RUN * RUN;
    for first in (0..whole).step_by(RUN) {
        // SAFETY: both pixels have these quads, and the panel as many rows, with a block of outputs.
        unsafe {
            let pixels: [[Quad; 2]; RUN] = from_fn(|k| {
                let left = left.add((first + k) * QUAD);
                [unsigned(read(left)), unsigned(read(left.add(step)))]
            });
            let mut panel = panel.add(first * WIDTH * QUAD);
            for (a, b) in a.as_chunks_mut::<2>().0.iter_mut().zip(b.as_chunks_mut::<2>().0) {
                let mut sums = [*a, *b];
                add_run::<WIDTH>(&mut sums, &pixels, panel);
                [*a, *b] = sums;
                panel = panel.add(2 * QUAD);
            }
        }
    }
    let (left, panel) = (left.wrapping_add(whole * QUAD), panel.wrapping_add(whole * WIDTH * QUAD));
    // SAFETY: as above.
    unsafe {
        multiply_one::<WIDTH>(a, left, quads - whole, panel);
        multiply_one::<WIDTH>(b, left.wrapping_add(step), quads - whole, panel);
    }
}

/// The same of one pixel.
#[inline(never)]
unsafe fn multiply_one<const WIDTH: usize>(
    sums: &mut [i32; BLOCK],
    left: *const u8,
    quads: usize,
    panel: *const u8,
) {
    for k in 0..quads {
        // SAFETY: the pixel has this quad, and the panel a row.
        unsafe {
            let x = unsigned(read(left.add(k * QUAD)));
            let row = panel.add(k * WIDTH * QUAD);
            for (i, sum) in sums.iter_mut().enumerate() {
                let w = signed(read(row.add(i * QUAD)));
                *sum = add_products(add_products(*sum, x[0], w[0]), x[1], w[1]);
            }
        }
    }
}
