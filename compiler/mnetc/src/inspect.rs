//! `inspect`: a model, layer by layer, as it will be run.

use mobilenet_compiler::compile::{Compiled, compile};
use mobilenet_compiler::cost::{self, Cost};
use mobilenet_compiler::epilogue::{self, Tally};
use mobilenet_compiler::ir::Node;
use mobilenet_compiler::plan::memory::{Holds, Lifetime};
use mobilenet_compiler::plan::{Part, Plan};
use mobilenet_kernels::layout::Storage;
use serde_json::{Value, json};

use crate::Failure;
use crate::args::ModelArgs;
use crate::list::summary;
use crate::output::{self, bytes, facts, grouped, millions, share};
use crate::table::Column::{Left, Right};
use crate::table::Table;

/// A layer: its node of the graph, and the kernel call that computes it.
struct Layer<'c> {
    node: &'c Node,
    cost: Cost,
    part: &'c Part,
    /// Whether it runs row by row together with others.
    streamed: bool,
    /// Its output in the arena.
    output: Option<Lifetime>,
    weight_bytes: usize,
}

/// Prints one model, layer by layer.
pub(crate) fn inspect(args: &ModelArgs, json: bool) -> Result<(), Failure> {
    let weights = args.overrides.open_weights()?;
    let compiled = compile(&args.overrides.request(args.model.as_deref(), weights.as_ref()))?;
    let layers = layers(&compiled);
    let tallies = match &compiled.quantised {
        Some(Ok(quantised)) => epilogue::tallies(&compiled.graph, quantised),
        _ => Vec::new(),
    };
    if json {
        let mut document = summary(&compiled);
        document.insert("streamed".into(), streamed(&layers).into());
        document.insert("in_place".into(), in_place(&layers).into());
        document.insert("layers".into(), layers.iter().map(Layer::json).collect());
        if !tallies.is_empty() {
            document.insert("epilogues".into(), tallies.iter().map(tally_json).collect());
        }
        return output::json(&Value::Object(document));
    }
    let mut text = heading(&compiled, &layers) + "\n" + &table(&compiled, &layers);
    if !tallies.is_empty() {
        text += &("\n".to_string() + &epilogues(&tallies));
    }
    output::print(&text)
}

fn tally_json(tally: &Tally) -> Value {
    json!({ "layer": tally.layer, "f32": tally.f32, "pair": tally.pair, "f64": tally.f64, "integer": tally.integer })
}

/// How sums of a quantised model become bytes, as has been shown to be exact.
fn epilogues(tallies: &[Tally]) -> String {
    let mut table = Table::new(&[
        Left("quantised layer"),
        Right("channels by f32 multiply-add"),
        Right("by two"),
        Right("by f64"),
        Right("as integers"),
    ]);
    for tally in tallies {
        let counts = [tally.f32, tally.pair, tally.f64, tally.integer].map(|count| number(count as u64));
        let [f32, pair, f64, integer] = counts;
        table.row([tally.layer.clone(), f32, pair, f64, integer]);
    }
    table.text()
}

/// The layers that compute something, in order.
fn layers<'c>(compiled: &'c Compiled) -> Vec<Layer<'c>> {
    let Compiled { graph, plan, .. } = compiled;
    let memory = plan.memory();
    let steps = plan.steps.iter();
    let parts = steps.flat_map(|step| step.parts.iter().map(|part| (part, step.parts.len() > 1)));
    let layer = |(at, (part, streamed)): (usize, (&'c Part, bool))| {
        let node = graph.ids().map(|id| graph.node(id)).find(|node| node.name == part.name)?;
        let cost = cost::node(node, part.input);
        let written = memory.iter().find(|life| life.part == at && !life.holds.is_temporary());
        let weight_bytes = plan.weight_bytes_of(&part.kernel);
        Some(Layer { node, part, cost, streamed, output: written.cloned(), weight_bytes })
    };
    parts.enumerate().filter_map(layer).collect()
}

