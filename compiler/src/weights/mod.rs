//! Weights: published files of many formats, read into one ordered list of layers.

use crate::family::{Activation, Family, Padding};

/// A dense tensor, row-major, its values widened to f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Vec<f32>,
}

/// What kind of layer a set of tensors belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A full convolution; kernel (height, width, inputs, outputs).
    Conv,
    /// A depthwise convolution; kernel (height, width, channels).
    Depthwise,
    /// A 1x1 convolution; kernel (inputs, outputs).
    Pointwise,
    /// The classifier, dense or 1x1; kernel (inputs, outputs).
    Dense,
}

/// Batch-norm statistics, one value a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Scale.
    pub gamma: Vec<f32>,
    /// Shift.
    pub beta: Vec<f32>,
    /// Moving mean.
    pub mean: Vec<f32>,
    /// Moving variance.
    pub variance: Vec<f32>,
    /// Where the file states it.
    pub epsilon: Option<f64>,
}

/// The tensors of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The layer's name in the file.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Kernel, laid out as [`Kind`] says, whatever the file's own order.
    pub kernel: Tensor,
    /// Bias, where the file has one.
    pub bias: Option<Vec<f32>>,
    /// Batch norm, where it is not folded into kernel and bias.
    pub batchnorm: Option<BatchNorm>,
    /// Stride, where the file says (graph formats).
    pub stride: Option<usize>,
    /// Clamp after the layer, where the file says (graph formats).
    pub activation: Option<Activation>,
}

/// A weights file, read: layers in the order in which the network applies them.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Format, as printed.
    pub format: &'static str,
    /// The family, as detected.
    pub family: Family,
    /// Layers in network order.
    pub layers: Vec<Layer>,
    /// Input height, width and channels, where the file says.
    pub input: Option<[usize; 3]>,
    /// Class names, where the file has them.
    pub labels: Option<Vec<String>>,
    /// Tensors of the file that belong to no layer (optimiser state excepted).
    pub unused: Vec<String>,
    /// Padding at stride 2, where the file says (graph formats, config.json).
    pub padding: Option<Padding>,
}
