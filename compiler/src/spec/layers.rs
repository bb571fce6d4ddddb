//! The layers of a spec: `separable` and `repeat` written out, names given.

use super::reader::{Fields, Reader, clip};
use super::source::{At, Located};
use super::yaml::{Tree, Value};
use super::{ConvKind, Convolution, Layer, LayerOp, MAX_CHANNELS, MAX_LAYERS, statements};
use crate::family::Activation;
use crate::nearest::suggestion;

/// Operations by name, each with its fields.
const OPS: &[(&str, &[&str])] = &[
    ("conv", &["name", "filters", "kernel", "stride", "padding", "batchnorm", "epsilon", "activation"]),
    ("depthwise", &["name", "kernel", "stride", "padding", "batchnorm", "epsilon", "activation"]),
    ("pointwise", &["name", "filters", "batchnorm", "epsilon", "activation"]),
    ("separable", &["name", "filters", "kernel", "stride", "padding", "batchnorm", "epsilon", "activation"]),
    ("batchnorm", &["name", "epsilon"]),
    ("relu", &["name"]),
    ("relu6", &["name"]),
    ("global_average_pool", &["name"]),
    ("dropout", &["name", "rate"]),
    ("fully_connected", &["name", "classes"]),
    ("softmax", &["name"]),
];

/// A layer whose name may yet have to be given.
#[derive(Clone)]
struct Draft {
    name: Option<String>,
    at: At,
    op: LayerOp,
}

/// Reads a list of layers, in which batch normalisation follows convolutions or does not, where they do not say.
pub(super) fn read(reader: &mut Reader<'_>, tree: &Tree, batchnorm: bool) -> Vec<Layer> {
    let mut drafts = Vec::new();
    let mut layers = Layers { reader, batchnorm };
    layers.list(tree, &mut drafts);
    name(drafts)
}

struct Layers<'r, 's> {
    reader: &'r mut Reader<'s>,
    batchnorm: bool,
}

impl Layers<'_, '_> {
    fn list(&mut self, tree: &Tree, drafts: &mut Vec<Draft>) {
        for item in self.reader.list(tree, "`layers`").unwrap_or_default() {
            let own = match &item.value {
                Value::Text(op) => self.layer(op, &Fields::none(item.at)),
                _ => self.entry(item),
            };
            if drafts.len() + own.len() > MAX_LAYERS {
                self.reader.complain(item.at, format!("a network has at most {MAX_LAYERS} layers"));
                return;
            }
            drafts.extend(own);
        }
    }

    /// `{conv: {...}}` or `{layers: [...]}`, and perhaps `repeat`.
    fn entry(&mut self, item: &Tree) -> Vec<Draft> {
        let rule = "a layer is the name of an operation, or a map from the name to its fields";
        let Some(entries) = self.reader.entries(item, rule) else { return Vec::new() };
        let mut repeat = 1;
        let mut drafts = Vec::new();
        let mut first: Option<&Located<String>> = None;
        for (key, value) in entries {
            if key.value == "repeat" {
                repeat = self.reader.count(value, "`repeat`", 1..=MAX_LAYERS).unwrap_or(1);
                continue;
            }
            if let Some(first) = first {
                let message = format!("`{}` and `{}` are in one entry", clip(&first.value), clip(&key.value));
                self.reader.complain_help(key.at, message, "each layer begins with a dash of its own");
                continue;
            }
            first = Some(key);
            match key.value.as_str() {
                "layers" => self.list(value, &mut drafts),
                op => {
                    drafts = match self.fields(op, key.at, value) {
                        Some(fields) => self.layer(op, &fields),
                        None => Vec::new(),
                    }
                }
            }
        }
        if first.is_none() {
            self.reader.complain(item.at, "this entry has no layer");
        }
        if drafts.len() * repeat > MAX_LAYERS {
            self.reader.complain(item.at, format!("a network has at most {MAX_LAYERS} layers"));
            return drafts;
        }
        let len = drafts.len();
        drafts.into_iter().cycle().take(len * repeat).collect()
    }

