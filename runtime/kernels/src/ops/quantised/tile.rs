//! The micro-kernel: a tile of a matrix product, MR pixels x NV blocks of outputs, kept in registers.
//!
//! ```text
//! sums[i][v] = bias[v] + row_sums[i]
//! for k in quads of inputs:                K is never split
//!     w[v] = weights[k][v]                 one row of the panel
//!     sums[i][v] += left[i][k] . w[v]      left broadcast from memory
//! out[i][v] = epilogue(sums[i][v])
//! ```
//!
//! It differs from that of [floats](crate::ops::tile) in what is multiplied and what becomes of sums; heights of tiles, panels
//! and how they are prefetched are the same.

use core::mem::MaybeUninit;

use super::epilogue::Epilogue;
use super::outliers;
use crate::dot::Dot;
use crate::layout::{BLOCK, ByteMap, PANEL};
use crate::ops::tile::{Ahead, Heights, Panel};
use crate::ops::{Columns, Rows};
use crate::quantised::layout::{OUTLIERS, QUAD, Section, panel_width};

/// Sums of a tile.
pub(crate) type Acc<D, const MR: usize, const NV: usize> = [[<D as Dot>::Sums; NV]; MR];

/// The left operand of a product: for each pixel, its quads.
pub(crate) trait Left: Copy {
    /// Pixels of a tile at most; fewer for operands that are rare, to keep the code small.
    const TILE: usize = usize::MAX;

    /// Adds the products of MR pixels with NV blocks of each row of the panel.
    ///
    /// # Safety
    ///
    /// MR pixels and all rows of the panel must be there.
    unsafe fn multiply<D: Dot, const MR: usize, const NV: usize>(
        self,
        panel: Panel,
        acc: Acc<D, MR, NV>,
    ) -> Acc<D, MR, NV>;

    /// Where the quad is that goes with a row of the panel, and the distance to that of the next pixel.
    fn quad(self, row: usize) -> (*const u8, usize);

    /// The same operand, `pixels` further on.
    fn advance(self, pixels: usize) -> Self;
}

/// Adds the products of `quads` consecutive quads of MR pixels, `step` bytes apart.
///
/// # Safety
///
/// Those quads and rows of the panel must be there.
#[inline(always)]
pub(crate) unsafe fn multiply_run<D: Dot, const MR: usize, const NV: usize>(
    left: *const u8,
    step: usize,
    quads: usize,
    panel: &mut Panel,
    acc: Acc<D, MR, NV>,
) -> Acc<D, MR, NV> {
    let begin = panel.next;
    // SAFETY: passed on.
    unsafe {
        let acc = multiply_part::<D, 0, MR, NV>(left, step, quads, panel, acc);
        if const { D::PARTS == 1 } {
            return acc;
        }
        panel.next = begin;
        multiply_part::<D, 1, MR, NV>(left, step, quads, panel, acc)
    }
}

/// The same to the sums of one of at most two parts.
///
/// # Safety
///
/// As above.
#[inline(always)]
pub(crate) unsafe fn multiply_part<D: Dot, const PART: usize, const MR: usize, const NV: usize>(
    left: *const u8,
    step: usize,
    quads: usize,
    panel: &mut Panel,
    acc: Acc<D, MR, NV>,
) -> Acc<D, MR, NV> {
    // SAFETY: passed on.
    let acc = unsafe { D::multiply::<PART, MR, NV>(acc, left, step, quads, panel.next, panel.width) };
    panel.next = panel.next.wrapping_add(quads * panel.width);
    acc
}

/// Rows of the tallest tile that is NV blocks wide.
const fn most<D: Dot, L: Left, const NV: usize>() -> usize {
    let most = if NV == 1 { D::COLUMN } else { D::TILE };
    if most < L::TILE { most } else { L::TILE }
}

