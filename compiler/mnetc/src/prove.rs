//! `compile --prove`: what is about to be written computes what the spec says. The reference is run on the graph as it is
//! lowered and after every pass, and the plan on every instruction set that this processor has, on pictures from a seed.
//! Networks of bytes are to give the same bytes.

use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::interpret::{Interpreter, QuantisedReference, Reference};
use mobilenet_compiler::ir::Graph;
use mobilenet_compiler::pack::Tensors;
use mobilenet_compiler::passes;
use mobilenet_compiler::plan::{Numbers, Options, Plan};
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::seeded;
use mobilenet_compiler::settings::Stored;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels};

use crate::agree::{TOLERANCE, assert_close, difference, tolerance};
use crate::{Failure, progress, seed};

/// Pictures that are tried.
const PICTURES: u64 = 2;

/// A graph at some stage of its passes.
struct Stage {
    name: String,
    graph: Graph,
}

/// Proves a model, with its weights or with seeded ones; says on standard error what has been compared.
pub(crate) fn prove(compiled: &Compiled) -> Result<(), Failure> {
    let mut raw = compiled.raw.clone();
    passes::remove_softmax(&mut raw);
    let mut stages = Vec::new();
    passes::run(&mut raw.clone(), None, |pass, _, graph| {
        stages.push(Stage { name: format!("the graph after {}", pass.name), graph: graph.clone() });
    })?;
    let runs = PICTURES * (1 + stages.len() as u64);
    let spinner = progress::spinner(runs * compiled.cost.macs, "proving".to_string());
    let outcome = match compiled.plan.numbers {
        Numbers::Bytes(_) => {
            bytes(compiled, compiled.integers()?, &raw, &stages)?;
            "every byte is the same".to_string()
        }
        Numbers::Floats(stored) => {
            let seeded = compiled.tensors.is_none().then(|| seeded::tensors(&compiled.graph, seed::SEED));
            let Some(tensors) = compiled.tensors.as_ref().or(seeded.as_ref()) else { return Ok(()) };
            format!("logits off by at most {:.1e}", floats(compiled, (tensors, stored), &raw, &stages)?)
        }
    };
    spinner.finish_and_clear();
    let (passes, sets) = (stages.len(), sets(compiled).count());
    eprintln!(
        "{}: proved on {PICTURES} pictures: {passes} passes and the plan on {sets} instruction sets, {outcome}",
        compiled.plan.name
    );
    Ok(())
}

/// Compares logits; gives the largest difference. Plans are compared with a reference that rounds where they do.
fn floats(
    compiled: &Compiled,
    (tensors, stored): (&Tensors, Stored),
    raw: &Graph,
    stages: &[Stage],
) -> Result<f32, Failure> {
    let unstreamed = Plan::new(&compiled.graph, Options { stream: false, ..compiled.options() })?;
    let mut most = 0.0f32;
    let mut compare = |what: &str, found: &[f32], expected: &[f32], tolerance: f32| {
        most = most.max(difference(found, expected));
        assert_close(what, found, expected, tolerance)
    };
    for picture in 0..PICTURES {
        let image = seed::picture(compiled, seed::SEED + picture);
        let lowered = Reference::new(raw, tensors).run(&image)?;
        for stage in stages {
            compare(&stage.name, &Reference::new(&stage.graph, tensors).run(&image)?, &lowered, TOLERANCE)?;
        }
        let rounded = match stored == Stored::default() {
            true => lowered,
            false => Reference::new(&compiled.graph, tensors).rounded(stored).run(&image)?,
        };
        for (isa, kernels) in sets(compiled) {
            for plan in [&compiled.plan, &unstreamed] {
                let mut engine = Interpreter::new(plan.clone(), tensors, kernels)?;
                compare(
                    &format!("the plan on {isa}"),
                    engine.run(Image::Tensor(&image))?,
                    &rounded,
                    tolerance(stored),
                )?;
            }
        }
    }
    Ok(most)
}

/// Compares the bytes of the scores.
fn bytes(compiled: &Compiled, quantised: &Quantised, raw: &Graph, stages: &[Stage]) -> Result<(), Failure> {
    let unstreamed = Plan::new(&compiled.graph, Options { stream: false, ..compiled.options() })?;
    let compare = |what: &str, found: &[i16], expected: &[i16]| match found == expected {
        true => Ok(()),
        false => Err(Failure::input(format!("{what} gives other bytes than the graph as it was lowered"))),
    };
    for picture in 0..PICTURES {
        let pixels = quantised.pixels(&seed::picture(compiled, seed::SEED + picture));
        let image = Image::Pixels(&pixels, &compiled.settings.family.preprocess.normalise);
        let lowered = QuantisedReference::new(raw, quantised).run(&pixels)?;
        for stage in stages {
            compare(&stage.name, &QuantisedReference::new(&stage.graph, quantised).run(&pixels)?, &lowered)?;
        }
        for (isa, kernels) in sets(compiled) {
            for plan in [&compiled.plan, &unstreamed] {
                let mut engine = Interpreter::new(plan.clone(), quantised, kernels)?;
                let [scores, _] = engine.run_bytes(image)?;
                compare(&format!("the plan on {isa}"), &scores, &lowered)?;
            }
        }
    }
    Ok(())
}

/// The kernels of all instruction sets of this processor.
fn sets(compiled: &Compiled) -> impl Iterator<Item = (Isa, Kernels<'static>)> {
    Isa::available_for(compiled.plan.precision()).filter_map(|isa| Some((isa, Kernels::new(isa)?)))
}
