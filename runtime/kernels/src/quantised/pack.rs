//! Bringing the weights of networks of bytes into the layouts of [`layout`](super::layout).

use super::layout::{Kind, Section};
use crate::fixed::Factor;

/// How an output's sums become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue {
    /// As the reference does it.
    pub factor: Factor,
    /// Scale and shift of a multiply-add that has been shown to give the same bytes.
    pub float: Option<(f32, f32)>,
    /// Whether [`Kind::Double`] has been shown to give the same bytes.
    pub double: bool,
}

/// The numbers of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'n> {
    /// Kernel, as the network's own bytes, the output innermost.
    pub kernel: &'n [i16],
    /// What stands for 0 in the kernel; of a signed network 0.
    pub kernel_zero: i32,
    /// Whether the network's bytes are signed.
    pub signed: bool,
    /// One an output.
    pub bias: &'n [i32],
    /// One an output.
    pub epilogues: &'n [Epilogue],
    /// Distance between the numbers of two neighbouring bytes of the input.
    pub input_scale: f32,
    /// The unsigned byte that stands for 0 in the input.
    pub input_zero: i32,
    /// The unsigned byte that stands for 0 in the output.
    pub output_zero: i32,
    /// Least and greatest unsigned byte of the output.
    pub clamp: [i32; 2],
}

/// Packs a matrix product, [`Section::panels`]: the kernel is `runs * run` rows of `outputs` bytes.
///
/// # Panics
///
/// Where a slice is shorter than `runs`, `run`, `outputs` and the section ask for.
pub fn panels(numbers: &Numbers<'_>, runs: usize, run: usize, outputs: usize, out: &mut [i32]) {
    let _ = (numbers, Section::panels(runs, run, outputs), out, Kind::Float);
    todo!()
}

/// Packs a 3x3 depthwise convolution, [`Section::depthwise`]: the kernel is nine rows of `channels` bytes.
///
/// # Panics
///
/// Where a slice is shorter than `channels` and the section ask for.
pub fn depthwise(numbers: &Numbers<'_>, channels: usize, out: &mut [i32]) {
    let _ = (numbers, Section::depthwise(channels), out);
    todo!()
}
