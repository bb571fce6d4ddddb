//! `run`: a model on photos or tensors.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use mobilenet_compiler::compile::{Compiled, compile};
use mobilenet_compiler::names::Model;
use mobilenet_compiler::settings::Precision;
use mobilenet_compiler::weights::{self, Weights};
use mobilenet_kernels::image::Image;
use mobilenet_runtime::{Guess, Labels, Photo};
use serde_json::{Value, json};

use crate::Failure;
use crate::args::RunArgs;
use crate::engine::{Engine, Run, Runner};
use crate::output;
use crate::progress;
use crate::scores::Scores;
use crate::tensor::Tensor;

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
    scores: Scores,
}

/// An input by its number, and what came of it.
type Done = (usize, Result<Outcome, Failure>);

/// Runs a model.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let (model, images) = operands(args)?;
    let tensor = args.input.as_deref().map(Tensor::read).transpose()?;
    let weights = match args.overrides.open_weights()? {
        Some(weights) => weights,
        None => default_weights(model)?,
    };
    let compiled = compiled(args, model, &weights, tensor.as_ref())?;
    if let (Some(tensor), Some(path)) = (&tensor, &args.input) {
        fits(tensor, path, &compiled)?;
    }
    let labels = labels(args, &compiled)?;
    let precision = precision(args, &weights);
    let runner = Runner::new(&compiled, args.how.engine, args.how.isa)?.with_precision(precision);
    let inputs: Vec<Input<'_>> = match (tensor, &args.input) {
        (Some(tensor), Some(path)) => vec![Input::Tensor(path.display().to_string(), tensor)],
        _ => images.iter().map(|image| Input::Photo(image)).collect(),
    };
    let bar = progress::bar(inputs.len(), "photos", args.json);
    let (outcomes, failures) = run_all(&runner, &compiled, &inputs, args.how.threads, &bar)?;
    bar.finish_and_clear();
    if let (Some(path), [outcome]) = (&args.output, &outcomes[..]) {
        outcome.scores.write(path, args.logits)?;
    }
    print(args, &compiled, &runner, &labels, &outcomes)?;
    // One photo that cannot be read does not keep the others from being run.
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::input(failures.join("\nmnetc: "))),
    }
}

/// The weights that are built in, if they are those of the model.
fn default_weights(model: Option<&str>) -> Result<Weights, Failure> {
    let named = model.map(Model::open).transpose()?;
    if let Some(name) = named.map(|model| model.name()).filter(|name| name != DEFAULT_MODEL) {
        let why = format!("{name} needs --weights FILE: only {DEFAULT_MODEL} is built in with its own");
        return Err(Failure::usage(why));
    }
    Ok(weights::read(DEFAULT_WEIGHTS, "keras_mobilenet_v1_0.25_128.safetensors")?)
}

/// Whether a tensor has as many values as the model takes.
fn fits(tensor: &Tensor, path: &Path, compiled: &Compiled) -> Result<(), Failure> {
    let [height, width, channels] = compiled.plan.input;
    let (found, wanted) = (tensor.len(), height * width * channels);
    if found == wanted {
        return Ok(());
    }
    let (path, name) = (path.display(), &compiled.plan.name);
    Err(Failure::input(format!(
        "{path}: {found} values, where {name} takes {height}x{width}x{channels}, which are {wanted}"
    )))
}

/// A model first, if the first operand is one; the rest are photos.
fn operands(args: &RunArgs) -> Result<(Option<&str>, &[String]), Failure> {
    let (model, images) = match args.operands.split_first() {
        Some((first, rest)) if is_model(first) => (Some(first.as_str()), rest),
        _ => (None, &args.operands[..]),
    };
    if images.is_empty() == args.input.is_none() {
        let taken = model.filter(|_| images.is_empty());
        let taken = taken.map_or(String::new(), |model| format!("; `{model}` is no file, or a spec"));
        return Err(Failure::usage(format!("run takes photos, or --input FILE in their place{taken}")));
    }
    if args.output.is_some() && images.len() > 1 {
        return Err(Failure::usage("--output takes one photo"));
    }
    Ok((model, images))
}

