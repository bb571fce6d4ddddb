//! Quantised networks: what integer arithmetic needs, beside the dequantised values.
//!
//! A map's byte `q` stands for `(q - zero) * scale`. A layer sums `(x - input zero) * (w - kernel zero)` and the bias in
//! 32 bits, multiplies by a real factor, adds the output's zero point, and clamps.

use mobilenet_kernels::fixed::{Factor, Multiplier};

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

/// How the mean over all pixels is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pooling {
    /// AVERAGE_POOL_2D: the sum of bytes is divided, and rounded to the nearest.
    #[default]
    Average,
    /// MEAN: the sum, less zero points, is multiplied by one factor that divides it and brings it to the output's scale.
    Mean {
        /// The input.
        from: Affine,
        /// The output.
        to: Affine,
    },
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
    /// The pool.
    pub pooling: Pooling,
    /// The softmax, where the file ends in one.
    pub softmax: Option<Softmax>,
}

impl Pooling {
    /// What MEAN multiplies the sum of so many pixels with, rounded down as TensorFlow Lite does it; None if the scales are too
    /// far apart for 32 bits.
    pub fn factor(from: Affine, to: Affine, pixels: usize) -> Option<Multiplier> {
        let ratio = Multiplier::new(f64::from(from.scale) / f64::from(to.scale))?;
        let Multiplier { factor, exponent } = ratio;
        if factor == 0 || exponent > 8 {
            return None;
        }
        // As many bits as the quotient has room for: the factor stays below 2^31, and the exponent above -32.
        let bits = pixels.checked_ilog2()?.min(31u32.checked_add_signed(exponent)?).min(31);
        let factor = (i64::from(factor) << bits) / i64::try_from(pixels).ok()?;
        Some(Multiplier { factor: i32::try_from(factor).ok()?, exponent: exponent - bits as i32 })
    }
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
