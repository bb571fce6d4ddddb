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

impl Op {
    /// The shape of the result. Only parameters know how many channels come out of a product: `channels` are stated.
    ///
    /// # Errors
    ///
    /// Why there is no result.
    pub fn output(&self, input: Shape, channels: usize) -> Result<Shape, &'static str> {
        match self {
            Op::Conv(conv) | Op::Pointwise(conv) => conv.output(input, channels),
            Op::Depthwise(conv) => conv.depthwise_output(input),
            Op::Separable { depthwise, pointwise } => {
                pointwise.output(depthwise.depthwise_output(input)?, channels)
            }
            Op::GlobalAveragePool => Ok(Shape::vector(input.channels)),
            Op::FullyConnected(_) if input.height * input.width != 1 => Err("its input is not a vector"),
            Op::FullyConnected(_) => Ok(Shape::vector(channels)),
            Op::Input | Op::BatchNorm(_) | Op::Activation(_) | Op::Softmax | Op::Dropout => Ok(input),
        }
    }
}

impl Conv {
    fn output(&self, input: Shape, channels: usize) -> Result<Shape, &'static str> {
        let Conv { size, stride, pad, .. } = self;
        if *size == 0 || *stride == 0 {
            return Err("its window or stride is zero");
        }
        if pad.most() >= *size {
            return Err("its padding is not smaller than its window");
        }
        let count = |extent: usize| extent.checked_sub(*size).map(|rest| rest / stride + 1);
        let height = count(input.height + pad.top + pad.bottom);
        let width = count(input.width + pad.left + pad.right);
        match (height, width) {
            (Some(height), Some(width)) => Ok(Shape::new(height, width, channels)),
            _ => Err("its window is larger than its input"),
        }
    }

    /// The kernels for depthwise convolutions are made for 3x3.
    fn depthwise_output(&self, input: Shape) -> Result<Shape, &'static str> {
        match self {
            Conv { size: 3, stride: 1 | 2, pad, .. } if pad.most() <= 1 => self.output(input, input.channels),
            _ => Err("a depthwise window is 3x3, at stride 1 or 2, padded by one pixel at most"),
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
