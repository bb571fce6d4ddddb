//! 3x3 depthwise convolutions: one row, up to 8 pixels, one vector of channels at a time.
//!
//! Each input column is loaded once and goes into up to three accumulators. Columns over the left or right border are
//! zero vectors, rows over the top or bottom are skipped: there is no halo in memory.

use super::{Part, Rows};
use crate::layout::{BLOCK, HALF_BLOCK, Map, Section, Window};
use crate::simd::Simd;

/// Pixels of the widest tile.
const TILE: usize = 8;

/// Rows and blocks of the output; row `part.from` is written to row 0.
///
/// # Safety
///
/// Both maps and the section at `section` must be inside arena and weights, and the window one that
/// [`Depthwise`](crate::layer::Depthwise) allows.
#[inline(always)]
pub(crate) unsafe fn depthwise<S: Simd>(
    input: &Map,
    window: &Window,
    output: &Map,
    part: Part,
    section: *const f32,
    arena: *mut f32,
) {
    let Part { from: to, rows, columns: blocks } = part;
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
                block,
                bounds: [*section, *section.add(1)],
                bias: section.add(places.bias + block * BLOCK),
                taps: section.add(places.kernel + block * BLOCK * 9),
                arena,
            }
        };
        // SAFETY: passed on.
        unsafe {
            match (width, window.stride) {
                (BLOCK, 1) => S::call(
                    #[inline(always)]
                    || job.run::<S, BLOCK, 1>(rows.clone()),
                ),
                (BLOCK, _) => S::call(
                    #[inline(always)]
                    || job.run::<S, BLOCK, 2>(rows.clone()),
                ),
                (_, 1) => S::Half::call(
                    #[inline(always)]
                    || job.run::<S::Half, HALF_BLOCK, 1>(rows.clone()),
                ),
                (_, _) => S::Half::call(
                    #[inline(always)]
                    || job.run::<S::Half, HALF_BLOCK, 2>(rows.clone()),
                ),
            }
        }
    }
}

/// One channel block.
struct Job<'l> {
    input: &'l Map,
    window: &'l Window,
    output: &'l Map,
    to: usize,
    block: usize,
    bounds: [f32; 2],
    bias: *const f32,
    taps: *const f32,
    arena: *mut f32,
}

/// What one tile reads and writes. Columns over the border are not read.
struct Tile {
    /// The first tile column of three rows; null where the row is over the border.
    rows: [*const f32; 3],
    over_left: bool,
    over_right: bool,
    out: *mut f32,
}

impl Job<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd, const WIDTH: usize, const STRIDE: usize>(&self, rows: Rows) {
        for y in rows {
            for lane in (0..WIDTH).step_by(S::LANES) {
                // SAFETY: passed on.
                unsafe { self.row::<S, WIDTH, STRIDE>(y, lane) }
            }
        }
    }

    /// One output row in tiles of nearly equal width.
    #[inline(always)]
    unsafe fn row<S: Simd, const WIDTH: usize, const STRIDE: usize>(&self, y: usize, lane: usize) {
        let window = self.window;
        let rows: [*const f32; 3] = core::array::from_fn(|ky| {
            let row = y * STRIDE + ky;
            if row < window.top || row - window.top >= self.input.height {
                return core::ptr::null();
            }
            self.arena.wrapping_add(self.input.at(row - window.top, self.block) + lane).cast_const()
        });
        let out = self.arena.wrapping_add(self.output.at(y - self.to, self.block) + lane);
        let pixels = self.output.width;
        let tiles = pixels.div_ceil(TILE);
        let (least, wider) = (pixels / tiles, pixels % tiles);
        let mut x = 0;
        for i in 0..tiles {
            let count = least + usize::from(i < wider);
            // The first column may be one before the row: wrapping, because it is not read.
            let column = (x * STRIDE).wrapping_sub(window.left).wrapping_mul(WIDTH);
            let tile = Tile {
                rows: rows.map(|row| if row.is_null() { row } else { row.wrapping_add(column) }),
                over_left: x * STRIDE < window.left,
                over_right: (x + count - 1) * STRIDE + 3 > self.input.width + window.left,
                out: out.wrapping_add(x * WIDTH),
            };
            macro_rules! widths {
                ($($count:literal)*) => {
                    match count {
                        // SAFETY: passed on; the tile's columns but those over the border are inside the row.
                        $($count => unsafe { self.tile::<S, WIDTH, STRIDE, $count>(&tile, lane) },)*
                        _ => {}
                    }
                };
            }
            widths!(1 2 3 4 5 6 7 8);
            x += count;
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const WIDTH: usize, const STRIDE: usize, const T: usize>(
        &self,
        tile: &Tile,
        lane: usize,
    ) {
        // SAFETY: bias and taps have a vector at every lane of the block; rows that are not null have the tile's
        // columns, and `out` its T pixels.
        unsafe {
            let mut acc = [S::load(self.bias.add(lane)); T];
            for (ky, &row) in tile.rows.iter().enumerate() {
                if row.is_null() {
                    continue;
                }
                let taps: [S::V; 3] =
                    core::array::from_fn(|kx| S::load(self.taps.add((ky * 3 + kx) * WIDTH + lane)));
                // Written out, because LLVM leaves nests like this one rolled and then spills.
                macro_rules! columns {
                    ($($j:literal)*) => {$(
                        if $j < (T - 1) * STRIDE + 3 {
                            let outside = ($j == 0 && tile.over_left)
                                || ($j == (T - 1) * STRIDE + 2 && tile.over_right);
                            let x = if outside { S::splat(0.0) } else { S::load(row.wrapping_add($j * WIDTH)) };
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
                S::store(tile.out.add(i * WIDTH), S::min(S::max(acc, low), high));
            }
        }
    }
}
