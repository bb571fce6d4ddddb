//! 1x1 convolutions of bf16s on AMX.
//!
//! The layouts of [strip] and panels are those of all other sets. Runs of pixels are cut into tiles of one height, the last of
//! which overlaps the one before where they do not come out even: what both compute is the same.

use super::{Columns, Part, Pixels, Rows, strip};
use crate::amx::{ROW, ROWS, Sums, Tiles};
use crate::layout::{BLOCK, HALF_BLOCK, Map, Order, PANEL, Section, padded, panel_width};
use crate::simd::Simd;

/// Weights are asked for this many bytes before they are read: tiles use them up faster than memory answers.
const AHEAD: usize = 256 * 1024;

/// Rows, pixels and panels of the output; row `part.from` is made of row 0 of the input, a strip whose offset counts bf16s.
///
/// # Safety
///
/// Both maps and the section at `section` must be inside arena and weights, and AMX be granted.
#[inline(always)]
pub(crate) unsafe fn pointwise<S: Simd>(
    input: &Map,
    output: &Map,
    part: Part,
    section: *const f32,
    arena: *mut f32,
) {
    let Part { from, rows, pixels, columns } = part;
    // The last strip prefetches: earlier ones use the same weights again.
    let look_ahead = rows.end == output.height;
    let (rows, pixels) = match output.order {
        Order::Plane if pixels.len() == input.width => {
            (rows.start..rows.start + 1, 0..rows.len() * input.width)
        }
        _ => (rows, pixels),
    };
    let job = Job { input, output, from, pixels, look_ahead, section, arena };
    // SAFETY: passed on.
    unsafe { job.run::<S>(&rows, columns) }
}

/// A product.
struct Job<'l> {
    input: &'l Map,
    output: &'l Map,
    from: usize,
    /// Pixels of a run.
    pixels: Pixels,
    /// Whether to prefetch the weights that come next.
    look_ahead: bool,
    section: *const f32,
    arena: *mut f32,
}

/// Columns of a panel.
#[derive(Clone, Copy)]
struct Group {
    /// The first of them, among all outputs.
    first: usize,
    /// The first row of their weights.
    weights: *const f32,
    /// Words from one row to the next.
    width: usize,
}

