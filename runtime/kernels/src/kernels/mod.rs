//! The safe way to call kernels: one method a layer.

mod bf16;
mod bytes;
mod share;
mod stream;
mod table;

pub use bytes::Bytes;
use share::Memory;
use table::{Choice, Table};

use crate::Isa;
#[cfg(feature = "std")]
use crate::Team;
use crate::header::Precision;
use crate::image::Image;
use crate::layer::{
    Activation, BatchNorm, Checked, Conv, Depthwise, FullyConnected, Pointwise, Pool, Separable, Softmax,
    Stage, Stem,
};
use crate::ops;

/// The kernels of one instruction set, on one thread or on a team. That a value exists shows that this processor has the
/// set.
#[derive(Clone, Copy)]
pub struct Kernels<'t> {
    table: Choice,
    #[cfg(feature = "std")]
    team: Option<&'t Team>,
    #[cfg(not(feature = "std"))]
    team: core::marker::PhantomData<&'t ()>,
}

impl core::fmt::Debug for Kernels<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Kernels").field(&self.isa()).finish()
    }
}

impl Kernels<'static> {
    /// The kernels of an instruction set, if this processor has it.
    pub fn new(isa: Isa) -> Option<Self> {
        Table::new(isa).map(Self::alone)
    }

    /// The kernels of the best instruction set that this processor has for networks of a precision.
    pub fn best(precision: Precision) -> Self {
        Self::alone(Table::best(precision))
    }

    fn alone(table: &'static Table) -> Self {
        Kernels { table: Choice::of(table), team: Default::default() }
    }
}

/// The starts of weights and arena, shown to be long enough for a layer.
#[inline(always)]
fn starts<L>(layer: &Checked<L>, weights: &[f32], arena: &mut [f32]) -> Memory {
    assert!(weights.len() >= layer.weights_end(), "weights too short for the layer");
    assert!(arena.len() >= layer.arena_end(), "arena too short for the layer");
    Memory { weights: weights.as_ptr(), arena: arena.as_mut_ptr() }
}

fn assert_fits(size: [usize; 3], image: Image<'_>) {
    assert!(image.len() == size.iter().product(), "the image has another size");
}

impl<'t> Kernels<'t> {
    /// Layers that [`stream`](Self::stream) runs together at most.
    pub const MOST_STAGES: usize = 8;

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.table.isa
    }

    /// The same kernels, each layer's work shared by a team. Results are the same to the bit.
    #[cfg(feature = "std")]
    pub fn on(self, team: &Team) -> Kernels<'_> {
        Kernels { table: self.table, team: Some(team) }
    }

    /// Multiply-adds a second that one thread reaches with this instruction set at most, as measured just now, in some
    /// ten milliseconds: independent ones on registers, no memory touched. What a kernel takes is a share of it.
    #[cfg(feature = "std")]
    pub fn peak(&self) -> f64 {
        const ROUNDS: usize = 20_000;
        let mut values = [0.5; 16];
        let mut run = || {
            let start = std::time::Instant::now();
            // SAFETY: the processor has the set, because `self` exists; there are 16 values.
            unsafe { (self.table.peak)(ROUNDS, core::hint::black_box(&mut values).as_mut_ptr()) };
            core::hint::black_box(&values);
            start.elapsed().as_secs_f64()
        };
        let fastest = (0..200).map(|_| run()).fold(f64::INFINITY, f64::min);
        (ROUNDS * ops::peak::CHAINS * self.table.lanes) as f64 / fastest
    }

    /// The kernels of networks of bytes, in the same instruction set and on the same team.
    #[inline]
    pub fn bytes(self) -> Bytes<'t> {
        Bytes(self)
    }

    /// These kernels for a layer: without the team, where threads would read what others write.
    #[inline]
    fn sharing<L>(&self, layer: &Checked<L>) -> Self {
        match layer.is_apart() {
            true => *self,
            false => Kernels { table: self.table, team: Default::default() },
        }
    }

    /// Runs the first convolution.
    ///
    /// # Panics
    ///
    /// Where weights or arena are shorter than the layer needs, or the image has another size; so in all methods.
    #[inline]
    pub fn stem(&self, layer: &Checked<Stem>, image: Image<'_>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        assert_fits(layer.layer().image, image);
        // SAFETY: the layer is checked against weights and arena, the image has its size.
        unsafe { self.sharing(layer).stem_rows(layer.layer(), 0..layer.layer().output.height, image, memory) }
    }

    /// Runs a convolution.
    #[inline]
    pub fn conv(&self, layer: &Checked<Conv>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: the layer is checked against weights and arena; so below.
        unsafe { self.sharing(layer).conv_rows(layer.layer(), 0..layer.layer().output.height, memory) }
    }

    /// Runs a depthwise convolution.
    #[inline]
    pub fn depthwise(&self, layer: &Checked<Depthwise>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { self.sharing(layer).depthwise_rows(layer.layer(), memory) }
    }

    /// Runs a pointwise convolution.
    #[inline]
    pub fn pointwise(&self, layer: &Checked<Pointwise>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { self.sharing(layer).pointwise_rows(layer.layer(), memory) }
    }

    /// Runs a depthwise-separable block.
    #[inline]
    pub fn separable(&self, layer: &Checked<Separable>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { self.sharing(layer).separable_rows(layer.layer(), 0..layer.layer().output.height, memory) }
    }

    /// Runs a batch normalisation.
    #[inline]
    pub fn batchnorm(&self, layer: &Checked<BatchNorm>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in conv; the processor has the set, because `self` exists; so below.
        unsafe { (self.table.batchnorm)(layer.layer(), memory.weights, memory.arena) }
    }

    /// Runs a clamp.
    #[inline]
    pub fn activation(&self, layer: &Checked<Activation>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in batchnorm.
        unsafe { (self.table.activation)(layer.layer(), memory.weights, memory.arena) }
    }

    /// Runs a global average pool.
    #[inline]
    pub fn pool(&self, layer: &Checked<Pool>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in batchnorm.
        unsafe { (self.table.pool)(layer.layer(), memory.arena) }
    }

    /// Runs a classifier.
    #[inline]
    pub fn fully_connected(&self, layer: &Checked<FullyConnected>, weights: &[f32], arena: &mut [f32]) {
        let memory = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { self.sharing(layer).fully_connected_columns(layer.layer(), memory) }
    }

    /// Runs a softmax.
    #[inline]
    pub fn softmax(&self, layer: &Checked<Softmax>, arena: &mut [f32]) {
        let Softmax { len, vector } = *layer.layer();
        ops::softmax::softmax(&mut arena[vector..vector + len]);
    }

    /// Runs layers together: the last one's output strip by strip, each of the others just far enough for the rows
    /// that the next one reads. Maps between them may therefore be rings of a few rows.
    ///
    /// # Panics
    ///
    /// Where weights, arena or image do not fit, or there are more than [`MOST_STAGES`](Self::MOST_STAGES) stages.
    #[inline(always)]
    pub fn stream(&self, stages: &[Stage], image: Image<'_>, weights: &[f32], arena: &mut [f32]) {
        stream::run(*self, stages, image, weights, arena);
    }
}
