//! All ways to run a network, against the reference.

use std::num::NonZeroUsize;
use std::sync::Arc;

use mobilenet_compiler::interpret::{Interpreter, Reference};
use mobilenet_compiler::ir::Graph;
use mobilenet_compiler::lower::lower;
use mobilenet_compiler::names::Model;
use mobilenet_compiler::passes;
use mobilenet_compiler::plan::{Numbers, Options, Plan};
use mobilenet_compiler::seeded;
use mobilenet_compiler::settings::{Precision, Settings, Wish};
use mobilenet_compiler::spec::Spec;
use mobilenet_compiler::{cost, error};
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels};

use crate::random::Network;

/// How far outputs may be from the reference's, as a share of its largest.
const TOLERANCE: f32 = 1e-4;
/// The same at precision bf16: both halves of a product are rounded to 8 bits, a share of 2^-9 each, and layers add to it.
const TOLERANCE_OF_BF16: f32 = 0.05;

/// What became of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All engines agree.
    Agreed,
    /// It was refused, with a message.
    Refused,
    /// It would take too long to run.
    TooLarge,
}

/// Compiles a network, runs it in all ways at a precision of floats, and compares. An error says which way gave what.
pub(crate) fn check(
    network: &Network,
    precision: Precision,
    seed: u64,
    most: u64,
) -> Result<Outcome, String> {
    let stored = precision.stored().ok_or("bytes have a check of their own")?;
    let tolerance = if precision == Precision::Bf16 { TOLERANCE_OF_BF16 } else { TOLERANCE };
    let (raw, graph) = match graphs(network) {
        Ok(graphs) => graphs,
        Err(report) if report.to_string().trim().is_empty() => return Err("refused without a message".into()),
        Err(_) => return Ok(Outcome::Refused),
    };
    if cost::total(&graph).macs > most {
        return Ok(Outcome::TooLarge);
    }
    let tensors = &seeded::tensors(&raw, seed);
    let shape = graph.input().map(|id| graph.node(id).shape).ok_or("a graph without input")?;
    let image = &seeded::image(shape, seed);
    // The graph before any pass is the oracle: passes are tried as well.
    let expected = Reference::new(&raw, tensors).run(image).map_err(failed("reference"))?;
    let after = Reference::new(&graph, tensors).run(image).map_err(failed("reference after passes"))?;
    compare("reference after passes", &after, &expected, TOLERANCE)?;
    for stream in [true, false] {
        let options = Options { stream, numbers: Numbers::Floats(stored) };
        let plan = Plan::new(&graph, options).map_err(failed("plan"))?;
        for isa in Isa::available() {
            let mut alone = None;
            for threads in [1, 2].into_iter().filter_map(NonZeroUsize::new) {
                let what = format!("{precision}, {isa}, streamed {stream}, {threads} threads");
                let kernels = Kernels::new(isa).ok_or("an available set is not available")?;
                let engine = Interpreter::new(plan.clone(), tensors, kernels).map_err(failed(&what))?;
                let mut engine = engine.with_threads(threads);
                // Twice: nothing of the first run may be left in the way of the second.
                let first = engine.run(Image::Tensor(image)).map_err(failed(&what))?.to_vec();
                let found = engine.run(Image::Tensor(image)).map_err(failed(&what))?;
                compare(&what, found, &expected, tolerance)?;
                let alone = alone.get_or_insert_with(|| first.clone());
                if bits(found) != bits(&first) || bits(alone) != bits(&first) {
                    return Err(format!("{what}: not the same bits in every run"));
                }
            }
        }
    }
    Ok(Outcome::Agreed)
}

/// Why a network is refused, if it is.
#[allow(dead_code, reason = "the fuzz target does not ask")]
pub(crate) fn message(network: &Network) -> Option<String> {
    graphs(network).err().map(|report| report.to_string())
}

/// The graph as it is lowered, softmax dropped, and after all passes. A plan is tried, so that what has none is refused here.
pub(crate) fn graphs(network: &Network) -> error::Result<(Graph, Graph)> {
    let spec = Spec::parse("random.yaml", &network.yaml)?;
    let model = Model { alpha: network.alpha, ..Model::of(Arc::new(spec)) };
    let settings = Settings::new(&model.spec, &Wish::from(&model), None)?;
    let mut raw = lower(&model.spec, &settings, "random")?;
    passes::remove_softmax(&mut raw);
    let mut graph = raw.clone();
    passes::run(&mut graph, None, |_, _, _| ())?;
    Plan::new(&graph, Options::default())?;
    Ok((raw, graph))
}

/// Says which way it was that failed.
pub(crate) fn failed(what: &str) -> impl FnOnce(error::Report) -> String {
    move |report| format!("{what}: {report}")
}

fn compare(what: &str, found: &[f32], expected: &[f32], tolerance: f32) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} values, not {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(1.0f32, |largest, x| largest.max(x.abs()));
    let far = |(found, expected): (&f32, &f32)| {
        // NaN is far from everything.
        let near = (found - expected).abs() <= tolerance * largest;
        (!near).then(|| format!("{what}: {found}, not {expected}, and the largest is {largest}"))
    };
    found.iter().zip(expected).find_map(far).map_or(Ok(()), Err)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
