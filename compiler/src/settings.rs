//! Settings: a spec, what the user asks for, and what the weights were trained with, as one consistent whole.

use std::fmt::{self, Display};
use std::str::FromStr;

use mobilenet_kernels::image::{Normalise, Preprocess};
use mobilenet_kernels::layout::Storage;

use crate::error::{Complaint, Report, Result};
use crate::family::{Activation, Family, Rounding};
use crate::nearest::suggestion;
use crate::spec::{At, LayerOp, Located, MAX_CHANNELS, MAX_RESOLUTION, Spec, Statements};

/// The numbers that a network computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats; 8-bit weights are widened.
    F32,
    /// Floats, but that the pointwise layers of blocks multiply bf16s, and sum up in 32 bits: half the weights' memory.
    Bf16,
    /// The bytes of a quantised file, computed exactly as TensorFlow Lite's reference kernels do.
    Int8,
}

impl Precision {
    /// All there are.
    pub const ALL: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Int8 => "int8",
        }
    }

    /// What the weights are stored as, if they are floats. A classifier has no need of bf16s, because it multiplies `f32`s:
    /// an f16 is as short, and has three more bits.
    pub const fn stored(self) -> Option<Stored> {
        match self {
            Precision::F32 => Some(Stored { blocks: Storage::F32, classifier: Storage::F32 }),
            Precision::Bf16 => Some(Stored { blocks: Storage::Bf16, classifier: Storage::F16 }),
            Precision::Int8 => None,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = Report;

    fn from_str(text: &str) -> Result<Precision> {
        let known = Precision::ALL.iter().copied().find(|precision| precision.name() == text);
        known.ok_or_else(|| {
            let names: Vec<_> = Precision::ALL.iter().map(|precision| precision.name()).collect();
            let help = suggestion(text, &names);
            Complaint::new(format!("there is no precision `{text}`")).help(help).into()
        })
    }
}

/// What the weights of floats are stored as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The pointwise weights of blocks: `f32`s or bf16s.
    pub blocks: Storage,
    /// The classifier's: `f32`s or f16s.
    pub classifier: Storage,
}

/// What a classifier's weights are stored as: `f32`, or `f16`, which takes half the memory.
///
/// # Errors
///
/// Another word.
pub fn classifier(text: &str) -> Result<Storage> {
    match text {
        "f32" => Ok(Storage::F32),
        "f16" => Ok(Storage::F16),
        _ => {
            let help = suggestion(text, &["f32", "f16"]);
            let what = format!("a classifier's weights cannot be stored as `{text}`");
            Err(Complaint::new(what).help(help).into())
        }
    }
}

/// Everything that turns a spec into one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Width multiplier.
    pub alpha: f64,
    /// Pixels along a side of the input.
    pub resolution: usize,
    /// Length of the output.
    pub classes: usize,
    /// Activation, epsilon, padding, rounding and preprocessing.
    pub family: Family,
    /// The family of the weights, where they are known: a layer must not say otherwise.
    pub trained: Option<Family>,
}

/// What the user asks for; it comes before what the spec says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Width multiplier; 1 if not said.
    pub alpha: Option<f64>,
    /// Pixels along a side of the input; the spec's if not said.
    pub resolution: Option<usize>,
    /// Length of the output; that of the weights or the spec if not said.
    pub classes: Option<usize>,
}

/// What weights were trained with.
#[derive(Clone, Copy, Debug)]
pub struct Trained<'w> {
    /// Their family, as detected.
    pub family: &'w Family,
    /// Outputs of their classifier, where known.
    pub classes: Option<usize>,
}

