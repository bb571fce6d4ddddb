//! 1x1 convolutions: the left operand is a map itself.

use super::Part;
use super::tile::{Acc, Left, Panel, Product, multiply_run};
use crate::layout::{BLOCK, Map, Order};
use crate::simd::Simd;

/// Pixels of a map: full channel blocks, then what is left of the channels.
#[derive(Clone, Copy)]
struct Blocks {
    first: *const f32,
    stride: usize,
    full: usize,
    tail: *const f32,
    tail_width: usize,
    tail_inputs: usize,
}

impl Left for Blocks {
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
                let next = block.wrapping_add(self.stride);
                for i in 0..MR {
                    S::prefetch_first(next.wrapping_add(i * BLOCK));
                }
                acc = multiply_run::<S, MR, NV>(block, BLOCK, BLOCK, &mut panel, acc);
                block = next;
                panel.look_ahead::<S>();
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
        Blocks {
            first: self.first.wrapping_add(pixels * BLOCK),
            tail: self.tail.wrapping_add(pixels * self.tail_width),
            ..self
        }
    }
}

/// For each row `y`, the pixels of row `y - from` and all that follow it in memory.
#[inline(always)]
fn blocks(map: &Map, from: usize, arena: *const f32) -> impl Fn(usize) -> Blocks + Copy {
    let last = map.blocks() - 1;
    move |y| Blocks {
        first: arena.wrapping_add(map.at(y - from, 0)),
        stride: map.block_stride(),
        full: map.channels / BLOCK,
        tail: arena.wrapping_add(map.at(y - from, last)),
        tail_width: map.block_width(last),
        tail_inputs: map.channels % BLOCK,
    }
}

/// Rows, pixels and panels of the output; row `part.from` is made of row 0 of the input.
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
    let Part { from, rows, pixels, columns: panels } = part;
    // The last strip prefetches: earlier ones use the same weights again.
    let look_ahead = rows.end == output.height;
    let product = Product { section, inputs: input.channels, look_ahead, output, arena };
    let left = blocks(input, from, arena);
    // SAFETY: rows of both maps are inside the arena; planes go on from row to row.
    unsafe {
        let whole = pixels.len() == input.width;
        if whole && input.order == Order::Plane && output.order == Order::Plane {
            let pixels = 0..rows.len() * input.width;
            product.run::<S, _>(&(rows.start..rows.start + 1), &panels, &pixels, left);
        } else {
            product.run::<S, _>(&rows, &panels, &pixels, left);
        }
    }
}
