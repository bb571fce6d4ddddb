//! The same loops over bytes, as TensorFlow Lite's reference kernels run them: sums in 32 bits, then rounded.
//!
//! Bytes are held as `i16`, because they may be signed or not. Where a window looks over the border, it sees the byte
//! that stands for 0, which adds nothing.

use super::{Sizes, taps};
use crate::fixed::Factor;
use crate::layout::Window;

/// Bytes and the one among them that stands for 0.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'b> {
    /// The bytes.
    pub values: &'b [i16],
    /// The one that stands for 0.
    pub zero: i32,
}

impl Bytes<'_> {
    fn get(&self, at: usize) -> i32 {
        i32::from(self.values[at]) - self.zero
    }
}

/// A full convolution: `kernel` is `(size, size, inputs, outputs)`; adds to `sums`, which hold the bias.
pub fn conv(sizes: &Sizes, window: &Window, input: Bytes<'_>, kernel: Bytes<'_>, sums: &mut [i32]) {
    let (inputs, outputs) = (sizes.input[2], sizes.output[2]);
    taps(sizes, window, |to, tap, from| {
        for i in 0..inputs {
            let x = input.get(from * inputs + i);
            let row = &kernel.values[(tap * inputs + i) * outputs..][..outputs];
            for (sum, &w) in sums[to * outputs..][..outputs].iter_mut().zip(row) {
                *sum = sum.wrapping_add(x * (i32::from(w) - kernel.zero));
            }
        }
    });
}

/// A depthwise convolution: `kernel` is `(size, size, channels)`; adds to `sums`, which hold the bias.
pub fn depthwise(sizes: &Sizes, window: &Window, input: Bytes<'_>, kernel: Bytes<'_>, sums: &mut [i32]) {
    let channels = sizes.input[2];
    taps(sizes, window, |to, tap, from| {
        for c in 0..channels {
            let product = input.get(from * channels + c) * kernel.get(tap * channels + c);
            let sum = &mut sums[to * channels + c];
            *sum = sum.wrapping_add(product);
        }
    });
}

/// Sums as bytes: multiplied by channel, moved by the output's zero point, clamped.
pub fn requantise(sums: &[i32], factors: &[Factor], zero: i32, clamp: [i32; 2], out: &mut [i16]) {
    let channels = factors.len();
    for (i, (out, &sum)) in out.iter_mut().zip(sums).enumerate() {
        let value = factors[i % channels].apply(sum).saturating_add(zero);
        *out = value.max(clamp[0]).min(clamp[1]) as i16;
    }
}

/// The mean over all pixels, by channel, rounded to the nearest, ties away from zero.
pub fn pool(input: &[i16], channels: usize, out: &mut [i16]) {
    let pixels = (input.len() / channels) as i32;
    for (c, out) in out[..channels].iter_mut().enumerate() {
        let sum: i32 = input.iter().skip(c).step_by(channels).map(|&x| i32::from(x)).sum();
        let half = if sum > 0 { pixels / 2 } else { -(pixels / 2) };
        *out = ((sum + half) / pixels) as i16;
    }
}
