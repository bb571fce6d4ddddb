//! `graph`: a network as text, for Graphviz, or drawn.

mod dot;
mod drawing;
mod memory;
mod nodes;
pub(crate) mod style;
pub(crate) mod words;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use mobilenet_compiler::compile::{Compiled, compile};
use mobilenet_compiler::cost::Cost;
use mobilenet_compiler::files::write_file;
use mobilenet_compiler::ir::Graph;
use mobilenet_compiler::names::decimal;
use mobilenet_compiler::passes::{self, PASSES};
use mobilenet_compiler::plan::Plan;

use crate::Failure;
use crate::args::ModelArgs;
use crate::output::{bytes, grouped, millions, print};

/// The stage before any pass.
const LOWERING: &str = "lowering";

/// The stages at which a graph can be looked at, in order.
fn stages() -> PossibleValuesParser {
    let passes = PASSES.iter().map(|pass| PossibleValue::new(pass.name).help(pass.summary));
    let lowering = PossibleValue::new(LOWERING).help("the spec written out, before any pass");
    PossibleValuesParser::new(std::iter::once(lowering).chain(passes))
}

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Which model.
    #[command(flatten)]
    model: ModelArgs,
    /// Shows the graph as it is after this pass, by default after all
    #[arg(long, value_name = "PASS", value_parser = stages())]
    after: Option<String>,
    /// A file, F.svg (a drawing), F.dot (for Graphviz) or F.txt; by default text on standard output
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A graph and what is said about it.
struct Picture<'c> {
    graph: &'c Graph,
    /// The model's name.
    title: String,
    /// What the model is: alpha, input, cost.
    subtitle: String,
    /// Where in the compiler the graph is.
    stage: String,
    total: Cost,
    /// The memory plan, where the graph is the one that is planned.
    plan: Option<&'c Plan>,
}

/// What a graph is written as.
#[derive(Clone, Copy)]
enum Format {
    Text,
    Dot,
    Svg,
}

impl Format {
    /// The format of a file, by its extension; text where there is no file.
    fn of(file: Option<&Path>) -> Result<Format, Failure> {
        let Some(file) = file else { return Ok(Format::Text) };
        let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("txt") => Ok(Format::Text),
            Some("dot") => Ok(Format::Dot),
            Some("svg") => Ok(Format::Svg),
            _ => Err(Failure::usage(format!(
                "{}: the extension says how the graph is written: .svg (a drawing), .dot (for Graphviz) or .txt",
                file.display()
            ))),
        }
    }
}

/// Shows the graph of a model, at some stage of the compiler.
pub(crate) fn graph(args: &GraphArgs) -> Result<(), Failure> {
    let format = Format::of(args.output.as_deref())?;
    let weights = args.model.overrides.open_weights()?;
    let compiled = compile(&args.model.overrides.request(args.model.model.as_deref(), weights.as_ref()))?;
    let last = PASSES.last().map_or(LOWERING, |pass| pass.name);
    let stage = args.after.as_deref().unwrap_or(last);
    let graph = after(&compiled, stage)?;
    let picture = Picture::new(&compiled, &graph, stage, last);
    let text = match format {
        Format::Text => graph.to_string(),
        Format::Dot => dot::dot(&picture),
        Format::Svg => drawing::svg(&picture),
    };
    match &args.output {
        None => print(&text),
        Some(file) => write(file, &text),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    write_file(file, text.as_bytes())?;
    eprintln!("{}: {}", file.display(), bytes(text.len()));
    Ok(())
}

/// The graph as it is after a pass, or after lowering.
fn after(compiled: &Compiled, stage: &str) -> Result<Graph, Failure> {
    let mut graph = compiled.raw.clone();
    if stage != LOWERING {
        passes::remove_softmax(&mut graph);
        passes::run(&mut graph, Some(stage), |_, _, _| ())?;
    }
    Ok(graph)
}

impl<'c> Picture<'c> {
    fn new(compiled: &'c Compiled, graph: &'c Graph, stage: &str, last: &str) -> Self {
        let Compiled { model, plan, cost, settings, .. } = compiled;
        let [height, width, channels] = plan.input;
        let subtitle = [
            format!("alpha {}", decimal(model.alpha)),
            format!("{height}×{width}×{channels}"),
            format!("{} multiply-adds", millions(cost.macs)),
            format!("{} parameters", grouped(cost.params)),
            format!("{} classes", grouped(settings.classes as u64)),
        ];
        let nodes = format!("{} nodes", graph.len());
        let stage_words = match stage {
            LOWERING => format!("as lowered, before any pass · {nodes}"),
            _ if stage == last => format!("after all passes · {nodes}"),
            _ => format!("after {stage} · {nodes}"),
        };
        Picture {
            graph,
            title: plan.name.clone(),
            subtitle: subtitle.join(" · "),
            stage: stage_words,
            total: *cost,
            plan: (stage == last).then_some(plan),
        }
    }
}
