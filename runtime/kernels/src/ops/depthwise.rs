//! 3x3 depthwise convolutions: one row, up to 8 pixels, one vector of channels at a time.
//!
//! Each input column is loaded once and goes into up to three accumulators. Columns over the left or right border are
//! zero vectors, rows over the top or bottom are skipped: there is no halo in memory.

use super::tile::Heights;
use super::{Part, Pixels, Rows, strip};
use crate::layout::{BLOCK, HALF_BLOCK, Map, Section, Window};
use crate::narrow::Bf16;
use crate::simd::Simd;

/// What is written: `f32`s, or what they are rounded to.
pub(crate) trait Number: Copy {
    /// Stores [`LANES`](Simd::LANES) numbers.
    ///
    /// # Safety
    ///
    /// As all of [`Simd`].
    unsafe fn store<S: Simd>(to: *mut Self, value: S::V);

    /// Where the first pixel of a row of a channel block is written, and how far it is to the next one.
    fn place(output: &Map, y: usize, block: usize) -> (usize, usize);
}

impl Number for f32 {
    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut f32, value: S::V) {
        // SAFETY: passed on; so below.
        unsafe { S::store(to, value) }
    }
    #[inline(always)]
    fn place(output: &Map, y: usize, block: usize) -> (usize, usize) {
        (output.at(y, block), output.block_width(block))
    }
}

impl Number for Bf16 {
    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Bf16, value: S::V) {
        // SAFETY: passed on.
        unsafe { S::store_bf16(to, value) }
    }
    #[inline(always)]
    fn place(output: &Map, y: usize, block: usize) -> (usize, usize) {
        strip::place(output, y, block)
    }
}

/// Pixels of the widest tile; fewer where sets are narrow, to keep the code small.
const fn most<S: Simd>() -> usize {
    match S::LANES < HALF_BLOCK {
        true if cfg!(source_order) => 6,
        true => 4,
        false => 8,
    }
}

/// Rows, pixels and blocks of the output; row `part.from` is written to row 0.
///
/// # Safety
///
/// As [`depthwise`].
#[inline(always)]
pub(crate) unsafe fn to_floats<S: Simd>(
    input: &Map,
    window: &Window,
    output: &Map,
    part: Part,
    section: *const f32,
    arena: *mut f32,
) {
    // SAFETY: passed on; so below.
    unsafe { depthwise::<S, f32>(input, window, output, part, section, arena) }
}

/// As [`to_floats`], for an output of bf16s: its offset counts those.
///
/// # Safety
///
/// As [`depthwise`].
#[inline(always)]
pub(crate) unsafe fn to_bf16<S: Simd>(
    input: &Map,
    window: &Window,
    output: &Map,
    part: Part,
    section: *const f32,
    arena: *mut f32,
) {
    // SAFETY: passed on.
    unsafe { depthwise::<S, Bf16>(input, window, output, part, section, arena) }
}

/// Rows and blocks of the output; row `part.from` is written to row 0. Offsets of the output map count numbers of its kind.
///
/// # Safety
///
/// Both maps and the section at `section` must be inside arena and weights, and the window one that
/// [`Depthwise`](crate::layer::Depthwise) allows.
#[inline(always)]
unsafe fn depthwise<S: Simd, N: Number>(
    input: &Map,
    window: &Window,
    output: &Map,
    part: Part,
    section: *const f32,
    arena: *mut f32,
) {
    let Part { from: to, rows, pixels, columns: blocks } = part;
    let places = Section::depthwise(input.channels, 9);
    for block in blocks {
        let width = input.block_width(block);
        // SAFETY: the section holds a bias and nine taps for every stored channel.
        let job = unsafe {
            Job {
                input,
                window,
                output,
                to,
                pixels: &pixels,
                block,
                bounds: [*section, *section.add(1)],
                bias: section.add(places.bias + block * BLOCK),
                taps: section.add(places.kernel + block * BLOCK * 9),
                arena,
                out: arena.cast::<N>(),
            }
        };
        // SAFETY: passed on.
        unsafe {
            match (width, window.stride) {
                (BLOCK, 1) => job.call::<S, BLOCK, 1>(&rows),
                (BLOCK, _) => job.call::<S, BLOCK, 2>(&rows),
                (_, 1) => job.call::<S::Half, HALF_BLOCK, 1>(&rows),
                (_, _) => job.call::<S::Half, HALF_BLOCK, 2>(&rows),
            }
        }
    }
}

/// One channel block.
struct Job<'l, N> {
    input: &'l Map,
    window: &'l Window,
    output: &'l Map,
    to: usize,
    pixels: &'l Pixels,
    block: usize,
    bounds: [f32; 2],
    bias: *const f32,
    taps: *const f32,
    arena: *const f32,
    /// The arena as numbers of the output.
    out: *mut N,
}

