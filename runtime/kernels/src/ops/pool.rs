//! The mean over all pixels.

use crate::layer::Pool;
use crate::layout::{BLOCK, Order};
use crate::simd::Simd;

/// Computes the means.
///
/// # Safety
///
/// The layer must be checked against `arena`.
#[inline(always)]
pub(crate) unsafe fn pool<S: Simd>(layer: &Pool, arena: *mut f32) {
    let map = &layer.input;
    let (rows, pixels) = match map.order {
        Order::Plane => (1, map.height * map.width),
        Order::Rows { .. } => (map.height, map.width),
    };
    // SAFETY: all pixels of all stored channels are inside the arena, and so is the output. Half blocks are done by
    // vectors of 8 or less.
    unsafe {
        let share = <S::Half as Simd>::splat(1.0 / (map.height * map.width) as f32);
        for block in 0..map.blocks() {
            let width = map.block_width(block);
            for lane in (0..width).step_by(S::Half::LANES) {
                let mut sum = <S::Half as Simd>::splat(0.0);
                for y in 0..rows {
                    let row = arena.add(map.at(y, block) + lane);
                    for x in 0..pixels {
                        sum = <S::Half as Simd>::add(sum, <S::Half as Simd>::load(row.add(x * width)));
                    }
                }
                let out = arena.add(layer.output + block * BLOCK + lane);
                <S::Half as Simd>::store(out, <S::Half as Simd>::mul(sum, share));
            }
        }
    }
}