/// One layer's product: its weights, its epilogue, and the map it writes.
pub(crate) struct Product<'l> {
    /// Start of the layer's section.
    pub(crate) section: *const f32,
    /// What is where in it.
    pub(crate) places: Section,
    /// Quads of inputs.
    pub(crate) quads: usize,
    /// Whether to prefetch weights.
    pub(crate) look_ahead: bool,
    /// What pixels' sums begin with, from that of row `from` on; null where that is nothing.
    pub(crate) sums: *const i32,
    /// The row whose sum is the first.
    pub(crate) from: usize,
    /// The output map.
    pub(crate) output: &'l ByteMap,
    /// Start of the arena.
    pub(crate) arena: *mut u8,
}

/// Where a tile's results go.
#[derive(Clone, Copy)]
struct Target {
    /// First output of the first pixel.
    start: *mut u8,
    /// The first pixel's sum, or null.
    sums: *const i32,
}

/// What the tiles of NV blocks begin and end with.
struct Ends<D: Dot, const NV: usize> {
    begin: [D::Sums; NV],
    epilogues: [Epilogue; NV],
    /// Whether all sums are scaled in single precision, and what with: read once, because some sets make much of it.
    is_single: bool,
    factors: [D::Factors; NV],
}

impl Product<'_> {
    /// Computes some panels of `pixels` pixels of each row of `rows`, from the left operands that `left` gives: panels
    /// outside, rows inside, so that a panel stays in the cache.
    ///
    /// # Safety
    ///
    /// Section and map must be inside weights and arena, and the left operands valid for `pixels` pixels.
    #[inline(always)]
    pub(crate) unsafe fn run<D: Dot, L: Left>(
        &self,
        rows: &Rows,
        panels: &Columns,
        pixels: usize,
        left: impl Fn(usize) -> L + Copy,
    ) {
        const EACH: usize = PANEL / BLOCK;
        let blocks = self.output.blocks().min(panels.end * EACH);
        let mut block = panels.start * EACH;
        while block < blocks {
            // SAFETY: passed on; the group's blocks are inside the panel.
            unsafe {
                if const { D::BLOCKS == EACH } && block.is_multiple_of(EACH) && block + 1 < blocks {
                    self.group::<D, L, EACH>(block, rows, pixels, left);
                    block += EACH;
                } else {
                    self.group::<D, L, 1>(block, rows, pixels, left);
                    block += 1;
                }
            }
        }
    }

    /// A function of its own for each set, left operand and width.
    #[inline(always)]
    unsafe fn group<D: Dot, L: Left, const NV: usize>(
        &self,
        block: usize,
        rows: &Rows,
        pixels: usize,
        left: impl Fn(usize) -> L,
    ) {
        // SAFETY: passed on.
        unsafe {
            D::call(
                #[inline(always)]
                || self.columns::<D, L, NV>(block, rows, pixels, &left),
            );
        }
    }

    /// NV blocks of outputs: each run of pixels in tiles of nearly equal height, none left over.
    #[inline(always)]
    unsafe fn columns<D: Dot, L: Left, const NV: usize>(
        &self,
        block: usize,
        rows: &Rows,
        pixels: usize,
        left: &impl Fn(usize) -> L,
    ) {
        let (panel, column) = (block * BLOCK / PANEL, block * BLOCK % PANEL);
        let width = panel_width(self.output.channels, panel);
        // SAFETY: the output has the blocks, so epilogues and panel column exist.
        let (epilogues, kernel): ([Epilogue; NV], _) = unsafe {
            let kernel = self.section.add(self.places.kernel + panel * PANEL * self.quads);
            (core::array::from_fn(|v| Epilogue::new(self.section, &self.places, block + v)), kernel)
        };
        // SAFETY: the section is there, and so are the blocks' columns of the panel.
        let (outliers, ends) = unsafe {
            let outliers = Outliers::<NV>::new(self, block * BLOCK);
            let begin = self.begin::<D, NV>(kernel.wrapping_add(column), width, &epilogues, &outliers);
            let is_single = epilogues.iter().all(Epilogue::is_single::<D>);
            let factors = core::array::from_fn(|v| epilogues[v].factors::<D>());
            (outliers, Ends::<D, NV> { begin, epilogues, is_single, factors })
        };
        let heights = Heights::new(pixels, const { most::<D, L, NV>() });
        // A block of inputs is multiplied with four rows of a panel.
        let lines = if self.look_ahead { NV * BLOCK / QUAD } else { 0 };
        let group = kernel.wrapping_add(column * self.quads);
        let rest = (self.output.padded() - block * BLOCK) * self.quads;
        let tiles = heights.tiles * rows.len();
        let mut ahead = Ahead::new::<D::Set>(group, rest, lines, self.quads * QUAD, tiles);
        for y in rows.clone() {
            let mut left = left(y);
            let sums = self.sums.wrapping_add((y - self.from) * self.output.width);
            let mut target = Target {
                start: self.arena.wrapping_add(self.output.at(y, block)),
                sums: if self.sums.is_null() { self.sums } else { sums },
            };
            for height in heights.each() {
                let panel =
                    Panel { next: kernel.wrapping_add(column), width, ahead: ahead.at, share: ahead.share };
                // SAFETY: passed on; the heights add up to `pixels`.
                unsafe { self.dispatch::<D, L, NV>(height, left, (panel, &outliers), &ends, target) }
                target.start = target.start.wrapping_add(height * BLOCK);
                if !self.sums.is_null() {
                    target.sums = target.sums.wrapping_add(height);
                }
                left = left.advance(height);
                ahead.advance();
            }
        }
    }

    /// What sums begin with: biases, and what products leave out.
    #[inline(always)]
    unsafe fn begin<D: Dot, const NV: usize>(
        &self,
        panel: *const f32,
        width: usize,
        epilogues: &[Epilogue; NV],
        outliers: &Outliers<NV>,
    ) -> [D::Sums; NV] {
        // SAFETY: the panel has a row for each quad; so have outliers.
        unsafe {
            let mut begin = [D::splat(0); NV];
            for (v, (begin, epilogue)) in begin.iter_mut().zip(epilogues).enumerate() {
                *begin = epilogue.bias::<D>();
                if D::is_flipped() {
                    for k in 0..self.quads {
                        *begin = D::rest(*begin, D::right(panel.add(k * width + v * BLOCK).cast()));
                    }
                    for outlier in outliers.each() {
                        *begin = D::rest(*begin, D::right(outlier.weights[v].as_ptr()));
                    }
                }
            }
            begin
        }
    }

    /// The tile of a height known at compile time: one of those that [`Heights`] gives.
    #[inline(always)]
    unsafe fn dispatch<D: Dot, L: Left, const NV: usize>(
        &self,
        height: usize,
        left: L,
        weights: (Panel, &Outliers<NV>),
        ends: &Ends<D, NV>,
        target: Target,
    ) {
        macro_rules! heights {
            ($($height:literal)*) => {
                match height {
                    $(
                        // SAFETY: passed on.
                        $height => unsafe {
                            if const { Heights::has($height, most::<D, L, NV>()) } {
                                self.tile::<D, L, $height, NV>(left, weights, ends, target);
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
    unsafe fn tile<D: Dot, L: Left, const MR: usize, const NV: usize>(
        &self,
        left: L,
        (panel, outliers): (Panel, &Outliers<NV>),
        ends: &Ends<D, NV>,
        Target { start, sums }: Target,
    ) {
        // SAFETY: sums and target have MR pixels, left and panel are passed on.
        unsafe {
            let mut acc = [ends.begin; MR];
            if !sums.is_null() {
                for (i, acc) in acc.iter_mut().enumerate() {
                    let sum = D::splat(*sums.add(i));
                    for acc in acc {
                        *acc = D::add(*acc, sum);
                    }
                }
            }
            let mut acc = left.multiply::<D, MR, NV>(panel, acc);
            for outlier in outliers.each() {
                let (quad, step) = left.quad(outlier.row);
                let mut row = Panel { next: outlier.weights.as_ptr().cast(), ..panel };
                acc = multiply_run::<D, MR, NV>(quad, step, 1, &mut row, acc);
            }
            let block = self.output.block_stride();
            if !ends.is_single {
                return spill::<D, MR, NV>(&acc, &ends.epilogues, start, block);
            }
            for (v, epilogue) in ends.epilogues.iter().enumerate() {
                let (to, factors, bounds) = (start.add(v * block), ends.factors[v], epilogue.bounds::<D>());
                for first in (0..MR).step_by(4) {
                    // Behind the last pixel that pixel again.
                    let pixel = |i: usize| acc[if first + i < MR { first + i } else { MR - 1 }][v];
                    let four = [pixel(0), pixel(1), pixel(2), pixel(3)];
                    let pixels = if MR - first < 4 { MR - first } else { 4 };
                    Epilogue::finish::<D>(factors, four, bounds, pixels, to.add(first * BLOCK));
                }
            }
        }
    }
}

/// A row of a panel that goes with quads that have been multiplied already.
#[derive(Clone, Copy)]
struct Row<const NV: usize> {
    row: usize,
    weights: [[i32; BLOCK]; NV],
}

/// The outliers of NV blocks, a row each.
struct Outliers<const NV: usize> {
    rows: [MaybeUninit<Row<NV>>; OUTLIERS],
    count: usize,
}

impl<const NV: usize> Outliers<NV> {
    /// Those of the blocks from output `first` on.
    #[inline(always)]
    unsafe fn new(product: &Product<'_>, first: usize) -> Self {
        let mut all = Outliers { rows: [MaybeUninit::uninit(); OUTLIERS], count: 0 };
        // SAFETY: passed on.
        for outlier in unsafe { outliers(product.section, &product.places) } {
            let lane = (outlier.output as usize).wrapping_sub(first);
            if lane < NV * BLOCK {
                let mut weights = [[0; BLOCK]; NV];
                weights[lane / BLOCK][lane % BLOCK] = outlier.quad;
                // Whatever the words are, no other memory is read.
                let row = (outlier.row as usize).min(product.quads - 1);
                if let Some(place) = all.rows.get_mut(all.count) {
                    place.write(Row { row, weights });
                    all.count += 1;
                }
            }
        }
        all
    }

    #[inline(always)]
    fn each(&self) -> impl Iterator<Item = &Row<NV>> {
        // SAFETY: so many have been written.
        self.rows.iter().take(self.count).map(|row| unsafe { row.assume_init_ref() })
    }
}

/// Sums go over memory where they are not scaled in single precision: what is rarer stays out of the way of what is not.
#[inline(always)]
unsafe fn spill<D: Dot, const MR: usize, const NV: usize>(
    acc: &Acc<D, MR, NV>,
    epilogues: &[Epilogue; NV],
    start: *mut u8,
    block: usize,
) {
    /// The tallest tile, in fours of pixels.
    const FOURS: usize = 4;
    let mut spilled = MaybeUninit::<[[[[i32; BLOCK]; 4]; FOURS]; NV]>::uninit();
    let sums: *mut [[[i32; BLOCK]; 4]; FOURS] = spilled.as_mut_ptr().cast();
    // SAFETY: a tile has no more pixels than that, and what is read of the fours has been written; the rest is passed on.
    unsafe {
        for i in 0..MR.next_multiple_of(4) {
            // Behind the last pixel that pixel again.
            let pixel = if i < MR { i } else { MR - 1 };
            for (v, &acc) in acc[pixel].iter().enumerate() {
                D::store(sums.add(v).cast::<i32>().add(i * BLOCK), acc);
            }
        }
        D::call(
            #[inline(always)]
            || {
                for (v, epilogue) in epilogues.iter().enumerate() {
                    let sums = core::slice::from_raw_parts_mut(sums.add(v).cast(), MR.div_ceil(4));
                    epilogue.finish_spilled::<D>(sums, MR, start.wrapping_add(v * block));
                }
            },
        );
    }
}