/// A spec is a model, and so is what is neither a file nor called like a picture.
fn is_model(operand: &str) -> bool {
    let path = Path::new(operand);
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("yaml" | "yml") => true,
        Some("png" | "jpg" | "jpeg" | "bmp" | "gif" | "webp") => false,
        _ => !path.exists(),
    }
}

/// The numbers that are asked for, or else those of the weights.
fn precision(args: &RunArgs, weights: &Weights) -> Precision {
    args.overrides.precision.unwrap_or(weights.precision())
}

fn compiled(
    args: &RunArgs,
    model: Option<&str>,
    weights: &Weights,
    tensor: Option<&Tensor>,
) -> Result<Compiled, Failure> {
    let mut request = args.overrides.request(model, Some(weights));
    let bytes = precision(args, weights) == Precision::Int8 && request.classifier.is_none();
    if bytes && args.how.engine == Some(Engine::Reference) {
        // It takes no plan, and so runs networks of bytes that no kernel computes.
        request.precision = Some(Precision::F32);
    }
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

/// Runs all inputs on so many threads, side by side as far as there are inputs; the outcomes in order, and what went wrong
/// with the others.
fn run_all(
    runner: &Runner<'_>,
    compiled: &Compiled,
    inputs: &[Input<'_>],
    threads: NonZeroUsize,
    bar: &ProgressBar,
) -> Result<(Vec<Outcome>, Vec<String>), Failure> {
    let side_by_side = threads.get().min(inputs.len()).max(1);
    let each = NonZeroUsize::new(threads.get() / side_by_side).unwrap_or(NonZeroUsize::MIN);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Done>, Failure> {
        let mut engine = runner.start(each)?;
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = inputs.get(i) else { return Ok(done) };
            done.push((i, run_one(engine.as_mut(), compiled, input)));
            bar.inc(1);
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..side_by_side).map(|_| scope.spawn(work)).collect();
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
        Input::Photo(path) if Path::new(path).is_dir() => {
            let what = format!("{path}: a folder; name the photos in it, as in `mnetc run {path}/*.jpg`");
            return Err(Failure::input(what));
        }
        Input::Photo(path) => {
            prepared = Photo::open(path)?.prepare(preprocess, compiled.plan.input)?;
            ((*path).to_string(), Image::Pixels(&prepared, normalise))
        }
        Input::Tensor(path, Tensor::Bytes(bytes)) => (path.clone(), Image::Pixels(bytes, normalise)),
        Input::Tensor(path, Tensor::Floats(values, _)) => (path.clone(), Image::Tensor(values)),
    };
    let start = Instant::now();
    let scores = engine.scores(image)?;
    Ok(Outcome { input: name, ms: start.elapsed().as_secs_f64() * 1e3, scores })
}

fn print(
    args: &RunArgs,
    compiled: &Compiled,
    runner: &Runner<'_>,
    labels: &Labels,
    outcomes: &[Outcome],
) -> Result<(), Failure> {
    let top = args.top.get();
    let (model, engine, isa) = (&compiled.plan.name, runner.engine.to_string(), runner.isa.name());
    let precision = runner.precision;
    if args.json {
        let guess = |guess: Guess<'_>| json!({ "index": guess.index, "label": guess.label, "probability": guess.probability });
        let result = |Outcome { input, ms, scores }: &Outcome| {
            let top: Vec<Value> = labels.top(&scores.probabilities(), top).into_iter().map(guess).collect();
            json!({ "input": input, "ms": ms, "top": top })
        };
        let results: Vec<Value> = outcomes.iter().map(result).collect();
        let threads = args.how.threads.get();
        return output::json(
            &json!({ "model": model, "engine": engine, "precision": precision.name(), "isa": isa, "threads": threads, "results": results }),
        );
    }
    let mut text = String::new();
    for Outcome { input, ms, scores } in outcomes {
        text += &format!("{input}  ({model}, {precision}, {engine}, {isa}, {ms:.2} ms)\n");
        for Guess { index, label, probability } in labels.top(&scores.probabilities(), top) {
            let line = format!("{:7.2} %  {index:4}  {label}", probability * 100.0);
            text += &format!("{}\n", line.trim_end());
        }
    }
    output::print(&text)
}
