//! Where the time goes: each step of a plan, streamed and layer by layer.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::cost;
use mobilenet_compiler::interpret::Interpreter;
use mobilenet_compiler::plan::{Options, Plan, Step};
use mobilenet_kernels::{Isa, Kernels};
use serde_json::{Value, json};

use super::measure::Times;
use super::{Input, milliseconds, percent};
use crate::Failure;
use crate::graph::words::Kind;
use crate::output::bytes;
use crate::table::Column::{Left, Right};
use crate::table::Table;

/// Runs of a plan whose steps are timed, and how long that may take.
const RUNS: usize = 30;
const MOST: Duration = Duration::from_secs(3);

/// The steps of a model's plan, and those of a plan that streams nothing.
pub(super) struct Layers {
    streamed: Vec<Layer>,
    pub(super) one_by_one: Vec<Layer>,
}

/// A step that was timed.
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) macs: u64,
    /// Of weights, input and output: what has to come from somewhere and go somewhere.
    bytes: usize,
    pub(super) times: Times,
}

/// Times the steps of a model, walked with the kernels that compiled code calls.
pub(super) fn layers(compiled: &Compiled, isa: Isa, threads: NonZeroUsize) -> Result<Layers, Failure> {
    let plan = Plan::new(&compiled.graph, Options { stream: false, ..compiled.options() })?;
    let streamed = time(compiled, compiled.plan.clone(), isa, threads)?;
    Ok(Layers { streamed, one_by_one: time(compiled, plan, isa, threads)? })
}

fn time(compiled: &Compiled, plan: Plan, isa: Isa, threads: NonZeroUsize) -> Result<Vec<Layer>, Failure> {
    let Some(kernels) = Kernels::new(isa) else { return Ok(Vec::new()) };
    let mut layers: Vec<Layer> = plan.steps.iter().map(|step| layer(compiled, &plan, step)).collect();
    let mut interpreter = Interpreter::new(plan, compiled.source()?, kernels)?.with_threads(threads);
    let picture = Input::new(compiled)?;
    let image = picture.image(compiled);
    interpreter.run(image)?;
    let start = Instant::now();
    for _ in 0..RUNS {
        let mut layers = layers.iter_mut();
        let mut before = Instant::now();
        interpreter.walk(image, |_, _| {
            if let Some(layer) = layers.next() {
                layer.times.push(before.elapsed());
            }
            before = Instant::now();
        })?;
        if start.elapsed() > MOST {
            break;
        }
    }
    Ok(layers)
}

fn layer(compiled: &Compiled, plan: &Plan, step: &Step) -> Layer {
    let graph = &compiled.graph;
    let cost = |name: &str| {
        let id = graph.ids().find(|&id| graph.node(id).name == name)?;
        let input = graph.node(graph.operand(id)?).shape;
        Some(cost::node(graph.node(id), input).macs)
    };
    let name = match &step.parts[..] {
        [one] => one.name.clone(),
        [first, .., last] => format!("{} to {}, streamed", first.name, last.name),
        [] => String::new(),
    };
    let ends = [step.parts.first().map(|part| part.input), step.parts.last().map(|part| part.output)];
    let values: usize = ends.into_iter().flatten().map(|shape| shape.len()).sum();
    let weights: usize = step.parts.iter().map(|part| plan.weight_bytes_of(&part.kernel)).sum();
    let size = if plan.output.is_some() { 1 } else { size_of::<f32>() };
    let node = |name: &str| graph.ids().find(|&id| graph.node(id).name == name);
    let kind = match &step.parts[..] {
        [one] => node(&one.name).map_or(Kind::Other, |id| Kind::of(&graph.node(id).op)),
        _ => Kind::Other,
    };
    Layer {
        name,
        kind,
        macs: step.parts.iter().filter_map(|part| cost(&part.name)).sum(),
        bytes: weights + values * size,
        times: Times::default(),
    }
}

impl Layer {
    /// Multiply-adds for each byte touched.
    pub(super) fn intensity(&self) -> f64 {
        self.macs as f64 / self.bytes.max(1) as f64
    }

    /// Multiply-adds a second in the fastest run.
    pub(super) fn rate(&self) -> f64 {
        self.macs as f64 / self.times.min_ms().max(1e-6) * 1e3
    }

    fn json(&self, peak: Option<f64>) -> Value {
        json!({
            "name": self.name,
            "min_ms": self.times.min_ms(),
            "median_ms": self.times.median_ms(),
            "macs": self.macs,
            "macs_per_second": self.rate(),
            "share_of_peak": peak.map(|peak| self.rate() / peak),
            "bytes": self.bytes,
        })
    }
}

impl Layers {
    pub(super) fn json(&self, peak: Option<f64>) -> Value {
        let list = |layers: &[Layer]| layers.iter().map(|layer| layer.json(peak)).collect::<Value>();
        json!({ "streamed": list(&self.streamed), "one_by_one": list(&self.one_by_one) })
    }

    pub(super) fn text(&self, peak: Option<f64>) -> String {
        format!("{}\nNothing streamed:\n{}", table(&self.streamed, peak), table(&self.one_by_one, peak))
    }
}

fn table(layers: &[Layer], peak: Option<f64>) -> String {
    let mut table = Table::new(&[
        Left("layer"),
        Right("fastest"),
        Right("median"),
        Right("of all"),
        Right("GMAC/s"),
        Right("of peak"),
        Right("bytes touched"),
    ]);
    let all: f64 = layers.iter().map(|layer| layer.times.min_ms()).sum();
    for layer in layers {
        let computes = layer.macs > 0;
        let rate = format!("{:.1}", layer.rate() / 1e9);
        let share = peak.map_or_else(String::new, |peak| percent(layer.rate() / peak));
        table.row([
            layer.name.clone(),
            milliseconds(layer.times.min_ms()),
            milliseconds(layer.times.median_ms()),
            percent(layer.times.min_ms() / all),
            if computes { rate } else { String::new() },
            if computes { share } else { String::new() },
            bytes(layer.bytes),
        ]);
    }
    table.row([
        "all".into(),
        milliseconds(all),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ]);
    table.text()
}