impl Settings {
    /// Puts spec, wish and weights together.
    ///
    /// Weights replace the spec's `defaults:`. What the spec states elsewhere must agree with them.
    ///
    /// # Errors
    ///
    /// Multipliers out of range, and everything in which spec, wish and weights contradict each other, except paddings:
    /// [`lower`](crate::lower::lower) compares these, because it knows where they make a difference.
    pub fn new(spec: &Spec, wish: &Wish, trained: Option<Trained<'_>>) -> Result<Settings> {
        let mut report = Report::new();
        let alpha = report.absorb(alpha(wish.alpha.unwrap_or(1.0))).unwrap_or(1.0);
        let resolution = wish.resolution.unwrap_or(spec.input.resolution);
        let resolution = report.absorb(self::resolution(resolution)).unwrap_or(1);
        let classes = report.absorb(classes(spec, wish, trained.and_then(|trained| trained.classes)));
        let family = match trained {
            None => overlay(&spec.defaults, Family { name: "spec", ..Family::PAPER }),
            Some(Trained { family, .. }) => {
                report.absorb(agree(spec, family, alpha));
                family.clone()
            }
        };
        let family = overlay(&spec.stated, family);
        let trained = trained.map(|trained| trained.family.clone());
        report.into_result(Settings { alpha, resolution, classes: classes.unwrap_or(1), family, trained })
    }
}

/// A width multiplier, if it is one.
///
/// # Errors
///
/// It is not above 0 and at most 2.
pub fn alpha(alpha: f64) -> Result<f64> {
    if alpha > 0.0 && alpha <= 2.0 {
        return Ok(alpha);
    }
    Err(Complaint::new(format!("alpha, the width multiplier, is above 0 and at most 2, not {alpha}")).into())
}

/// A resolution, if it is one.
///
/// # Errors
///
/// It is 0 or absurdly large.
pub fn resolution(pixels: usize) -> Result<usize> {
    if (1..=MAX_RESOLUTION).contains(&pixels) {
        return Ok(pixels);
    }
    Err(Complaint::new(format!("a resolution is 1 to {MAX_RESOLUTION} pixels, not {pixels}")).into())
}

/// A number of classes, if it is one.
///
/// # Errors
///
/// It is 0 or absurdly large.
pub fn class_count(classes: usize) -> Result<usize> {
    if (1..=MAX_CHANNELS).contains(&classes) {
        return Ok(classes);
    }
    Err(Complaint::new(format!("classes are 1 to {MAX_CHANNELS}, not {classes}")).into())
}

/// A family, as far as statements do not replace it.
fn overlay(stated: &Statements, family: Family) -> Family {
    fn or<T: Copy>(stated: Option<Located<T>>, other: T) -> T {
        stated.map_or(other, |stated| stated.value)
    }
    let preprocess = Preprocess {
        framing: stated.preprocess.framing.unwrap_or(family.preprocess.framing),
        filter: stated.preprocess.filter.unwrap_or(family.preprocess.filter),
        bgr: or(stated.preprocess.bgr, family.preprocess.bgr),
        normalise: or(stated.preprocess.normalise, family.preprocess.normalise),
    };
    Family {
        activation: or(stated.activation, family.activation),
        epsilon: or(stated.epsilon, family.epsilon),
        padding: or(stated.padding, family.padding),
        rounding: or(stated.rounding, family.rounding),
        preprocess,
        ..family
    }
}

/// How many classes: those that are asked for, or that the weights have, or that the spec says.
fn classes(spec: &Spec, wish: &Wish, trained: Option<usize>) -> Result<usize> {
    const PAPER: usize = 1000;
    let layer = spec.layers.iter().find_map(|layer| match layer.op {
        LayerOp::FullyConnected { classes } => classes,
        _ => None,
    });
    let stated = layer.or(spec.stated.classes);
    match (wish.classes, trained, stated) {
        (Some(wish), Some(trained), _) if wish != trained => {
            Err(Complaint::new(format!("the weights have {trained} classes, not {wish}")).into())
        }
        (None, Some(trained), Some(stated)) if stated.value != trained => {
            Err(disagreement(spec, stated.at, "classes", &stated.value, "the weights", &trained).into())
        }
        (wish, trained, stated) => {
            let stated = stated.or(spec.defaults.classes).map_or(PAPER, |stated| stated.value);
            class_count(wish.or(trained).unwrap_or(stated))
        }
    }
}

