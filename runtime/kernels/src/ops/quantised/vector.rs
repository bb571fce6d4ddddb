//! What is done to scores: softmax, and the numbers that they stand for.

use crate::quantised::layer::{Dequantise, Softmax};

/// Replaces bytes by their softmax.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
pub(crate) unsafe fn softmax(layer: &Softmax, weights: *const f32, arena: *mut u8) {
    // SAFETY: the table is inside the weights, the vector inside the arena; any word is an integer.
    unsafe {
        let table = &*weights.add(layer.weights).cast::<[i32; 256]>();
        crate::fixed::softmax(table, core::slice::from_raw_parts_mut(arena.add(layer.vector), layer.len));
    }
}

/// Writes the numbers that bytes stand for.
///
/// # Safety
///
/// The layer must be checked against `weights` and `arena`.
pub(crate) unsafe fn dequantise(layer: &Dequantise, weights: *const f32, arena: *mut u8) {
    // SAFETY: scale and zero point are inside the weights, both vectors inside the arena and apart; `output` counts floats, so
    // it is aligned as the arena is.
    unsafe {
        let section = weights.add(layer.weights);
        let (scale, zero) = (*section, section.add(1).cast::<i32>().read());
        let bytes = core::slice::from_raw_parts(arena.add(layer.input), layer.len);
        let numbers = core::slice::from_raw_parts_mut(arena.cast::<f32>().add(layer.output), layer.len);
        for (number, &byte) in numbers.iter_mut().zip(bytes) {
            *number = i32::from(byte).wrapping_sub(zero) as f32 * scale;
        }
    }
}
