//! Specs: a network as a short YAML file.
//!
//! A spec lists layers; see `specs/README.md` for the format. It is read strictly: unknown fields, duplicate keys, wrong
//! types and absurd sizes are complaints, and all of them come at once, each with its place.
//!
//! Settings in which published weights differ (activation, epsilon, padding, rounding, preprocessing) can be said in two
//! ways. Under `defaults:` they are what the spec means where nothing else is known: the family of the weights replaces
//! them. Anywhere else, on a layer or at the top, they are statements, and weights that disagree are an error.

mod check;
mod layers;
mod naming;
mod parse;
mod reader;
pub mod source;
mod statements;
mod yaml;

use std::path::Path;

pub(crate) use check::{activation_name, batchnorm_name};
pub use naming::{NamedModel, Naming, Pattern, Resolution};
pub use source::{At, Located, Source};

use crate::error::{Complaint, Result};
use crate::family::{Activation, Padding, Rounding};
use crate::files::read_file;
use crate::ir::Pad;
use mobilenet_kernels::image::{Filter, Framing, Normalise};

/// Pixels along a side of the largest input.
pub const MAX_RESOLUTION: usize = 4096;

/// Bytes of a file that is looked at at all.
const MAX_FILE: u64 = 1 << 20;

/// Channels of the widest layer, after multiplying with alpha.
pub const MAX_CHANNELS: usize = 16384;

/// Layers of the longest network.
pub const MAX_LAYERS: usize = 1000;

/// A network, as its spec describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// What names, types and files are called after: words of lower-case letters and digits, joined by underscores.
    pub name: String,
    /// What it is, for people.
    pub title: Option<String>,
    /// The image.
    pub input: Input,
    /// Bytes that the arena may take.
    pub budget: Option<Located<usize>>,
    /// Settings that the family of the weights replaces.
    pub defaults: Statements,
    /// Settings with which the family of the weights must agree.
    pub stated: Statements,
    /// Layers in order; `repeat` and `separable` are written out.
    pub layers: Vec<Layer>,
    /// How its models are named.
    pub naming: Naming,
    /// The text that it was read from.
    pub source: Source,
}

/// The network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Pixels along a side, where nothing else is asked for.
    pub resolution: usize,
}

/// Settings that a spec may or may not state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statements {
    /// Whether batch normalisation follows convolutions that do not say.
    pub batchnorm: Option<bool>,
    /// Activation after convolutions; [`Activation::Linear`] for none.
    pub activation: Option<Located<Activation>>,
    /// Added to the variance by batch normalisation.
    pub epsilon: Option<Located<f64>>,
    /// Padding at stride 2.
    pub padding: Option<Located<Padding>>,
    /// Channel rounding.
    pub rounding: Option<Located<Rounding>>,
    /// Length of the output.
    pub classes: Option<Located<usize>>,
    /// From photo to input.
    pub preprocess: Preprocessing,
}

/// What a spec says about the way from photo to input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preprocessing {
    /// Which part of the photo is looked at.
    pub framing: Option<Framing>,
    /// How it is resized.
    pub filter: Option<Filter>,
    /// Whether blue comes first.
    pub bgr: Option<Located<bool>>,
    /// How bytes become floats.
    pub normalise: Option<Located<Normalise>>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name, unique.
    pub name: String,
    /// Where it is described.
    pub at: At,
    /// What it computes.
    pub op: LayerOp,
}

/// What a layer computes.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerOp {
    /// A convolution, by default with batch normalisation and activation after it.
    Convolution(Convolution),
    /// Batch normalisation of the convolution before it.
    BatchNorm {
        /// Added to the variance.
        epsilon: Option<Located<f64>>,
    },
    /// A clamp.
    Activation(Activation),
    /// The mean over all pixels.
    GlobalAveragePool,
    /// The classifier.
    FullyConnected {
        /// Its outputs.
        classes: Option<Located<usize>>,
    },
    /// Softmax.
    Softmax,
    /// Nothing, at inference.
    Dropout,
}

/// A convolution of any kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Its kind, and its output channels at alpha 1.
    pub kind: ConvKind,
    /// Rows and columns of the kernel.
    pub size: usize,
    /// Distance between outputs.
    pub stride: usize,
    /// Stated padding.
    pub padding: Option<Located<LayerPadding>>,
    /// Whether batch normalisation follows.
    pub batchnorm: bool,
    /// Stated epsilon of that batch normalisation.
    pub epsilon: Option<Located<f64>>,
    /// Stated activation; [`Activation::Linear`] for none.
    pub activation: Option<Located<Activation>>,
}

/// Kinds of convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvKind {
    /// Every output from every input.
    Full {
        /// Output channels at alpha 1.
        filters: usize,
    },
    /// Each channel on its own.
    Depthwise,
    /// 1x1.
    Pointwise {
        /// Output channels at alpha 1.
        filters: usize,
    },
}

impl ConvKind {
    /// Output channels at alpha 1, where they are not those of the input.
    pub fn filters(self) -> Option<usize> {
        match self {
            ConvKind::Full { filters } | ConvKind::Pointwise { filters } => Some(filters),
            ConvKind::Depthwise => None,
        }
    }
}

/// Padding of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerPadding {
    /// By a rule.
    Rule(Padding),
    /// By number.
    Pixels(Pad),
}

impl Spec {
    /// Reads a spec; `file` is what complaints call it.
    pub fn parse(file: &str, text: &str) -> Result<Spec> {
        parse::spec(Source::new(file, text))
    }

    /// Reads a spec file.
    pub fn load(path: &Path) -> Result<Spec> {
        let file = path.display().to_string();
        let text = read_file(path, MAX_FILE)?;
        let text = String::from_utf8(text).map_err(|_| Complaint::new(format!("{file}: not a text file")))?;
        Spec::parse(&file, &text)
    }

    /// A complaint about a place in this spec.
    pub fn complaint(&self, at: At, message: impl Into<String>) -> Complaint {
        self.source.complaint(at, message)
    }
}
