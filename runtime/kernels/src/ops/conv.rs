//! Full convolutions between maps: input rows are copied into zero-bordered lines, whose windows are the left operand.

use super::tile::{Acc, Left, Panel, Product, multiply_run};
use super::{Part, Rows};
use crate::layer::Conv;
use crate::layout::BLOCK;
use crate::simd::Simd;

/// Windows of blocked lines.
#[derive(Clone, Copy)]
struct Windows {
    first: *const f32,
    /// The pixel at which the window of the first output begins.
    x: usize,
    /// Values of a line, all blocks.
    line: usize,
    /// Pixels of a line.
    pixels: usize,
    size: usize,
    stride: usize,
    channels: usize,
    tail_width: usize,
}

impl Left for Windows {
    const TILE: usize = 4;

    #[inline(always)]
    unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
        self,
        mut panel: Panel,
        mut acc: Acc<S, MR, NV>,
    ) -> Acc<S, MR, NV> {
        let (full, tail) = (self.channels / BLOCK, self.channels % BLOCK);
        for ky in 0..self.size {
            for kx in 0..self.size {
                let (line, x) = (self.first.wrapping_add(ky * self.line), self.x + kx);
                // SAFETY: the line buffer has `size` lines from `first` on, each `pixels` wide.
                unsafe {
                    for block in 0..full {
                        let left = line.add((block * self.pixels + x) * BLOCK);
                        acc = multiply_run::<S, MR, NV>(left, self.stride * BLOCK, BLOCK, &mut panel, acc);
                    }
                    if tail > 0 {
                        let left = line.add(full * self.pixels * BLOCK + x * self.tail_width);
                        let step = self.stride * self.tail_width;
                        acc = multiply_run::<S, MR, NV>(left, step, tail, &mut panel, acc);
                    }
                }
            }
        }
        acc
    }

    #[inline(always)]
    fn advance(self, pixels: usize) -> Self {
        Windows { x: self.x + pixels * self.stride, ..self }
    }
}

/// Computes some rows and panels of a strip whose lines have been filled.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn conv<S: Simd>(layer: &Conv, part: Part, weights: *const f32, arena: *mut f32) {
    let input = &layer.input;
    // SAFETY: the layer is checked: its section is inside the weights.
    let section = unsafe { weights.add(layer.weights) };
    let inputs = layer.window.size * layer.window.size * input.channels;
    let product = Product { section, inputs, look_ahead: false, output: &layer.output, arena };
    // SAFETY: the line buffer holds the lines of these rows.
    unsafe {
        product.run::<S, _>(&part.rows, &part.columns, &part.pixels, windows(layer, part.from, arena));
    }
}

/// For each row, the windows of its pixels; `start` is the row whose windows begin in the first line.
#[inline(always)]
fn windows(layer: &Conv, start: usize, arena: *const f32) -> impl Fn(usize) -> Windows + Copy {
    let input = &layer.input;
    let line = layer.line_pixels() * input.padded();
    move |y| Windows {
        first: arena.wrapping_add(layer.lines + (y - start) * layer.window.stride * line),
        x: 0,
        line,
        pixels: layer.line_pixels(),
        size: layer.window.size,
        stride: layer.window.stride,
        channels: input.channels,
        tail_width: input.block_width(input.blocks() - 1),
    }
}

/// Copies the input rows of a strip into the line buffer, with zero where the window looks over the border.
///
/// # Safety
///
/// The layer must be checked against `arena`.
#[inline(always)]
pub(crate) unsafe fn lines<S: Simd>(layer: &Conv, rows: Rows, arena: *mut f32) {
    let (input, window, pixels) = (&layer.input, &layer.window, layer.line_pixels());
    let count = (rows.len() - 1) * window.stride + window.size;
    let inside = input.width.min(pixels - window.left);
    // SAFETY: `lines_len` covers the lines of a strip, and rows below the height are inside the input map. The two do
    // not overlap in a plan; if they did, `copy` would still be sound.
    unsafe {
        let mut out = arena.add(layer.lines);
        for i in 0..count {
            let y = rows.start * window.stride + i;
            let row = (y >= window.top && y - window.top < input.height).then(|| y - window.top);
            for block in 0..input.blocks() {
                let width = input.block_width(block);
                core::ptr::write_bytes(out, 0, pixels * width);
                if let Some(row) = row {
                    let from = arena.add(input.at(row, block));
                    core::ptr::copy(from, out.add(window.left * width), inside * width);
                }
                out = out.add(pixels * width);
            }
        }
    }
}
