//! 1x1 convolutions: the left operand is a map itself.

use super::tile::{Acc, Left, Product, multiply_part};
use crate::dot::Dot;
use crate::layout::{BLOCK, ByteMap, Order};
use crate::ops::Part;
use crate::ops::tile::Panel;
use crate::quantised::layout::{QUAD, Section, quads};

/// Pixels of a map: full channel blocks, then what is left of the channels.
#[derive(Clone, Copy)]
struct Blocks {
    first: *const u8,
    stride: usize,
    full: usize,
    /// Quads of the last block, where that is not full.
    left_over: usize,
}

impl Blocks {
    /// All inputs, one part of the outputs.
    #[inline(always)]
    unsafe fn part<D: Dot, const PART: usize, const MR: usize, const NV: usize>(
        self,
        mut panel: Panel,
        mut acc: Acc<D, MR, NV>,
    ) -> Acc<D, MR, NV> {
        let mut block = self.first;
        // SAFETY: blocks are `stride` apart.
        unsafe {
            for _ in 0..self.full {
                acc = multiply_part::<D, PART, MR, NV>(block, BLOCK, BLOCK / QUAD, &mut panel, acc);
                block = block.wrapping_add(self.stride);
                panel.look_ahead::<D::Set>();
            }
            if self.left_over > 0 {
                acc = multiply_part::<D, PART, MR, NV>(block, BLOCK, self.left_over, &mut panel, acc);
            }
        }
        acc
    }
}

impl Left for Blocks {
    #[inline(always)]
    unsafe fn multiply<D: Dot, const MR: usize, const NV: usize>(
        self,
        panel: Panel,
        acc: Acc<D, MR, NV>,
    ) -> Acc<D, MR, NV> {
        // SAFETY: passed on.
        unsafe {
            let acc = self.part::<D, 0, MR, NV>(panel, acc);
            if const { D::PARTS == 1 } {
                return acc;
            }
            self.part::<D, 1, MR, NV>(Panel { share: 0, ..panel }, acc)
        }
    }

    #[inline(always)]
    fn quad(self, row: usize) -> (*const u8, usize) {
        const EACH: usize = BLOCK / QUAD;
        (self.first.wrapping_add(row / EACH * self.stride + row % EACH * QUAD), BLOCK)
    }

    #[inline(always)]
    fn advance(self, pixels: usize) -> Self {
        Blocks { first: self.first.wrapping_add(pixels * BLOCK), ..self }
    }
}

/// Rows and panels of the output; row `part.from` is made of row 0 of the input, and begins with the first of `sums`, if
/// that is not null.
///
/// # Safety
///
/// Both maps, sums and the section at `section` must be inside arena and weights.
#[inline(always)]
pub(crate) unsafe fn pointwise<D: Dot>(
    input: &ByteMap,
    output: &ByteMap,
    part: Part,
    sums: *const i32,
    section: *const f32,
    arena: *mut u8,
) {
    let Part { from, rows, columns: panels, .. } = part;
    let product = Product {
        section,
        places: Section::panels(1, input.channels, output.channels),
        quads: quads(input.channels),
        // The last strip prefetches: earlier ones use the same weights again.
        look_ahead: rows.end == output.height,
        sums,
        from,
        output,
        arena,
    };
    let left = |y: usize| Blocks {
        first: arena.wrapping_add(input.at(y - from, 0)),
        stride: input.block_stride(),
        full: input.channels / BLOCK,
        left_over: quads(input.channels % BLOCK),
    };
    // SAFETY: rows of both maps are inside the arena; planes go on from row to row.
    unsafe {
        if input.order == Order::Plane && output.order == Order::Plane {
            let pixels = rows.len() * input.width;
            product.run::<D, _>(&(rows.start..rows.start + 1), &panels, pixels, left);
        } else {
            product.run::<D, _>(&rows, &panels, input.width, left);
        }
    }
}
