//! Engines: what runs a model.

use std::fmt;
use std::num::NonZeroUsize;

use clap::ValueEnum;
use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::interpret::{Interpreter, QuantisedReference, Reference};
use mobilenet_compiler::ir::Graph;
use mobilenet_compiler::pack::Tensors;
use mobilenet_compiler::quantised::Quantised;
use mobilenet_generated::for_each_model;
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::{Isa, Kernels};
use mobilenet_runtime::{Model, Network, Scratch, Weights};

use crate::Failure;
use crate::args::{How, Overrides, Precision};
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
}

/// A model with its weights, from which runs are made.
pub(crate) struct Runner<'c> {
    /// The engine.
    pub(crate) engine: Engine,
    /// The instruction set of its kernels.
    pub(crate) isa: Isa,
    compiled: &'c Compiled,
    tensors: &'c Tensors,
    weights: Option<Weights>,
    make: Option<Make>,
    /// The integers of a quantised model, if it is to be run with those.
    quantised: Option<&'c Quantised>,
}

type Make = fn(Weights, Isa, NonZeroUsize) -> Result<Box<dyn Run>, Failure>;

impl<'c> Runner<'c> {
    /// A model on the engine that is asked for; or on compiled code, if there is some for it, and else on the interpreter.
    pub(crate) fn new(
        compiled: &'c Compiled,
        engine: Option<Engine>,
        isa: Option<Isa>,
    ) -> Result<Self, Failure> {
        let tensors = compiled.tensors.as_ref().ok_or_else(|| Failure::input("the model has no weights"))?;
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
        Ok(Runner { engine, isa, compiled, tensors, weights, make, quantised: None })
    }

    /// As [`new`](Self::new), with the numbers that are asked for, or else those of the weights.
    pub(crate) fn of(compiled: &'c Compiled, overrides: &Overrides, how: &How) -> Result<Self, Failure> {
        let quantised = match (overrides.precision, &compiled.quantised) {
            (Some(Precision::F32 | Precision::Bf16), _) | (None, None) => {
                return Runner::new(compiled, how.engine, how.isa);
            }
            (Some(Precision::Int8), None) => {
                return Err(Failure::input(
                    "int8 takes the weights of a quantised .tflite; these are floats",
                ));
            }
            (_, Some(Err(report))) => {
                let help = "help: `--precision f32` widens the weights to floats";
                return Err(Failure::input(format!("{report}\n  {help}")));
            }
            (_, Some(Ok(quantised))) => quantised,
        };
        if let Some(engine @ (Engine::Compiled | Engine::Interpreter)) = how.engine {
            return Err(Failure::input(format!(
                "quantised models run on the reference; `--engine {engine}` takes `--precision f32`"
            )));
        }
        let runner = Runner::new(compiled, Some(Engine::Reference), how.isa)?;
        Ok(Runner { quantised: Some(quantised), ..runner })
    }

    /// The model, ready to run on so many threads; the reference knows only one.
    pub(crate) fn start(&self, threads: NonZeroUsize) -> Result<Box<dyn Run + 'c>, Failure> {
        if let Some(quantised) = self.quantised {
            return Ok(Box::new(ByteLoops { graph: &self.compiled.graph, quantised, scores: Vec::new() }));
        }
        match (self.engine, &self.weights, self.make) {
            (Engine::Compiled, Some(weights), Some(make)) => make(weights.clone(), self.isa, threads),
            (Engine::Reference, ..) => {
                Ok(Box::new(Loops { compiled: self.compiled, tensors: self.tensors, scores: Vec::new() }))
            }
            _ => {
                let kernels = Kernels::new(self.isa).unwrap_or(Kernels::best());
                Ok(Box::new(
                    Interpreter::new(self.compiled.plan.clone(), self.tensors, kernels)?
                        .with_threads(threads),
                ))
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

impl Run for Interpreter {
    fn logits(&mut self, image: Image<'_>) -> Result<&[f32], Failure> {
        Ok(self.run(image)?)
    }
}

/// The reference.
struct Loops<'c> {
    compiled: &'c Compiled,
    tensors: &'c Tensors,
    scores: Vec<f32>,
}

impl Run for Loops<'_> {
    fn logits(&mut self, image: Image<'_>) -> Result<&[f32], Failure> {
        let Compiled { graph, plan, options, .. } = self.compiled;
        let values = normalised(image, plan.input[2]);
        self.scores = Reference::new(graph, self.tensors).rounded(*options).run(&values)?;
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
        Ok(Scores::of_bytes(self.bytes(image)?, self.quantised))
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
    let plan = format!("{name}, {} classes", compiled.plan.classes);
    Failure::input(format!(
        "{plan}: not compiled into this program, which has the sixteen named models with 1000 and 1001 classes\n  help: \
         compile it into a crate of yours with `mnetc compile`, or the macro `mobilenet!`; `--engine interpreter` walks \
         the same plan with the same kernels"
    ))
}
