//! 1x1 convolutions of bf16s on AMX: tile registers of 16 rows of 64 bytes, and one instruction that multiplies two of them.
//!
//! ```text
//! tmm0 tmm1     16 pixels x 16 outputs each, f32, two by two     <- bias
//! tmm2 tmm3
//! tmm4 tmm5     16 pixels x 32 inputs, bf16: as the scratch strip has them
//! tmm6 tmm7     16 pairs of inputs x 16 outputs: as panels have them
//! ```
//!
//! The layouts of strip and panels are those of all other sets. Runs of pixels are cut into tiles of one height, the last of
//! which overlaps the one before where they do not come out even: what both compute is the same.
//!
//! The compiler knows nothing of what is in tile registers from one `asm!` to the next. It does not have to: nothing but this
//! file uses them.

use core::arch::asm;

use super::{Columns, Part, Pixels, Rows, strip};
use crate::layout::{BLOCK, HALF_BLOCK, Map, Order, PANEL, Section, padded, panel_width};
use crate::simd::Simd;

/// Rows of a tile at most.
const ROWS: usize = 16;
/// Bytes of a tile's row at most: a cache line.
const ROW: usize = 64;
/// Weights are asked for this many bytes before they are read: tiles use them up faster than memory answers.
const AHEAD: usize = 256 * 1024;

/// What `ldtilecfg` reads: rows, and bytes of a row, of each tile.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// A tile of sums, on its way to the output.
#[repr(C, align(64))]
struct Sums([f32; ROWS * BLOCK]);

/// `tileloadd`: rows of a tile, `$stride` bytes apart.
macro_rules! load {
    ($tile:tt, $from:expr, $stride:expr) => {
        asm!(
            concat!("tileloadd ", $tile, ", [{from} + {stride}]"),
            from = in(reg) $from,
            stride = in(reg) $stride,
            out($tile) _,
            options(nostack, preserves_flags, readonly),
        )
    };
}

/// `tdpbf16ps`: adds the product of two tiles to a third.
macro_rules! multiply {
    ($sums:tt, $left:tt, $right:tt) => {
        asm!(
            concat!("tdpbf16ps ", $sums, ", ", $left, ", ", $right),
            out($sums) _,
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// `tilestored`: to [`Sums`].
macro_rules! store {
    ($tile:tt, $to:expr) => {
        asm!(
            concat!("tilestored [{to} + {stride}], ", $tile),
            to = in(reg) $to.0.as_mut_ptr(),
            stride = in(reg) ROW,
            options(nostack, preserves_flags),
        )
    };
}

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
            self.configure(BLOCK);
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
                        self.configure(HALF_BLOCK);
                        self.group::<S::Half, 1>(rows, group);
                        HALF_BLOCK
                    }
                };
            }
            asm!("tilerelease", options(nostack, preserves_flags, nomem));
        }
    }

    /// Tiles of so many outputs.
    #[inline(always)]
    unsafe fn configure(&self, outputs: usize) {
        let (step, height) = (self.step(), self.height() as u8);
        let mut config = Config { palette: 1, start: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        config.bytes[..4].fill(outputs as u16 * 4);
        config.bytes[4..6].fill(step as u16 * 2);
        config.bytes[6..8].fill(outputs as u16 * 4);
        config.rows[..6].fill(height);
        config.rows[6..8].fill(step as u8 / 2);
        // SAFETY: AMX is granted, and no tile has more than 16 rows of 64 bytes.
        unsafe {
            asm!(
                "ldtilecfg [{config}]",
                config = in(reg) &config,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, preserves_flags, readonly),
            );
        }
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
                        true => self.tiles::<S, 2, N>(y, [x, (x + height).min(last)], group, ahead),
                        false => self.tiles::<S, 1, N>(y, [x.min(last); 2], group, ahead),
                    }
                }
            }
        }
    }

    /// M times N tiles.
    #[inline(always)]
    unsafe fn tiles<S: Simd, const M: usize, const N: usize>(
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
            load!("tmm0", bias, 0usize);
            if N > 1 {
                load!("tmm1", bias.add(BLOCK), 0usize);
            }
            if M > 1 {
                load!("tmm2", bias, 0usize);
            }
            if M > 1 && N > 1 {
                load!("tmm3", bias.add(BLOCK), 0usize);
            }
            let right = width * size_of::<f32>();
            for block in (0..self.input.blocks()).step_by(strip::group(self.input.channels) / BLOCK) {
                let (start, lanes) = strip::place(self.input, y - self.from, block);
                let left = 2 * lanes;
                let pixels = self.arena.cast::<u16>().add(start);
                for lane in (0..lanes).step_by(step) {
                    load!("tmm4", pixels.add(x[0] * lanes + lane), left);
                    load!("tmm6", weights, right);
                    multiply!("tmm0", "tmm4", "tmm6");
                    if N > 1 {
                        load!("tmm7", weights.add(BLOCK), right);
                        multiply!("tmm1", "tmm4", "tmm7");
                    }
                    if M > 1 {
                        load!("tmm5", pixels.add(x[1] * lanes + lane), left);
                        multiply!("tmm2", "tmm5", "tmm6");
                    }
                    if M > 1 && N > 1 {
                        multiply!("tmm3", "tmm5", "tmm7");
                    }
                    for line in ahead.clone() {
                        S::prefetch(weights.wrapping_byte_add(AHEAD + line * ROW));
                    }
                    weights = weights.wrapping_add(step / 2 * width);
                }
            }
            let mut sums = Sums([0.0; ROWS * BLOCK]);
            store!("tmm0", sums);
            self.finish::<S>(y, x[0], first, &sums);
            if N > 1 {
                store!("tmm1", sums);
                self.finish::<S>(y, x[0], first + BLOCK, &sums);
            }
            if M > 1 {
                store!("tmm2", sums);
                self.finish::<S>(y, x[1], first, &sums);
            }
            if M > 1 && N > 1 {
                store!("tmm3", sums);
                self.finish::<S>(y, x[1], first + BLOCK, &sums);
            }
        }
    }

    /// Clamps a tile of sums, and writes it to the outputs from `first` on.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, y: usize, x: usize, first: usize, sums: &Sums) {
        let block = first / BLOCK;
        let width = self.output.block_width(block);
        // SAFETY: the section begins with two bounds; a tile's pixels are inside the map.
        unsafe {
            let (low, high) = (S::splat(*self.section), S::splat(*self.section.add(1)));
            let start = self.arena.add(self.output.at(y, block) + x * width + first % BLOCK);
            for i in 0..self.height() {
                let sum = S::load(sums.0.as_ptr().add(i * BLOCK));
                S::store(start.add(i * width), S::min(S::max(sum, low), high));
            }
        }
    }
}

const _: () = assert!(size_of::<Config>() == 64 && size_of::<Sums>() == ROWS * ROW);
