//! The plan: which kernel runs when, on which part of the arena and of the weights.
//!
//! The planner walks the chain of the graph and decides for each layer where its output goes:
//!
//! * **in place**, over the input, wherever rows of input and output have the same length: a stride-1 block writes
//!   row `r` into the slot of input row `r - 1`, which nobody reads again; a stride-2 block that doubles the channels
//!   writes row `r` into the slot of input row `r`. Small maps are computed whole, so that they can go anywhere;
//! * **streamed**: the first layers, whose maps are the largest, run row by row together and keep only a few rows of
//!   each map in a ring. How many layers is decided by trying: the smallest arena wins;
//! * **elsewhere**, in a region of its own.
//!
//! Networks of bytes are planned in the same way: what differs is how channels are padded and how many rows kernels like to
//! compute at once (`element.rs`), and the kernels themselves (`bytes.rs`).
//!
//! Each step is a layer descriptor of `mobilenet-kernels` that has been checked to stay inside arena and weights.
//! Compiled code calls the kernels with these as constants; the interpreter walks the same list.

pub mod arena;
mod build;
mod bytes;
mod element;
pub mod memory;
mod place;
mod uses;
mod value;

use mobilenet_kernels::header::Precision;
use mobilenet_kernels::layer::{
    Activation, BatchNorm, Checked, Conv, Depthwise, FullyConnected, Pointwise, Pool, Separable, Softmax,
    Stage, Stem,
};
use mobilenet_kernels::layout::Storage;

pub use bytes::{ByteContent, ByteKernel, Bytes, Output};
use element::Element;

use crate::error::Result;
use crate::family;
use crate::ir::{self, Graph, Params, Shape};
use crate::settings::Stored;
use crate::weights::Integers;

/// A network, ready to be run: steps in order, and where everything lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The network's name.
    pub name: String,
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Length of the output.
    pub classes: usize,
    /// Length of the pooled features.
    pub embedding: usize,
    /// Arena offset of the pooled features.
    pub features: usize,
    /// Arena offset of the output.
    pub logits: usize,
    /// What it computes with.
    pub numbers: Numbers,
    /// Of a network of bytes, its output in these.
    pub output: Option<Output>,
    /// `f32`s of the arena.
    pub arena: usize,
    /// `f32`s of the packed weights.
    pub weights: usize,
    /// What to run, in order.
    pub steps: Vec<Step>,
    /// What to pack, in order.
    pub sections: Vec<Section>,
}

/// One step: a kernel, or several streamed together.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The kernels; more than one are streamed.
    pub parts: Vec<Part>,
}

/// A kernel call.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The layer's name.
    pub name: String,
    /// The kernel and what it is called with.
    pub kernel: Kernel,
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
}

/// A kernel and what it is called with.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is the layer that it holds")]
pub enum Kernel {
    Stem(Checked<Stem>),
    Conv(Checked<Conv>),
    Depthwise(Checked<Depthwise>),
    Pointwise(Checked<Pointwise>),
    Separable(Checked<Separable>),
    BatchNorm(Checked<BatchNorm>),
    Activation(Checked<Activation>),
    Pool(Checked<Pool>),
    FullyConnected(Checked<FullyConnected>),
    Softmax(Checked<Softmax>),
    Bytes(ByteKernel),
}

impl Kernel {
    /// Its name, as printed.
    pub fn name(&self) -> &'static str {
        match self {
            Kernel::Stem(_) => "stem",
            Kernel::Conv(_) => "conv",
            Kernel::Depthwise(_) => "depthwise",
            Kernel::Pointwise(_) => "pointwise",
            Kernel::Separable(_) => "separable",
            Kernel::BatchNorm(_) => "batchnorm",
            Kernel::Activation(_) => "activation",
            Kernel::Pool(_) => "pool",
            Kernel::FullyConnected(_) => "fully_connected",
            Kernel::Softmax(_) => "softmax",
            Kernel::Bytes(kernel) => kernel.name(),
        }
    }

    /// Output rows that it computes at a time, where it works in strips.
    pub fn strip(&self) -> Option<usize> {
        match self {
            Kernel::Stem(layer) => Some(layer.layer().strip),
            Kernel::Conv(layer) => Some(layer.layer().strip),
            Kernel::Separable(layer) => Some(layer.layer().strip),
            Kernel::Bytes(kernel) => kernel.strip(),
            _ => None,
        }
    }

    /// This kernel as a stage of a stream of floats, if it can be one.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Kernel::Stem(layer) => Some(Stage::Stem(*layer)),
            Kernel::Conv(layer) => Some(Stage::Conv(*layer)),
            Kernel::Separable(layer) => Some(Stage::Separable(*layer)),
            _ => None,
        }
    }
}

/// A section of the packed weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its offset.
    pub offset: usize,
    /// Its length.
    pub len: usize,
    /// What it holds.
    pub content: Content,
}

/// What a section of the packed weights holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The kernel of a matrix product, in panels.
    Panels {
        /// Whose.
        params: Params,
        /// The clamp of the epilogue.
        activation: family::Activation,
        /// Inputs of the product.
        inputs: usize,
        /// Outputs.
        outputs: usize,
        /// What the kernel is stored as.
        storage: Storage,
    },
    /// A depthwise kernel, in channel blocks.
    Depthwise {
        /// Whose.
        params: Params,
        /// The clamp of the epilogue.
        activation: family::Activation,
        /// Channels.
        channels: usize,
        /// Taps of the window.
        taps: usize,
    },
    /// Scale and shift of a batch normalisation on its own.
    BatchNorm {
        /// Whose.
        batchnorm: ir::BatchNorm,
        /// Channels.
        channels: usize,
    },
    /// The bounds of a clamp on its own.
    Bounds(family::Activation),
    /// A section of a network of bytes.
    Bytes(ByteContent),
}

