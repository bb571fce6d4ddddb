//! The micro-kernel: a tile of a matrix product, MR pixels x NV vectors of outputs, kept in registers.
//!
//! ```text
//! acc[i][v] = bias[v]
//! for k in inputs:                         K is never split: one pass, one rounding order
//!     w[v] = weights[k][v]                 one row of the panel
//!     acc[i][v] += left[i][k] * w[v]       left broadcast from memory
//! out[i][v] = min(max(acc[i][v], low), high)
//! ```
//!
//! What the left operand is differs by layer (pixels of a map, image lines, windows of a map): the [`Left`] trait.

use super::{Columns, Pixels, Rows};
use crate::layout::{ALIGN, BLOCK, HALF_BLOCK, Map, PANEL, Section, padded, panel_width};
use crate::simd::Simd;

/// Accumulators of a tile.
pub(crate) type Acc<S, const MR: usize, const NV: usize> = [[<S as Simd>::V; NV]; MR];

/// Weights are asked for this many `f32`s before they are read: far enough for memory to answer, near enough to stay
/// in a second-level cache of 1 MiB.
const AHEAD: usize = 64 * 1024;

/// Rows of a weight panel still to come.
#[derive(Clone, Copy)]
pub(crate) struct Panel {
    pub(crate) next: *const f32,
    pub(crate) width: usize,
    /// What to prefetch next: each tile asks for its share of what lies [`AHEAD`] of the panel.
    pub(crate) ahead: *const f32,
    /// Cache lines to prefetch for each block of inputs.
    pub(crate) share: usize,
}

impl Panel {
    /// Prefetches the share that goes with a block of inputs.
    ///
    /// # Safety
    ///
    /// The share must be what [`Ahead`] gives for this set, and once for each block of inputs.
    #[inline(always)]
    pub(crate) unsafe fn look_ahead<S: Simd>(&mut self) {
        for _ in 0..self.share {
            if const { S::READS_AHEAD } {
                // SAFETY: for such a set all shares are inside the layer's weights.
                let _ = unsafe { self.ahead.read_volatile() };
            } else {
                S::prefetch(self.ahead);
            }
            self.ahead = self.ahead.wrapping_add(ALIGN);
        }
    }
}

/// The left operand of a product: for each pixel, its K inputs.
pub(crate) trait Left: Copy {
    /// Pixels of a tile at most; fewer for operands that are rare, to keep the code small.
    const TILE: usize = usize::MAX;

    /// Adds the products of MR pixels with NV vectors of each row of the panel.
    ///
    /// # Safety
    ///
    /// MR pixels and K rows of the panel must be there.
    unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
        self,
        panel: Panel,
        acc: Acc<S, MR, NV>,
    ) -> Acc<S, MR, NV>;

    /// The same operand, `pixels` further on.
    fn advance(self, pixels: usize) -> Self;
}

/// Adds the products of `len` consecutive inputs of MR pixels, `step` values apart.
///
/// # Safety
///
/// Those inputs and `len` rows of the panel must be there.
#[inline(always)]
pub(crate) unsafe fn multiply_run<S: Simd, const MR: usize, const NV: usize>(
    left: *const f32,
    step: usize,
    len: usize,
    panel: &mut Panel,
    mut acc: Acc<S, MR, NV>,
) -> Acc<S, MR, NV> {
    let mut done = 0;
    if const { S::BY_LANE } {
        // An unknown length keeps the loop: unrolled, LLVM brings all of its loads forward, and spills.
        let len = core::hint::black_box(len);
        while done + 4 <= len {
            // SAFETY: every pixel has 4 more inputs, which no vector of such a set is wider than.
            let x: [S::V; MR] = core::array::from_fn(|i| unsafe { S::load(left.add(i * step + done)) });
            macro_rules! lanes {
                ($($lane:literal)*) => {$(
                    // SAFETY: the panel has a row for each input, with NV vectors.
                    unsafe {
                        for v in 0..NV {
                            let w = S::load(panel.next.add(v * S::LANES));
                            for (x, acc) in x.iter().zip(&mut acc) {
                                acc[v] = S::fma_lane::<$lane>(*x, w, acc[v]);
                            }
                        }
                    }
                    panel.next = panel.next.wrapping_add(panel.width);
                )*};
            }
            lanes!(0 1 2 3);
            done += 4;
        }
    }
    for k in done..len {
        // SAFETY: row k of the panel has NV vectors, and pixel i an input k, by this function's contract.
        unsafe {
            let w: [S::V; NV] = core::array::from_fn(|v| S::load(panel.next.add(v * S::LANES)));
            for v in 0..NV {
                S::prefetch_first(panel.next.wrapping_add(16 * panel.width + v * S::LANES));
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                let x = S::splat(*left.add(k).add(i * step));
                for v in 0..NV {
                    acc[v] = S::fma(x, w[v], acc[v]);
                }
            }
        }
        // Wrapping, as above: after the last row, columns in the middle of the panel would be past the end of the weights.
        panel.next = panel.next.wrapping_add(panel.width);
    }
    acc
}

