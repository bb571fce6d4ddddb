//! Weights: published files of many formats, read into one ordered list of layers.
//!
//! Two kinds of format meet here. Files of *named tensors* (safetensors, Keras HDF5, TensorFlow checkpoints) say what
//! a tensor is only by its name: `names` knows the naming schemes, `assemble` turns tensors into layers. Files
//! of *graphs* (TensorFlow Lite, ONNX) are followed operator by operator, and state stride, padding and activation
//! themselves. Either way the result is a [`Weights`], which [`Weights::bind`] matches to a model and
//! [`Weights::guess`] takes for one.

#![cfg_attr(
    not(feature = "all-weights"),
    allow(dead_code, unused_variables, reason = "what formats share is unused where they are left out")
)]

mod assemble;
mod bind;
#[cfg(any(feature = "tflite", feature = "onnx", feature = "keras"))]
mod borders;
#[cfg(any(feature = "tflite", feature = "onnx"))]
mod chain;
#[cfg(feature = "tf-checkpoint")]
mod checkpoint;
mod guess;
#[cfg(feature = "keras")]
mod keras;
mod misfits;
mod names;
#[cfg(feature = "onnx")]
mod onnx;
mod open;
mod quantised;
#[cfg(feature = "safetensors")]
mod safetensors;
#[cfg(feature = "safetensors")]
mod settings;
mod slots;
mod tensors;
#[cfg(feature = "tflite")]
mod tflite;
#[cfg(any(feature = "tflite", feature = "keras"))]
mod zip;

use crate::error::Result;
use crate::family::{Activation, Family, Padding};
use crate::settings::Precision;

pub use bind::{Difference, Expected};
pub use guess::Guess;
pub use names::{Naming, Scheme};
pub use open::{files, open, read};
pub use quantised::{Affine, Integers, Pooling, Quantised, QuantisedLayer, Softmax};
pub use slots::{Half, Slot};
pub use tensors::{Tensor, TensorInfo};

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

/// What a tensor is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The kernel.
    Kernel,
    /// The bias.
    Bias,
    /// Batch norm's scale.
    Gamma,
    /// Batch norm's shift.
    Beta,
    /// Batch norm's moving mean.
    Mean,
    /// Batch norm's moving variance.
    Variance,
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
    /// Its place in MobileNet v1, where its name or the graph says.
    pub slot: Option<Slot>,
    /// Kernel, laid out as [`Kind`] says, whatever the file's own order. A kernel whose rank does not fit its kind is
    /// left as the file has it; [`Weights::bind`] complains about it.
    pub kernel: Tensor,
    /// Bias, where the file has one.
    pub bias: Option<Vec<f32>>,
    /// Batch norm, where it is not folded into kernel and bias.
    pub batchnorm: Option<BatchNorm>,
    /// Stride, where the file says (graph formats).
    pub stride: Option<usize>,
    /// Clamp after the layer, where the file says (graph formats).
    pub activation: Option<Activation>,
    /// What the file calls the layer's tensors.
    pub tensors: Vec<(Role, String)>,
}

/// A weights file, read: layers in the order in which the network applies them.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Format, as printed.
    pub format: &'static str,
    /// The family, as detected; where the file itself states a setting, the file's.
    pub family: Family,
    /// Layers in network order (in the file's order, where it names them freely).
    pub layers: Vec<Layer>,
    /// Whether the order of the layers is the network's because the file holds a graph, whatever their names.
    pub ordered: bool,
    /// How the file names its layers, where that is a known scheme.
    pub naming: Option<Naming>,
    /// Input height, width and channels, where the file says.
    pub input: Option<[usize; 3]>,
    /// Class names, where the file has them.
    pub labels: Option<Vec<String>>,
    /// All tensors of the file.
    pub tensors: Vec<TensorInfo>,
    /// Tensors that layers of the file lack.
    pub missing: Vec<String>,
    /// Tensors of the file that belong to no layer (optimiser state excepted).
    pub unused: Vec<String>,
    /// Padding at stride 2, where the file says (graph formats, config.json).
    pub padding: Option<Padding>,
    /// What integer arithmetic needs, where the file's network computes with 8-bit integers; an error where it does so
    /// in a way that is not known here. The dequantised values above are there either way.
    pub quantised: Option<Result<Quantised>>,
}

impl Weights {
    /// The numbers that the file's network computes with.
    pub fn precision(&self) -> Precision {
        if self.quantised.is_some() { Precision::Int8 } else { Precision::F32 }
    }
}

impl Kind {
    /// What the extents of a kernel are.
    pub fn extents(self) -> &'static str {
        match self {
            Kind::Conv => "height, width, inputs, outputs",
            Kind::Depthwise => "height, width, channels",
            Kind::Pointwise | Kind::Dense => "inputs, outputs",
        }
    }
}

impl Layer {
    /// What the file calls one of the layer's tensors.
    pub fn tensor(&self, role: Role) -> Option<&str> {
        self.tensors.iter().find(|(have, _)| *have == role).map(|(_, name)| name.as_str())
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.kernel.shape.last().copied().unwrap_or(0)
    }

    /// Input channels; those of a depthwise layer are its outputs.
    pub fn inputs(&self) -> usize {
        match (self.kind, self.kernel.shape.as_slice()) {
            (Kind::Depthwise, [.., channels]) => *channels,
            (_, [.., inputs, _]) => *inputs,
            _ => 0,
        }
    }
}