/// What a plan computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Floats, whose weights are stored like this.
    Floats(Stored),
    /// The bytes of a quantised network.
    Bytes(Bytes),
}

impl Numbers {
    /// What weights are stored as, where they are floats.
    pub fn stored(self) -> Option<Stored> {
        match self {
            Numbers::Floats(stored) => Some(stored),
            Numbers::Bytes(_) => None,
        }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers::Floats(Stored::default())
    }
}

/// What the planner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Stream the first layers where that makes the arena smaller.
    pub stream: bool,
    /// What it computes with.
    pub numbers: Numbers,
}

impl Default for Options {
    fn default() -> Self {
        Options { stream: true, numbers: Numbers::default() }
    }
}

/// Most layers that are streamed together.
const MOST_STREAMED: usize = 6;

impl Plan {
    /// Plans a graph, at any stage of its passes.
    ///
    /// # Errors
    ///
    /// Where a layer is one that no kernel computes.
    pub fn new(graph: &Graph, options: Options) -> Result<Plan> {
        let chain = place::chain(graph)?;
        let element = Element::of(options.numbers);
        let streamable = if options.stream { place::streamable(&chain).min(MOST_STREAMED) } else { 1 };
        let mut best: Option<Plan> = None;
        for head in 1..=streamable.max(1) {
            let plan =
                build::build(&graph.name, &chain, place::place(&chain, head, element), options.numbers)?;
            if best.as_ref().is_none_or(|best| plan.arena < best.arena) {
                best = Some(plan);
            }
        }
        best.ok_or_else(|| crate::error::Complaint::new("the network has no layers").into())
    }

    /// Identifies everything that packed weights depend on, class count excepted: input, layers, their shapes,
    /// windows and order. Weights packed for one plan are refused by another.
    pub fn fingerprint(&self) -> u64 {
        let mut text = format!("{:?}", self.input);
        text += &match self.numbers {
            Numbers::Floats(stored) if stored == Stored::default() => String::new(),
            Numbers::Floats(stored) => format!("{stored:?}"),
            Numbers::Bytes(bytes) => bytes.integers.name().into(),
        };
        for section in &self.sections {
            let shape = match &section.content {
                Content::Panels { inputs: run, .. } | Content::Bytes(ByteContent::Panels { run, .. })
                    if section.offset + section.len == self.weights =>
                {
                    format!("classifier {run}")
                }
                Content::Panels { inputs, outputs, .. } => format!("panels {inputs}x{outputs}"),
                Content::Depthwise { channels, taps, .. } => format!("depthwise {channels}x{taps}"),
                Content::BatchNorm { channels, .. } => format!("batchnorm {channels}"),
                Content::Bounds(_) => "bounds".into(),
                Content::Bytes(ByteContent::Panels { runs, run, outputs, .. }) => {
                    format!("panels {runs}x{run}x{outputs}")
                }
                Content::Bytes(ByteContent::Depthwise { channels, .. }) => format!("depthwise {channels}"),
                Content::Bytes(ByteContent::Mean { pixels }) => format!("mean {pixels}"),
                Content::Bytes(ByteContent::Inputs(_) | ByteContent::Outputs(_)) => "affine".into(),
                Content::Bytes(ByteContent::Softmax) => "softmax".into(),
            };
            text += &format!(";{}:{shape}", section.offset);
        }
        for part in self.parts() {
            let window = match &part.kernel {
                Kernel::Stem(layer) => Some(layer.layer().window),
                Kernel::Conv(layer) => Some(layer.layer().window),
                Kernel::Depthwise(layer) => Some(layer.layer().window),
                Kernel::Separable(layer) => Some(layer.layer().window),
                Kernel::Bytes(ByteKernel::Stem(layer)) => Some(layer.layer().window),
                Kernel::Bytes(ByteKernel::Depthwise(layer)) => Some(layer.layer().window),
                Kernel::Bytes(ByteKernel::Separable(layer)) => Some(layer.layer().window),
                _ => None,
            };
            if let Some(w) = window {
                text += &format!(";{}/{}-{},{}", w.size, w.stride, w.top, w.left);
            }
        }
        fnv1a(text.as_bytes())
    }

    /// Its precision, as packed weights say it.
    pub fn precision(&self) -> Precision {
        match self.numbers {
            Numbers::Floats(Stored { blocks: Storage::Bf16, .. }) => Precision::Bf16,
            Numbers::Floats(_) => Precision::F32,
            Numbers::Bytes(Bytes { integers: Integers::U8, .. }) => Precision::Uint8,
            Numbers::Bytes(Bytes { integers: Integers::I8, .. }) => Precision::Int8,
        }
    }

    /// All kernel calls, streamed ones included, in network order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.steps.iter().flat_map(|step| &step.parts)
    }

    /// Bytes of the arena.
    pub fn arena_bytes(&self) -> usize {
        self.arena * size_of::<f32>()
    }

    /// Bytes of the packed weights, header included.
    pub fn weight_bytes(&self) -> usize {
        self.weights * size_of::<f32>() + mobilenet_kernels::header::LEN
    }
}

/// FNV-1a, 64 bits: short, stable, good enough to tell plans apart.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