fn streamed(layers: &[Layer<'_>]) -> usize {
    layers.iter().filter(|layer| layer.streamed).count()
}

fn in_place(layers: &[Layer<'_>]) -> usize {
    let in_place = |layer: &&Layer<'_>| layer.output.as_ref().is_some_and(|life| life.in_place.is_some());
    layers.iter().filter(in_place).count()
}

impl Layer<'_> {
    /// The kernel and how much it computes at a time.
    fn code(&self) -> String {
        match self.part.kernel.strip() {
            None => self.part.kernel.name().to_string(),
            Some(1) => format!("{}, row by row", self.part.kernel.name()),
            Some(rows) if rows == self.node.shape.height => format!("{}, whole", self.part.kernel.name()),
            Some(rows) => format!("{}, by {rows} rows", self.part.kernel.name()),
        }
    }

    /// What of its output is in the arena, and how it came there.
    fn memory(&self) -> String {
        match &self.output {
            Some(life) if life.in_place.is_some() => "in place".into(),
            Some(life) if life.holds == Holds::Ring => format!("ring of {} rows", life.rows),
            _ => String::new(),
        }
    }

    fn output_bytes(&self) -> usize {
        self.output.as_ref().map_or(0, Lifetime::bytes)
    }

    fn json(&self) -> Value {
        let life = self.output.as_ref();
        json!({
            "name": self.node.name,
            "op": self.node.op.name(),
            "input": self.part.input.array(),
            "output": self.node.shape.array(),
            "params": self.cost.params,
            "batchnorm_params": self.cost.batchnorm_params,
            "macs": self.cost.macs,
            "weight_bytes": self.weight_bytes,
            "kernel": self.part.kernel.name(),
            "strip": self.part.kernel.strip(),
            "streamed": self.streamed,
            "in_place": life.is_some_and(|life| life.in_place.is_some()),
            "output_bytes": self.output_bytes(),
        })
    }
}

fn heading(compiled: &Compiled, layers: &[Layer<'_>]) -> String {
    let Compiled { model, plan, cost, .. } = compiled;
    let [height, width, channels] = plan.input;
    let number = |number: usize| format!("{} ({} bytes)", bytes(number), grouped(number as u64));
    let arena = number(plan.arena_bytes());
    let mut list = vec![
        ("input", format!("{height}x{width}x{channels}")),
        ("classes", plan.classes.to_string()),
        (
            "parameters",
            format!("{}, and {} of batch norm", grouped(cost.params), grouped(cost.batchnorm_params)),
        ),
        ("mult-adds", millions(cost.macs)),
        ("arena", format!("{arena}; {} layers streamed, {} in place", streamed(layers), in_place(layers))),
        ("weights", format!("{}, packed, {}", number(plan.weight_bytes()), numbers(plan))),
    ];
    if let Some([top1, top5]) = model.accuracy() {
        list.push(("accuracy", format!("top-1 {top1} %, top-5 {top5} %, as published")));
    }
    facts(&plan.name, &list)
}

/// What the weights are.
fn numbers(plan: &Plan) -> String {
    let classifier = plan.numbers.stored().filter(|stored| stored.classifier == Storage::F16);
    format!("{}{}", plan.precision(), classifier.map_or("", |_| ", the classifier f16"))
}

/// A number; nothing for none.
fn number(number: u64) -> String {
    if number == 0 { String::new() } else { grouped(number) }
}

fn table(compiled: &Compiled, layers: &[Layer<'_>]) -> String {
    let mut table = Table::new(&[
        Left("layer"),
        Right("input"),
        Right("output"),
        Right("parameters"),
        Right("mult-adds"),
        Right("share"),
        Right("weights"),
        Left("kernel"),
        Right("output in arena"),
        Left(""),
    ]);
    for layer in layers {
        table.row([
            layer.node.name.clone(),
            layer.part.input.to_string(),
            layer.node.shape.to_string(),
            number(layer.cost.params),
            number(layer.cost.macs),
            share(layer.cost.macs, compiled.cost.macs),
            if layer.weight_bytes == 0 { String::new() } else { bytes(layer.weight_bytes) },
            layer.code(),
            bytes(layer.output_bytes()),
            layer.memory(),
        ]);
    }
    table.text()
}
