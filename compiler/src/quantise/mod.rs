//! Post-training quantisation: a network of floats becomes one of 8-bit integers, in TensorFlow Lite's own scheme.
//!
//! ```text
//! photos ─ calibrate ─▶ a range for each map ─ choose ─▶ a network of bytes ─ write ─▶ .tflite
//!                                                                            │
//! photos, floats, the file, read again ─ compare ─▶ how far off each map is ◀┘
//! ```
//!
//! Maps are int8 with one scale and any zero point, kernels int8 with one scale a channel and zero point 0, biases int32.
//! The network is the graph with batch normalisation folded and clamps fused: one map an operator of the file.

mod calibrate;
mod choose;
mod compare;
mod flatbuffer;
mod write;

use mobilenet_kernels::image::Normalise;

use crate::compile::Compiled;
use crate::error::{Complaint, Report, Result};
use crate::family::{Activation, Family};
use crate::ir::{Graph, Node, Op, Params};
use crate::pack::{self, Folded, Tensors};
use crate::passes;
use crate::weights::Affine;

pub use calibrate::{Calibration, Range};
pub use choose::{Map, Network};
pub use compare::{Comparison, Deviation};

/// A network of floats that can be quantised.
#[derive(Debug)]
pub struct Quantiser<'c> {
    /// Each node's operand is the one before it: specs are lists of layers.
    graph: Graph,
    tensors: &'c Tensors,
    /// Kernel and bias of each node that has them.
    folded: Vec<Option<Folded>>,
    normalise: Normalise,
    input: Affine,
    softmax: bool,
    /// What the names of the file's tensors begin with.
    prefix: &'static str,
}

impl<'c> Quantiser<'c> {
    /// A compiled network.
    ///
    /// # Errors
    ///
    /// It has no weights, or those of integers, or such as are not finite; or does what the integer operators do not.
    pub fn new(compiled: &'c Compiled) -> Result<Quantiser<'c>> {
        if compiled.quantised.is_some() {
            let what = "the weights are those of a quantised network already";
            return Err(Complaint::new(what).help("quantise the weights that it was made of").into());
        }
        let tensors = compiled.tensors.as_ref();
        let tensors = tensors.ok_or_else(|| Complaint::new("there are no weights to quantise"))?;
        let mut graph = compiled.raw.clone();
        let nodes = graph.len();
        passes::remove_softmax(&mut graph);
        let softmax = graph.len() < nodes;
        passes::run(&mut graph, Some("fuse-activation"), |_, _, _| ())?;

        let mut report = Report::new();
        let mut folded = Vec::with_capacity(graph.len());
        for node in graph.ids().map(|id| graph.node(id)) {
            unfit(node).into_iter().for_each(|complaint| report.push(complaint));
            let params = params(&node.op);
            let params = params.and_then(|params| report.absorb(pack::folded(params, tensors)));
            let channel = params.as_ref().and_then(infinite);
            channel.into_iter().for_each(|channel| report.push(not_finite(&node.name, channel)));
            folded.push(params);
        }
        let preprocess = &compiled.settings.family.preprocess;
        let input = report.absorb(of_pixels(&preprocess.normalise, compiled.plan.input[2]));
        report.into_result(())?;
        Ok(Quantiser {
            graph,
            tensors,
            folded,
            normalise: preprocess.normalise,
            input: input.unwrap_or(Affine { scale: 1.0, zero: 0 }),
            softmax,
            // Readers know files that descend from TF-slim, and how their photos are cropped, by these names.
            prefix: if preprocess.framing == Family::TF_SLIM.preprocess.framing {
                "MobilenetV1/"
            } else {
                ""
            },
        })
    }

    /// The graph whose values are the maps.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// A photo's bytes as the network's floats.
    fn normalised(&self, pixels: &[u8]) -> Vec<f32> {
        let Normalise { scale, offset } = &self.normalise;
        pixels.iter().map(|&byte| f32::from(byte) * scale[0] + offset[0]).collect()
    }
}

/// The parameters of a node that has a kernel.
fn params(op: &Op) -> Option<&Params> {
    match op {
        Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => Some(&conv.params),
        Op::FullyConnected(params) => Some(params),
        _ => None,
    }
}

/// The weights of an output channel, which is the innermost extent of every kernel.
fn channel(folded: &Folded, channel: usize) -> impl Iterator<Item = f32> + '_ {
    folded.kernel.iter().copied().skip(channel).step_by(folded.bias.len())
}

/// The first channel whose weights, folded, are not all finite.
fn infinite(folded: &Folded) -> Option<usize> {
    let finite = |c: usize| channel(folded, c).chain([folded.bias[c]]).all(f32::is_finite);
    (0..folded.bias.len()).find(|&c| !finite(c))
}

fn not_finite(name: &str, channel: usize) -> Complaint {
    let what =
        format!("channel {channel} of `{name}` is not finite once its batch normalisation is folded in");
    Complaint::new(what).help("its variance is 0, or its scale beyond f32")
}

/// Why there is no integer operator that does what a node does.
fn unfit(node: &Node) -> Option<Complaint> {
    let name = &node.name;
    match &node.op {
        Op::BatchNorm(_) | Op::Activation(_) => Some(
            Complaint::new(format!("{} `{name}` follows no convolution that could do it", node.op.name()))
                .help("only what folds and fuses into convolutions is quantised"),
        ),
        Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => match conv.activation {
            Activation::Clamp(low, high) => Some(Complaint::new(format!(
                "`{name}` clamps to {low}..{high}; integers know relu and relu6"
            ))),
            Activation::Linear | Activation::Relu | Activation::Relu6 => None,
        },
        _ => None,
    }
}

/// The numbers that a photo's bytes, less 128, stand for. It is what the bytes are by themselves, whatever photos show: so
/// that they need no arithmetic on their way in.
fn of_pixels(normalise: &Normalise, channels: usize) -> Result<Affine> {
    let (scale, offset) = (normalise.scale[0], normalise.offset[0]);
    let same = |values: &[f32]| values.iter().take(channels).all(|&value| value == values[0]);
    if !same(&normalise.scale) || !same(&normalise.offset) {
        let what =
            "its photos are normalised by channel, and the bytes of a map have one scale for all channels";
        return Err(Complaint::new(what).help("fold scale and mean into the first convolution").into());
    }
    let range = Range { low: offset, high: 255.0 * scale + offset };
    if !(scale > 0.0 && range.low <= 0.0 && range.high >= 0.0) {
        let Range { low, high } = range;
        return Err(Complaint::new(format!(
            "its photos are normalised to {low}..{high}, and no byte of them stands for 0"
        ))
        .into());
    }
    Ok(choose::affine(range))
}
