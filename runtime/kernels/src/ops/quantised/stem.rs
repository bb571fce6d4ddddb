//! The first convolution: image rows are copied into bordered lines, the lines are the left operand.

use super::tile::{Acc, Left, Product, multiply_run};
use super::word;
use crate::dot::Dot;
use crate::image::Image;
use crate::ops::tile::Panel;
use crate::ops::{Part, Rows};
use crate::quantised::layer::Stem;
use crate::quantised::layout::{QUAD, Section, Word, quads};

/// A window of image lines for each pixel. `STEP` is the distance between pixels where it is known at compile time.
#[derive(Clone, Copy)]
struct Lines<const STEP: usize> {
    first: *const u8,
    line: usize,
    lines: usize,
    quads: usize,
    step: usize,
}

impl<const STEP: usize> Left for Lines<STEP> {
    const TILE: usize = if STEP == 0 { 4 } else { usize::MAX };

    #[inline(always)]
    unsafe fn multiply<D: Dot, const MR: usize, const NV: usize>(
        self,
        mut panel: Panel,
        mut acc: Acc<D, MR, NV>,
    ) -> Acc<D, MR, NV> {
        let step = if STEP == 0 { self.step } else { STEP };
        for line in 0..self.lines {
            // SAFETY: the line buffer has `lines` lines, each with so many quads from every pixel on.
            acc = unsafe {
                let left = self.first.add(line * self.line);
                multiply_run::<D, MR, NV>(left, step, self.quads, &mut panel, acc)
            };
        }
        acc
    }

    #[inline(always)]
    fn quad(self, row: usize) -> (*const u8, usize) {
        let at = row / self.quads.max(1) * self.line + row % self.quads.max(1) * QUAD;
        (self.first.wrapping_add(at), if STEP == 0 { self.step } else { STEP })
    }

    #[inline(always)]
    fn advance(self, pixels: usize) -> Self {
        let step = if STEP == 0 { self.step } else { STEP };
        Lines { first: self.first.wrapping_add(pixels * step), ..self }
    }
}

/// Copies the image rows of a strip into the line buffer, with what stands for 0 where the window looks over the border.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`, and the image have the layer's size.
pub(crate) unsafe fn lines(layer: &Stem, rows: Rows, image: Image<'_>, weights: *const f32, arena: *mut u8) {
    let [height, width, channels] = layer.image;
    let line = layer.line_pixels() * channels;
    let count = (rows.len() - 1) * layer.window.stride + layer.window.size;
    // SAFETY: the section is inside the weights, and `lines_len` covers the lines of a strip.
    let (zero, scale, lines) = unsafe {
        let section = weights.add(layer.weights);
        let lines = core::slice::from_raw_parts_mut(arena.add(layer.lines), count * line);
        (word(section, Word::InputZero), *section.add(Word::InputScale as usize), lines)
    };
    let before = layer.window.left * channels;
    let inside = (width * channels).min(line - before);
    for (i, out) in lines.chunks_exact_mut(line.max(1)).enumerate() {
        let y = rows.start * layer.window.stride + i;
        if y < layer.window.top || y >= height + layer.window.top {
            out.fill(zero as u8);
            continue;
        }
        let at = (y - layer.window.top) * width * channels;
        // All of it is there; said so that the optimiser need not know.
        let (left, rest) = out.split_at_mut(before.min(line));
        let (middle, right) = rest.split_at_mut(inside.min(rest.len()));
        match image {
            Image::Pixels(pixels, _) => {
                for (out, &pixel) in middle.iter_mut().zip(pixels.get(at..).unwrap_or_default()) {
                    *out = pixel;
                }
            }
            Image::Tensor(values) => {
                for (out, value) in middle.iter_mut().zip(values.get(at..).unwrap_or_default()) {
                    *out = (libm::roundf(value / scale) + zero as f32).clamp(0.0, 255.0) as u8;
                }
            }
        }
        left.fill(zero as u8);
        right.fill(zero as u8);
    }
}

/// Computes some rows and panels of a strip whose lines have been filled. Sums are null, or those of the rows from
/// `part.from` on.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn stem<D: Dot>(
    layer: &Stem,
    part: Part,
    sums: *const i32,
    weights: *const f32,
    arena: *mut u8,
) {
    // SAFETY: passed on.
    unsafe {
        // Colour images at stride 2 have their pixels at a distance known at compile time, which tall tiles need.
        match layer.window.stride * layer.image[2] {
            6 if const { D::COLUMN > 4 } => product::<D, 6>(layer, part, sums, weights, arena),
            _ => product::<D, 0>(layer, part, sums, weights, arena),
        }
    }
}

#[inline(always)]
unsafe fn product<D: Dot, const STEP: usize>(
    layer: &Stem,
    Part { from, rows, columns: panels, .. }: Part,
    sums: *const i32,
    weights: *const f32,
    arena: *mut u8,
) {
    let channels = layer.image[2];
    let run = layer.window.size * channels;
    let product = Product {
        // SAFETY: the layer is checked: its section is inside the weights.
        section: unsafe { weights.add(layer.weights) },
        places: Section::panels(layer.window.size, run, layer.output.channels),
        quads: layer.window.size * quads(run),
        look_ahead: false,
        sums,
        from,
        output: &layer.output,
        arena,
    };
    let line = layer.line_pixels() * channels;
    let left = |y: usize| Lines::<STEP> {
        first: arena.wrapping_add(layer.lines + (y - from) * layer.window.stride * line),
        line,
        lines: layer.window.size,
        quads: quads(run),
        step: layer.window.stride * channels,
    };
    // SAFETY: the line buffer holds the lines of these rows, and a quad more.
    unsafe { product.run::<D, _>(&rows, &panels, layer.output.width, left) }
}