/// Rows of the tallest tile that is NV vectors wide.
const fn most<S: Simd, L: Left, const NV: usize>() -> usize {
    let most = if NV == 1 { S::COLUMN } else { S::TILE };
    if most < L::TILE { most } else { L::TILE }
}

/// A run of pixels split into tiles of nearly equal heights.
#[derive(Clone, Copy)]
pub(crate) struct Heights {
    pub(crate) tiles: usize,
    least: usize,
    /// How many are one pixel taller than the others.
    taller: usize,
}

impl Heights {
    /// `pixels` in tiles of at most `most`.
    #[inline(always)]
    pub(crate) fn new(pixels: usize, most: usize) -> Self {
        // So few pixels are rare: they go one by one.
        let tiles = if pixels < most.div_ceil(2) { pixels } else { pixels.div_ceil(most) };
        // No pixels are no tiles; the divisor tells the optimiser that it is not zero. So below.
        Heights { tiles, least: pixels / tiles.max(1), taller: pixels % tiles.max(1) }
    }

    /// Whether a height occurs: two tiles or more are at least half as tall as the tallest.
    pub(crate) const fn has(height: usize, most: usize) -> bool {
        height == 1 || (most.div_ceil(2) <= height && height <= most)
    }

    /// The heights in order.
    #[inline(always)]
    pub(crate) fn each(&self) -> impl Iterator<Item = usize> {
        (0..self.tiles).map(|i| self.least + usize::from(i < self.taller))
    }
}

/// Where the tiles of a group of columns prefetch: what lies [`AHEAD`] of the group's weights, in equal shares.
pub(crate) struct Ahead {
    pub(crate) at: *const f32,
    pub(crate) share: usize,
    left: usize,
    inputs: usize,
}

impl Ahead {
    /// `lines`: cache lines of the group for each block of inputs. `rest`: weights of the layer from the group on.
    #[inline(always)]
    pub(crate) fn new<S: Simd>(
        group: *const f32,
        rest: usize,
        lines: usize,
        inputs: usize,
        tiles: usize,
    ) -> Self {
        let inside = AHEAD + lines * inputs <= rest;
        let left = if const { S::READS_AHEAD } && !inside { 0 } else { lines };
        Ahead { at: group.wrapping_add(AHEAD), share: left.div_ceil(tiles.max(1)), left, inputs }
    }

    /// To the share of the next tile.
    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        self.at = self.at.wrapping_add(self.share * self.inputs / BLOCK * ALIGN);
        self.left = self.left.saturating_sub(self.share);
        self.share = self.share.min(self.left);
    }
}

/// Where a tile's results go.
#[derive(Clone, Copy)]
struct Target {
    /// First vector of the first pixel.
    start: *mut f32,
    /// From one pixel to the next.
    step: usize,
    /// From one channel block to the next.
    block: usize,
}

/// One layer's product: its weights, its epilogue, and the map it writes.
pub(crate) struct Product<'l> {
    /// Start of the layer's section.
    pub(crate) section: *const f32,
    /// Inputs.
    pub(crate) inputs: usize,
    /// Whether to prefetch weights.
    pub(crate) look_ahead: bool,
    /// The output map.
    pub(crate) output: &'l Map,
    /// Start of the arena.
    pub(crate) arena: *mut f32,
}

