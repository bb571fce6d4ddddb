//! Layers of networks of bytes: kernel calls and what their sections hold.

use mobilenet_kernels::layer::Checked;
use mobilenet_kernels::layout::ByteMap;
use mobilenet_kernels::quantised::layer::{
    Depthwise, Dequantise, FullyConnected, Pointwise, Pool, Separable, Softmax, Stage, Stem,
};
use mobilenet_kernels::quantised::layout::{AFFINE, MEAN, SOFTMAX, Section};

use super::build::{Builder, fit, from_map, window};
use super::place::{Draft, Link};
use super::{Content, Kernel};
use crate::error::{Complaint, Result};
use crate::ir::{self, Op, Params};
use crate::quantised::Quantised;
use crate::weights::{Integers, Pooling};

/// What the planner must know of a network of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// The type of its bytes.
    pub integers: Integers,
    /// Whether it ends in a softmax.
    pub softmax: bool,
    /// Whether its pool has a scale of its own (MEAN).
    pub mean: bool,
}

impl From<&Quantised> for Bytes {
    fn from(quantised: &Quantised) -> Self {
        Bytes {
            integers: quantised.integers,
            softmax: quantised.softmax.is_some(),
            mean: quantised.pooling != Pooling::Average,
        }
    }
}

/// The output of a network in bytes of its own type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// The type of its bytes.
    pub integers: Integers,
    /// Arena offset of the output, in bytes: the scores, until softmax replaces them.
    pub at: usize,
    /// The softmax, where the network ends in one.
    pub softmax: Option<Checked<Softmax>>,
}

/// A kernel of bytes and what it is called with. Features and scores are there as numbers too.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is the layer that it holds")]
pub enum ByteKernel {
    Stem(Checked<Stem>),
    Depthwise(Checked<Depthwise>),
    Pointwise(Checked<Pointwise>),
    Separable(Checked<Separable>),
    Pool(Checked<Pool>, Checked<Dequantise>),
    FullyConnected(Checked<FullyConnected>, Checked<Dequantise>),
}

impl ByteKernel {
    /// Its name, as printed.
    pub fn name(&self) -> &'static str {
        match self {
            ByteKernel::Stem(_) => "stem",
            ByteKernel::Depthwise(_) => "depthwise",
            ByteKernel::Pointwise(_) => "pointwise",
            ByteKernel::Separable(_) => "separable",
            ByteKernel::Pool(..) => "pool",
            ByteKernel::FullyConnected(..) => "fully_connected",
        }
    }

    /// Output rows that it computes at a time, where it works in strips.
    pub fn strip(&self) -> Option<usize> {
        match self {
            ByteKernel::Stem(layer) => Some(layer.layer().strip),
            ByteKernel::Separable(layer) => Some(layer.layer().strip),
            _ => None,
        }
    }

    /// This kernel as a stage of a stream of bytes, if it can be one.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            ByteKernel::Stem(layer) => Some(Stage::Stem(*layer)),
            ByteKernel::Separable(layer) => Some(Stage::Separable(*layer)),
            _ => None,
        }
    }

    /// Offsets of the sections that it reads.
    pub(super) fn weights(&self) -> Vec<usize> {
        match self {
            ByteKernel::Stem(layer) => vec![layer.layer().weights],
            ByteKernel::Depthwise(layer) => vec![layer.layer().weights],
            ByteKernel::Pointwise(layer) => vec![layer.layer().weights],
            ByteKernel::Separable(layer) => vec![layer.layer().depthwise, layer.layer().pointwise],
            ByteKernel::Pool(layer, numbers) => {
                layer.layer().scale.into_iter().chain([numbers.layer().weights]).collect()
            }
            ByteKernel::FullyConnected(layer, numbers) => {
                vec![layer.layer().weights, numbers.layer().weights]
            }
        }
    }
}

/// What a section of a network of bytes holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ByteContent {
    /// The kernel of a matrix product, in panels.
    Panels {
        /// The layer.
        layer: String,
        /// Runs of inputs: a window's rows.
        runs: usize,
        /// Inputs of a run.
        run: usize,
        /// Outputs.
        outputs: usize,
    },
    /// A depthwise kernel, in channel blocks.
    Depthwise {
        /// The layer.
        layer: String,
        /// Channels.
        channels: usize,
    },
    /// The scale of the mean over so many pixels.
    Mean {
        /// Pixels.
        pixels: usize,
    },
    /// The numbers that the inputs of a layer stand for.
    Inputs(String),
    /// The numbers that the outputs of a layer stand for.
    Outputs(String),
    /// The exponentials of the softmax.
    Softmax,
}

/// Whether an operation computes nothing in a network of bytes: its file has it in the convolution before, and softmax is
/// not one of the steps, see [`Output`].
pub(super) fn is_elsewhere(op: &Op) -> bool {
    matches!(op, Op::BatchNorm(_) | Op::Activation(_) | Op::Softmax)
}

