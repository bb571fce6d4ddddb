//! 1x1 convolutions of bf16s: the left operand is a strip of them.
//!
//! Two consecutive channels of a pixel are one word, and so are the two weights that go with them: the product has half as
//! many inputs as that of `f32`s, and is computed tile by tile in the same way, but that a multiply-add takes pairs.

use super::Part;
use super::tile::{Acc, Left, Panel, Product};
use crate::layout::{BLOCK, Map, padded};
use crate::simd::Simd;

/// Words of a pixel in a full channel block.
const WORDS: usize = BLOCK / 2;

/// Pixels of a plane of bf16s: full channel blocks, then what is left of the channels.
#[derive(Clone, Copy)]
struct Pairs {
    first: *const f32,
    stride: usize,
    full: usize,
    tail: *const f32,
    tail_width: usize,
    tail_inputs: usize,
}

impl Left for Pairs {
    #[inline(always)]
    unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
        self,
        mut panel: Panel,
        mut acc: Acc<S, MR, NV>,
    ) -> Acc<S, MR, NV> {
        let mut block = self.first;
        // SAFETY: `full` blocks are `stride` apart, the tail is where it is said to be.
        unsafe {
            for _ in 0..self.full {
                acc = multiply_run::<S, MR, NV>(block, WORDS, WORDS, &mut panel, acc);
                block = block.wrapping_add(self.stride);
            }
            if self.tail_inputs > 0 {
                acc =
                    multiply_run::<S, MR, NV>(self.tail, self.tail_width, self.tail_inputs, &mut panel, acc);
            }
        }
        acc
    }

    #[inline(always)]
    fn advance(self, pixels: usize) -> Self {
        Pairs {
            first: self.first.wrapping_add(pixels * WORDS),
            tail: self.tail.wrapping_add(pixels * self.tail_width),
            ..self
        }
    }
}

/// Adds the products of `len` consecutive pairs of MR pixels, `step` words apart.
///
/// # Safety
///
/// Those pairs and `len` rows of the panel must be there.
#[inline(always)]
unsafe fn multiply_run<S: Simd, const MR: usize, const NV: usize>(
    left: *const f32,
    step: usize,
    len: usize,
    panel: &mut Panel,
    mut acc: Acc<S, MR, NV>,
) -> Acc<S, MR, NV> {
    for k in 0..len {
        // SAFETY: row k of the panel has NV vectors, and pixel i a pair k, by this function's contract.
        unsafe {
            let pairs: [S::V; NV] = core::array::from_fn(|v| S::load(panel.next.add(v * S::LANES)));
            if const { S::DOTS } {
                for (i, acc) in acc.iter_mut().enumerate() {
                    let x = S::splat(*left.add(i * step + k));
                    for v in 0..NV {
                        acc[v] = S::dot(pairs[v], x, acc[v]);
                    }
                }
            } else {
                // One half after the other: there are no registers for both.
                let w: [S::V; NV] = core::array::from_fn(|v| S::high(pairs[v]));
                for (i, acc) in acc.iter_mut().enumerate() {
                    let x = S::high(S::splat(*left.add(i * step + k)));
                    for v in 0..NV {
                        acc[v] = S::fma(x, w[v], acc[v]);
                    }
                }
                let w: [S::V; NV] = core::array::from_fn(|v| S::low(pairs[v]));
                for (i, acc) in acc.iter_mut().enumerate() {
                    let x = S::low(S::splat(*left.add(i * step + k)));
                    for v in 0..NV {
                        acc[v] = S::fma(x, w[v], acc[v]);
                    }
                }
            }
            panel.next = panel.next.add(panel.width);
        }
    }
    acc
}

/// Rows and panels of the output; row `part.from` is made of row 0 of the input, a plane of bf16s whose offset counts those.
///
/// # Safety
///
/// Both maps and the section at `section` must be inside arena and weights.
#[inline(always)]
pub(crate) unsafe fn pointwise<S: Simd>(
    input: &Map,
    output: &Map,
    part: Part,
    section: *const f32,
    arena: *mut f32,
) {
    let Part { from, rows, columns: panels } = part;
    let inputs = padded(input.channels) / 2;
    let product = Product { section, inputs, look_ahead: false, output, arena };
    let last = input.blocks() - 1;
    let left = |y: usize| Pairs {
        first: arena.wrapping_add(input.at(y - from, 0) / 2),
        stride: input.block_stride() / 2,
        full: input.channels / BLOCK,
        tail: arena.wrapping_add(input.at(y - from, last) / 2),
        tail_width: input.block_width(last) / 2,
        tail_inputs: (input.channels % BLOCK).div_ceil(2),
    };
    // SAFETY: rows of both maps are inside the arena; planes go on from row to row.
    unsafe {
        if output.order == crate::layout::Order::Plane {
            let pixels = rows.len() * input.width;
            product.run::<S, _>(&(rows.start..rows.start + 1), &panels, pixels, left);
        } else {
            product.run::<S, _>(&rows, &panels, input.width, left);
        }
    }
}
