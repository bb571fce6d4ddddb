//! `run`: a model on photos or tensors.

use std::path::Path;
use std::time::Instant;

use mobilenet_compiler::compile::{Compiled, compile};
use mobilenet_compiler::interpret::{Interpreter, Reference};
use mobilenet_compiler::weights::{self, Weights};
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels, softmax};
use mobilenet_runtime::{Labels, Photo};
use serde_json::{Value, json};

use crate::Failure;
use crate::args::{Engine, RunArgs};
use crate::tensor::{Tensor, write_row};

/// The model that is run where no other is asked for: Keras, alpha 0.25, 128 x 128.
const DEFAULT_MODEL: &str = "0.25_MobileNet_tiny";
const DEFAULT_WEIGHTS: &[u8] = include_bytes!("../model/keras_mobilenet_v1_0.25_128.safetensors");
const IMAGENET: &str = include_str!("../model/labels.txt");

/// What goes into the network.
enum Input {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

/// Runs a model.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let (model, images) = operands(args)?;
    let tensor = args.input.as_deref().map(Tensor::read).transpose()?;
    let weights = match args.overrides.open_weights()? {
        Some(weights) => weights,
        None if model.is_none_or(|model| model == DEFAULT_MODEL) => {
            weights::read(DEFAULT_WEIGHTS, "keras_mobilenet_v1_0.25_128.safetensors")?
        }
        None => {
            return Err(Failure::usage(
                "this model needs --weights FILE: only 0.25_MobileNet_tiny ships with its own",
            ));
        }
    };
    let compiled = compiled(args, model, &weights, tensor.as_ref())?;
    let labels = labels(args, &compiled)?;
    let mut engine = Runner::new(args, &compiled)?;
    let mut results = Vec::new();
    for (name, input) in inputs(args, images, tensor, &compiled)? {
        let start = Instant::now();
        let mut scores = engine.run(&input)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        if !args.logits {
            softmax(&mut scores);
        }
        if let Some(output) = &args.output {
            write_row(output, &scores)?;
        }
        if args.logits {
            softmax(&mut scores);
        }
        results.push((name, ms, scores));
    }
    print(args, &compiled, &engine, &labels, &results);
    Ok(())
}

/// A model first, if the first operand is one; the rest are photos.
fn operands(args: &RunArgs) -> Result<(Option<&str>, &[String]), Failure> {
    let is_model = |operand: &String| {
        operand.ends_with(".yaml")
            || operand.ends_with(".yml")
            || (!Path::new(operand).exists() && operand.to_ascii_lowercase().contains("mobilenet"))
    };
    let (model, images) = match args.operands.split_first() {
        Some((first, rest)) if is_model(first) => (Some(first.as_str()), rest),
        _ => (None, &args.operands[..]),
    };
    if images.is_empty() == args.input.is_none() {
        return Err(Failure::usage("run takes photos, or --input FILE in their place"));
    }
    if args.output.is_some() && images.len() > 1 {
        return Err(Failure::usage("--output takes one photo"));
    }
    Ok((model, images))
}

fn compiled(
    args: &RunArgs,
    model: Option<&str>,
    weights: &Weights,
    tensor: Option<&Tensor>,
) -> Result<Compiled, Failure> {
    let mut request = args.overrides.request(model, Some(weights));
    request.input = match tensor {
        Some(Tensor::Floats(_, shape)) => Some(*shape),
        Some(Tensor::Bytes(bytes)) => square(bytes.len()),
        None => None,
    };
    if model.is_none() && args.overrides.weights.is_none() {
        request.model = Some(DEFAULT_MODEL);
    }
    Ok(compile(&request)?)
}

/// Height, width and channels of a square picture of that many bytes, RGB before grey.
fn square(len: usize) -> Option<[usize; 3]> {
    [3, 1].into_iter().find_map(|channels| {
        let side = (len / channels).isqrt();
        (side * side * channels == len).then_some([side, side, channels])
    })
}

fn labels(args: &RunArgs, compiled: &Compiled) -> Result<Labels, Failure> {
    let classes = compiled.plan.classes;
    if let Some(file) = &args.labels {
        return Ok(Labels::parse(&compiled.read_labels(file)?.join("\n")));
    }
    if !compiled.labels.is_empty() {
        return Ok(Labels::parse(&compiled.labels.join("\n")));
    }
    Ok(Labels::parse(IMAGENET).fit(classes).unwrap_or_default())
}

