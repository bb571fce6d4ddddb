//! `bench`: how long models take, and what share of the processor's peak that is.

mod layers;
mod measure;
mod roofline;

use std::path::Path;

use indicatif::ProgressBar;
use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::files::write_file;
use mobilenet_compiler::names::Catalogue;
use mobilenet_compiler::plan::Numbers;
use mobilenet_compiler::settings::Precision;
use mobilenet_kernels::header;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels};
use serde_json::{Value, json};

use crate::agree::{assert_close, tolerance};
use crate::args::BenchArgs;
use crate::engine::{Engine, Runner};
use crate::table::Column::{Left, Right};
use crate::table::Table;
use crate::{Failure, output, progress, seed};
use layers::Layers;
use measure::{Contestant, Times, measure};
use roofline::{Bandwidth, Roofline};

/// Measures models.
pub(crate) fn bench(args: &BenchArgs) -> Result<(), Failure> {
    let models = models(args)?;
    if args.roofline.is_some() && models.len() != 1 {
        return Err(Failure::usage("--roofline draws one model"));
    }
    if args.roofline.is_some() && models.iter().any(|model| model.precision != Precision::F32) {
        return Err(Failure::usage("--roofline draws f32: the peak of other numbers is not measured"));
    }
    let mut runners = Vec::new();
    let bar = progress::bar(models.len(), "checked", args.json);
    for compiled in &models {
        let runner = Runner::new(compiled, args.how.engine, args.how.isa)?;
        check(compiled, &runner, args)?;
        runners.push(runner);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (times, peak) = time(&models, &runners, args)?;
    let mut results = Vec::new();
    for ((compiled, runner), times) in models.iter().zip(&runners).zip(times) {
        let wanted = args.layers || args.roofline.is_some();
        let layers = wanted.then(|| layers::layers(compiled, runner.isa, args.how.threads)).transpose()?;
        let threads = args.how.threads.get();
        results.push(Measured {
            compiled,
            engine: runner.engine,
            isa: runner.isa,
            threads,
            times,
            peak,
            layers,
        });
    }
    if let (Some(file), [measured]) = (&args.roofline, &results[..]) {
        measured.draw(file)?;
    }
    if args.json {
        return output::json(&results.iter().map(Measured::json).collect());
    }
    let layers = results.iter().filter(|_| args.layers).map(Measured::layers);
    output::print(&(table(&results) + &layers.collect::<String>()))
}

/// The models that are asked for, with weights.
fn models(args: &BenchArgs) -> Result<Vec<Compiled>, Failure> {
    let weights = args.overrides.open_weights()?;
    let all = args.models.iter().any(|model| model == "all");
    let names: Vec<Option<String>> = match (&args.models[..], &weights) {
        ([], Some(_)) => vec![None],
        _ if weights.is_some() && (all || args.models.len() > 1) => {
            return Err(Failure::usage("--weights belong to one model"));
        }
        (models, _) if models.is_empty() || all => {
            Catalogue::built_in()?.models().iter().map(|model| Some(model.name())).collect()
        }
        (models, _) => models.iter().cloned().map(Some).collect(),
    };
    let model =
        |name: &Option<String>| seed::compiled(&args.overrides.request(name.as_deref(), weights.as_ref()));
    names.iter().map(model).collect()
}

/// Compares what is to be measured with the reference, and the reference with kernels.
fn check(compiled: &Compiled, runner: &Runner<'_>, args: &BenchArgs) -> Result<(), Failure> {
    let other = match runner.engine {
        Engine::Reference => Engine::Interpreter,
        _ => Engine::Reference,
    };
    let picture = Input::new(compiled)?;
    let logits = |runner: &Runner<'_>| {
        let mut engine = runner.start(args.how.threads)?;
        engine.logits(picture.image(compiled)).map(<[f32]>::to_vec)
    };
    let expected = logits(&Runner::new(compiled, Some(other), Some(runner.isa))?)?;
    let found = logits(runner)?;
    match compiled.plan.numbers {
        Numbers::Bytes(_) if found != expected => Err(Failure::input(format!(
            "{}: its bytes differ from the reference's; `mnetc verify` finds the layer",
            compiled.plan.name
        ))),
        Numbers::Bytes(_) => Ok(()),
        Numbers::Floats(stored) => assert_close(&compiled.plan.name, &found, &expected, tolerance(stored)),
    }
}

/// What models are measured on: numbers, or the bytes of a photo.
enum Input {
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
}

impl Input {
    fn new(compiled: &Compiled) -> Result<Self, Failure> {
        Ok(match compiled.plan.numbers {
            Numbers::Floats(_) => Input::Floats(seed::image(compiled)),
            Numbers::Bytes(_) => Input::Bytes(seed::pixels(compiled, compiled.integers()?)),
        })
    }

