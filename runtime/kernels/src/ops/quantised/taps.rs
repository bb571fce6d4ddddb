//! Depthwise convolutions without vectors: pixel by pixel, tap by tap, four channels at a time.

use super::epilogue::Epilogue;
use super::word;
use crate::dot::Dot;
use crate::dot::pairs::{Quad, add_window};
use crate::layout::{BLOCK, ByteMap, Window};
use crate::ops::{Part, Rows};
use crate::quantised::layout::{QUAD, Section, Word};

/// Pixels whose sums become bytes together.
const STEP: usize = 4;

/// The weights of a block, four channels after the other: as integers of 16 bits they have room for what they are stored lower by.
type Weights = [[[Quad; 3]; 3]; BLOCK / QUAD];

/// As [`depthwise`](super::depthwise::depthwise).
///
/// # Safety
///
/// As there.
#[inline(always)]
pub(super) unsafe fn depthwise<D: Dot>(
    input: &ByteMap,
    window: &Window,
    output: &ByteMap,
    part: Part,
    section: *const f32,
    arena: *mut u8,
) {
    let Part { from: to, rows, columns: blocks, .. } = part;
    let layer = Layer { input, window, output, to, section, arena };
    for block in blocks {
        // SAFETY: passed on.
        unsafe {
            D::call(
                #[inline(always)]
                || layer.block::<D>(block, &rows),
            );
        }
    }
}

/// A layer.
struct Layer<'l> {
    input: &'l ByteMap,
    window: &'l Window,
    output: &'l ByteMap,
    to: usize,
    section: *const f32,
    arena: *mut u8,
}

impl Layer<'_> {
    /// Rows of a block of channels.
    #[inline(always)]
    unsafe fn block<D: Dot>(&self, block: usize, rows: &Rows) {
        let Layer { input, output, to, section, arena, .. } = *self;
        let places = Section::depthwise(input.channels);
        // SAFETY: the section has an epilogue and four rows of words for every block; pixels are written where the output has them.
        unsafe {
            let epilogue = Epilogue::new(section, &places, block);
            let words = &*section.add(places.kernel + block * 4 * BLOCK).cast::<[[i32; BLOCK]; 4]>();
            let (weights, bias) = (weights(words), epilogue.words().cast::<[i32; BLOCK]>().read());
            let outside = word(section, Word::InputZero) as u8;
            let (mut sums, mut border) = ([[0; BLOCK]; STEP], [[[0; BLOCK]; 3]; 3]);
            for y in rows.clone() {
                let out = arena.wrapping_add(output.at(y - to, block));
                for x in (0..output.width).step_by(STEP) {
                    let pixels = if output.width - x < STEP { output.width - x } else { STEP };
                    for (i, sums) in sums.iter_mut().enumerate().take(pixels) {
                        let window = self.window(block, [y, x + i], (&mut border, outside));
                        *sums = add(&bias, &weights, window);
                    }
                    epilogue.finish_spilled::<D>(
                        core::slice::from_mut(&mut sums),
                        pixels,
                        out.wrapping_add(x * BLOCK),
                    );
                }
            }
        }
    }

    /// The rows of the window of an output pixel: in the map, or, where it looks over the border, in memory that is given for it and
    /// holds what stands for 0.
    #[inline(always)]
    unsafe fn window(
        &self,
        block: usize,
        [y, x]: [usize; 2],
        (border, outside): (&mut [[[u8; BLOCK]; 3]; 3], u8),
    ) -> [*const u8; 3] {
        let (top, left) = (y * self.window.stride, x * self.window.stride);
        let (top, left) = (top.wrapping_sub(self.window.top), left.wrapping_sub(self.window.left));
        let row = |i: usize| self.arena.wrapping_add(self.input.at(top.wrapping_add(i), block)).cast_const();
        let inside = |start: usize, len: usize| start < len && len - start >= 3;
        if inside(top, self.input.height) && inside(left, self.input.width) {
            let start = |i: usize| row(i).wrapping_add(left * BLOCK);
            return [start(0), start(1), start(2)];
        }
        *border = [[[outside; BLOCK]; 3]; 3];
        for (i, pixels) in border.iter_mut().enumerate() {
            if top.wrapping_add(i) < self.input.height {
                for (j, pixel) in pixels.iter_mut().enumerate() {
                    let column = left.wrapping_add(j);
                    if column < self.input.width {
                        // SAFETY: this pixel is inside the map.
                        *pixel = unsafe { row(i).add(column * BLOCK).cast::<[u8; BLOCK]>().read() };
                    }
                }
            }
        }
        border.each_ref().map(|row| row.as_ptr().cast())
    }
}

/// A bias and the products of a window.
///
/// # Safety
///
/// Each row must have three pixels.
#[inline(always)]
unsafe fn add(bias: &[i32; BLOCK], weights: &Weights, rows: [*const u8; 3]) -> [i32; BLOCK] {
    let mut sums = *bias;
    for (i, (four, weights)) in sums.as_chunks_mut::<QUAD>().0.iter_mut().zip(weights).enumerate() {
        let mut sums = [four[0], four[2], four[1], four[3]];
        // SAFETY: passed on.
        unsafe { add_window(&mut sums, rows.map(|row| row.add(i * QUAD)), weights) }
        *four = [sums[0], sums[2], sums[1], sums[3]];
    }
    sums
}

/// Weights as they are multiplied: from three rows of quads, a tap a byte, and what these are stored lower by.
#[inline(always)]
fn weights([first, second, third, lower]: &[[i32; BLOCK]; 4]) -> Weights {
    let mut weights = [[[[0; 2]; 3]; 3]; BLOCK / QUAD];
    for (i, weights) in weights.iter_mut().enumerate() {
        for (weights, row) in weights.iter_mut().zip([first, second, third]) {
            for (column, quad) in weights.iter_mut().enumerate() {
                let weight = |c: usize| {
                    let byte = (row[c] >> (8 * column)) as i8;
                    u32::from(i32::from(byte).wrapping_add(lower[c]) as u16)
                };
                let pair = |c: usize| weight(c) | weight(c + 2) << 16;
                *quad = [pair(i * QUAD), pair(i * QUAD + 1)];
            }
        }
    }
    weights
}
