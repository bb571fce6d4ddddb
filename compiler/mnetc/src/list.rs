//! `list` and `inspect`: what models are and what they cost.

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::cost;
use mobilenet_compiler::names::Catalogue;
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::args::ModelArgs;

/// The keys that `list` and `inspect` share.
fn summary(compiled: &Compiled) -> Map<String, Value> {
    let Compiled { model, plan, cost, .. } = compiled;
    let word = model.spec.naming.resolutions.iter().find(|resolution| resolution.pixels == model.resolution);
    let value = json!({
        "name": plan.name,
        "alpha": model.alpha,
        "rho": word.map(|resolution| &resolution.word),
        "resolution": model.resolution,
        "input": plan.input,
        "classes": plan.classes,
        "params": cost.params,
        "batchnorm_params": cost.batchnorm_params,
        "macs": cost.macs,
        "arena_bytes": plan.arena_bytes(),
        "weight_bytes": plan.weight_bytes(),
        "top1": model.accuracy().map(|accuracy| accuracy[0]),
        "top5": model.accuracy().map(|accuracy| accuracy[1]),
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Prints the named models.
pub(crate) fn list(json: bool) -> Result<(), Failure> {
    let names: Vec<String> = Catalogue::built_in()?.models().iter().map(|model| model.name()).collect();
    let mut models = Vec::new();
    for name in &names {
        models.push(compile(&Request { model: Some(name), ..Request::default() })?);
    }
    if json {
        println!("{}", Value::Array(models.iter().map(|model| Value::Object(summary(model))).collect()));
        return Ok(());
    }
    println!(
        "{:24} {:>9} {:>11} {:>11} {:>10} {:>6} {:>6}",
        "model", "input", "parameters", "mult-adds", "arena", "top-1", "top-5"
    );
    for compiled in &models {
        let Compiled { model, plan, cost, .. } = compiled;
        let [height, width, _] = plan.input;
        let [top1, top5] =
            model.accuracy().map_or([String::new(), String::new()], |a| a.map(|a| format!("{a:.1}")));
        println!(
            "{:24} {:>9} {:>11} {:>9.2} M {:>6} KiB {top1:>6} {top5:>6}",
            plan.name,
            format!("{height}x{width}"),
            cost.params,
            cost.macs as f64 / 1e6,
            plan.arena_bytes() / 1024,
        );
    }
    Ok(())
}

/// Prints one model, layer by layer.
pub(crate) fn inspect(args: &ModelArgs, json: bool) -> Result<(), Failure> {
    let weights = args.overrides.open_weights()?;
    let compiled = compile(&args.overrides.request(args.model.as_deref(), weights.as_ref()))?;
    let graph = &compiled.graph;
    let layers = graph.ids().filter_map(|id| {
        let (node, input) = (graph.node(id), graph.node(graph.operand(id)?).shape);
        Some((node, input, cost::node(node, input)))
    });
    if json {
        let mut document = summary(&compiled);
        let layer = |(node, input, cost): (
            &mobilenet_compiler::ir::Node,
            mobilenet_compiler::ir::Shape,
            cost::Cost,
        )| {
            json!({
                "name": node.name,
                "op": node.op.name(),
                "input": input.array(),
                "output": node.shape.array(),
                "params": cost.params,
                "macs": cost.macs,
            })
        };
        document.insert("layers".into(), layers.map(layer).collect());
        println!("{}", Value::Object(document));
        return Ok(());
    }
    println!(
        "{:24} {:20} {:>13} {:>13} {:>10} {:>12}",
        "layer", "op", "input", "output", "parameters", "mult-adds"
    );
    for (node, input, cost) in layers {
        let (input, output) = (input.to_string(), node.shape.to_string());
        println!(
            "{:24} {:20} {input:>13} {output:>13} {:>10} {:>12}",
            node.name,
            node.op.name(),
            cost.params,
            cost.macs
        );
    }
    let plan = &compiled.plan;
    println!(
        "\n{}: {} parameters, {} mult-adds, arena {} bytes, weights {} bytes; {} layers are streamed",
        plan.name,
        compiled.cost.params,
        compiled.cost.macs,
        plan.arena_bytes(),
        plan.weight_bytes(),
        plan.steps.first().map_or(0, |step| step.parts.len()),
    );
    Ok(())
}
