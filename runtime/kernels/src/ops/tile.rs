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

use crate::layout::{BLOCK, Map, PANEL, Section, padded, panel_width};
use crate::simd::Simd;

/// Accumulators of a tile.
pub(crate) type Acc<S, const MR: usize, const NV: usize> = [[<S as Simd>::V; NV]; MR];

/// Rows of a weight panel still to come.
#[derive(Clone, Copy)]
pub(crate) struct Panel {
    next: *const f32,
    width: usize,
}

/// The left operand of a product: for each pixel, its K inputs.
pub(crate) trait Left: Copy {
    /// Pixels of a tile at most; fewer for operands that are rare, to keep the code small.
    const TILE: usize = 14;

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
    for k in 0..len {
        // SAFETY: row k of the panel has NV vectors, and pixel i an input k, by this function's contract.
        unsafe {
            let w: [S::V; NV] = core::array::from_fn(|v| S::load(panel.next.add(v * S::LANES)));
            for (i, acc) in acc.iter_mut().enumerate() {
                let x = S::splat(*left.add(i * step + k));
                for v in 0..NV {
                    acc[v] = S::fma(x, w[v], acc[v]);
                }
            }
            panel.next = panel.next.add(panel.width);
        }
    }
    acc
}

const fn lower(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
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
    /// The output map.
    pub(crate) output: &'l Map,
    /// Start of the arena.
    pub(crate) arena: *mut f32,
}

impl Product<'_> {
    /// Computes `pixels` pixels of each row of `rows`, from the left operands that `left` gives. Panels go outside
    /// rows, so that a panel stays in the first-level cache.
    ///
    /// # Safety
    ///
    /// Section and map must be inside weights and arena, and the left operands valid for `pixels` pixels.
    #[inline(always)]
    pub(crate) unsafe fn run<S: Simd, L: Left>(
        &self,
        rows: core::ops::Range<usize>,
        pixels: usize,
        left: impl Fn(usize) -> L,
    ) {
        let outputs = self.output.channels;
        for panel in 0..padded(outputs).div_ceil(PANEL) {
            for y in rows.clone() {
                // SAFETY: passed on.
                unsafe { self.panel::<S, L>(panel, y, pixels, left(y)) }
            }
        }
    }

    /// One panel of one run of pixels, in groups of columns as wide as two vectors, one, or a half.
    #[inline(always)]
    unsafe fn panel<S: Simd, L: Left>(&self, panel: usize, y: usize, pixels: usize, left: L) {
        let width = panel_width(self.output.channels, panel);
        let mut column = 0;
        while column < width {
            // SAFETY: passed on; the group's columns are inside the panel's width.
            unsafe {
                column += if width - column >= 2 * S::LANES {
                    S::call(
                        #[inline(always)]
                        || self.columns::<S, L, 2>(panel, column, y, pixels, left),
                    );
                    2 * S::LANES
                } else if width - column >= S::LANES {
                    S::call(
                        #[inline(always)]
                        || self.columns::<S, L, 1>(panel, column, y, pixels, left),
                    );
                    S::LANES
                } else {
                    S::Half::call(
                        #[inline(always)]
                        || self.columns::<S::Half, L, 1>(panel, column, y, pixels, left),
                    );
                    S::Half::LANES
                }
            }
        }
    }

    /// NV vectors of columns: the run of pixels in tiles of nearly equal height, none left over.
    #[inline(always)]
    unsafe fn columns<S: Simd, L: Left, const NV: usize>(
        &self,
        panel: usize,
        column: usize,
        y: usize,
        pixels: usize,
        mut left: L,
    ) {
        let first = panel * PANEL + column;
        let section = Section::panels(self.inputs, self.output.channels);
        let step = self.output.block_width(first / BLOCK);
        // SAFETY: `first` is a stored channel of the output, so bias, panel column and block exist.
        let (bias, weights, start) = unsafe {
            let kernel = self.section.add(section.kernel + panel * PANEL * self.inputs + column);
            let start = self.arena.add(self.output.at(y, first / BLOCK) + first % BLOCK);
            (self.section.add(section.bias + first), kernel, start)
        };
        let weights = Panel { next: weights, width: panel_width(self.output.channels, panel) };
        let mut target = Target { start, step, block: self.output.block_stride() };
        let tiles = pixels.div_ceil(const { lower(S::TILE, L::TILE) });
        let (height, taller) = (pixels / tiles, pixels % tiles);
        for i in 0..tiles {
            let height = height + usize::from(i < taller);
            // SAFETY: passed on; the heights add up to `pixels`.
            unsafe {
                self.dispatch::<S, L, NV>(height, left, weights, bias, target);
                target.start = target.start.add(height * step);
            }
            left = left.advance(height);
        }
    }

    /// The tile of a height known at compile time.
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
                            if const { $height <= lower(S::TILE, L::TILE) } {
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
