//! Row sums: for each pixel of a product, the sum of its inputs, times what makes up for weights stored 128 lower.

use super::word;
use crate::dot::Dot;
use crate::layout::{BLOCK, ByteMap, Order};
use crate::quantised::layer::Stem;
use crate::quantised::layout::{QUAD, Word};

/// Those of the first rows of a map.
///
/// # Safety
///
/// Map, sums and section must be there.
#[inline(always)]
pub(crate) unsafe fn of_map<D: Dot>(
    map: &ByteMap,
    rows: usize,
    section: *const f32,
    sums: *mut i32,
    arena: *mut u8,
) {
    // SAFETY: passed on.
    let correction = unsafe { word(section, Word::Correction) };
    // Padding lanes hold anything, and do not count.
    let last: [[u8; QUAD]; BLOCK] = core::array::from_fn(|i| {
        core::array::from_fn(|j| u8::from(i % 4 * QUAD + j < map.channels - (map.blocks() - 1) * BLOCK))
    });
    let (rows, pixels) = match map.order {
        Order::Plane => (1, rows * map.width),
        Order::Rows { .. } => (rows, map.width),
    };
    for y in 0..rows {
        let row = arena.wrapping_add(map.at(y, 0));
        let sums = sums.wrapping_add(y * map.width);
        // SAFETY: a row has so many pixels in each block, and sums; a plane goes on from row to row.
        unsafe {
            let (ones, last) = (D::right([0x0101_0101; BLOCK].as_ptr()), D::right(last.as_ptr().cast()));
            let mut x = 0;
            while x + 4 <= pixels {
                let mut four = D::splat(0);
                for block in 0..map.blocks() {
                    let quads = D::left(row.add(block * map.block_stride() + x * BLOCK));
                    four = D::dot(four, quads, if block + 1 < map.blocks() { ones } else { last });
                }
                let mut lanes = [0i32; BLOCK];
                D::store(lanes.as_mut_ptr(), four);
                for (i, lanes) in lanes.chunks_exact(4).enumerate() {
                    *sums.add(x + i) = lanes.iter().sum::<i32>().wrapping_mul(correction);
                }
                x += 4;
            }
            for x in x..pixels {
                let mut sum = 0;
                for channel in 0..map.channels {
                    let at = channel / BLOCK * map.block_stride() + x * BLOCK + channel % BLOCK;
                    sum += i32::from(*row.add(at));
                }
                *sums.add(x) = sum.wrapping_mul(correction);
            }
        }
    }
}

/// Those of the first rows of a strip of a first convolution, whose lines have been filled.
///
/// # Safety
///
/// The layer must be checked against arena and weights.
#[inline(always)]
pub(crate) unsafe fn of_lines<D: Dot>(
    layer: &Stem,
    rows: usize,
    weights: *const f32,
    sums: *mut i32,
    arena: *mut u8,
) {
    // SAFETY: passed on.
    let correction = unsafe { word(weights.add(layer.weights), Word::Correction) };
    let channels = layer.image[2];
    let (run, line) = (layer.window.size * channels, layer.line_pixels() * channels);
    for y in 0..rows {
        for x in 0..layer.output.width {
            let mut sum = 0;
            for ky in 0..layer.window.size {
                let at =
                    layer.lines + (y * layer.window.stride + ky) * line + x * layer.window.stride * channels;
                // SAFETY: the line buffer holds the lines of these rows.
                let run = unsafe { core::slice::from_raw_parts(arena.add(at), run) };
                sum += run.iter().map(|&x| i32::from(x)).sum::<i32>();
            }
            // SAFETY: there is a sum for each pixel of a strip.
            unsafe { *sums.add(y * layer.output.width + x) = sum.wrapping_mul(correction) }
        }
    }
}
