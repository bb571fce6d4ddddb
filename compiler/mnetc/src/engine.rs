//! Engines: what runs a model.

use std::fmt;
use std::num::NonZeroUsize;

use clap::ValueEnum;
use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::interpret::{Interpreter, QuantisedReference, Reference};
use mobilenet_compiler::ir::Graph;
use mobilenet_compiler::pack::Tensors;
use mobilenet_compiler::plan::Numbers;
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::settings::{Precision, Stored};
use mobilenet_generated::for_each_model;
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::{Isa, Kernels};
use mobilenet_runtime::{Model, Network, Scratch, Weights};

use crate::Failure;
use crate::scores::Scores;

/// What runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Compiled code: the sixteen named models
    Compiled,
    /// A plan, walked with the same kernels
    Interpreter,
    /// The obvious loops: slow, and right
    Reference,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Engine::Compiled => "compiled",
            Engine::Interpreter => "interpreter",
            Engine::Reference => "reference",
        })
    }
}

/// A model on an engine. One a thread: it holds the memory of a run.
pub(crate) trait Run: Send {
    /// The scores before softmax.
    fn logits(&mut self, image: Image<'_>) -> Result<&[f32], Failure>;

    /// The output, which for a quantised model is bytes.
    fn scores(&mut self, image: Image<'_>) -> Result<Scores, Failure> {
        Ok(Scores::Floats(self.logits(image)?.to_vec()))
    }

    /// What is measured: the scores, and what a quantised model makes of them in its bytes.
    fn run(&mut self, image: Image<'_>) -> Result<(), Failure> {
        self.logits(image).map(|_| ())
    }
}

/// A model with its weights, from which runs are made.
pub(crate) struct Runner<'c> {
    /// The engine.
    pub(crate) engine: Engine,
    /// The instruction set of its kernels.
    pub(crate) isa: Isa,
    /// The numbers that it computes with.
    pub(crate) precision: Precision,
    compiled: &'c Compiled,
    weights: Option<Weights>,
    make: Option<Make>,
}

type Make = fn(Weights, Isa, NonZeroUsize) -> Result<Box<dyn Run>, Failure>;

impl<'c> Runner<'c> {
    /// A model on the engine that is asked for; or on compiled code, if there is some for it, and else on the interpreter.
    pub(crate) fn new(
        compiled: &'c Compiled,
        engine: Option<Engine>,
        isa: Option<Isa>,
    ) -> Result<Self, Failure> {
        compiled.source()?;
        let make = make_compiled(compiled);
        let engine = match (engine, make) {
            (Some(Engine::Compiled), None) => return Err(not_compiled(compiled)),
            (Some(engine), _) => engine,
            (None, Some(_)) => Engine::Compiled,
            (None, None) => Engine::Interpreter,
        };
        let isa = match isa {
            Some(isa) if !isa.is_available() => {
                return Err(mobilenet_runtime::Error::Isa(isa.to_string()).into());
            }
            Some(isa) => isa,
            None => mobilenet_runtime::preferred_isa(compiled.plan.precision())?,
        };
        let packed = (engine == Engine::Compiled).then(|| compiled.blob(&[])).transpose()?;
        let weights = packed.map(|packed| Weights::from_bytes(&packed)).transpose()?;
        Ok(Runner { engine, isa, precision: compiled.precision, compiled, weights, make })
    }

    /// The same model with other numbers: only the reference, which takes no plan, can do with numbers that are not its
    /// plan's.
    pub(crate) fn with_precision(self, precision: Precision) -> Self {
        Runner { precision, ..self }
    }

    /// The model, ready to run on so many threads; the reference knows only one.
    pub(crate) fn start(&self, threads: NonZeroUsize) -> Result<Box<dyn Run + 'c>, Failure> {
        let compiled = self.compiled;
        match (self.engine, &self.weights, self.make) {
            (Engine::Compiled, Some(weights), Some(make)) => make(weights.clone(), self.isa, threads),
            (Engine::Reference, ..) if self.precision == Precision::Int8 => {
                let quantised = compiled.integers()?;
                Ok(Box::new(ByteLoops { graph: &compiled.graph, quantised, scores: Vec::new() }))
            }
            (Engine::Reference, ..) => {
                let none = || Failure::input("the model has no weights");
                let tensors = compiled.tensors.as_ref().ok_or_else(none)?;
                let stored = compiled.plan.numbers.stored().unwrap_or_default();
                Ok(Box::new(Loops { graph: &compiled.graph, tensors, stored, scores: Vec::new() }))
            }
            _ => {
                let kernels = Kernels::new(self.isa).unwrap_or(Kernels::best(compiled.plan.precision()));
                let interpreter = Interpreter::new(compiled.plan.clone(), compiled.source()?, kernels)?;
                let quantised = match compiled.plan.numbers {
                    Numbers::Bytes(_) => Some(compiled.integers()?),
                    Numbers::Floats(_) => None,
                };
                Ok(Box::new(Walk { interpreter: interpreter.with_threads(threads), quantised }))
            }
        }
    }
}

/// Compiled code.
struct Native<N: Network> {
    model: Model<N>,
    scratch: Scratch<N>,
    scores: N::Scores,
}

