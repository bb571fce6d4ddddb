//! Layers that run together, a few rows at a time.

use super::Kernels;
use super::share::Memory;
use crate::image::Image;
use crate::layer::Stage;

/// A stream under way.
pub(super) struct Stream<'s> {
    kernels: Kernels<'s>,
    stages: &'s [Stage],
    image: Image<'s>,
    memory: Memory,
    /// Rows that each stage has computed.
    made: [usize; Kernels::MOST_STAGES],
}

impl<'s> Stream<'s> {
    pub(super) fn new(kernels: Kernels<'s>, stages: &'s [Stage], image: Image<'s>, memory: Memory) -> Self {
        Stream { kernels, stages, image, memory, made: [0; Kernels::MOST_STAGES] }
    }

    /// Computes all rows of all stages.
    ///
    /// # Safety
    ///
    /// All stages must be checked against memory and image.
    pub(super) unsafe fn run(mut self) {
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
        // There are both, because `stream` has counted the stages; said so that the optimiser need not know.
        let (Some(stage), Some(&made)) = (self.stages.get(i), self.made.get(i)) else { return };
        let (height, strip, window) = match stage {
            Stage::Stem(layer) => (layer.layer().output.height, layer.layer().strip, layer.layer().window),
            Stage::Conv(layer) => (layer.layer().output.height, layer.layer().strip, layer.layer().window),
            Stage::Separable(layer) => {
                (layer.layer().output.height, layer.layer().strip, layer.layer().window)
            }
            Stage::ByteStem(layer) => {
                (layer.layer().output.height, layer.layer().strip, layer.layer().window)
            }
            Stage::ByteSeparable(layer) => {
                (layer.layer().output.height, layer.layer().strip, layer.layer().window)
            }
        };
        let mut from = made;
        while from < rows.min(height) {
            let to = (from + strip).min(height);
            // SAFETY: passed on.
            unsafe {
                if i > 0 {
                    self.advance(i - 1, ((to - 1) * window.stride + window.size).saturating_sub(window.top));
                }
                match stage {
                    Stage::Stem(layer) => {
                        self.kernels.sharing(layer).stem_rows(
                            layer.layer(),
                            from..to,
                            self.image,
                            self.memory,
                        );
                    }
                    Stage::Conv(layer) => {
                        self.kernels.sharing(layer).conv_rows(layer.layer(), from..to, self.memory)
                    }
                    Stage::Separable(layer) => {
                        self.kernels.sharing(layer).separable_rows(layer.layer(), from..to, self.memory);
                    }
                    Stage::ByteStem(layer) => {
                        self.kernels.sharing(layer).bytes().stem_rows(
                            layer.layer(),
                            from..to,
                            self.image,
                            self.memory,
                        );
                    }
                    Stage::ByteSeparable(layer) => {
                        let kernels = self.kernels.sharing(layer).bytes();
                        kernels.separable_rows(layer.layer(), from..to, self.memory);
                    }
                }
            }
            from = to;
        }
        if let Some(made) = self.made.get_mut(i) {
            *made = from;
        }
    }
}
