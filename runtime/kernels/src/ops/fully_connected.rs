//! The classifier: a product of one row, as fast as its weights come. They are read in one go from start to end; rows of
//! a panel go to accumulators in turn, so that additions do not wait for each other.

use super::Columns;
use crate::layer::FullyConnected;
use crate::layout::{PANEL, Section, Storage, panel_width};
use crate::narrow::F16;
use crate::simd::Simd;

/// What weights are stored as.
trait Weight: Copy {
    /// Loads [`LANES`](Simd::LANES) weights.
    ///
    /// # Safety
    ///
    /// As all of [`Simd`].
    unsafe fn load<S: Simd>(from: *const Self) -> S::V;
}

impl Weight for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const f32) -> S::V {
        // SAFETY: passed on; so below.
        unsafe { S::load(from) }
    }
}

impl Weight for F16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const F16) -> S::V {
        // SAFETY: passed on.
        unsafe { S::load_f16(from) }
    }
}

/// Weights that cannot all be in a second-level cache are asked for this many bytes before they are read.
const AHEAD: usize = 16 * 1024;
/// Bytes that come at once.
const CACHE_LINE: usize = 64;
/// `f32`s that can: 1 MiB.
const NEAR: usize = 256 * 1024;

/// Computes some panels of the layer.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn fully_connected<S: Simd>(
    layer: &FullyConnected,
    panels: Columns,
    weights: *const f32,
    arena: *mut f32,
) {
    // SAFETY: passed on.
    unsafe {
        match layer.storage {
            Storage::F16 => multiply::<S, F16>(layer, panels, weights, arena),
            _ => multiply::<S, f32>(layer, panels, weights, arena),
        }
    }
}

#[inline(always)]
unsafe fn multiply<S: Simd, W: Weight>(
    layer: &FullyConnected,
    panels: Columns,
    weights: *const f32,
    arena: *mut f32,
) {
    let places = Section::product(layer.inputs, layer.outputs, layer.storage);
    // SAFETY: panel j starts at j * PANEL * inputs of the kernel, and is as wide as `panel_width` says.
    unsafe {
        let section = weights.add(layer.weights);
        let (kernel, bias) = (section.add(places.kernel).cast::<W>(), section.add(places.bias));
        let (input, output) = (arena.add(layer.input), arena.add(layer.output));
        for panel in panels {
            let width = panel_width(layer.outputs, panel);
            let panel = panel * PANEL;
            let mut column = 0;
            while column < width {
                let first = panel + column;
                let group = Group {
                    input,
                    inputs: layer.inputs,
                    weights: kernel.add(panel * layer.inputs + column),
                    width,
                    far: places.len > NEAR,
                    bias: bias.add(first),
                    output: output.add(first),
                };
                // A whole panel at once is one stream of weights; eight accumulators keep additions apart.
                column += if width == PANEL {
                    match S::LANES {
                        16 => group.multiply::<S, 2, 4>(),
                        8 => group.multiply::<S, 4, 2>(),
                        _ => group.multiply::<S, 8, 1>(),
                    }
                    PANEL
                } else {
                    group.multiply::<S::Half, 1, 4>();
                    S::Half::LANES
                };
            }
        }
    }
}

/// A few vectors of outputs.
struct Group<W> {
    input: *const f32,
    inputs: usize,
    weights: *const W,
    /// From one row of weights to the next.
    width: usize,
    /// Whether to prefetch.
    far: bool,
    bias: *const f32,
    output: *mut f32,
}

impl<W: Weight> Group<W> {
    /// NV vectors of outputs, TURNS rows of the panel together.
    #[inline(always)]
    unsafe fn multiply<S: Simd, const NV: usize, const TURNS: usize>(self) {
        // SAFETY: input, weights, bias and output are there for all inputs and NV vectors; prefetches do not fault.
        unsafe {
            let mut sums = [[S::splat(0.0); NV]; TURNS];
            sums[0] = core::array::from_fn(|v| S::load(self.bias.add(v * S::LANES)));
            let whole = self.inputs / TURNS * TURNS;
            for k in (0..whole).step_by(TURNS) {
                for (turn, sums) in sums.iter_mut().enumerate() {
                    self.row::<S, NV>(k + turn, sums);
                }
            }
            for k in whole..self.inputs {
                self.row::<S, NV>(k, &mut sums[0]);
            }
            let [first, others @ ..] = &sums[..] else { return };
            for (v, &sum) in first.iter().enumerate() {
                let sum = others.iter().fold(sum, |sum, other| S::add(sum, other[v]));
                S::store(self.output.add(v * S::LANES), sum);
            }
        }
    }

    /// Adds one input's products.
    #[inline(always)]
    unsafe fn row<S: Simd, const NV: usize>(&self, k: usize, sums: &mut [S::V; NV]) {
        // SAFETY: passed on.
        unsafe {
            let row = self.weights.add(k * self.width);
            if self.far {
                for at in (0..NV * S::LANES * size_of::<W>()).step_by(CACHE_LINE) {
                    S::prefetch(row.wrapping_byte_add(AHEAD + at).cast());
                }
            }
            let x = S::splat(*self.input.add(k));
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = S::fma(x, W::load::<S>(row.add(v * S::LANES)), *sum);
            }
        }
    }
}
