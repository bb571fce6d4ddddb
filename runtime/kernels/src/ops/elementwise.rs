//! Batch normalisation and clamps on their own, for graphs whose passes have not folded and fused them.

use crate::layer::{Activation, BatchNorm};
use crate::layout::{BLOCK, Map, Order, Section};
use crate::simd::Simd;

/// Applies `f(vector, channel)` to every vector of a map.
///
/// # Safety
///
/// The map must be inside the arena.
#[inline(always)]
unsafe fn each<S: Simd>(map: &Map, arena: *mut f32, f: impl Fn(*mut f32, usize)) {
    let (rows, pixels) = match map.order {
        Order::Plane => (1, map.height * map.width),
        Order::Rows { .. } => (map.height, map.width),
    };
    for y in 0..rows {
        for block in 0..map.blocks() {
            let width = map.block_width(block);
            let start = arena.wrapping_add(map.at(y, block));
            for at in (0..pixels * width).step_by(S::LANES) {
                f(start.wrapping_add(at), block * BLOCK + at % width.max(1));
            }
        }
    }
}

/// `x * scale + shift`.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn batchnorm<S: Simd>(layer: &BatchNorm, weights: *const f32, arena: *mut f32) {
    let section = Section::batchnorm(layer.map.channels);
    // SAFETY: the section has a scale and a shift for every stored channel, the map is inside the arena. Half blocks
    // are done by vectors of 8 or less.
    unsafe {
        let section_start = weights.add(layer.weights);
        each::<S::Half>(&layer.map, arena, |x, channel| {
            let scale = <S::Half as Simd>::load(section_start.add(section.kernel + channel));
            let shift = <S::Half as Simd>::load(section_start.add(section.bias + channel));
            <S::Half as Simd>::store(x, <S::Half as Simd>::fma(<S::Half as Simd>::load(x), scale, shift));
        });
    }
}

/// `min(max(x, low), high)`.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
#[inline(always)]
pub(crate) unsafe fn activation<S: Simd>(layer: &Activation, weights: *const f32, arena: *mut f32) {
    // SAFETY: as in batchnorm; the bounds are the first two values.
    unsafe {
        let section = weights.add(layer.weights);
        let low = <S::Half as Simd>::splat(*section);
        let high = <S::Half as Simd>::splat(*section.add(1));
        each::<S::Half>(&layer.map, arena, |x, _| {
            let clamped =
                <S::Half as Simd>::min(<S::Half as Simd>::max(<S::Half as Simd>::load(x), low), high);
            <S::Half as Simd>::store(x, clamped);
        });
    }
}
