//! `compile --prove`: what is about to be written computes what the spec says. The reference is run on the graph as it is
//! lowered and after every pass, and the plan on every instruction set that this processor has, on pictures from a seed.

use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::interpret::{Interpreter, Reference};
use mobilenet_compiler::passes;
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_compiler::seeded;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels};

use crate::agree::{assert_close, difference};
use crate::{Failure, progress, seed};

/// Pictures that are tried.
const PICTURES: u64 = 2;

/// Proves a model, with its weights or with seeded ones; says on standard error what has been compared.
pub(crate) fn prove(compiled: &Compiled) -> Result<(), Failure> {
    let seeded = compiled.tensors.is_none().then(|| seeded::tensors(&compiled.graph, seed::SEED));
    let Some(tensors) = compiled.tensors.as_ref().or(seeded.as_ref()) else { return Ok(()) };
    let mut raw = compiled.raw.clone();
    passes::remove_softmax(&mut raw);
    let mut stages = Vec::new();
    passes::run(&mut raw.clone(), None, |pass, _, graph| stages.push((pass.name, graph.clone())))?;
    let unstreamed = Plan::new(&compiled.graph, Options { stream: false })?;
    let runs = PICTURES * (1 + stages.len() as u64);
    let spinner = progress::spinner(runs * compiled.cost.macs, "proving".to_string());
    let mut most = 0.0f32;
    let mut compare = |what: &str, found: &[f32], expected: &[f32]| {
        most = most.max(difference(found, expected));
        assert_close(what, found, expected)
    };
    for picture in 0..PICTURES {
        let image = seed::picture(compiled, seed::SEED + picture);
        let lowered = Reference::new(&raw, tensors).run(&image)?;
        for (pass, graph) in &stages {
            let found = Reference::new(graph, tensors).run(&image)?;
            compare(&format!("the graph after {pass}"), &found, &lowered)?;
        }
        for isa in Isa::available() {
            let kernels = Kernels::new(isa).ok_or_else(|| Failure::input(format!("{isa} is gone")))?;
            for plan in [&compiled.plan, &unstreamed] {
                let mut engine = Interpreter::new(plan.clone(), tensors, kernels)?;
                let found = engine.run(Image::Tensor(&image))?;
                compare(&format!("the plan on {isa}"), found, &lowered)?;
            }
        }
    }
    spinner.finish_and_clear();
    let (passes, sets) = (stages.len(), Isa::available().count());
    eprintln!(
        "{}: proved on {PICTURES} pictures: {passes} passes and the plan on {sets} instruction sets, logits off by at most {most:.1e}",
        compiled.plan.name
    );
    Ok(())
}
