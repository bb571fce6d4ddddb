//! The first convolution: image rows are normalised into zero-bordered lines, the lines are the left operand.

use super::tile::{Acc, Left, Panel, Product, multiply_run};
use super::{Part, Rows};
use crate::image::Image;
use crate::layer::Stem;
use crate::layout::HALF_BLOCK;
use crate::simd::Simd;

/// A window of image lines for each pixel. `STEP` is the distance between pixels where it is known at compile time.
#[derive(Clone, Copy)]
struct Lines<const STEP: usize> {
    first: *const f32,
    line: usize,
    lines: usize,
    inputs: usize,
    step: usize,
}

impl<const STEP: usize> Left for Lines<STEP> {
    const TILE: usize = if STEP == 0 { 4 } else { usize::MAX };

    #[inline(always)]
    unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
        self,
        mut panel: Panel,
        mut acc: Acc<S, MR, NV>,
    ) -> Acc<S, MR, NV> {
        let step = if STEP == 0 { self.step } else { STEP };
        for line in 0..self.lines {
            // SAFETY: the line buffer has `lines` lines, each with `inputs` values from every pixel on.
            acc = unsafe {
                let left = self.first.add(line * self.line);
                multiply_run::<S, MR, NV>(left, step, self.inputs, &mut panel, acc)
            };
        }
        acc
    }

    #[inline(always)]
    fn advance(self, pixels: usize) -> Self {
        let step = if STEP == 0 { self.step } else { STEP };
        Lines { first: self.first.wrapping_add(pixels * step), ..self }
    }
}

/// Normalises the image rows of a strip into the line buffer, with zero where the window looks over the border.
///
/// # Safety
///
/// The layer must be checked against `arena`, and the image have the layer's size.
#[inline(always)]
pub(crate) unsafe fn lines<S: Simd>(layer: &Stem, rows: Rows, image: Image<'_>, arena: *mut f32) {
    let [height, width, channels] = layer.image;
    let line = layer.line_pixels() * channels;
    let count = (rows.len() - 1) * layer.window.stride + layer.window.size;
    // SAFETY: `lines_len` covers the lines of a strip.
    let lines = unsafe { core::slice::from_raw_parts_mut(arena.add(layer.lines), count * line) };
    let before = layer.window.left * channels;
    let inside = (width * channels).min(line - before);
    for (i, out) in lines.chunks_exact_mut(line.max(1)).enumerate() {
        let y = rows.start * layer.window.stride + i;
        if y < layer.window.top || y >= height + layer.window.top {
            out.fill(0.0);
            continue;
        }
        let at = (y - layer.window.top) * width * channels;
        let (left, rest) = out.split_at_mut(before.min(line));
        let (middle, right) = rest.split_at_mut(inside.min(rest.len()));
        left.fill(0.0);
        fill_line(image, at, channels, middle);
        right.fill(0.0);
    }
}

/// The image from value `at` on, normalised. It has as many values as are asked for; said so that the optimiser need not know.
#[inline(always)]
fn fill_line(image: Image<'_>, at: usize, channels: usize, out: &mut [f32]) {
    match image {
        Image::Tensor(values) => {
            for (out, &value) in out.iter_mut().zip(values.get(at..).unwrap_or_default()) {
                *out = value;
            }
        }
        Image::Pixels(pixels, normalise) => {
            let pixels = pixels.get(at..).unwrap_or_default();
            let (scale, offset) = (normalise.scale, normalise.offset);
            let uniform = (1..channels.min(4)).all(|c| scale[c] == scale[0] && offset[c] == offset[0]);
            if uniform {
                for (out, &byte) in out.iter_mut().zip(pixels) {
                    *out = f32::from(byte) * scale[0] + offset[0];
                }
            } else {
                for (i, (out, &byte)) in out.iter_mut().zip(pixels).enumerate() {
                    let c = i % channels.max(1) % 4;
                    *out = f32::from(byte) * scale[c] + offset[c];
                }
            }
        }
    }
}

/// Computes some rows and panels of a strip whose lines have been filled.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn stem<S: Simd>(layer: &Stem, part: Part, weights: *const f32, arena: *mut f32) {
    // SAFETY: passed on.
    unsafe {
        // Colour images at stride 2 have their pixels at a distance known at compile time, which wide sets need.
        match layer.window.stride * layer.image[2] {
            6 if const { S::LANES >= HALF_BLOCK } => product::<S, 6>(layer, part, weights, arena),
            _ => product::<S, 0>(layer, part, weights, arena),
        }
    }
}

/// For each row, the lines of its window; `start` is the row whose window begins with the first line.
#[inline(always)]
fn left<const STEP: usize>(
    layer: &Stem,
    start: usize,
    arena: *const f32,
) -> impl Fn(usize) -> Lines<STEP> + Copy {
    let channels = layer.image[2];
    let line = layer.line_pixels() * channels;
    move |y| Lines {
        first: arena.wrapping_add(layer.lines + (y - start) * layer.window.stride * line),
        line,
        lines: layer.window.size,
        inputs: layer.window.size * channels,
        step: layer.window.stride * channels,
    }
}

#[inline(always)]
unsafe fn product<S: Simd, const STEP: usize>(
    layer: &Stem,
    part: Part,
    weights: *const f32,
    arena: *mut f32,
) {
    // SAFETY: the layer is checked: its section is inside the weights.
    let section = unsafe { weights.add(layer.weights) };
    let inputs = layer.window.size * layer.window.size * layer.image[2];
    let product = Product { section, inputs, look_ahead: false, output: &layer.output, arena };
    let left = left::<STEP>(layer, part.from, arena);
    // SAFETY: the line buffer holds the lines of these rows.
    unsafe { product.run::<S, _>(&part.rows, &part.columns, &part.pixels, left) }
}
