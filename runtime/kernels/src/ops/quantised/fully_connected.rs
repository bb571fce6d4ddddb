//! The classifier: a product of one row, as fast as its weights come. They are read in one go from start to end; rows of
//! a panel go to sums in turn, so that additions do not wait for each other.

use super::epilogue::Epilogue;
use super::{outliers, word};
use crate::dot::Dot;
use crate::layout::{ALIGN, BLOCK, PANEL};
use crate::ops::Columns;
use crate::quantised::layer::FullyConnected;
use crate::quantised::layout::{Outlier, QUAD, Section, Word, panel_width, quads};
use crate::simd::Simd;

/// Weights that cannot all be in a second-level cache are asked for this many words before they are read.
const AHEAD: usize = 4096;
/// Words that can: 1 MiB.
const NEAR: usize = 256 * 1024;

/// Computes some panels of the layer.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn fully_connected<D: Dot>(
    layer: &FullyConnected,
    panels: Columns,
    weights: *const f32,
    arena: *mut u8,
) {
    let places = Section::panels(1, layer.inputs, layer.outputs);
    // SAFETY: panel j starts at j * PANEL * quads of the kernel, and is as wide as `panel_width` says.
    unsafe {
        let section = weights.add(layer.weights);
        let input = arena.add(layer.input);
        let inputs = core::slice::from_raw_parts(input, layer.inputs);
        let sum: i32 = inputs.iter().map(|&x| i32::from(x)).sum();
        let sum = sum.wrapping_mul(word(section, Word::Correction));
        let outliers = outliers(section, &places);
        for panel in panels {
            let width = panel_width(layer.outputs, panel);
            let group = Group {
                section,
                places: &places,
                block: panel * PANEL / BLOCK,
                input,
                quads: quads(layer.inputs),
                weights: section.add(places.kernel + panel * PANEL * quads(layer.inputs)),
                far: places.len > NEAR,
                sum,
                outliers,
                output: arena.add(layer.output + panel * PANEL),
            };
            // A whole panel at once is one stream of weights.
            match (width, D::BLOCKS) {
                (PANEL, 2) => group.multiply::<D, 2, 4>(),
                (PANEL, _) => group.multiply::<D, 2, 2>(),
                _ => group.multiply::<D, 1, 4>(),
            }
        }
    }
}

/// A panel.
struct Group<'l> {
    section: *const f32,
    places: &'l Section,
    /// Its first block.
    block: usize,
    input: *const u8,
    quads: usize,
    weights: *const f32,
    /// Whether to prefetch.
    far: bool,
    /// What all outputs add.
    sum: i32,
    /// The layer's outliers.
    outliers: &'l [Outlier],
    output: *mut u8,
}

impl Group<'_> {
    /// NV blocks of outputs, TURNS rows of the panel together.
    #[inline(always)]
    unsafe fn multiply<D: Dot, const NV: usize, const TURNS: usize>(self) {
        // SAFETY: input, weights, epilogues and output are there for all inputs and NV blocks; prefetches do not fault.
        unsafe {
            let mut sums = [[D::splat(0); NV]; TURNS];
            let whole = self.quads / TURNS * TURNS;
            for k in (0..whole).step_by(TURNS) {
                for (turn, sums) in sums.iter_mut().enumerate() {
                    self.row::<D, NV>(k + turn, sums);
                }
            }
            for k in whole..self.quads {
                self.row::<D, NV>(k, &mut sums[0]);
            }
            for v in 0..NV {
                let epilogue = Epilogue::new(self.section, self.places, self.block + v);
                let more = self.more(self.block + v);
                let bias = D::add(epilogue.bias::<D>(), D::load(more.as_ptr()));
                let sum = sums.iter().fold(bias, |sum, turn| D::add(sum, turn[v]));
                let mut spilled = [[0; BLOCK]; 4];
                D::store(spilled[0].as_mut_ptr(), sum);
                epilogue.finish_spilled::<D>(&mut [spilled], 1, self.output.add(v * BLOCK));
            }
        }
    }

    /// What a block's outputs add: the row sum, and the products of outliers.
    #[inline(always)]
    fn more(&self, block: usize) -> [i32; BLOCK] {
        let mut more = [self.sum; BLOCK];
        for outlier in self.outliers {
            let lane = (outlier.output as usize).wrapping_sub(block * BLOCK);
            if lane < BLOCK {
                let row = (outlier.row as usize).min(self.quads - 1);
                for (i, weight) in outlier.quad.to_le_bytes().into_iter().enumerate() {
                    // SAFETY: the input has so many whole quads.
                    let x = unsafe { *self.input.add(row * QUAD + i) };
                    more[lane] = more[lane].wrapping_add(i32::from(x) * i32::from(weight as i8));
                }
            }
        }
        more
    }

    /// Adds the products of a quad.
    #[inline(always)]
    unsafe fn row<D: Dot, const NV: usize>(&self, k: usize, sums: &mut [D::Sums; NV]) {
        // SAFETY: passed on.
        unsafe {
            let row = self.weights.add(k * NV * BLOCK);
            if self.far {
                for at in (0..NV * BLOCK).step_by(ALIGN) {
                    D::Set::prefetch(row.wrapping_add(AHEAD + at));
                }
            }
            let x = D::broadcast(self.input.add(k * QUAD));
            for (v, sum) in sums.iter_mut().enumerate() {
                let w = D::right(row.add(v * BLOCK).cast());
                *sum = D::rest(D::dot(*sum, x, w), w);
            }
        }
    }
}
