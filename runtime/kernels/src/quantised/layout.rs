//! How the weights of networks of bytes lie in memory.
//!
//! Bytes are multiplied in **quads**: four inputs with four weights, and the sum of the products goes into 32 bits. It is what
//! processors with dot-product instructions do, and others can do well. The weights of a matrix product are in panels of 32
//! outputs, `[N/32][K/4][32][4]`; the last panel is 16 or 32 wide. Those of a 3x3 depthwise convolution are
//! `[C/16][row][16][4]`, a quad being the three columns of a row, and 0; a fourth row has a word a channel.
//!
//! What counts is the weight less the kernel's zero point, which has nine bits where kernels are unsigned. But hardly any has
//! more than eight: in published networks one to four in a layer, those that its range was made of. Of a matrix product they
//! are cut to a byte, and what is left of them is an [`Outlier`]. Where those are too many, all weights are stored lower by
//! so much that they fit, and [`Word::Correction`] makes up for it. So are those of a depthwise convolution, channel by
//! channel: its fourth row says by how much.
//!
//! Sections lie among packed `f32`s, at multiples of 64 bytes; like theirs, offsets and lengths count 4-byte words.

use crate::layout::{ALIGN, BLOCK, PANEL, aligned};

/// Inputs that are multiplied together.
pub const QUAD: usize = 4;

/// Outputs as stored: whole blocks.
pub const fn padded(outputs: usize) -> usize {
    outputs.next_multiple_of(BLOCK)
}

/// Quads that hold so many inputs.
pub const fn quads(inputs: usize) -> usize {
    inputs.div_ceil(QUAD)
}

/// Outputs of panel `j`: 32, or 16 where that is what is left.
pub const fn panel_width(outputs: usize, j: usize) -> usize {
    let left = padded(outputs) - j * PANEL;
    if left < PANEL { left } else { PANEL }
}

/// The first words of a section, [`HEAD`] long; an `i32` each, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The unsigned byte that stands for 0 in the input: what windows see over the border.
    InputZero = 0,
    /// Least unsigned byte of the output.
    Low = 1,
    /// Greatest unsigned byte of the output.
    High = 2,
    /// The unsigned byte that stands for 0 in the output; only fixed-point epilogues ask for it.
    OutputZero = 3,
    /// What the sum of a pixel's inputs is multiplied with, because weights are stored lower by so much; 0 where they are not.
    Correction = 4,
    /// Distance between the numbers of two neighbouring bytes of the input, an `f32`; only first convolutions ask for it, to
    /// take floats.
    InputScale = 5,
    /// Outliers of a matrix product.
    Outliers = 6,
}

/// What is left of a quad's weights that do not fit into a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Outlier {
    /// The row of the panel.
    pub row: i32,
    /// The output.
    pub output: i32,
    /// Four signed bytes.
    pub quad: i32,
}

/// Outliers that a matrix product may have.
pub const OUTLIERS: usize = 16;

/// Words before the kinds of epilogues.
pub const HEAD: usize = ALIGN;

/// How the sums of a block of 16 outputs become bytes; the word that says so, one a block, after the head.
///
/// Each output has three words, `[bias][a][b]`, a block of each after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `floor(sum * a + b)` of `f32`s a and b, rounded once before the floor. Both are 0 or [not too small](super::pack), and a is
    /// below 1.
    Float = 0,
    /// The same in `f64`, with the scale `a + b` and the [`shift`] that follows from it: what rounds twice in fixed point is one
    /// line. a is the scale as an `f32`, b what it lacks.
    Double = 1,
    /// As the reference does it, with that factor and exponent.
    Fixed = 2,
    /// As the reference does dense layers: a and b are the halves of an `f64`, the lower first.
    Dense = 3,
    /// [`Kind::Double`], for which `sum * a + (sum * b + shift)` in `f32`s does as well, if the outer multiply-add is rounded down.
    Pair = 4,
}

/// What [`Kind::Double`] adds before the floor: the output's zero point, half a byte, and half of the bit that the reference's
/// first rounding leaves, which is the greatest power of two in the scale.
#[inline(always)]
pub fn shift(scale: f32, zero: i32) -> f64 {
    f64::from(zero) + 0.5 + f64::from(f32::from_bits(scale.to_bits() & POWER))
}

/// The exponent of an `f32`.
pub(crate) const POWER: u32 = 0x7f80_0000;

/// Lengths and offsets of a layer's section: `[head][kinds][outliers][bias, a, b by block][kernel]`, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// Offset of the outliers, three words each. Depthwise convolutions have none.
    pub outliers: usize,
    /// Offset of the epilogues' words, 48 a block.
    pub epilogue: usize,
    /// Offset of the kernel.
    pub kernel: usize,
    /// Length of the section, a multiple of [`ALIGN`].
    pub len: usize,
}

impl Section {
    /// `kernel` counts quads, each of which is a word.
    const fn new(outputs: usize, most: usize, kernel: usize) -> Self {
        let blocks = outputs.div_ceil(BLOCK);
        let outliers = HEAD + aligned(blocks);
        let epilogue = outliers + aligned(most * size_of::<Outlier>() / size_of::<i32>());
        let start = epilogue + blocks * 3 * BLOCK;
        Section { outliers, epilogue, kernel: start, len: aligned(start + kernel) }
    }

    /// A matrix product whose inputs come in `runs` of `run` inputs, each padded to whole quads: a window's rows, or one run
    /// of all channels.
    pub const fn panels(runs: usize, run: usize, outputs: usize) -> Self {
        Self::new(outputs, OUTLIERS, runs * quads(run) * padded(outputs))
    }

    /// A 3x3 depthwise convolution: three rows of quads, and what they are stored lower by.
    pub const fn depthwise(channels: usize) -> Self {
        Self::new(channels, 0, 4 * padded(channels))
    }
}

/// Words of a softmax's table: the exponentials of all differences between two bytes.
pub const SOFTMAX: usize = 256;

/// Words that bring a sum of pixels to the scale of its mean: the factor and the exponent of a
/// [`Multiplier`](crate::fixed::Multiplier), and the unsigned bytes that stand for 0 in the input and in the output.
pub const MEAN: usize = ALIGN;

/// Words that tell what bytes stand for: scale (an `f32`) and the unsigned byte that stands for 0.
pub const AFFINE: usize = ALIGN;
