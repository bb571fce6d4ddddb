//! `weights`: what a weights file holds, and what it lacks.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use mobilenet_compiler::bind;
use mobilenet_compiler::compile::held_by;
use mobilenet_compiler::error::Report;
use mobilenet_compiler::family::Family;
use mobilenet_compiler::lower::lower;
use mobilenet_compiler::names::{Model, decimal};
use mobilenet_compiler::settings::{Settings, Trained, Wish};
use mobilenet_compiler::weights::{Difference, Layer, Role, TensorInfo, Weights, open};
use mobilenet_kernels::image::{Filter, Framing, Normalise};
use serde_json::{Value, json};

use crate::Failure;
use crate::output::{self, facts, grouped};
use crate::table::{Column, Table};

/// A file, and the model that it is taken for.
struct Appraisal {
    weights: Weights,
    /// The model, where the file holds a MobileNet v1.
    model: Option<Model>,
    difference: Difference,
    /// Why no model can be made of the file, if none can.
    faults: Vec<String>,
}

/// Shows a weights file. It is no failure of this command that no model can be made of the file: that is what it says.
pub(crate) fn weights(file: &Path, json: bool) -> Result<(), Failure> {
    let appraisal = Appraisal::new(open(file)?);
    match json {
        true => output::json(&appraisal.json(file)),
        false => output::print(&appraisal.text(file)),
    }
}

impl Appraisal {
    fn new(weights: Weights) -> Self {
        let (mut model, mut faults) = (None, Report::new());
        let mut difference =
            Difference { missing: weights.missing.clone(), left_over: weights.unused.clone() };
        if let Some(held) = faults.absorb(held_by(&weights)) {
            if let Some(expected) = faults.absorb(expected(&held, &weights)) {
                faults.absorb(weights.bind(&expected));
                difference = weights.compare(&expected);
            }
            model = Some(held);
        }
        let faults = faults.complaints().iter().map(|complaint| complaint.to_string()).collect();
        Appraisal { weights, model, difference, faults }
    }

    /// Height and width of the input, where the file says.
    fn resolution(&self) -> Option<usize> {
        self.weights.input.map(|[height, ..]| height)
    }

    fn classes(&self) -> Option<usize> {
        self.weights.layers.last().map(Layer::outputs)
    }

    /// Batch norm has gone into the kernels.
    fn folded(&self) -> bool {
        self.weights.layers.iter().all(|layer| layer.batchnorm.is_none())
    }

    fn json(&self, file: &Path) -> Value {
        let Weights { format, family, labels, input, .. } = &self.weights;
        let tensor = |(tensor, owner): (&TensorInfo, Owner<'_>)| {
            json!({
                "name": tensor.name,
                "dtype": tensor.dtype,
                "shape": tensor.shape,
                "layer": owner.map(|(layer, _)| layer),
                "role": owner.map(|(_, role)| role),
            })
        };
        let model = self.model.as_ref().map(|model| {
            json!({
                "name": self.resolution().map(|_| model.name()),
                "alpha": model.alpha,
                "resolution": self.resolution(),
            })
        });
        json!({
            "file": file.display().to_string(),
            "format": format,
            "family": family.name,
            "model": model,
            "input": input,
            "classes": self.classes(),
            "activation": family.activation.to_string(),
            "epsilon": family.epsilon,
            "batchnorm_folded": self.folded(),
            "padding": family.padding.to_string(),
            "background": family.background,
            "preprocess": {
                "framing": framing_name(family.preprocess.framing),
                "fraction": fraction(family.preprocess.framing),
                "filter": filter(family.preprocess.filter),
                "bgr": family.preprocess.bgr,
                "scale": family.preprocess.normalise.scale,
                "offset": family.preprocess.normalise.offset,
            },
            "labels": labels,
            "tensors": owned(&self.weights).into_iter().map(tensor).collect::<Vec<_>>(),
            "missing": self.difference.missing,
            "left_over": self.difference.left_over,
            "faults": self.faults,
        })
    }