    fn image<'p>(&'p self, compiled: &'p Compiled) -> Image<'p> {
        match self {
            Input::Floats(values) => Image::Tensor(values),
            Input::Bytes(bytes) => Image::Pixels(bytes, &compiled.settings.family.preprocess.normalise),
        }
    }
}

/// Measures all models, turn by turn; and the peak of one thread, in multiply-adds a second, at the same times.
fn time(models: &[Compiled], runners: &[Runner<'_>], args: &BenchArgs) -> Result<(Vec<Times>, f64), Failure> {
    let bar = match args.json {
        true => ProgressBar::hidden(),
        false => progress::spinner(u64::MAX, "measuring"),
    };
    let mut contestants: Vec<Contestant<'_>> = Vec::new();
    for (compiled, runner) in models.iter().zip(runners) {
        let (mut engine, picture) = (runner.start(args.how.threads)?, Input::new(compiled)?);
        contestants.push(Box::new(move || engine.run(picture.image(compiled))));
    }
    let kernels = runners
        .first()
        .and_then(|runner| Kernels::new(runner.isa))
        .unwrap_or(Kernels::best(header::Precision::F32));
    let mut peak = 0.0;
    let times = measure(&mut contestants, || peak = kernels.peak().max(peak))?;
    bar.finish_and_clear();
    Ok((times, peak))
}

/// A model and what was measured.
struct Measured<'c> {
    compiled: &'c Compiled,
    engine: Engine,
    isa: Isa,
    threads: usize,
    times: Times,
    /// Multiply-adds of floats a second that one thread can do at most.
    peak: f64,
    layers: Option<Layers>,
}

impl Measured<'_> {
    /// Multiply-adds a second in the fastest run.
    fn rate(&self) -> f64 {
        self.compiled.cost.macs as f64 / self.times.min_ms() * 1e3
    }

    /// The peak of all threads, of the numbers that the model computes with: it is measured of `f32`s alone.
    fn peak(&self) -> Option<f64> {
        (self.compiled.precision == Precision::F32).then_some(self.peak * self.threads as f64)
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "model": self.compiled.plan.name,
            "engine": self.engine.to_string(),
            "precision": self.compiled.precision.name(),
            "isa": self.isa.name(),
            "threads": self.threads,
            "min_ms": self.times.min_ms(),
            "median_ms": self.times.median_ms(),
            "iterations": self.times.len(),
            "macs": self.compiled.cost.macs,
            "macs_per_second": self.rate(),
            "peak_macs_per_second": self.peak(),
            "share_of_peak": self.peak().map(|peak| self.rate() / peak),
        });
        if let Some(layers) = &self.layers {
            value["layers"] = layers.json(self.peak());
        }
        value
    }

    /// Writes the drawing of the layers.
    fn draw(&self, file: &Path) -> Result<(), Failure> {
        let Some(layers) = &self.layers else { return Ok(()) };
        let Some(peak) = self.peak() else {
            return Err(Failure::input("--roofline draws networks of floats, whose peak is known"));
        };
        let roofline = Roofline {
            title: &self.compiled.plan.name,
            layers: &layers.one_by_one,
            peak,
            threads: self.threads,
            bandwidth: Bandwidth::measure(),
        };
        write_file(file, roofline.svg().as_bytes())?;
        eprintln!("{}: the roofline of {}", file.display(), self.compiled.plan.name);
        Ok(())
    }

    fn layers(&self) -> String {
        let layers = self.layers.as_ref();
        let text = |layers: &Layers| format!("\n{}\n{}", self.compiled.plan.name, layers.text(self.peak()));
        layers.map_or_else(String::new, text)
    }
}

fn table(results: &[Measured<'_>]) -> String {
    let mut table = Table::new(&[
        Left("model"),
        Left("precision"),
        Left("engine"),
        Left("set"),
        Right("threads"),
        Right("fastest"),
        Right("median"),
        Right("runs"),
        Right("GMAC/s"),
        Right("of peak"),
    ]);
    for result in results {
        table.row([
            result.compiled.plan.name.clone(),
            result.compiled.precision.to_string(),
            result.engine.to_string(),
            result.isa.to_string(),
            result.threads.to_string(),
            milliseconds(result.times.min_ms()),
            milliseconds(result.times.median_ms()),
            result.times.len().to_string(),
            format!("{:.1}", result.rate() / 1e9),
            result.peak().map_or_else(String::new, |peak| percent(result.rate() / peak)),
        ]);
    }
    let peak = results.first().map_or(0.0, |result| result.peak / 1e9);
    format!("{}\nThe peak of f32 is {peak:.1} GMAC/s a thread, measured between the runs.\n", table.text())
}

/// `10.24 ms`.
fn milliseconds(ms: f64) -> String {
    let decimals = if ms < 10.0 { 3 } else { 2 };
    format!("{ms:.decimals$} ms")
}

/// `93.1 %`.
fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
