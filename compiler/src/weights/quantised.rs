//! Quantised networks: what integer arithmetic needs, beside the dequantised values.
//!
//! A map's byte `q` stands for `(q - zero) * scale`. A layer sums `(x - input zero) * (w - kernel zero)` and the bias in
//! 32 bits, multiplies by a real factor, adds the output's zero point, and clamps.

use mobilenet_kernels::fixed::Factor;

use super::Tensor;

/// The type of a network's bytes: its input, its maps, its kernels, its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integers {
    /// 0 to 255.
    U8,
    /// -128 to 127.
    I8,
}

/// Which real numbers the bytes of a map stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Distance between the numbers of two neighbouring bytes; positive and finite.
    pub scale: f32,
    /// The byte that stands for 0; one of the network's type.
    pub zero: i32,
}

/// A layer as integers.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedLayer {
    /// Kernel, laid out as that of the layer of the same place; bytes of the network's type.
    pub kernel: Tensor<i16>,
    /// The byte of the kernel that stands for 0. Kernels scaled by channel have 0.
    pub kernel_zero: i32,
    /// Bias, one an output; 0 where the file has none.
    pub bias: Vec<i32>,
    /// What sums are multiplied with, one an output: input scale * kernel scale / output scale, rounded as the file's
    /// operator does it.
    pub factors: Vec<Factor>,
    /// The input.
    pub input: Affine,
    /// The output.
    pub output: Affine,
    /// Least and greatest byte of the output.
    pub clamp: [i32; 2],
}

/// A softmax over bytes. Its output has scale 1/256, and its least byte stands for 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    /// What the numbers are multiplied with before exponentiation.
    pub beta: f32,
}

/// A network as integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// The type of its bytes.
    pub integers: Integers,
    /// The input.
    pub input: Affine,
    /// The layers, in the places of [`Weights::layers`](super::Weights::layers).
    pub layers: Vec<QuantisedLayer>,
    /// The softmax, where the file ends in one.
    pub softmax: Option<Softmax>,
}

impl Integers {
    /// Least and greatest byte.
    pub const fn range(self) -> [i32; 2] {
        match self {
            Integers::U8 => [0, 255],
            Integers::I8 => [-128, 127],
        }
    }

    /// As printed.
    pub const fn name(self) -> &'static str {
        match self {
            Integers::U8 => "uint8",
            Integers::I8 => "int8",
        }
    }

    /// Whether a number is one of the bytes.
    pub fn contains(self, number: i64) -> bool {
        let [low, high] = self.range();
        (i64::from(low)..=i64::from(high)).contains(&number)
    }
}

impl Quantised {
    /// What the scores before softmax stand for.
    pub fn scores(&self) -> Affine {
        self.layers.last().map_or(self.input, |layer| layer.output)
    }

    /// What the output stands for.
    pub fn output(&self) -> Affine {
        match self.softmax {
            Some(_) => Affine { scale: 1.0 / 256.0, zero: self.integers.range()[0] },
            None => self.scores(),
        }
    }
}