impl<N: Network> Run for Native<N> {
    fn logits(&mut self, image: Image<'_>) -> Result<&[f32], Failure> {
        use mobilenet_kernels::network::Array;
        self.scores = self.model.logits_of(image, &mut self.scratch)?;
        Ok(self.scores.as_slice())
    }
}

/// A plan, walked.
struct Walk<'c> {
    interpreter: Interpreter,
    /// Of a network of bytes, what they stand for.
    quantised: Option<&'c Quantised>,
}

impl Run for Walk<'_> {
    fn logits(&mut self, image: Image<'_>) -> Result<&[f32], Failure> {
        Ok(self.interpreter.run(image)?)
    }

    fn scores(&mut self, image: Image<'_>) -> Result<Scores, Failure> {
        let Some(quantised) = self.quantised else {
            return Ok(Scores::Floats(self.logits(image)?.to_vec()));
        };
        let [scores, output] = self.interpreter.run_bytes(image)?;
        Ok(Scores::of_bytes(scores, output, quantised))
    }

    fn run(&mut self, image: Image<'_>) -> Result<(), Failure> {
        self.interpreter.run(image)?;
        self.interpreter.finish();
        Ok(())
    }
}

/// The reference.
struct Loops<'c> {
    graph: &'c Graph,
    tensors: &'c Tensors,
    stored: Stored,
    scores: Vec<f32>,
}

impl Run for Loops<'_> {
    fn logits(&mut self, image: Image<'_>) -> Result<&[f32], Failure> {
        let channels = self.graph.input().map_or(1, |id| self.graph.node(id).shape.channels);
        let values = normalised(image, channels);
        self.scores = Reference::new(self.graph, self.tensors).rounded(self.stored).run(&values)?;
        Ok(&self.scores)
    }
}

/// The reference of a quantised model.
struct ByteLoops<'c> {
    graph: &'c Graph,
    quantised: &'c Quantised,
    scores: Vec<f32>,
}

impl ByteLoops<'_> {
    fn bytes(&self, image: Image<'_>) -> Result<Vec<i16>, Failure> {
        let reference = QuantisedReference::new(self.graph, self.quantised);
        Ok(match image {
            Image::Pixels(pixels, _) => reference.run(pixels)?,
            Image::Tensor(values) => reference.run(&self.quantised.pixels(values))?,
        })
    }
}

impl Run for ByteLoops<'_> {
    fn logits(&mut self, image: Image<'_>) -> Result<&[f32], Failure> {
        let affine = self.quantised.scores;
        self.scores = self.bytes(image)?.into_iter().map(|byte| affine.number(byte)).collect();
        Ok(&self.scores)
    }

    fn scores(&mut self, image: Image<'_>) -> Result<Scores, Failure> {
        let scores = self.bytes(image)?;
        let output = self.quantised.probabilities(&scores);
        Ok(Scores::of_bytes(scores, output, self.quantised))
    }
}

/// An image as floats.
pub(crate) fn normalised(image: Image<'_>, channels: usize) -> Vec<f32> {
    match image {
        Image::Tensor(values) => values.to_vec(),
        Image::Pixels(pixels, Normalise { scale, offset }) => {
            let value =
                |(i, &byte): (usize, &u8)| f32::from(byte) * scale[i % channels] + offset[i % channels];
            pixels.iter().enumerate().map(value).collect()
        }
    }
}

/// How a compiled network is made that computes the same plan, if one is part of this program. The usual class counts,
/// with and without ImageNet's background, are.
fn make_compiled(compiled: &Compiled) -> Option<Make> {
    let (fingerprint, classes) = (compiled.plan.fingerprint(), compiled.plan.classes);
    macro_rules! find {
        ($($root:tt::$network:ident)*) => {$(
            if fingerprint == <$root::$network as Network>::FINGERPRINT {
                return match classes {
                    1000 => Some(native::<$root::$network<1000>>),
                    1001 => Some(native::<$root::$network<1001>>),
                    _ => None,
                };
            }
        )*};
    }
    for_each_model!(find);
    None
}

/// Whether this program has code for a model.
pub(crate) fn is_compiled(compiled: &Compiled) -> bool {
    make_compiled(compiled).is_some()
}

fn native<N: Network>(weights: Weights, isa: Isa, threads: NonZeroUsize) -> Result<Box<dyn Run>, Failure> {
    use mobilenet_kernels::network::Array;
    let model = Model::<N>::new(weights)?.with_isa(isa)?;
    let scratch = model.scratch().with_threads(threads);
    Ok(Box::new(Native { model, scratch, scores: N::Scores::filled(0.0) }))
}

fn not_compiled(compiled: &Compiled) -> Failure {
    let name = &compiled.plan.name;
    let plan = format!("{name} at {}, {} classes", compiled.precision, compiled.plan.classes);
    Failure::input(format!(
        "{plan}: not compiled into this program, which has the sixteen named models at f32 with 1000 and 1001 classes\n  help: \
         compile it into a crate of yours with `mnetc compile`, or the macro `mobilenet!`; `--engine interpreter` walks \
         the same plan with the same kernels"
    ))
}