/// One output row.
struct Row<N> {
    /// The first column of the window, border included, in three input rows; null where the row is over the border.
    inputs: [*const f32; 3],
    out: *mut N,
    /// From one pixel of the output to the next.
    step: usize,
    /// The first lane of the block.
    lane: usize,
}

impl<N: Number> Job<'_, N> {
    /// A function of its own for each set, width and stride; sets share those of their half.
    #[inline(always)]
    unsafe fn call<S: Simd, const WIDTH: usize, const STRIDE: usize>(&self, rows: &Rows) {
        // SAFETY: passed on.
        unsafe {
            S::call(
                #[inline(always)]
                || self.run::<S, WIDTH, STRIDE>(rows.clone()),
            );
        }
    }

    #[inline(always)]
    unsafe fn run<S: Simd, const WIDTH: usize, const STRIDE: usize>(&self, rows: Rows) {
        let tiles = Heights::new(self.pixels.len(), const { most::<S>() });
        for y in rows {
            for lane in (0..WIDTH).step_by(S::LANES) {
                let row = self.row(y, lane, WIDTH, STRIDE);
                let mut x = self.pixels.start;
                for width in tiles.each() {
                    macro_rules! widths {
                        ($($width:literal)*) => {
                            match width {
                                // SAFETY: passed on; the widths add up to the part's pixels.
                                $($width => unsafe {
                                    if const { Heights::has($width, most::<S>()) } {
                                        self.tile::<S, WIDTH, STRIDE, $width>(&row, x);
                                    }
                                },)*
                                _ => {}
                            }
                        };
                    }
                    widths!(1 2 3 4 5 6 7 8);
                    x += width;
                }
            }
        }
    }

    #[inline(always)]
    fn row(&self, y: usize, lane: usize, width: usize, stride: usize) -> Row<N> {
        let window = self.window;
        let input = |ky| {
            let row = y * stride + ky;
            if row < window.top || row - window.top >= self.input.height {
                return core::ptr::null();
            }
            // The first column may be one before the row: wrapping, because it is not read.
            let at = self.input.at(row - window.top, self.block) + lane;
            self.arena.wrapping_add(at).wrapping_sub(window.left * width)
        };
        // Not by `from_fn`, which is a call for each row in WebAssembly.
        let inputs = [input(0), input(1), input(2)];
        let (start, step) = N::place(self.output, y - self.to, self.block);
        Row { inputs, out: self.out.wrapping_add(start + lane), step, lane }
    }

    /// T pixels from pixel `x` on.
    #[inline(always)]
    unsafe fn tile<S: Simd, const WIDTH: usize, const STRIDE: usize, const T: usize>(
        &self,
        row: &Row<N>,
        x: usize,
    ) {
        let lane = row.lane;
        // Columns over the border are not read: zero.
        let over_left = x * STRIDE < self.window.left;
        let over_right = (x + T - 1) * STRIDE + 3 > self.input.width + self.window.left;
        // SAFETY: bias and taps have a vector at every lane of the block; rows that are not null have the tile's
        // columns, and `out` its T pixels.
        unsafe {
            let mut acc = [S::load(self.bias.add(lane)); T];
            for (ky, &input) in row.inputs.iter().enumerate() {
                if input.is_null() {
                    continue;
                }
                let input = input.wrapping_add(x * STRIDE * WIDTH);
                let taps: [S::V; 3] =
                    core::array::from_fn(|kx| S::load(self.taps.add((ky * 3 + kx) * WIDTH + lane)));
                // Written out, because LLVM leaves nests like this one rolled and then spills.
                macro_rules! columns {
                    ($($j:literal)*) => {$(
                        if $j < (T - 1) * STRIDE + 3 {
                            let outside = ($j == 0 && over_left) || ($j == (T - 1) * STRIDE + 2 && over_right);
                            let x = if outside { S::splat(0.0) } else { S::load(input.wrapping_add($j * WIDTH)) };
                            for kx in 0..3 {
                                if $j >= kx && ($j - kx) % STRIDE == 0 && ($j - kx) / STRIDE < T {
                                    acc[($j - kx) / STRIDE] = S::fma(x, taps[kx], acc[($j - kx) / STRIDE]);
                                }
                            }
                        }
                    )*};
                }
                columns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
            }
            let (low, high) = (S::splat(self.bounds[0]), S::splat(self.bounds[1]));
            for (i, acc) in acc.into_iter().enumerate() {
                N::store::<S>(row.out.add((x + i) * row.step), S::min(S::max(acc, low), high));
            }
        }
    }
}