impl Product<'_> {
    /// Computes some panels of some pixels of each row of `rows`, from the left operands that `left` gives: panels
    /// outside, rows inside, so that a panel stays in the cache. Columns of a panel go in groups of two vectors, one, or a half.
    ///
    /// # Safety
    ///
    /// Section and map must be inside weights and arena, and the left operands valid for all of these pixels.
    #[inline(always)]
    pub(crate) unsafe fn run<S: Simd, L: Left>(
        &self,
        rows: &Rows,
        panels: &Columns,
        pixels: &Pixels,
        left: impl Fn(usize) -> L + Copy,
    ) {
        let outputs = padded(self.output.channels).min(panels.end * PANEL);
        let mut first = panels.start * PANEL;
        while first < outputs {
            let left_over = (outputs - first).min(PANEL - first % PANEL);
            // SAFETY: passed on; the group's columns are inside the panel's width.
            unsafe {
                // What is left over is a multiple of a half block: narrow sets never get to the later branches.
                first += if const { 2 * S::LANES <= HALF_BLOCK } || left_over >= 2 * S::LANES {
                    self.group::<S, L, 2>(first, rows, pixels, left);
                    2 * S::LANES
                } else if const { S::LANES <= HALF_BLOCK } || left_over >= S::LANES {
                    self.group::<S, L, 1>(first, rows, pixels, left);
                    S::LANES
                } else {
                    self.group::<S::Half, L, 1>(first, rows, pixels, left);
                    S::Half::LANES
                }
            }
        }
    }

    /// A function of its own for each set, left operand and width; sets share those of their half.
    #[inline(always)]
    unsafe fn group<S: Simd, L: Left, const NV: usize>(
        &self,
        first: usize,
        rows: &Rows,
        pixels: &Pixels,
        left: impl Fn(usize) -> L,
    ) {
        // SAFETY: passed on.
        unsafe {
            S::call(
                #[inline(always)]
                || self.columns::<S, L, NV>(first, rows, pixels, &left),
            );
        }
    }

    /// NV vectors of outputs from `first` on: each run of pixels in tiles of nearly equal height, none left over.
    #[inline(always)]
    unsafe fn columns<S: Simd, L: Left, const NV: usize>(
        &self,
        first: usize,
        rows: &Rows,
        pixels: &Pixels,
        left: &impl Fn(usize) -> L,
    ) {
        let section = Section::panels(self.inputs, self.output.channels);
        let (panel, column) = (first / PANEL, first % PANEL);
        let width = panel_width(self.output.channels, panel);
        let step = self.output.block_width(first / BLOCK);
        // SAFETY: `first` is a stored channel of the output, so bias and panel column exist.
        let (bias, kernel) = unsafe {
            let panel = self.section.add(section.kernel + panel * PANEL * self.inputs);
            (self.section.add(section.bias + first), panel)
        };
        let heights = Heights::new(pixels.len(), const { most::<S, L, NV>() });
        let lines = if self.look_ahead { NV * S::LANES } else { 0 };
        let group = kernel.wrapping_add(column * self.inputs);
        let rest = (padded(self.output.channels) - first) * self.inputs;
        let mut ahead = Ahead::new::<S>(group, rest, lines, self.inputs, heights.tiles * rows.len());
        for y in rows.clone() {
            let mut left = left(y).advance(pixels.start);
            // SAFETY: the block exists, by the above, and so do row and pixel, by this function's contract.
            let start = unsafe {
                self.arena.add(self.output.at(y, first / BLOCK) + first % BLOCK + pixels.start * step)
            };
            let mut target = Target { start, step, block: self.output.block_stride() };
            for height in heights.each() {
                let panel =
                    Panel { next: kernel.wrapping_add(column), width, ahead: ahead.at, share: ahead.share };
                // SAFETY: passed on; the heights add up to the pixels.
                unsafe { self.dispatch::<S, L, NV>(height, left, panel, bias, target) }
                target.start = target.start.wrapping_add(height * step);
                left = left.advance(height);
                ahead.advance();
            }
        }
    }

    /// The tile of a height known at compile time: one of those that [`Heights`] gives.
    #[inline(always)]
    unsafe fn dispatch<S: Simd, L: Left, const NV: usize>(
        &self,
        height: usize,
        left: L,
        panel: Panel,
        bias: *const f32,
        target: Target,
    ) {
        macro_rules! heights {
            ($($height:literal)*) => {
                match height {
                    $(
                        // SAFETY: passed on.
                        $height => unsafe {
                            if const { Heights::has($height, most::<S, L, NV>()) } {
                                self.tile::<S, L, $height, NV>(left, panel, bias, target);
                            }
                        },
                    )*
                    _ => {}
                }
            };
        }
        heights!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, L: Left, const MR: usize, const NV: usize>(
        &self,
        left: L,
        panel: Panel,
        bias: *const f32,
        target: Target,
    ) {
        // SAFETY: bias and target have NV vectors, the section begins with two bounds, left and panel are passed on.
        unsafe {
            let bias: [S::V; NV] = core::array::from_fn(|v| S::load(bias.add(v * S::LANES)));
            let acc = left.multiply::<S, MR, NV>(panel, [bias; MR]);
            let (low, high) = (S::splat(*self.section), S::splat(*self.section.add(1)));
            for (i, acc) in acc.into_iter().enumerate() {
                for (v, acc) in acc.into_iter().enumerate() {
                    // Vectors of a group lie in one block, or are whole blocks.
                    let lane = v * S::LANES;
                    let at = i * target.step + lane / BLOCK * target.block + lane % BLOCK;
                    S::store(target.start.add(at), S::min(S::max(acc, low), high));
                }
            }
        }
    }
}