    /// The fields of an operation, `at` where it is named.
    fn fields<'t>(&mut self, op: &str, at: At, tree: &'t Tree) -> Option<Fields<'t>> {
        // An unknown operation is complained about where it is named.
        let Some((_, known)) = OPS.iter().find(|(name, _)| *name == op) else {
            return Some(Fields::none(at));
        };
        match tree.value {
            Value::Null => Some(Fields::none(at)),
            _ => self.reader.fields(tree, &format!("`{op}`"), known).map(|fields| fields.at(at)),
        }
    }

    fn layer(&mut self, op: &str, fields: &Fields<'_>) -> Vec<Draft> {
        let at = fields.at;
        let name = fields.get("name").and_then(|tree| self.reader.name(tree));
        let draft = |op| vec![Draft { name: name.clone(), at, op }];
        match op {
            "conv" => {
                let size = fields
                    .get("kernel")
                    .and_then(|tree| self.reader.count(tree, "`kernel`", 1..=7))
                    .unwrap_or(3);
                let stride = self.stride(fields, 4);
                let kind = ConvKind::Full { filters: self.filters(op, fields) };
                draft(self.convolution(fields, kind, size, stride))
            }
            "depthwise" => draft(self.depthwise(op, fields)),
            "pointwise" => {
                let kind = ConvKind::Pointwise { filters: self.filters(op, fields) };
                draft(self.convolution(fields, kind, 1, 1))
            }
            "separable" => self.separable(op, fields, name),
            "batchnorm" => {
                let epsilon = fields.get("epsilon").and_then(|tree| statements::epsilon(self.reader, tree));
                draft(LayerOp::BatchNorm { epsilon })
            }
            "relu" => draft(LayerOp::Activation(Activation::Relu)),
            "relu6" => draft(LayerOp::Activation(Activation::Relu6)),
            "global_average_pool" => draft(LayerOp::GlobalAveragePool),
            "dropout" => {
                let _ = fields.get("rate").map(|tree| self.reader.number(tree, "`rate`", 0.0..=1.0));
                draft(LayerOp::Dropout)
            }
            "fully_connected" => {
                let classes = fields.get("classes").and_then(|tree| statements::classes(self.reader, tree));
                draft(LayerOp::FullyConnected { classes })
            }
            "softmax" => draft(LayerOp::Softmax),
            _ => {
                let names: Vec<_> = OPS.iter().map(|(name, _)| *name).collect();
                self.reader.complain_help(
                    at,
                    format!("`{}` is no operation", clip(op)),
                    suggestion(op, &names),
                );
                Vec::new()
            }
        }
    }

    /// The block as its two halves.
    fn separable(&mut self, op: &str, fields: &Fields<'_>, name: Option<String>) -> Vec<Draft> {
        let at = fields.at;
        let half = |suffix: &str| name.as_ref().map(|name| format!("{name}_{suffix}"));
        let depthwise = self.depthwise(op, fields);
        // What the halves share has been read; only a missing `filters` is new.
        let filters = self.filters(op, fields);
        let pointwise = match &depthwise {
            LayerOp::Convolution(depthwise) => LayerOp::Convolution(Convolution {
                kind: ConvKind::Pointwise { filters },
                size: 1,
                stride: 1,
                padding: None,
                ..depthwise.clone()
            }),
            other => other.clone(),
        };
        vec![Draft { name: half("dw"), at, op: depthwise }, Draft { name: half("pw"), at, op: pointwise }]
    }

    fn depthwise(&mut self, op: &str, fields: &Fields<'_>) -> LayerOp {
        if let Some(tree) = fields.get("kernel")
            && let Some(size) = self.reader.count(tree, "`kernel`", 1..=7)
            && size != 3
        {
            self.reader.complain(tree.at, format!("the kernel of `{op}` is 3x3, not {size}x{size}"));
        }
        let stride = self.stride(fields, 2);
        self.convolution(fields, ConvKind::Depthwise, 3, stride)
    }

    fn convolution(&mut self, fields: &Fields<'_>, kind: ConvKind, size: usize, stride: usize) -> LayerOp {
        LayerOp::Convolution(Convolution {
            kind,
            size,
            stride,
            padding: fields.get("padding").and_then(|tree| statements::padding(self.reader, tree)),
            batchnorm: fields
                .get("batchnorm")
                .and_then(|tree| self.reader.truth(tree, "`batchnorm`"))
                .unwrap_or(self.batchnorm),
            epsilon: fields.get("epsilon").and_then(|tree| statements::epsilon(self.reader, tree)),
            activation: fields.get("activation").and_then(|tree| statements::activation(self.reader, tree)),
        })
    }

    fn filters(&mut self, op: &str, fields: &Fields<'_>) -> usize {
        let Some(tree) = fields.get("filters") else {
            self.reader.complain_help(
                fields.at,
                format!("`{op}` needs `filters`"),
                format!("`{op}: {{filters: 32}}`"),
            );
            return 1;
        };
        self.reader.count(tree, "`filters`", 1..=MAX_CHANNELS).unwrap_or(1)
    }

    fn stride(&mut self, fields: &Fields<'_>, most: usize) -> usize {
        fields.get("stride").and_then(|tree| self.reader.count(tree, "`stride`", 1..=most)).unwrap_or(1)
    }
}

/// Names layers as Keras does, each by its place among its kind.
fn name(drafts: Vec<Draft>) -> Vec<Layer> {
    let mut numbers = Numbers::default();
    drafts
        .into_iter()
        .map(|Draft { name, at, op }| {
            let default = numbers.name(&op);
            Layer { name: name.unwrap_or(default), at, op }
        })
        .collect()
}

/// How many layers of each kind there have been.
#[derive(Default)]
struct Numbers {
    conv: usize,
    depthwise: usize,
    pointwise: usize,
    batchnorm: usize,
    activation: usize,
    dropout: usize,
}

impl Numbers {
    fn name(&mut self, op: &LayerOp) -> String {
        let (prefix, count) = match op {
            LayerOp::Convolution(conv) => match conv.kind {
                ConvKind::Full { .. } => ("conv", &mut self.conv),
                ConvKind::Depthwise => ("conv_dw_", &mut self.depthwise),
                ConvKind::Pointwise { .. } => ("conv_pw_", &mut self.pointwise),
            },
            LayerOp::BatchNorm { .. } => ("batchnorm_", &mut self.batchnorm),
            LayerOp::Activation(_) => ("activation_", &mut self.activation),
            LayerOp::Dropout => ("dropout_", &mut self.dropout),
            LayerOp::GlobalAveragePool => return "global_average_pool".to_string(),
            LayerOp::FullyConnected { .. } => return "conv_preds".to_string(),
            LayerOp::Softmax => return "softmax".to_string(),
        };
        *count += 1;
        format!("{prefix}{count}")
    }
}
