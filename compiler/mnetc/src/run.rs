//! `run`: a model on photos or tensors.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use mobilenet_compiler::compile::{Compiled, compile};
use mobilenet_compiler::weights::{self, Weights};
use mobilenet_kernels::image::Image;
use mobilenet_kernels::softmax;
use mobilenet_runtime::{Guess, Labels, Photo};
use serde_json::{Value, json};

use crate::Failure;
use crate::args::RunArgs;
use crate::engine::{Run, Runner};
use crate::tensor::{Tensor, write_row};

/// The model that is run where no other is asked for: Keras, alpha 0.25, 128 x 128.
const DEFAULT_MODEL: &str = "0.25_MobileNet_tiny";
const DEFAULT_WEIGHTS: &[u8] = include_bytes!("../model/keras_mobilenet_v1_0.25_128.safetensors");
const IMAGENET: &str = include_str!("../model/labels.txt");

/// Something to run a model on.
enum Input<'a> {
    Photo(&'a str),
    Tensor(String, Tensor),
}

/// What running one input gave.
struct Outcome {
    input: String,
    ms: f64,
    logits: Vec<f32>,
}

/// An input by its number, and what came of it.
type Done = (usize, Result<Outcome, Failure>);

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
    let runner = Runner::new(&compiled, args.how.engine, args.how.isa)?;
    let inputs: Vec<Input<'_>> = match (tensor, &args.input) {
        (Some(tensor), Some(path)) => vec![Input::Tensor(path.display().to_string(), tensor)],
        _ => images.iter().map(|image| Input::Photo(image)).collect(),
    };
    let (outcomes, failures) = run_all(&runner, &compiled, &inputs, args.how.threads.get())?;
    if let (Some(path), [outcome]) = (&args.output, &outcomes[..]) {
        let row = if args.logits { outcome.logits.clone() } else { probabilities(&outcome.logits) };
        write_row(path, &row)?;
    }
    print(args, &compiled, &runner, &labels, &outcomes);
    // One photo that cannot be read does not keep the others from being run.
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::input(failures.join("\nmnetc: "))),
    }
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

/// Runs all inputs on so many threads; the outcomes in order, and what went wrong with the others.
fn run_all(
    runner: &Runner<'_>,
    compiled: &Compiled,
    inputs: &[Input<'_>],
    threads: usize,
) -> Result<(Vec<Outcome>, Vec<String>), Failure> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Done>, Failure> {
        let mut engine = runner.start()?;
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = inputs.get(i) else { return Ok(done) };
            done.push((i, run_one(engine.as_mut(), compiled, input)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(inputs.len())).map(|_| scope.spawn(work)).collect();
        let mut done = work()?;
        for other in others {
            done.extend(other.join().map_err(|_| Failure::input("a thread has died"))??);
        }
        Ok::<_, Failure>(done)
    })?;
    done.sort_by_key(|(i, _)| *i);
    let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
    for (_, result) in done {
        match result {
            Ok(outcome) => outcomes.push(outcome),
            Err(failure) => failures.push(failure.message),
        }
    }
    Ok((outcomes, failures))
}

fn run_one(engine: &mut dyn Run, compiled: &Compiled, input: &Input<'_>) -> Result<Outcome, Failure> {
    let preprocess = &compiled.settings.family.preprocess;
    let normalise = &preprocess.normalise;
    let prepared;
    let (name, image) = match input {
        Input::Photo(path) => {
            prepared = Photo::open(path)?.prepare(preprocess, compiled.plan.input)?;
            ((*path).to_string(), Image::Pixels(&prepared, normalise))
        }
        Input::Tensor(path, Tensor::Bytes(bytes)) => (path.clone(), Image::Pixels(bytes, normalise)),
        Input::Tensor(path, Tensor::Floats(values, _)) => (path.clone(), Image::Tensor(values)),
    };
    let start = Instant::now();
    let logits = engine.logits(image)?.to_vec();
    Ok(Outcome { input: name, ms: start.elapsed().as_secs_f64() * 1e3, logits })
}

fn probabilities(logits: &[f32]) -> Vec<f32> {
    let mut scores = logits.to_vec();
    softmax(&mut scores);
    scores
}

fn print(args: &RunArgs, compiled: &Compiled, runner: &Runner<'_>, labels: &Labels, outcomes: &[Outcome]) {
    let (model, engine, isa) = (&compiled.plan.name, runner.engine.to_string(), runner.isa.name());
    if args.json {
        let guess = |guess: Guess<'_>| json!({ "index": guess.index, "label": guess.label, "probability": guess.probability });
        let result = |Outcome { input, ms, logits }: &Outcome| {
            let scores = probabilities(logits);
            let top: Vec<Value> = labels.top(&scores, args.top).into_iter().map(guess).collect();
            json!({ "input": input, "ms": ms, "top": top })
        };
        let results: Vec<Value> = outcomes.iter().map(result).collect();
        let threads = args.how.threads.get();
        println!(
            "{}",
            json!({ "model": model, "engine": engine, "isa": isa, "threads": threads, "results": results })
        );
        return;
    }
    for Outcome { input, ms, logits } in outcomes {
        println!("{input}  ({model}, {engine}, {isa}, {ms:.2} ms)");
        for guess in labels.top(&probabilities(logits), args.top) {
            println!("{:7.2} %  {:4}  {}", guess.probability * 100.0, guess.index, guess.label);
        }
    }
}
