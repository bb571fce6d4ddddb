//! 1x1 convolutions of bytes on AMX, from scratch [strips](strip) that have a row of a tile together.
//!
//! Runs of pixels are cut into tiles of one height, the last of which overlaps the one before where they do not come out even:
//! what both compute is the same.

use super::epilogue::Epilogue;
use super::outliers;
use super::strip::{self, GROUP};
use crate::amx::{ROW, ROWS, Sums, Tiles};
use crate::dot::Dot;
use crate::layout::{BLOCK, ByteMap, Order, PANEL};
use crate::ops::{Columns, Part, Rows};
use crate::quantised::layout::{Outlier, QUAD, Section, panel_width};
use crate::simd::Simd;

/// Weights are asked for this many bytes before they are read: tiles use them up faster than memory answers.
const AHEAD: usize = 64 * 1024;
/// Quads of a block.
const QUADS: usize = BLOCK / QUAD;

/// Rows and panels of the output; row `part.from` is made of row 0 of the input, a [strip]. There are no row sums.
///
/// # Safety
///
/// Both maps and the section at `section` must be inside arena and weights, and AMX be granted.
#[inline(always)]
pub(crate) unsafe fn pointwise<D: Dot>(
    input: &ByteMap,
    output: &ByteMap,
    part: Part,
    _: *const i32,
    section: *const f32,
    arena: *mut u8,
) {
    let Part { from, rows, columns, .. } = part;
    // The last strip prefetches: earlier ones use the same weights again.
    let look_ahead = rows.end == output.height;
    let (rows, pixels) = match output.order {
        Order::Plane => (rows.start..rows.start + 1, rows.len() * input.width),
        Order::Rows { .. } => (rows, input.width),
    };
    let places = Section::panels(1, input.channels, output.channels);
    let job = Job { input, output, from, pixels, look_ahead, section, places, arena };
    // SAFETY: passed on.
    unsafe { job.run::<D>(&rows, &columns) }
}

/// A product.
struct Job<'l> {
    input: &'l ByteMap,
    output: &'l ByteMap,
    from: usize,
    /// Pixels of a run.
    pixels: usize,
    /// Whether to prefetch the weights that come next.
    look_ahead: bool,
    section: *const f32,
    places: Section,
    arena: *mut u8,
}

/// One or two blocks of outputs.
#[derive(Clone, Copy)]
struct Group {
    /// The first of them.
    block: usize,
    /// The first row of their weights.
    weights: *const f32,
    /// Words from one row to the next.
    width: usize,
}

