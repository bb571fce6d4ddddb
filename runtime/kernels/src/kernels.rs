//! The kernels as one table an instruction set, and the safe way to call them.

use core::ops::Range;

use crate::Isa;
use crate::image::Image;
use crate::layer::{
    Activation, BatchNorm, Checked, Conv, Depthwise, FullyConnected, Pointwise, Pool, Separable, Softmax,
    Stage, Stem,
};
use crate::layout::{Map, Order, Window};
use crate::ops;
use crate::simd;

type Rows = Range<usize>;
type DepthwiseFn = unsafe fn(&Map, &Window, &Map, usize, Rows, *const f32, *mut f32);
type PointwiseFn = unsafe fn(&Map, usize, &Map, Rows, *const f32, *mut f32);

/// The kernels of one instruction set. That a value exists shows that this processor has the set.
pub struct Kernels {
    isa: Isa,
    stem: unsafe fn(&Stem, Rows, Image<'_>, *const f32, *mut f32),
    conv: unsafe fn(&Conv, Rows, *const f32, *mut f32),
    depthwise: DepthwiseFn,
    pointwise: PointwiseFn,
    batchnorm: unsafe fn(&BatchNorm, *const f32, *mut f32),
    activation: unsafe fn(&Activation, *const f32, *mut f32),
    pool: unsafe fn(&Pool, *mut f32),
    fully_connected: unsafe fn(&FullyConnected, *const f32, *mut f32),
}

/// Instantiates every algorithm for one instruction set.
macro_rules! instantiate {
    ($module:ident, $simd:ty, $isa:expr $(, features $features:literal)?) => {
        mod $module {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn stem(layer: &Stem, rows: Rows, image: Image<'_>, weights: *const f32, arena: *mut f32) {
                // SAFETY: passed on to the caller, as in all functions of this module.
                unsafe { ops::stem::stem::<$simd>(layer, rows, image, weights, arena) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn conv(layer: &Conv, rows: Rows, weights: *const f32, arena: *mut f32) {
                // SAFETY: passed on.
                unsafe { ops::conv::conv::<$simd>(layer, rows, weights, arena) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn depthwise(
                input: &Map,
                window: &Window,
                output: &Map,
                to: usize,
                rows: Rows,
                section: *const f32,
                arena: *mut f32,
            ) {
                // SAFETY: passed on.
                unsafe { ops::depthwise::depthwise::<$simd>(input, window, output, to, rows, section, arena) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn pointwise(
                input: &Map,
                from: usize,
                output: &Map,
                rows: Rows,
                section: *const f32,
                arena: *mut f32,
            ) {
                // SAFETY: passed on.
                unsafe { ops::pointwise::pointwise::<$simd>(input, from, output, rows, section, arena) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn batchnorm(layer: &BatchNorm, weights: *const f32, arena: *mut f32) {
                // SAFETY: passed on.
                unsafe { ops::elementwise::batchnorm::<$simd>(layer, weights, arena) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn activation(layer: &Activation, weights: *const f32, arena: *mut f32) {
                // SAFETY: passed on.
                unsafe { ops::elementwise::activation::<$simd>(layer, weights, arena) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn pool(layer: &Pool, arena: *mut f32) {
                // SAFETY: passed on.
                unsafe { ops::pool::pool::<$simd>(layer, arena) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn fully_connected(layer: &FullyConnected, weights: *const f32, arena: *mut f32) {
                // SAFETY: passed on.
                unsafe { ops::fully_connected::fully_connected::<$simd>(layer, weights, arena) }
            }

            pub(super) static KERNELS: Kernels =
                Kernels { isa: $isa, stem, conv, depthwise, pointwise, batchnorm, activation, pool, fully_connected };
        }
    };
}

#[cfg(target_arch = "x86_64")]
instantiate!(avx512, simd::Avx512, Isa::Avx512, features "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma");
#[cfg(target_arch = "x86_64")]
instantiate!(avx2, simd::Avx2, Isa::Avx2, features "avx2,fma");
#[cfg(target_arch = "x86_64")]
instantiate!(sse2, simd::Sse2, Isa::Sse2);
instantiate!(scalar, simd::Scalar, Isa::Scalar);

impl core::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Kernels").field(&self.isa).finish()
    }
}

/// The starts of weights and arena, shown to be long enough for a layer.
#[inline(always)]
fn starts<L>(layer: &Checked<L>, weights: &[f32], arena: &mut [f32]) -> (*const f32, *mut f32) {
    assert!(weights.len() >= layer.weights_end(), "weights too short for the layer");
    assert!(arena.len() >= layer.arena_end(), "arena too short for the layer");
    (weights.as_ptr(), arena.as_mut_ptr())
}

impl Kernels {
    /// The kernels of an instruction set, if this processor has it.
    pub fn new(isa: Isa) -> Option<&'static Kernels> {
        if !isa.is_available() {
            return None;
        }
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Some(&avx512::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Some(&avx2::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Isa::Sse2 => Some(&sse2::KERNELS),
            Isa::Scalar => Some(&scalar::KERNELS),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        }
    }

    /// The kernels of the best instruction set that this processor has.
    pub fn best() -> &'static Kernels {
        Isa::available().find_map(Kernels::new).unwrap_or(&scalar::KERNELS)
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Runs the first convolution.
    ///
    /// # Panics
    ///
    /// Where weights or arena are shorter than the layer needs, or the image has another size; so in all methods.
    #[inline]
    pub fn stem(&self, layer: &Checked<Stem>, image: Image<'_>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        assert!(image.len() == layer.layer().image.iter().product(), "the image has another size");
        let layer = layer.layer();
        // SAFETY: the layer is checked against weights and arena, the image has its size, the processor has the set.
        unsafe { (self.stem)(layer, 0..layer.output.height, image, weights, arena) }
    }

    /// Runs a convolution.
    #[inline]
    pub fn conv(&self, layer: &Checked<Conv>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        // SAFETY: the layer is checked against weights and arena, the processor has the set; so below.
        unsafe { (self.conv)(layer.layer(), 0..layer.layer().output.height, weights, arena) }
    }

    /// Runs a depthwise convolution.
    #[inline]
    pub fn depthwise(&self, layer: &Checked<Depthwise>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        let Depthwise { input, window, output, weights: at } = layer.layer();
        // SAFETY: as in conv.
        unsafe { (self.depthwise)(input, window, output, 0, 0..output.height, weights.add(*at), arena) }
    }

    /// Runs a pointwise convolution.
    #[inline]
    pub fn pointwise(&self, layer: &Checked<Pointwise>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        let Pointwise { input, output, weights: at } = layer.layer();
        // SAFETY: as in conv.
        unsafe { (self.pointwise)(input, 0, output, 0..output.height, weights.add(*at), arena) }
    }

    /// Runs a depthwise-separable block.
    #[inline]
    pub fn separable(&self, layer: &Checked<Separable>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { self.separable_rows(layer.layer(), 0..layer.layer().output.height, weights, arena) }
    }

    /// Strip by strip: depthwise into the scratch strip, pointwise from there.
    ///
    /// # Safety
    ///
    /// The layer must be checked against `weights` and `arena`.
    unsafe fn separable_rows(&self, layer: &Separable, rows: Rows, weights: *const f32, arena: *mut f32) {
        let Separable { input, window, output, strip, scratch, .. } = layer;
        let mut from = rows.start;
        while from < rows.end {
            let to = (from + strip).min(rows.end);
            let scratch = Map {
                height: to - from,
                width: output.width,
                channels: input.channels,
                offset: *scratch,
                order: Order::Plane,
            };
            // SAFETY: passed on; a strip of the scratch map is inside `scratch_len`.
            unsafe {
                (self.depthwise)(
                    input,
                    window,
                    &scratch,
                    from,
                    from..to,
                    weights.add(layer.depthwise),
                    arena,
                );
                (self.pointwise)(&scratch, from, output, from..to, weights.add(layer.pointwise), arena);
            }
            from = to;
        }
    }

    /// Runs a batch normalisation.
    #[inline]
    pub fn batchnorm(&self, layer: &Checked<BatchNorm>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { (self.batchnorm)(layer.layer(), weights, arena) }
    }

    /// Runs a clamp.
    #[inline]
    pub fn activation(&self, layer: &Checked<Activation>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { (self.activation)(layer.layer(), weights, arena) }
    }

    /// Runs a global average pool.
    #[inline]
    pub fn pool(&self, layer: &Checked<Pool>, weights: &[f32], arena: &mut [f32]) {
        let (_, arena) = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { (self.pool)(layer.layer(), arena) }
    }

    /// Runs a classifier.
    #[inline]
    pub fn fully_connected(&self, layer: &Checked<FullyConnected>, weights: &[f32], arena: &mut [f32]) {
        let (weights, arena) = starts(layer, weights, arena);
        // SAFETY: as in conv.
        unsafe { (self.fully_connected)(layer.layer(), weights, arena) }
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
    #[inline]
    pub fn stream(&self, stages: &[Stage], image: Image<'_>, weights: &[f32], arena: &mut [f32]) {
        assert!(stages.len() <= Self::MOST_STAGES, "too many stages");
        for stage in stages {
            match stage {
                Stage::Stem(layer) => {
                    assert!(
                        image.len() == layer.layer().image.iter().product(),
                        "the image has another size"
                    );
                    starts(layer, weights, arena);
                }
                Stage::Conv(layer) => drop(starts(layer, weights, arena)),
                Stage::Separable(layer) => drop(starts(layer, weights, arena)),
            }
        }
        let mut stream = Stream {
            kernels: self,
            stages,
            image,
            weights: weights.as_ptr(),
            arena: arena.as_mut_ptr(),
            made: [0; 8],
        };
        if let Some(last) = stages.len().checked_sub(1) {
            // SAFETY: all stages are checked against weights, arena and image.
            unsafe { stream.advance(last, usize::MAX) }
        }
    }

    /// Layers that [`stream`](Self::stream) runs together at most.
    pub const MOST_STAGES: usize = 8;
}

/// A stream under way.
struct Stream<'s> {
    kernels: &'s Kernels,
    stages: &'s [Stage],
    image: Image<'s>,
    weights: *const f32,
    arena: *mut f32,
    /// Rows that each stage has computed.
    made: [usize; Kernels::MOST_STAGES],
}

impl Stream<'_> {
    /// Computes stage `i` up to row `rows`, or to its end, in whole strips.
    ///
    /// # Safety
    ///
    /// All stages must be checked against weights, arena and image.
    unsafe fn advance(&mut self, i: usize, rows: usize) {
        let (height, strip, window) = match &self.stages[i] {
            Stage::Stem(layer) => (layer.layer().output.height, layer.layer().strip, layer.layer().window),
            Stage::Conv(layer) => (layer.layer().output.height, layer.layer().strip, layer.layer().window),
            Stage::Separable(layer) => {
                (layer.layer().output.height, layer.layer().strip, layer.layer().window)
            }
        };
        while self.made[i] < rows.min(height) {
            let (from, to) = (self.made[i], (self.made[i] + strip).min(height));
            // SAFETY: passed on.
            unsafe {
                if i > 0 {
                    self.advance(i - 1, ((to - 1) * window.stride + window.size).saturating_sub(window.top));
                }
                match &self.stages[i] {
                    Stage::Stem(layer) => {
                        (self.kernels.stem)(layer.layer(), from..to, self.image, self.weights, self.arena);
                    }
                    Stage::Conv(layer) => {
                        (self.kernels.conv)(layer.layer(), from..to, self.weights, self.arena);
                    }
                    Stage::Separable(layer) => {
                        self.kernels.separable_rows(layer.layer(), from..to, self.weights, self.arena);
                    }
                }
            }
            self.made[i] = to;
        }
    }
}
