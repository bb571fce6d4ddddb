//! What layers must be to one another: the order in which networks are made, and names.

use std::collections::HashMap;

use super::reader::Reader;
use super::source::At;
use super::{ConvKind, Convolution, Layer, LayerOp};
use crate::family::Activation;

/// Complains about layers that do not make a network; `at` is where the list is.
pub(super) fn layers(reader: &mut Reader<'_>, at: At, layers: &[Layer]) {
    order(reader, at, layers);
    batchnorms(reader, layers);
    names(reader, layers);
}

/// A conv, more of the kind, a pool, a classifier, and at most a softmax.
fn order(reader: &mut Reader<'_>, at: At, layers: &[Layer]) {
    const END: &str = "a network ends in `global_average_pool`, `fully_connected` and, if wanted, `softmax`";
    let conv =
        |op: &LayerOp| matches!(op, LayerOp::Convolution(Convolution { kind: ConvKind::Full { .. }, .. }));
    if let Some(first) = layers.first()
        && !conv(&first.op)
    {
        reader.complain(first.at, "the first layer is a `conv`: no other reads an image");
    }
    // 0 before the pool, 1 before the classifier, 2 after it, 3 after the softmax.
    let mut stage = 0;
    for layer in layers {
        let (from, to) = match layer.op {
            LayerOp::Convolution(_) | LayerOp::BatchNorm { .. } | LayerOp::Activation(_) => (0, 0),
            LayerOp::GlobalAveragePool => (0, 1),
            LayerOp::FullyConnected { .. } => (1, 2),
            LayerOp::Softmax => (2, 3),
            LayerOp::Dropout => (stage.min(1), stage),
        };
        if stage != from {
            reader.complain_help(layer.at, format!("`{}` cannot stand here", layer.name), END);
            return;
        }
        stage = to;
    }
    if stage < 2 {
        reader.complain(layers.last().map_or(at, |last| last.at), END);
    }
}

/// A batch normalisation belongs to the convolution before it, whose weights hold its statistics.
fn batchnorms(reader: &mut Reader<'_>, layers: &[Layer]) {
    let mut before: Option<&Layer> = None;
    let mut stated: Option<At> = None;
    for layer in layers {
        match &layer.op {
            LayerOp::Convolution(conv) => {
                before = Some(layer);
                stated = None;
                if let (false, Some(epsilon)) = (conv.batchnorm, conv.epsilon) {
                    reader.complain(epsilon.at, "an epsilon without batch normalisation");
                }
            }
            LayerOp::BatchNorm { .. } => match before {
                None => reader.complain(layer.at, "there is no convolution before this `batchnorm`"),
                Some(Layer { name, op: LayerOp::Convolution(conv), .. }) if conv.batchnorm => reader
                    .complain_help(
                        layer.at,
                        format!("`{name}` has batch normalisation already"),
                        format!("say `batchnorm: false` on `{name}`, or leave this layer out"),
                    ),
                Some(_) if stated.is_some() => {
                    reader.complain(layer.at, "a second batch normalisation of one convolution");
                }
                Some(_) => stated = Some(layer.at),
            },
            _ => {}
        }
    }
}

/// Names are unique, those of what follows a convolution of itself included.
fn names(reader: &mut Reader<'_>, layers: &[Layer]) {
    let mut taken: HashMap<String, At> = HashMap::from([("input".to_string(), At { line: 0, column: 0 })]);
    for layer in layers {
        let mut names = vec![layer.name.clone()];
        if let LayerOp::Convolution(conv) = &layer.op {
            names.extend(conv.batchnorm.then(|| batchnorm_name(&layer.name)));
            let clamped = conv.activation.is_none_or(|stated| stated.value != Activation::Linear);
            names.extend(clamped.then(|| activation_name(&layer.name)));
        }
        for name in names {
            if let Some(other) = taken.insert(name.clone(), layer.at) {
                let message = format!("the name `{name}` is taken");
                let help = match (other.line, other == layer.at) {
                    (0, _) => "the image has that name".to_string(),
                    (_, true) => "a layer that is repeated has no name of its own".to_string(),
                    (line, false) => format!("by a layer on line {line}"),
                };
                reader.complain_help(layer.at, message, help);
                break;
            }
        }
    }
}

/// What the batch normalisation that follows a convolution is called.
pub(crate) fn batchnorm_name(layer: &str) -> String {
    format!("{layer}_bn")
}

/// What the activation that follows a convolution is called.
pub(crate) fn activation_name(layer: &str) -> String {
    format!("{layer}_relu")
}
