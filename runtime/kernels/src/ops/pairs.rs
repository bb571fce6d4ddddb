//! 1x1 convolutions of bf16s: the left operand is a strip of them.
//!
//! Two consecutive channels of a pixel are one word, and so are the two weights that go with them: the product has half as
//! many inputs as that of `f32`s, and is computed tile by tile in the same way, but that a multiply-add takes pairs.

use super::tile::{Acc, Left, Panel, Product};
use super::{Part, Pixels, Rows, strip};
use crate::layout::{BLOCK, Map, Order, padded};
use crate::simd::Simd;

/// Pixels of a strip: groups of WORDS pairs of channels, then what is left of the channels.
#[derive(Clone, Copy)]
struct Pairs<const WORDS: usize> {
    first: *const f32,
    stride: usize,
    full: usize,
    tail: *const f32,
    tail_width: usize,
    tail_inputs: usize,
}

impl<const WORDS: usize> Left for Pairs<WORDS> {
    #[inline(always)]
    unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
        self,
        mut panel: Panel,
        mut acc: Acc<S, MR, NV>,
    ) -> Acc<S, MR, NV> {
        let mut group = self.first;
        // SAFETY: `full` groups are `stride` apart, the tail is where it is said to be.
        unsafe {
            for _ in 0..self.full {
                acc = multiply_run::<S, MR, NV>(group, WORDS, WORDS, &mut panel, acc);
                group = group.wrapping_add(self.stride);
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

/// Rows, pixels and panels of the output; row `part.from` is made of row 0 of the input, a strip whose offset counts bf16s.
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
    let inputs = padded(input.channels) / 2;
    let product = Product { section, inputs, look_ahead: false, output, arena };
    // Planes go on from row to row.
    let (rows, pixels) = match output.order {
        Order::Plane if part.pixels.len() == input.width => {
            (part.rows.start..part.rows.start + 1, 0..part.rows.len() * input.width)
        }
        _ => (part.rows.clone(), part.pixels.clone()),
    };
    // SAFETY: rows of both maps are inside the arena.
    unsafe {
        match strip::group(input.channels) {
            BLOCK => run::<S, { BLOCK / 2 }>(product, input, part, &rows, &pixels),
            _ => run::<S, BLOCK>(product, input, part, &rows, &pixels),
        }
    }
}

#[inline(always)]
unsafe fn run<S: Simd, const WORDS: usize>(
    product: Product<'_>,
    input: &Map,
    part: Part,
    rows: &Rows,
    pixels: &Pixels,
) {
    let last = input.blocks() - 1;
    // A word is a pair.
    let word = |(start, _): (usize, usize)| product.arena.cast_const().wrapping_add(start / 2);
    let left = |y: usize| Pairs::<WORDS> {
        first: word(strip::place(input, y - part.from, 0)),
        stride: input.height * input.width * WORDS,
        full: input.channels / (2 * WORDS),
        tail: word(strip::place(input, y - part.from, last)),
        tail_width: input.block_width(last) / 2,
        tail_inputs: (input.channels % BLOCK).div_ceil(2),
    };
    // SAFETY: passed on.
    unsafe { product.run::<S, _>(rows, &part.columns, pixels, left) }
}
