//! Settings in which families of weights differ, as a spec states them.

use mobilenet_kernels::image::{Filter, Framing, Normalise};

use super::reader::{Fields, Reader, located};
use super::source::Located;
use super::yaml::{Tree, Value};
use super::{LayerPadding, MAX_CHANNELS, Preprocessing, Statements, parse};
use crate::family::{Activation, Padding, Rounding};

/// The fields of settings.
pub(super) const KNOWN: &[&str] =
    &["activation", "batchnorm", "classes", "epsilon", "padding", "preprocess", "rounding"];

/// Reads the settings among the fields of a map; an image has `channels`.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>, channels: usize) -> Statements {
    Statements {
        batchnorm: fields.get("batchnorm").and_then(|tree| reader.truth(tree, "`batchnorm`")),
        activation: fields.get("activation").and_then(|tree| activation(reader, tree)),
        epsilon: fields.get("epsilon").and_then(|tree| epsilon(reader, tree)),
        padding: fields
            .get("padding")
            .and_then(|tree| located(tree, reader.word(tree, "padding", &Padding::WORDS))),
        rounding: fields
            .get("rounding")
            .and_then(|tree| located(tree, reader.word(tree, "rounding", &Rounding::WORDS))),
        classes: fields.get("classes").and_then(|tree| classes(reader, tree)),
        preprocess: fields
            .get("preprocess")
            .map(|tree| preprocess(reader, tree, channels))
            .unwrap_or_default(),
    }
}

pub(super) fn activation(reader: &mut Reader<'_>, tree: &Tree) -> Option<Located<Activation>> {
    located(tree, reader.word(tree, "activation", &Activation::WORDS))
}

pub(super) fn epsilon(reader: &mut Reader<'_>, tree: &Tree) -> Option<Located<f64>> {
    located(tree, reader.number(tree, "epsilon", 1e-12..=1.0))
}

pub(super) fn classes(reader: &mut Reader<'_>, tree: &Tree) -> Option<Located<usize>> {
    located(tree, reader.count(tree, "classes", 1..=MAX_CHANNELS))
}

/// Padding of a layer: by a rule, or by number.
pub(super) fn padding(reader: &mut Reader<'_>, tree: &Tree) -> Option<Located<LayerPadding>> {
    let padding = match &tree.value {
        Value::Integer(_) | Value::Real(_) | Value::List(_) => {
            parse::pixels(reader, tree).map(LayerPadding::Pixels)
        }
        _ => reader.word(tree, "padding", &Padding::WORDS).map(LayerPadding::Rule),
    };
    located(tree, padding)
}

fn preprocess(reader: &mut Reader<'_>, tree: &Tree, channels: usize) -> Preprocessing {
    let known = ["crop", "resize", "order", "mean", "scale"];
    let Some(fields) = reader.fields(tree, "`preprocess`", &known) else { return Preprocessing::default() };
    let filters = [("bilinear", Filter::Bilinear), ("bicubic", Filter::Bicubic)];
    let orders = [("rgb", false), ("bgr", true)];
    Preprocessing {
        framing: fields.get("crop").and_then(|tree| framing(reader, tree)),
        filter: fields.get("resize").and_then(|tree| reader.word(tree, "resize", &filters)),
        bgr: fields.get("order").and_then(|tree| located(tree, reader.word(tree, "order", &orders))),
        normalise: normalise(reader, &fields, channels),
    }
}

/// `stretch`, `central 0.875` or `square 0.875`.
fn framing(reader: &mut Reader<'_>, tree: &Tree) -> Option<Framing> {
    const RULE: &str = "a crop is `stretch`, `central F` or `square F`, F the share of a side that is kept";
    let Value::Text(text) = &tree.value else { return reader.wrong(tree, RULE) };
    let mut words = text.split_whitespace();
    let (kind, share) = (words.next(), words.next());
    let fraction = share.unwrap_or("1").parse().ok().filter(|fraction| *fraction > 0.0 && *fraction <= 1.0);
    match (kind, fraction, words.next()) {
        (Some("stretch"), _, None) if share.is_none() => Some(Framing::Stretch),
        (Some("central"), Some(fraction), None) => Some(Framing::Central { fraction }),
        (Some("square"), Some(fraction), None) => Some(Framing::Square { fraction }),
        _ => reader.wrong(tree, RULE),
    }
}

/// `(x - mean) * scale`, as one factor and one summand a channel.
fn normalise(reader: &mut Reader<'_>, fields: &Fields<'_>, channels: usize) -> Option<Located<Normalise>> {
    let (mean, scale) = (fields.get("mean"), fields.get("scale"));
    let at = fields.key("mean").or(fields.key("scale"))?;
    let (Some(mean), Some(scale)) = (mean, scale) else {
        let message = "`mean` and `scale` belong together";
        reader.complain_help(at, message, "a byte x becomes (x - mean) * scale");
        return None;
    };
    let mean = by_channel(reader, mean, "mean", -1e6..=1e6, channels);
    let scale = by_channel(reader, scale, "scale", 1e-6..=1e6, channels);
    let (mean, scale) = (mean?, scale?);
    let mut offset = [0.0; 4];
    for (offset, (mean, scale)) in offset.iter_mut().zip(mean.iter().zip(&scale)) {
        *offset = (-mean * scale) as f32;
    }
    Some(Located { value: Normalise { scale: scale.map(|scale| scale as f32), offset }, at })
}

/// One number for all channels, or a list of one a channel. Channels that the image lacks repeat the last.
fn by_channel(
    reader: &mut Reader<'_>,
    tree: &Tree,
    what: &str,
    range: std::ops::RangeInclusive<f64>,
    channels: usize,
) -> Option<[f64; 4]> {
    let Value::List(values) = &tree.value else {
        return reader.number(tree, what, range).map(|value| [value; 4]);
    };
    if values.len() != channels {
        let rule = format!("`{what}` is one number, or a list of {channels}, one a channel");
        return reader.wrong(tree, &rule);
    }
    let values: Vec<_> = values.iter().map(|value| reader.number(value, what, range.clone())).collect();
    let values: Option<Vec<f64>> = values.into_iter().collect();
    values.map(|values| std::array::from_fn(|channel| values[channel.min(channels - 1)]))
}
