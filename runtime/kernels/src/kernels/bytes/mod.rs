//! The kernels of networks of bytes.

mod share;
mod stream;
mod table;

pub(super) use table::*;

use super::{Kernels, Memory, assert_fits, starts};
use crate::image::Image;
use crate::layer::Checked;
use crate::ops::quantised::vector;
use crate::quantised::layer::{
    Depthwise, Dequantise, FullyConnected, Pointwise, Pool, Separable, Softmax, Stage, Stem,
};

/// [`Kernels`](super::Kernels) for networks of bytes.
///
/// Methods panic where weights or arena are shorter than the layer needs, or the image has another size.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'t>(pub(super) Kernels<'t>);

impl Bytes<'_> {
    fn table(&self) -> &'static Table {
        self.0.table.bytes
    }

    fn sharing<L>(&self, layer: &Checked<L>) -> Self {
        Bytes(self.0.sharing(layer))
    }

    /// Runs the first convolution.
    #[inline]
    pub fn stem(&self, layer: &Checked<Stem>, image: Image<'_>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        assert_fits(layer.layer().image, image);
        // SAFETY: the layer is checked against weights and arena, the image has its size.
        unsafe { self.sharing(layer).stem_rows(layer.layer(), 0..layer.layer().output.height, image, memory) }
    }

    /// Runs a depthwise convolution.
    #[inline]
    pub fn depthwise(&self, layer: &Checked<Depthwise>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: the layer is checked against weights and arena; so below.
        unsafe { self.sharing(layer).depthwise_rows(layer.layer(), memory) }
    }

    /// Runs a pointwise convolution.
    #[inline]
    pub fn pointwise(&self, layer: &Checked<Pointwise>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in depthwise.
        unsafe { self.sharing(layer).pointwise_rows(layer.layer(), memory) }
    }

    /// Runs a depthwise-separable block.
    #[inline]
    pub fn separable(&self, layer: &Checked<Separable>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in depthwise.
        unsafe { self.sharing(layer).separable_rows(layer.layer(), 0..layer.layer().output.height, memory) }
    }

    /// Runs a global average pool.
    #[inline]
    pub fn pool(&self, layer: &Checked<Pool>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in depthwise; the processor has the set, because `self` exists.
        unsafe { (self.table().pool)(layer.layer(), memory.weights, memory.bytes()) }
    }

    /// Runs a classifier.
    #[inline]
    pub fn fully_connected(&self, layer: &Checked<FullyConnected>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in depthwise.
        unsafe { self.sharing(layer).fully_connected_columns(layer.layer(), memory) }
    }

    /// Runs layers together, as [`Kernels::stream`] does.
    #[inline]
    pub fn stream(&self, stages: &[Stage], image: Image<'_>, weights: &[f32], arena: &mut [f32]) {
        super::stream::run(self.0, stages, image, weights, arena);
    }

    /// Runs a softmax.
    #[inline]
    pub fn softmax(&self, layer: &Checked<Softmax>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in depthwise.
        unsafe { vector::softmax(layer.layer(), memory.weights, memory.bytes()) }
    }

    /// Writes the numbers that bytes stand for.
    #[inline]
    pub fn dequantise(&self, layer: &Checked<Dequantise>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in depthwise.
        unsafe { vector::dequantise(layer.layer(), memory.weights, memory.bytes()) }
    }
}

impl Memory {
    /// The arena as bytes.
    fn bytes(self) -> *mut u8 {
        self.arena.cast()
    }
}