/// Everything to run, with its name.
fn inputs(
    args: &RunArgs,
    images: &[String],
    tensor: Option<Tensor>,
    compiled: &Compiled,
) -> Result<Vec<(String, Input)>, Failure> {
    let shape = compiled.plan.input;
    if let (Some(tensor), Some(path)) = (tensor, &args.input) {
        let input = match tensor {
            Tensor::Floats(values, _) => Input::Floats(values),
            Tensor::Bytes(bytes) => Input::Bytes(bytes),
        };
        return Ok(vec![(path.display().to_string(), input)]);
    }
    let prepare = |image: &String| {
        let photo = Photo::open(image)?;
        let pixels = photo.prepare(&compiled.settings.family.preprocess, shape)?;
        Ok((image.clone(), Input::Bytes(pixels)))
    };
    images.iter().map(prepare).collect()
}

/// The engine.
struct Runner<'c> {
    engine: Engine,
    isa: Isa,
    compiled: &'c Compiled,
    interpreter: Option<Interpreter>,
}

impl<'c> Runner<'c> {
    fn new(args: &RunArgs, compiled: &'c Compiled) -> Result<Self, Failure> {
        let engine = args.engine.unwrap_or(Engine::Interpreter);
        if engine == Engine::Compiled {
            return Err(Failure::input(format!(
                "{} is not compiled into this program: `mnetc run --engine interpreter` walks the same plan",
                compiled.plan.name
            )));
        }
        let kernels = match args.isa {
            Some(isa) => Kernels::new(isa)
                .ok_or_else(|| Failure::from(mobilenet_runtime::Error::Isa(isa.to_string())))?,
            None => Kernels::best(),
        };
        let tensors = compiled.tensors.as_ref().filter(|_| engine == Engine::Interpreter);
        let interpreter =
            tensors.map(|tensors| Interpreter::new(compiled.plan.clone(), tensors, kernels)).transpose()?;
        Ok(Runner { engine, isa: kernels.isa(), compiled, interpreter })
    }

    fn run(&mut self, input: &Input) -> Result<Vec<f32>, Failure> {
        let normalise = &self.compiled.settings.family.preprocess.normalise;
        if let Some(interpreter) = &mut self.interpreter {
            let image = match input {
                Input::Bytes(bytes) => Image::Pixels(bytes, normalise),
                Input::Floats(values) => Image::Tensor(values),
            };
            return Ok(interpreter.run(image)?.to_vec());
        }
        let channels = self.compiled.plan.input[2];
        let values = match input {
            Input::Floats(values) => values.clone(),
            Input::Bytes(bytes) => {
                let value = |(i, &byte): (usize, &u8)| {
                    f32::from(byte) * normalise.scale[i % channels] + normalise.offset[i % channels]
                };
                bytes.iter().enumerate().map(value).collect()
            }
        };
        let tensors = self.compiled.tensors.as_ref().ok_or_else(|| Failure::input("no weights"))?;
        Ok(Reference::new(&self.compiled.graph, tensors).run(&values)?)
    }
}

fn print(
    args: &RunArgs,
    compiled: &Compiled,
    engine: &Runner<'_>,
    labels: &Labels,
    results: &[(String, f64, Vec<f32>)],
) {
    if args.json {
        let result = |(input, ms, scores): &(String, f64, Vec<f32>)| {
            let guess = |guess: mobilenet_runtime::Guess<'_>| json!({ "index": guess.index, "label": guess.label, "probability": guess.probability });
            let top: Vec<Value> = labels.top(scores, args.top).into_iter().map(guess).collect();
            json!({ "input": input, "ms": ms, "top": top })
        };
        let results: Vec<Value> = results.iter().map(result).collect();
        let (model, isa) = (&compiled.plan.name, engine.isa.name());
        let engine = engine.engine.name();
        println!(
            "{}",
            json!({ "model": model, "engine": engine, "isa": isa, "threads": args.threads, "results": results })
        );
        return;
    }
    for (input, ms, scores) in results {
        println!("{input}  ({}, {}, {}, {ms:.2} ms)", compiled.plan.name, engine.engine.name(), engine.isa);
        for guess in labels.top(scores, args.top) {
            println!("{:7.2} %  {:4}  {}", guess.probability * 100.0, guess.index, guess.label);
        }
    }
}