impl Job<'_> {
    /// The height of all tiles: least where they are as many as they must be.
    fn height(&self) -> usize {
        self.pixels.div_ceil(self.pixels.div_ceil(ROWS).max(1))
    }

    #[inline(always)]
    unsafe fn run<D: Dot>(&self, rows: &Rows, panels: &Columns) {
        const EACH: usize = PANEL / BLOCK;
        let blocks = self.output.blocks().min(panels.end * EACH);
        // SAFETY: passed on; the section has the blocks' weights at these places.
        unsafe {
            Tiles { pixels: self.height(), inputs: ROWS, outputs: BLOCK }.configure();
            for block in (panels.start * EACH..blocks).step_by(EACH) {
                let panel = block / EACH;
                let start = self.places.kernel + panel * PANEL * self.input.channels / QUAD;
                let width = panel_width(self.output.channels, panel);
                let group = Group { block, weights: self.section.add(start), width };
                match width {
                    PANEL => self.group::<D, EACH>(rows, group),
                    _ => self.group::<D, 1>(rows, group),
                }
            }
            Tiles::release();
        }
    }

    /// N blocks of outputs for all pixels.
    #[inline(always)]
    unsafe fn group<D: Dot, const N: usize>(&self, rows: &Rows, group: Group) {
        let height = self.height();
        let last = self.pixels - height;
        // Each pair of tiles asks for its share of the cache lines of a step.
        let lines = ROWS * group.width * size_of::<f32>() / ROW;
        let pairs = self.pixels.div_ceil(2 * height);
        let share = if self.look_ahead { lines.div_ceil(pairs * rows.len()) } else { 0 };
        let mut asked = 0;
        // SAFETY: passed on; no tile begins later than `last`.
        unsafe {
            for y in rows.clone() {
                for x in (0..self.pixels).step_by(2 * height) {
                    let ahead = asked..(asked + share).min(lines);
                    asked = ahead.end;
                    match x + height < self.pixels {
                        true => self.tiles::<D, 2, N>(y, [x, (x + height).min(last)], group, ahead),
                        false => self.tiles::<D, 1, N>(y, [x.min(last); 2], group, ahead),
                    }
                }
            }
        }
    }

    /// M times N tiles.
    #[inline(always)]
    unsafe fn tiles<D: Dot, const M: usize, const N: usize>(
        &self,
        y: usize,
        x: [usize; 2],
        group: Group,
        ahead: core::ops::Range<usize>,
    ) {
        let Group { block, mut weights, width } = group;
        // SAFETY: epilogues, weights, pixels and outputs are there for all columns and rows of these tiles.
        unsafe {
            let [first, second] = [0, N - 1].map(|i| Epilogue::new(self.section, &self.places, block + i));
            // A stride of nothing: all rows the same.
            load_tile!("tmm0", first.words(), 0usize);
            if N > 1 {
                load_tile!("tmm1", second.words(), 0usize);
            }
            if M > 1 {
                load_tile!("tmm2", first.words(), 0usize);
            }
            if M > 1 && N > 1 {
                load_tile!("tmm3", second.words(), 0usize);
            }
            let right = width * size_of::<f32>();
            for block in (0..self.input.blocks()).step_by(GROUP / BLOCK) {
                let left = self.arena.wrapping_add(strip::at(self.input, y - self.from, block));
                load_tile!("tmm4", left.wrapping_add(x[0] * GROUP), GROUP);
                load_tile!("tmm6", weights, right);
                multiply_tiles!("tdpbusd", "tmm0", "tmm4", "tmm6");
                if N > 1 {
                    load_tile!("tmm7", weights.wrapping_add(BLOCK), right);
                    multiply_tiles!("tdpbusd", "tmm1", "tmm4", "tmm7");
                }
                if M > 1 {
                    load_tile!("tmm5", left.wrapping_add(x[1] * GROUP), GROUP);
                    multiply_tiles!("tdpbusd", "tmm2", "tmm5", "tmm6");
                }
                if M > 1 && N > 1 {
                    multiply_tiles!("tdpbusd", "tmm3", "tmm5", "tmm7");
                }
                for line in ahead.clone() {
                    D::Set::prefetch(weights.wrapping_byte_add(AHEAD + line * ROW));
                }
                weights = weights.wrapping_add(ROWS * width);
            }
            let mut sums = Sums([[0; BLOCK]; ROWS]);
            store_tile!("tmm0", sums);
            self.finish::<D>(y, x[0], (block, &first), &mut sums);
            if N > 1 {
                store_tile!("tmm1", sums);
                self.finish::<D>(y, x[0], (block + 1, &second), &mut sums);
            }
            if M > 1 {
                store_tile!("tmm2", sums);
                self.finish::<D>(y, x[1], (block, &first), &mut sums);
            }
            if M > 1 && N > 1 {
                store_tile!("tmm3", sums);
                self.finish::<D>(y, x[1], (block + 1, &second), &mut sums);
            }
        }
    }

    /// Adds what tiles do not, and writes the bytes of a tile of sums to a block of outputs.
    #[inline(always)]
    unsafe fn finish<D: Dot>(
        &self,
        y: usize,
        x: usize,
        (block, epilogue): (usize, &Epilogue),
        Sums(sums): &mut Sums<i32>,
    ) {
        let height = self.height();
        // SAFETY: outliers and a tile's pixels are there.
        unsafe {
            for outlier in outliers(self.section, &self.places) {
                self.add(outlier, y, x, block, sums);
            }
            let to = self.arena.wrapping_add(self.output.at(y, block) + x * BLOCK);
            let (fours, _) = sums.as_chunks_mut();
            epilogue.finish_spilled::<D>(fours, height, to);
        }
    }

    /// Adds the products of an outlier, if it belongs to the block.
    #[inline(always)]
    unsafe fn add(
        &self,
        outlier: &Outlier,
        y: usize,
        x: usize,
        block: usize,
        sums: &mut [[i32; BLOCK]; ROWS],
    ) {
        let lane = (outlier.output as usize).wrapping_sub(block * BLOCK);
        if lane >= BLOCK {
            return;
        }
        // Whatever the words are, no other memory is read.
        let row = (outlier.row as usize).min(self.input.blocks() * QUADS - 1);
        let at = strip::at(self.input, y - self.from, row / QUADS) + x * GROUP + row % QUADS * QUAD;
        for (i, sums) in sums.iter_mut().enumerate().take(self.height()) {
            // SAFETY: a tile's pixels are there, and have so many quads.
            let quad = unsafe { self.arena.add(at + i * GROUP).cast::<[u8; QUAD]>().read() };
            for (x, weight) in quad.into_iter().zip(outlier.quad.to_le_bytes()) {
                sums[lane] = sums[lane].wrapping_add(i32::from(x) * i32::from(weight as i8));
            }
        }
    }
}
