//! The command line, as clap sees it.

mod examples;
mod values;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mobilenet_compiler::settings::Precision;
use mobilenet_kernels::Isa;
use mobilenet_kernels::layout::Storage;

use crate::engine::Engine;
use crate::graph::GraphArgs;

/// Compiles MobileNets to specialised Rust, and runs them.
#[derive(Debug, Parser)]
#[command(name = "mnetc", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The named models: resolution, parameters, multiply-adds, published accuracy
    #[command(after_help = examples::LIST)]
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Layers, shapes, parameters, multiply-adds, arena and weight bytes of a model
    #[command(after_help = examples::INSPECT)]
    Inspect {
        /// Which model.
        #[command(flatten)]
        model: ModelArgs,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// The graph of a model, as text, for Graphviz, or drawn with its memory plan
    #[command(after_help = examples::GRAPH)]
    Graph(GraphArgs),
    /// Compile a model to Rust source, or to a crate
    #[command(after_help = examples::COMPILE)]
    Compile(CompileArgs),
    /// Run a model on photos, or on tensors
    #[command(after_help = examples::RUN)]
    Run(RunArgs),
    /// Compiled code against interpreter against reference, layer by layer, and against expected outputs
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyArgs),
    /// How long models take, and what share of the processor's peak that is
    #[command(after_help = examples::BENCH)]
    Bench(BenchArgs),
    /// What a weights file holds: family, model, tensors, what is missing
    #[command(after_help = examples::WEIGHTS)]
    Weights {
        /// Weights: .safetensors, .tflite, .h5, .keras, .onnx, or a folder that holds one
        file: PathBuf,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Fold and pack weights into one file that compiled models load
    #[command(after_help = examples::PACK)]
    Pack {
        /// Which model.
        #[command(flatten)]
        model: ModelArgs,
        /// Class names, one a line
        #[arg(long, value_name = "FILE")]
        labels: Option<PathBuf>,
        /// The packed file
        #[arg(short, value_name = "F.mnw")]
        output: PathBuf,
    },
    /// Quantise a model of floats to 8-bit integers, as a .tflite
    #[command(after_help = examples::QUANTIZE)]
    Quantize(QuantizeArgs),
}

/// Arguments of `quantize`.
#[derive(Debug, Args)]
pub(crate) struct QuantizeArgs {
    /// Which model.
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// A folder of photos such as the model will be run on; what they show sets the scales. A hundred are plenty
    #[arg(long, value_name = "DIR")]
    pub(crate) calibrate: PathBuf,
    /// The quantised model
    #[arg(short, value_name = "F.tflite")]
    pub(crate) output: PathBuf,
    /// Threads; photos are run side by side [default: all processors]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which model: by name or spec, and what to do otherwise than it says.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// A name, such as 0.75_MobileNet_medium, or the path of a spec; may be left out where --weights says
    #[arg(required_unless_present = "weights")]
    pub(crate) model: Option<String>,
    /// Overrides of the model, and weights.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

/// What a name or a spec does not say, or says otherwise.
#[derive(Clone, Debug, Args)]
pub(crate) struct Overrides {
    /// Weights: .safetensors, .tflite, .h5, .keras, .onnx, or a folder that holds one
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Width multiplier, above 0 and at most 2
    #[arg(long, value_parser = values::alpha, allow_negative_numbers = true)]
    pub(crate) alpha: Option<f64>,
    /// Resolution multiplier: a word (baseline, medium, small, tiny), a resolution, or a ratio
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) rho: Option<String>,
    /// Classes, in place of those of the spec
    #[arg(long, value_name = "N", value_parser = values::classes, allow_negative_numbers = true)]
    pub(crate) classes: Option<usize>,
    /// Numbers to compute with: f32; bf16, which halves the weights; or int8, the bytes of a quantised .tflite [default: those of
    /// the weights]
    #[arg(long, value_parser = values::precision())]
    pub(crate) precision: Option<Precision>,
    /// What the classifier's weights are stored as: f32, or f16, which halves them [default: f32; at precision bf16 f16]
    #[arg(long, value_name = "NUMBERS", value_parser = values::classifier())]
    pub(crate) classifier: Option<Storage>,
}

/// Arguments of `compile`.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// Which model.
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Class names, one a line; they are packed with the weights
    #[arg(long, value_name = "FILE", requires = "weights")]
    pub(crate) labels: Option<PathBuf>,
    /// The name of the type [default: after the model]
    #[arg(long = "type", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The source; packed weights go beside it [default: standard output]
    #[arg(short, value_name = "F.rs")]
    pub(crate) output: Option<PathBuf>,
    /// Run the reference before and after every pass, and the plan on every instruction set: they must agree
    #[arg(long)]
    pub(crate) prove: bool,
    /// A new crate with the model, an example, and all that is needed to build it
    #[arg(long = "crate", value_name = "DIR", conflicts_with = "output")]
    pub(crate) folder: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A model, unless --weights says which, and photos
    #[arg(value_name = "[MODEL] IMAGE")]
    pub(crate) operands: Vec<String>,
    /// Overrides of the model, and weights.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// A tensor in place of photos: F.npy (f32, normalised) or F.u8 (raw bytes)
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Writes the output, one row: f32, or a quantised model's own bytes
    #[arg(long, value_name = "F.npy")]
    pub(crate) output: Option<PathBuf>,
    /// The values before softmax
    #[arg(long)]
    pub(crate) logits: bool,
    /// Class names, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Classes to print, best first
    #[arg(long, default_value = "5", value_name = "N", value_parser = values::count)]
    pub(crate) top: NonZeroUsize,
    /// How it is run.
    #[command(flatten)]
    pub(crate) how: How,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Which model.
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Outputs to compare with: a folder of MODEL.json and MODEL/PHOTO.logits.npy, or one of PHOTO.logits.npy
    #[arg(long, value_name = "DIR")]
    pub(crate) expected: Option<PathBuf>,
    /// The inputs of those outputs [default: where MODEL.json says, from the folder above on]
    #[arg(long, value_name = "DIR", requires = "expected")]
    pub(crate) inputs: Option<PathBuf>,
    /// An instruction set, in place of all that the processor has
    #[arg(long, value_parser = values::isa())]
    pub(crate) isa: Option<Isa>,
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Names, or paths of specs; all: the sixteen named models [default: all]
    pub(crate) models: Vec<String>,
    /// Overrides of the models, and weights.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// How they are run.
    #[command(flatten)]
    pub(crate) how: How,
    /// Each layer too: time, multiply-adds a second, share of the peak, bytes touched
    #[arg(long)]
    pub(crate) layers: bool,
    /// A drawing of what the layers of one model reach, below the peak and what memory allows
    #[arg(long, value_name = "F.svg")]
    pub(crate) roofline: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a model is run.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct How {
    /// What runs the model [default: compiled where there is code for it, else interpreter]
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,
    /// Threads; several photos are run side by side, one is shared by all
    #[arg(long, default_value = "1", value_name = "N", value_parser = values::count)]
    pub(crate) threads: NonZeroUsize,
    /// An instruction set in place of the best that the processor has
    #[arg(long, value_parser = values::isa())]
    pub(crate) isa: Option<Isa>,
}
