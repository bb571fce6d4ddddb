//! The obvious loops over interleaved maps, `(height, width, channels)`: what the right answer is.
//!
//! Sums are kept in f64 and rounded once, so that differences are those of the kernel under test.

pub mod quantised;

use crate::layout::{Storage, Window};
use crate::narrow::{Bf16, F16};

/// Sizes of a convolution: height, width, channels of input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Height, width, channels.
    pub input: [usize; 3],
    /// Height, width, channels.
    pub output: [usize; 3],
}

/// Calls `visit(output pixel, tap, input pixel)` for every tap that falls inside the input.
fn taps(sizes: &Sizes, window: &Window, mut visit: impl FnMut(usize, usize, usize)) {
    let ([height, width, _], [out_height, out_width, _]) = (sizes.input, sizes.output);
    for y in 0..out_height {
        for x in 0..out_width {
            for ky in 0..window.size {
                for kx in 0..window.size {
                    let (row, column) = (y * window.stride + ky, x * window.stride + kx);
                    if row < window.top || column < window.left {
                        continue;
                    }
                    let (row, column) = (row - window.top, column - window.left);
                    if row < height && column < width {
                        visit(y * out_width + x, ky * window.size + kx, row * width + column);
                    }
                }
            }
        }
    }
}

/// A full convolution: `kernel` is `(size, size, inputs, outputs)`; adds to `sums`, which hold the bias.
pub fn conv(sizes: &Sizes, window: &Window, input: &[f32], kernel: &[f32], sums: &mut [f64]) {
    let (inputs, outputs) = (sizes.input[2], sizes.output[2]);
    taps(sizes, window, |to, tap, from| {
        for i in 0..inputs {
            let x = f64::from(input[from * inputs + i]);
            let row = &kernel[(tap * inputs + i) * outputs..][..outputs];
            for (sum, &w) in sums[to * outputs..][..outputs].iter_mut().zip(row) {
                *sum += x * f64::from(w);
            }
        }
    });
}

/// A depthwise convolution: `kernel` is `(size, size, channels)`; adds to `sums`, which hold the bias.
pub fn depthwise(sizes: &Sizes, window: &Window, input: &[f32], kernel: &[f32], sums: &mut [f64]) {
    let channels = sizes.input[2];
    taps(sizes, window, |to, tap, from| {
        for c in 0..channels {
            let x = f64::from(input[from * channels + c]);
            sums[to * channels + c] += x * f64::from(kernel[tap * channels + c]);
        }
    });
}

/// `x * scale + shift`, by channel.
pub fn batchnorm(map: &mut [f32], scale: &[f64], shift: &[f64]) {
    for pixel in map.chunks_exact_mut(scale.len()) {
        for ((x, scale), shift) in pixel.iter_mut().zip(scale).zip(shift) {
            *x = (f64::from(*x) * scale + shift) as f32;
        }
    }
}

/// Rounds sums to values between two bounds.
pub fn clamp(sums: &[f64], bounds: [f32; 2], out: &mut [f32]) {
    for (out, &sum) in out.iter_mut().zip(sums) {
        *out = (sum as f32).max(bounds[0]).min(bounds[1]);
    }
}

/// Rounds values to what they are stored as.
pub fn round(values: &mut [f32], storage: Storage) {
    match storage {
        Storage::F32 => {}
        Storage::Bf16 => values.iter_mut().for_each(|value| *value = Bf16::from(*value).into()),
        Storage::F16 => values.iter_mut().for_each(|value| *value = F16::from(*value).into()),
    }
}

/// The mean over all pixels, by channel.
pub fn pool(input: &[f32], channels: usize, out: &mut [f32]) {
    let pixels = input.len() / channels;
    for (c, out) in out[..channels].iter_mut().enumerate() {
        let sum: f64 = input.iter().skip(c).step_by(channels).map(|&x| f64::from(x)).sum();
        *out = (sum / pixels as f64) as f32;
    }
}