/// Complains about everything that a spec states and that weights of a family do otherwise.
fn agree(spec: &Spec, family: &Family, alpha: f64) -> Result<()> {
    let weights = format!("{} weights", family.name);
    let mut complaints: Vec<Complaint> = Vec::new();
    let mut complain = |at: At, what: &str, stated: &dyn Display, theirs: &dyn Display| {
        let complaint = disagreement(spec, at, what, stated, &weights, theirs);
        // A layer that is repeated, or one of two halves, is not complained about again.
        if !complaints.contains(&complaint) {
            complaints.push(complaint);
        }
    };
    for Located { value, at } in activations(spec) {
        if value != Activation::Linear && value != family.activation {
            complain(at, "activation", &value, &family.activation);
        }
    }
    for Located { value, at } in epsilons(spec) {
        // Some files hold an epsilon that has been an f32.
        if (value - family.epsilon).abs() > 1e-6 * family.epsilon {
            complain(at, "epsilon", &value, &family.epsilon);
        }
    }
    if let Some(Located { value, at }) = spec.stated.rounding
        && makes_a_difference(spec, value, family.rounding, alpha)
    {
        complain(at, "rounding", &value, &family.rounding);
    }
    let preprocess = &spec.stated.preprocess;
    if let Some(Located { value, at }) = preprocess.bgr
        && value != family.preprocess.bgr
    {
        let order = |bgr: bool| if bgr { "bgr" } else { "rgb" };
        complain(at, "order of channels", &order(value), &order(family.preprocess.bgr));
    }
    if let Some(Located { value, at }) = preprocess.normalise {
        let channels = spec.input.channels;
        let (stated, theirs) = (formula(&value, channels), formula(&family.preprocess.normalise, channels));
        if stated != theirs {
            complain(at, "normalisation", &stated, &theirs);
        }
    }
    let mut report = Report::new();
    complaints.into_iter().for_each(|complaint| report.push(complaint));
    report.into_result(())
}

/// What a spec states that weights do otherwise.
pub(crate) fn disagreement(
    spec: &Spec,
    at: At,
    what: &str,
    stated: &dyn Display,
    weights: &str,
    theirs: &dyn Display,
) -> Complaint {
    spec.complaint(at, format!("{what} is {stated} here, but {theirs} in {weights}"))
        .help("under `defaults:` it would give way to the weights")
}

/// All activations that a spec states.
fn activations(spec: &Spec) -> impl Iterator<Item = Located<Activation>> {
    let layers = spec.layers.iter().filter_map(|layer| match &layer.op {
        LayerOp::Convolution(conv) => conv.activation,
        LayerOp::Activation(value) => Some(Located { value: *value, at: layer.at }),
        _ => None,
    });
    spec.stated.activation.into_iter().chain(layers)
}

/// All epsilons that a spec states.
fn epsilons(spec: &Spec) -> impl Iterator<Item = Located<f64>> {
    let layers = spec.layers.iter().filter_map(|layer| match &layer.op {
        LayerOp::Convolution(conv) => conv.epsilon,
        LayerOp::BatchNorm { epsilon } => *epsilon,
        _ => None,
    });
    spec.stated.epsilon.into_iter().chain(layers)
}

/// Whether two roundings give some layer different channels.
fn makes_a_difference(spec: &Spec, a: Rounding, b: Rounding, alpha: f64) -> bool {
    spec.layers.iter().any(|layer| match &layer.op {
        LayerOp::Convolution(conv) => conv
            .kind
            .filters()
            .is_some_and(|filters| a.channels(filters, alpha) != b.channels(filters, alpha)),
        _ => false,
    })
}

/// `x * 0.0078431 - 1` for each channel.
fn formula(normalise: &Normalise, channels: usize) -> String {
    let mut formulas: Vec<_> = normalise.scale.iter().zip(&normalise.offset).take(channels).collect();
    formulas.dedup();
    let formulas = formulas.iter().map(|(scale, offset)| format!("x * {scale} + {offset}"));
    formulas.collect::<Vec<_>>().join(", ")
}
