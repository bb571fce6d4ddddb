//! Operations: a closed set.

use super::shape::{Pad, Shape};
use crate::family::Activation;

/// The weights of a layer, by name. The graph holds no numbers: they come from a weights file when it is packed.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// The layer whose kernel and bias these are.
    pub layer: String,
    /// The batch normalisation folded into them, if one is.
    pub folded: Option<BatchNorm>,
}

/// A batch normalisation: its name, the convolution that it normalises, and what it adds to the variance.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Its name.
    pub name: String,
    /// The parameterised layer that it follows, whose weights hold its statistics.
    pub layer: String,
    /// Added to the variance.
    pub epsilon: f64,
}

/// A convolution of any kind, without its kernel values.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Rows and columns of the kernel.
    pub size: usize,
    /// Distance between outputs.
    pub stride: usize,
    /// Zero border.
    pub pad: Pad,
    /// Its weights.
    pub params: Params,
    /// The clamp fused into it.
    pub activation: Activation,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The image.
    Input,
    /// A full convolution.
    Conv(Conv),
    /// A depthwise convolution.
    Depthwise(Conv),
    /// A 1x1 convolution.
    Pointwise(Conv),
    /// A depthwise and a pointwise convolution as one.
    Separable {
        /// The depthwise half.
        depthwise: Conv,
        /// The pointwise half.
        pointwise: Conv,
    },
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// A clamp.
    Activation(Activation),
    /// The mean over all pixels.
    GlobalAveragePool,
    /// The classifier.
    FullyConnected(Params),
    /// Softmax.
    Softmax,
    /// Nothing, at inference.
    Dropout,
}

impl Op {
    /// The operation's name, as written in specs and printed graphs.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input => "input",
            Op::Conv(_) => "conv",
            Op::Depthwise(_) => "depthwise",
            Op::Pointwise(_) => "pointwise",
            Op::Separable { .. } => "separable",
            Op::BatchNorm(_) => "batchnorm",
            Op::Activation(Activation::Relu) => "relu",
            Op::Activation(Activation::Relu6) => "relu6",
            Op::Activation(_) => "clamp",
            Op::GlobalAveragePool => "global_average_pool",
            Op::FullyConnected(_) => "fully_connected",
            Op::Softmax => "softmax",
            Op::Dropout => "dropout",
        }
    }
}

/// A node: a named operation and the shape of its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The layer's name.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The shape of its result.
    pub shape: Shape,
}