    fn text(&self, file: &Path) -> String {
        let mut text = facts(&file.display().to_string(), &self.facts());
        // Names last: some are long.
        let columns = ["type", "shape", "role", "layer", "tensor"].map(Column::Left);
        let mut table = Table::new(&columns);
        for (tensor, owner) in owned(&self.weights) {
            let (layer, role) = owner.unwrap_or_default();
            let name = short(&tensor.name);
            let cells = [tensor.dtype, &extents(&tensor.shape), role, layer, &name];
            table.row(cells.map(str::to_string));
        }
        text += "\n";
        text += &table.text();
        for (what, names) in
            [("missing", &self.difference.missing), ("left over", &self.difference.left_over)]
        {
            if !names.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n{what}\n  {}\n", names.join("\n  "));
            }
        }
        match self.faults.len() {
            0 => text += "\nA model can be made of it.\n",
            _ => {
                let faults = self.faults.iter().map(|fault| fault.replace('\n', "\n  "));
                let faults = faults.collect::<Vec<_>>().join("\n  ");
                let _ = write!(text, "\nNo model can be made of it:\n  {faults}\n");
            }
        }
        text
    }

    /// What the file says and what follows from its family.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let Weights { format, family, labels, tensors, input, .. } = &self.weights;
        let values: usize = tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
        let model = match (&self.model, self.resolution()) {
            (None, _) => "unknown".to_string(),
            (Some(model), Some(_)) => model.name(),
            (Some(model), None) => {
                format!(
                    "MobileNet v1, alpha {}; the file does not say which resolution",
                    decimal(model.alpha)
                )
            }
        };
        let classes = match (self.classes(), family.background) {
            (None, _) => "unknown".to_string(),
            (Some(classes), true) => format!("{classes}, of which the first is the background"),
            (Some(classes), false) => classes.to_string(),
        };
        let labels = match labels.as_deref() {
            None | Some([]) => "none in the file".to_string(),
            Some([first, ..]) => format!("{}, the first is `{first}`", labels.as_ref().map_or(0, Vec::len)),
        };
        let batchnorm = match self.folded() {
            true => "folded into the kernels".to_string(),
            false => format!("epsilon {}", family.epsilon),
        };
        let mut facts =
            vec![("format", (*format).to_string()), ("family", family.name.to_string()), ("model", model)];
        facts
            .extend(input.map(|[height, width, channels]| ("input", format!("{height}x{width}x{channels}"))));
        facts.extend([
            ("classes", classes),
            ("labels", labels),
            ("activation", family.activation.to_string()),
            ("batch norm", batchnorm),
            ("padding", family.padding.to_string()),
            ("photos", photos(family)),
            ("tensors", format!("{} with {} values", tensors.len(), grouped(values as u64))),
        ]);
        facts
    }
}

/// What the model expects of the file.
fn expected(model: &Model, weights: &Weights) -> Result<Vec<mobilenet_compiler::weights::Expected>, Report> {
    let classes = weights.layers.last().map(Layer::outputs);
    let trained = Trained { family: &weights.family, classes };
    let settings = Settings::new(&model.spec, &Wish::from(model), Some(trained))?;
    Ok(bind::expected(&lower(&model.spec, &settings, &model.name())?))
}

/// The name of a layer, and what a tensor is to it.
type Owner<'w> = Option<(&'w str, &'static str)>;

/// All tensors with their layers, in the order of the layers; the rest at the end.
fn owned(weights: &Weights) -> Vec<(&TensorInfo, Owner<'_>)> {
    let mut order = HashMap::new();
    for layer in &weights.layers {
        for (role, name) in &layer.tensors {
            order.insert(name.as_str(), (order.len(), (layer.name.as_str(), role_name(*role))));
        }
    }
    let mut tensors: Vec<_> =
        weights.tensors.iter().map(|tensor| (tensor, order.get(tensor.name.as_str()))).collect();
    tensors.sort_by_key(|(_, place)| place.map_or(usize::MAX, |(at, _)| *at));
    tensors.into_iter().map(|(tensor, place)| (tensor, place.map(|(_, owner)| *owner))).collect()
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Kernel => "kernel",
        Role::Bias => "bias",
        Role::Gamma => "gamma",
        Role::Beta => "beta",
        Role::Mean => "mean",
        Role::Variance => "variance",
    }
}

/// A name that fits a line; converters make up very long ones. JSON has them in full.
fn short(name: &str) -> String {
    const LONGEST: usize = 80;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_string(),
    }
}

/// `3x3x3x32`; nothing for a scalar.
fn extents(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// How a photo becomes an input.
fn photos(family: &Family) -> String {
    let preprocess = &family.preprocess;
    let order = if preprocess.bgr { ", blue first" } else { "" };
    let (framing, filter) = (framing(preprocess.framing), filter(preprocess.filter));
    format!("{framing}, {filter}{order}, {}", formula(&preprocess.normalise))
}

fn framing(framing: Framing) -> String {
    match framing {
        Framing::Stretch => "stretched".into(),
        Framing::Central { fraction } => format!("central {fraction} of both sides"),
        Framing::Square { fraction } => format!("central square, {fraction} of the shorter side"),
    }
}

/// As specs call it.
fn framing_name(framing: Framing) -> &'static str {
    match framing {
        Framing::Stretch => "stretch",
        Framing::Central { .. } => "central",
        Framing::Square { .. } => "square",
    }
}

fn fraction(framing: Framing) -> f32 {
    match framing {
        Framing::Stretch => 1.0,
        Framing::Central { fraction } | Framing::Square { fraction } => fraction,
    }
}

fn filter(filter: Filter) -> &'static str {
    match filter {
        Filter::Bilinear => "bilinear",
        Filter::Bicubic => "bicubic",
    }
}

/// Bytes to values, as `x / 127.5 - 1`, a formula a channel where they differ.
fn formula(normalise: &Normalise) -> String {
    let rounded = |value: f32| (f64::from(value) * 1e4).round() / 1e4;
    let formula = |(&scale, &offset): (&f32, &f32)| match rounded(offset) {
        0.0 => format!("x / {}", rounded(1.0 / scale)),
        offset if offset < 0.0 => format!("x / {} - {}", rounded(1.0 / scale), -offset),
        offset => format!("x / {} + {offset}", rounded(1.0 / scale)),
    };
    let mut formulas: Vec<_> = normalise.scale.iter().zip(&normalise.offset).take(3).map(formula).collect();
    formulas.dedup();
    formulas.join("; ")
}
