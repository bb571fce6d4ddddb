//! Layers that run together, a few rows at a time.

use super::share::Memory;
use super::{Kernels, assert_fits, starts};
use crate::image::Image;
use crate::layer::Stage;
use crate::layout::Window;
use crate::ops::Rows;

/// What a stream asks of its stages. Streams of floats and of bytes are two functions, so that a program that has one is not
/// linked with the kernels of the other.
pub(super) trait Strips {
    /// Rows of the output, those of a strip, and the window that reads the rows of the stage before.
    fn extent(&self) -> (usize, usize, Window);

    /// The starts of weights and arena, shown to be long enough, as the image is shown to have its size.
    fn starts(&self, image: Image<'_>, weights: &[f32], arena: &mut [f32]) -> Memory;

    /// Computes rows of the output.
    ///
    /// # Safety
    ///
    /// The stage must be checked against memory and image.
    unsafe fn rows(&self, kernels: Kernels<'_>, rows: Rows, image: Image<'_>, memory: Memory);
}

impl Strips for Stage {
    #[inline(always)]
    fn extent(&self) -> (usize, usize, Window) {
        match self {
            Stage::Stem(layer) => (layer.layer().output.height, layer.layer().strip, layer.layer().window),
            Stage::Conv(layer) => (layer.layer().output.height, layer.layer().strip, layer.layer().window),
            Stage::Separable(layer) => {
                (layer.layer().output.height, layer.layer().strip, layer.layer().window)
            }
        }
    }

    #[inline(always)]
    fn starts(&self, image: Image<'_>, weights: &[f32], arena: &mut [f32]) -> Memory {
        match self {
            Stage::Stem(layer) => {
                assert_fits(layer.layer().image, image);
                starts(layer, weights, arena)
            }
            Stage::Conv(layer) => starts(layer, weights, arena),
            Stage::Separable(layer) => starts(layer, weights, arena),
        }
    }

    #[inline(always)]
    unsafe fn rows(&self, kernels: Kernels<'_>, rows: Rows, image: Image<'_>, memory: Memory) {
        // SAFETY: passed on.
        unsafe {
            match self {
                Stage::Stem(layer) => kernels.sharing(layer).stem_rows(layer.layer(), rows, image, memory),
                Stage::Conv(layer) => kernels.sharing(layer).conv_rows(layer.layer(), rows, memory),
                Stage::Separable(layer) => kernels.sharing(layer).separable_rows(layer.layer(), rows, memory),
            }
        }
    }
}

/// Runs stages together, in kernels of one kind or the other.
#[inline(always)]
pub(super) fn run<S: Strips>(
    kernels: Kernels<'_>,
    stages: &[S],
    image: Image<'_>,
    weights: &[f32],
    arena: &mut [f32],
) {
    assert!(stages.len() <= Kernels::MOST_STAGES, "too many stages");
    let mut memory = Memory { weights: weights.as_ptr(), arena: arena.as_mut_ptr() };
    for stage in stages {
        memory = stage.starts(image, weights, arena);
    }
    let stream = Stream { kernels, stages, image, memory, made: [0; Kernels::MOST_STAGES] };
    // SAFETY: all stages are checked against weights, arena and image.
    unsafe { stream.run() }
}

/// A stream under way.
struct Stream<'s, S> {
    kernels: Kernels<'s>,
    stages: &'s [S],
    image: Image<'s>,
    memory: Memory,
    /// Rows that each stage has computed.
    made: [usize; Kernels::MOST_STAGES],
}

impl<S: Strips> Stream<'_, S> {
    /// Computes all rows of all stages.
    ///
    /// # Safety
    ///
    /// All stages must be checked against memory and image.
    #[inline(never)]
    unsafe fn run(mut self) {
        if let Some(last) = self.stages.len().checked_sub(1) {
            // SAFETY: passed on.
            unsafe { self.advance(last, usize::MAX) }
        }
    }

    /// Computes stage `i` up to row `rows`, or to its end, in whole strips.
    ///
    /// # Safety
    ///
    /// As [`run`](Self::run).
    unsafe fn advance(&mut self, i: usize, rows: usize) {
        // There are both, because `run` has counted the stages; said so that the optimiser need not know.
        let (Some(stage), Some(&made)) = (self.stages.get(i), self.made.get(i)) else { return };
        let (height, strip, window) = stage.extent();
        let mut from = made;
        while from < rows.min(height) {
            let to = (from + strip).min(height);
            // SAFETY: passed on.
            unsafe {
                if i > 0 {
                    self.advance(i - 1, ((to - 1) * window.stride + window.size).saturating_sub(window.top));
                }
                stage.rows(self.kernels, from..to, self.image, self.memory);
            }
            from = to;
        }
        if let Some(made) = self.made.get_mut(i) {
            *made = from;
        }
    }
}