impl Builder<'_> {
    fn bytes(&mut self, len: usize, content: ByteContent) -> usize {
        self.section(len, Content::Bytes(content))
    }

    fn byte_panels(&mut self, params: &Params, runs: usize, run: usize, outputs: usize) -> usize {
        let content = ByteContent::Panels { layer: params.layer.clone(), runs, run, outputs };
        self.bytes(Section::panels(runs, run, outputs).len, content)
    }

    fn byte_depthwise(&mut self, conv: &ir::Conv, channels: usize) -> usize {
        let content = ByteContent::Depthwise { layer: conv.params.layer.clone(), channels };
        self.bytes(Section::depthwise(channels).len, content)
    }

    /// The call of a layer's kernel. `classifier` names the parameters of the layer that takes the features.
    pub(super) fn byte_kernel(
        &mut self,
        link: &Link<'_>,
        draft: &Draft,
        (first, classifier): (bool, &str),
        bytes: Bytes,
    ) -> Result<Kernel> {
        let name = &link.node.name;
        let output: ByteMap = self.map(&draft.output);
        let input: Option<ByteMap> = draft.input.as_ref().map(|spot| self.map(spot));
        let scratch = draft.scratch.map_or(0, |id| self.placement.offset(id));
        let sums = draft.sums.map(|id| self.placement.offset(id));
        let strip = draft.strip;
        let kernel = match &link.node.op {
            Op::Conv(conv) if first => {
                let run = conv.size * link.input.channels;
                let weights = self.byte_panels(&conv.params, conv.size, run, output.channels);
                let (image, window) = (link.input.array(), window(conv));
                let stem = Stem { image, window, output, strip, lines: scratch, sums, weights };
                ByteKernel::Stem(fit(name, stem.check())?)
            }
            Op::Conv(_) => return Err(no_kernel(name, "a full convolution of a feature map")),
            Op::Depthwise(conv) => {
                let input = from_map(name, input)?;
                let window = three_by_three(name, conv)?;
                let weights = self.byte_depthwise(conv, input.channels);
                ByteKernel::Depthwise(fit(name, Depthwise { input, window, output, weights }.check())?)
            }
            Op::Pointwise(conv) => {
                let input = from_map(name, input)?;
                let weights = self.byte_panels(&conv.params, 1, input.channels, output.channels);
                ByteKernel::Pointwise(fit(name, Pointwise { input, output, sums, weights }.check())?)
            }
            Op::Separable { depthwise, pointwise } => {
                let input = from_map(name, input)?;
                let block = Separable {
                    input,
                    window: three_by_three(name, depthwise)?,
                    output,
                    strip,
                    scratch,
                    sums,
                    depthwise: self.byte_depthwise(depthwise, input.channels),
                    pointwise: self.byte_panels(&pointwise.params, 1, input.channels, output.channels),
                };
                ByteKernel::Separable(fit(name, block.check())?)
            }
            Op::GlobalAveragePool => {
                let input = from_map(name, input)?;
                let pixels = input.height * input.width;
                let scale = bytes.mean.then(|| self.bytes(MEAN, ByteContent::Mean { pixels }));
                let [bytes_at, numbers_at] = self.ends.features;
                let signed = bytes.integers == Integers::I8;
                let numbers = Dequantise {
                    len: link.node.shape.channels,
                    input: bytes_at,
                    output: numbers_at / size_of::<f32>(),
                    weights: self.bytes(AFFINE, ByteContent::Inputs(classifier.to_string())),
                };
                let pool = Pool { input, output: bytes_at, signed, scale };
                ByteKernel::Pool(fit(name, pool.check())?, fit(name, numbers.check())?)
            }
            Op::FullyConnected(params) => {
                let (inputs, outputs) = (link.input.channels, link.node.shape.channels);
                let [features_at, _] = self.ends.features;
                let [bytes_at, numbers_at] = self.ends.scores;
                let numbers = Dequantise {
                    len: outputs,
                    input: bytes_at,
                    output: numbers_at / size_of::<f32>(),
                    weights: self.bytes(AFFINE, ByteContent::Outputs(params.layer.clone())),
                };
                // Before the classifier, whose size is the only one that the number of classes changes.
                if bytes.softmax {
                    let weights = self.bytes(SOFTMAX, ByteContent::Softmax);
                    let softmax = Softmax { len: outputs, vector: bytes_at, weights };
                    self.softmax = Some(fit("softmax", softmax.check())?);
                }
                let weights = self.byte_panels(params, 1, inputs, outputs);
                let layer = FullyConnected { inputs, outputs, input: features_at, output: bytes_at, weights };
                ByteKernel::FullyConnected(fit(name, layer.check())?, fit(name, numbers.check())?)
            }
            Op::Input | Op::Dropout | Op::BatchNorm(_) | Op::Activation(_) | Op::Softmax => {
                return Err(Complaint::new(format!("`{name}` computes nothing")).into());
            }
        };
        Ok(Kernel::Bytes(kernel))
    }
}

fn three_by_three(name: &str, conv: &ir::Conv) -> Result<mobilenet_kernels::layout::Window> {
    match conv.size {
        3 => Ok(window(conv)),
        size => Err(no_kernel(name, &format!("a depthwise convolution of {size}x{size}"))),
    }
}

fn no_kernel(name: &str, what: &str) -> crate::error::Report {
    Complaint::new(format!("no 8-bit kernel computes `{name}`, {what}"))
        .help("precision f32 widens the weights to floats; the reference runs it as it is")
        .into()
}
