//! The classifier: a product of one row. Several panels at a time, so that additions do not wait for each other.

use super::Columns;
use crate::layer::FullyConnected;
use crate::layout::{PANEL, Section, padded, panel_width};
use crate::simd::Simd;

/// Accumulators.
const VECTORS: usize = 8;

/// Computes some panels of the layer; whole groups of panels are quick.
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
    let places = Section::panels(layer.inputs, layer.outputs);
    let full = (padded(layer.outputs) / PANEL).min(panels.end);
    // SAFETY: panel j starts at j * PANEL * inputs of the kernel, and is as wide as `panel_width` says.
    unsafe {
        let section = weights.add(layer.weights);
        let (kernel, bias) = (section.add(places.kernel), section.add(places.bias));
        let (input, output) = (arena.add(layer.input), arena.add(layer.output));
        let together = (VECTORS * S::LANES / PANEL).max(1);
        let mut panel = panels.start;
        while panel + together <= full && (VECTORS * S::LANES).is_multiple_of(PANEL) {
            let start = kernel.add(panel * PANEL * layer.inputs);
            columns::<S, VECTORS>(
                input,
                layer.inputs,
                bias.add(panel * PANEL),
                output.add(panel * PANEL),
                |v, k| {
                    let column = v * S::LANES;
                    start.add(column / PANEL * PANEL * layer.inputs + k * PANEL + column % PANEL)
                },
            );
            panel += together;
        }
        for panel in panel..panels.end {
            let start = kernel.add(panel * PANEL * layer.inputs);
            let width = panel_width(layer.outputs, panel);
            for column in (0..width).step_by(S::Half::LANES) {
                let first = panel * PANEL + column;
                columns::<S::Half, 1>(input, layer.inputs, bias.add(first), output.add(first), |_, k| {
                    start.add(k * width + column)
                });
            }
        }
    }
}

/// NV vectors of outputs; `weights` gives vector `v` of row `k`.
#[inline(always)]
unsafe fn columns<S: Simd, const NV: usize>(
    input: *const f32,
    inputs: usize,
    bias: *const f32,
    output: *mut f32,
    weights: impl Fn(usize, usize) -> *const f32,
) {
    // SAFETY: passed on.
    unsafe {
        let mut acc: [S::V; NV] = core::array::from_fn(|v| S::load(bias.add(v * S::LANES)));
        for k in 0..inputs {
            let x = S::splat(*input.add(k));
            for (v, acc) in acc.iter_mut().enumerate() {
                *acc = S::fma(x, S::load(weights(v, k)), *acc);
            }
        }
        for (v, acc) in acc.into_iter().enumerate() {
            S::store(output.add(v * S::LANES), acc);
        }
    }
}
