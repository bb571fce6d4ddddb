//! Layers of bytes that run together.

use super::super::share::Memory;
use super::super::stream::Strips;
use super::super::{Kernels, assert_fits, starts};
use crate::image::Image;
use crate::layout::Window;
use crate::ops::Rows;
use crate::quantised::layer::Stage;

impl Strips for Stage {
    #[inline(always)]
    fn extent(&self) -> (usize, usize, Window) {
        match self {
            Stage::Stem(layer) => (layer.layer().output.height, layer.layer().strip, layer.layer().window),
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
            Stage::Separable(layer) => starts(layer, weights, arena),
        }
    }

    #[inline(always)]
    unsafe fn rows(&self, kernels: Kernels<'_>, rows: Rows, image: Image<'_>, memory: Memory) {
        // SAFETY: passed on.
        unsafe {
            match self {
                Stage::Stem(layer) => {
                    kernels.sharing(layer).bytes().stem_rows(layer.layer(), rows, image, memory);
                }
                Stage::Separable(layer) => {
                    kernels.sharing(layer).bytes().separable_rows(layer.layer(), rows, memory);
                }
            }
        }
    }
}
