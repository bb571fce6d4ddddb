//! The mean over all pixels.

use crate::dot::Dot;
use crate::fixed::Multiplier;
use crate::layout::{BLOCK, Order};
use crate::quantised::layer::Pool;

/// Computes the means.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn pool<D: Dot>(layer: &Pool, weights: *const f32, arena: *mut u8) {
    let map = &layer.input;
    // SAFETY: the layer's words are there.
    let scale = layer.scale.map(|offset| unsafe { weights.add(offset).cast::<[i32; 4]>().read() });
    let (rows, pixels) = match map.order {
        Order::Plane => (1, map.height * map.width),
        Order::Rows { .. } => (map.height, map.width),
    };
    // Checked to be far below 2^23.
    let count = ((map.height * map.width) as i32).max(1);
    for block in 0..map.blocks() {
        let mut sums = [0i32; BLOCK];
        for y in 0..rows {
            // SAFETY: all pixels of all blocks are inside the arena.
            let row = unsafe { core::slice::from_raw_parts(arena.add(map.at(y, block)), pixels * BLOCK) };
            for pixel in row.chunks_exact(BLOCK) {
                for (sum, &x) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(x);
                }
            }
        }
        let means = match scale {
            None => sums.map(|sum| mean(sum, count, layer.signed)),
            Some(scale) => sums.map(|sum| scaled(sum, count, scale)),
        };
        // SAFETY: and so is the output.
        unsafe { arena.add(layer.output + block * BLOCK).cast::<[u8; BLOCK]>().write_unaligned(means) }
    }
}

/// The mean of `count` bytes in another scale: division and change of scale are one multiplication.
#[inline(always)]
fn scaled(sum: i32, count: i32, [factor, exponent, from, to]: [i32; 4]) -> u8 {
    let factor = Multiplier { factor, exponent: exponent.clamp(-31, 30) };
    let sum = sum.wrapping_sub(count.wrapping_mul(from));
    factor.apply(sum).saturating_add(to).clamp(0, 255) as u8
}

/// The mean of `count` bytes, rounded to the nearest, ties away from zero.
#[inline(always)]
fn mean(sum: i32, count: i32, signed: bool) -> u8 {
    let sum = if signed { sum - 128 * count } else { sum };
    let half = if sum < 0 { -(count / 2) } else { count / 2 };
    let mean = (sum + half) / count;
    (if signed { mean + 128 } else { mean }) as u8
}
