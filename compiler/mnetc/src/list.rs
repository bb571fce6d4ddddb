//! `list`: the named models and what they cost.

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::names::Catalogue;
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::output::{self, bytes, grouped, millions};
use crate::table::Column::{Left, Right};
use crate::table::Table;

/// The keys that `list` and `inspect` share.
pub(crate) fn summary(compiled: &Compiled) -> Map<String, Value> {
    let Compiled { model, plan, cost, .. } = compiled;
    let word = model.spec.naming.resolutions.iter().find(|resolution| resolution.pixels == model.resolution);
    let value = json!({
        "name": plan.name,
        "precision": compiled.precision.name(),
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
        return output::json(&models.iter().map(|model| Value::Object(summary(model))).collect());
    }
    let mut table = Table::new(&[
        Left("model"),
        Right("input"),
        Right("parameters"),
        Right("mult-adds"),
        Right("arena"),
        Right("weights"),
        Right("top-1"),
        Right("top-5"),
    ]);
    for Compiled { model, plan, cost, .. } in &models {
        let [height, width, channels] = plan.input;
        let [top1, top5] =
            model.accuracy().map_or([String::new(), String::new()], |a| a.map(|a| format!("{a:.1} %")));
        table.row([
            plan.name.clone(),
            format!("{height}x{width}x{channels}"),
            grouped(cost.params),
            millions(cost.macs),
            bytes(plan.arena_bytes()),
            bytes(plan.weight_bytes()),
            top1,
            top5,
        ]);
    }
    output::print(&table.text())
}