impl Job<'_> {
    /// Inputs that are multiplied at once: the widths of all groups are multiples.
    fn step(&self) -> usize {
        match strip::group(self.input.channels) {
            BLOCK if self.input.padded().is_multiple_of(BLOCK) => BLOCK,
            BLOCK => HALF_BLOCK,
            both => both,
        }
    }

    /// The height of all tiles: least where they are as many as they must be.
    fn height(&self) -> usize {
        self.pixels.len().div_ceil(self.pixels.len().div_ceil(ROWS))
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, rows: &Rows, panels: Columns) {
        let kernel = Section::panels(padded(self.input.channels) / 2, self.output.channels).kernel;
        let outputs = padded(self.output.channels).min(panels.end * PANEL);
        let mut first = panels.start * PANEL;
        // SAFETY: passed on; the section has the columns' weights at these places.
        unsafe {
            self.tiles(BLOCK).configure();
            while first < outputs {
                let (panel, column) = (first / PANEL, first % PANEL);
                let width = panel_width(self.output.channels, panel);
                let weights = self.section.add(kernel + panel * PANEL * self.input.padded() / 2 + column);
                let group = Group { first, weights, width };
                first += match width - column {
                    PANEL => {
                        self.group::<S, 2>(rows, group);
                        PANEL
                    }
                    BLOCK.. => {
                        self.group::<S, 1>(rows, group);
                        BLOCK
                    }
                    _ => {
                        self.tiles(HALF_BLOCK).configure();
                        self.group::<S::Half, 1>(rows, group);
                        HALF_BLOCK
                    }
                };
            }
            Tiles::release();
        }
    }

    /// Tiles of so many outputs.
    fn tiles(&self, outputs: usize) -> Tiles {
        Tiles { pixels: self.height(), inputs: self.step() / 2, outputs }
    }

    /// N vectors of outputs for all pixels.
    #[inline(always)]
    unsafe fn group<S: Simd, const N: usize>(&self, rows: &Rows, group: Group) {
        let height = self.height();
        let last = self.pixels.end - height;
        // Each pair of tiles asks for its share of the cache lines of a step.
        let lines = self.step() / 2 * group.width * size_of::<f32>() / ROW;
        let pairs = self.pixels.len().div_ceil(2 * height);
        let share = if self.look_ahead { lines.div_ceil(pairs * rows.len()) } else { 0 };
        let mut shares = (0..).map(|i| (i * share).min(lines)..((i + 1) * share).min(lines));
        // SAFETY: passed on; no tile begins later than `last`.
        unsafe {
            for y in rows.clone() {
                for x in self.pixels.clone().step_by(2 * height) {
                    let ahead = shares.next().unwrap_or(0..0);
                    match x + height < self.pixels.end {
                        true => self.multiply::<S, 2, N>(y, [x, (x + height).min(last)], group, ahead),
                        false => self.multiply::<S, 1, N>(y, [x.min(last); 2], group, ahead),
                    }
                }
            }
        }
    }

    /// M times N tiles.
    #[inline(always)]
    unsafe fn multiply<S: Simd, const M: usize, const N: usize>(
        &self,
        y: usize,
        x: [usize; 2],
        group: Group,
        ahead: core::ops::Range<usize>,
    ) {
        let Group { first, mut weights, width, .. } = group;
        let step = self.step();
        // SAFETY: bias, weights, pixels and outputs are there for all columns and rows of these tiles.
        unsafe {
            let bias = self.section.add(Section::panels(1, self.output.channels).bias + first);
            // A stride of nothing: all rows the same.
            load_tile!("tmm0", bias, 0usize);
            if N > 1 {
                load_tile!("tmm1", bias.add(BLOCK), 0usize);
            }
            if M > 1 {
                load_tile!("tmm2", bias, 0usize);
            }
            if M > 1 && N > 1 {
                load_tile!("tmm3", bias.add(BLOCK), 0usize);
            }
            let right = width * size_of::<f32>();
            for block in (0..self.input.blocks()).step_by(strip::group(self.input.channels) / BLOCK) {
                let (start, lanes) = strip::place(self.input, y - self.from, block);
                let left = 2 * lanes;
                let pixels = self.arena.cast::<u16>().add(start);
                for lane in (0..lanes).step_by(step) {
                    load_tile!("tmm4", pixels.add(x[0] * lanes + lane), left);
                    load_tile!("tmm6", weights, right);
                    multiply_tiles!("tdpbf16ps", "tmm0", "tmm4", "tmm6");
                    if N > 1 {
                        load_tile!("tmm7", weights.add(BLOCK), right);
                        multiply_tiles!("tdpbf16ps", "tmm1", "tmm4", "tmm7");
                    }
                    if M > 1 {
                        load_tile!("tmm5", pixels.add(x[1] * lanes + lane), left);
                        multiply_tiles!("tdpbf16ps", "tmm2", "tmm5", "tmm6");
                    }
                    if M > 1 && N > 1 {
                        multiply_tiles!("tdpbf16ps", "tmm3", "tmm5", "tmm7");
                    }
                    for line in ahead.clone() {
                        S::prefetch(weights.wrapping_byte_add(AHEAD + line * ROW));
                    }
                    weights = weights.wrapping_add(step / 2 * width);
                }
            }
            let mut sums = Sums([[0.0; BLOCK]; ROWS]);
            store_tile!("tmm0", sums);
            self.finish::<S>(y, x[0], first, &sums);
            if N > 1 {
                store_tile!("tmm1", sums);
                self.finish::<S>(y, x[0], first + BLOCK, &sums);
            }
            if M > 1 {
                store_tile!("tmm2", sums);
                self.finish::<S>(y, x[1], first, &sums);
            }
            if M > 1 && N > 1 {
                store_tile!("tmm3", sums);
                self.finish::<S>(y, x[1], first + BLOCK, &sums);
            }
        }
    }

    /// Clamps a tile of sums, and writes it to the outputs from `first` on.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, y: usize, x: usize, first: usize, Sums(sums): &Sums<f32>) {
        let block = first / BLOCK;
        let width = self.output.block_width(block);
        // SAFETY: the section begins with two bounds; a tile's pixels are inside the map.
        unsafe {
            let (low, high) = (S::splat(*self.section), S::splat(*self.section.add(1)));
            let start = self.arena.add(self.output.at(y, block) + x * width + first % BLOCK);
            for (i, sums) in sums.iter().enumerate().take(self.height()) {
                let sums = S::load(sums.as_ptr());
                S::store(start.add(i * width), S::min(S::max(sums, low), high));
            }
        }
    }
}
