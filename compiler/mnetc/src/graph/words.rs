//! Nodes in a few words.

use mobilenet_compiler::family::Activation;
use mobilenet_compiler::ir::{Conv, Node, Op, Pad, Shape};

/// What kind of operation a node is, as colours and the legend tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Conv,
    Depthwise,
    Pointwise,
    Separable,
    BatchNorm,
    Activation,
    Pool,
    Classifier,
    Other,
}

impl Kind {
    pub(crate) const ALL: [Kind; 9] = [
        Kind::Conv,
        Kind::Depthwise,
        Kind::Pointwise,
        Kind::Separable,
        Kind::BatchNorm,
        Kind::Activation,
        Kind::Pool,
        Kind::Classifier,
        Kind::Other,
    ];

    pub(crate) fn of(op: &Op) -> Kind {
        match op {
            Op::Conv(_) => Kind::Conv,
            Op::Depthwise(_) => Kind::Depthwise,
            Op::Pointwise(_) => Kind::Pointwise,
            Op::Separable { .. } => Kind::Separable,
            Op::BatchNorm(_) => Kind::BatchNorm,
            Op::Activation(_) => Kind::Activation,
            Op::GlobalAveragePool => Kind::Pool,
            Op::FullyConnected(_) => Kind::Classifier,
            Op::Input | Op::Softmax | Op::Dropout => Kind::Other,
        }
    }

    /// What the legend calls it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Kind::Other => "input, dropout, softmax",
            kind => kind.name(),
        }
    }

    /// Its name, which is also that of its style.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Conv => "conv",
            Kind::Depthwise => "depthwise",
            Kind::Pointwise => "pointwise",
            Kind::Separable => "separable",
            Kind::BatchNorm => "batchnorm",
            Kind::Activation => "clamp",
            Kind::Pool => "pool",
            Kind::Classifier => "classifier",
            Kind::Other => "other",
        }
    }

    /// Its colour on light and on dark ground.
    pub(crate) fn colours(self) -> [&'static str; 2] {
        match self {
            Kind::Conv => ["#7c3aed", "#a78bfa"],
            Kind::Depthwise => ["#0d9488", "#2dd4bf"],
            Kind::Pointwise => ["#2563eb", "#60a5fa"],
            Kind::Separable => ["#0284c7", "#38bdf8"],
            Kind::BatchNorm => ["#a16207", "#facc15"],
            Kind::Activation => ["#ea580c", "#fb923c"],
            Kind::Pool => ["#be185d", "#f472b6"],
            Kind::Classifier => ["#15803d", "#4ade80"],
            Kind::Other => ["#64748b", "#94a3b8"],
        }
    }
}

/// `112×112×32`.
pub(crate) fn shape(shape: Shape) -> String {
    format!("{}×{}×{}", shape.height, shape.width, shape.channels)
}

/// What stands beside the name: the operation, and what a line is enough for.
pub(crate) fn operation(node: &Node) -> String {
    match &node.op {
        Op::BatchNorm(batchnorm) => format!("batchnorm · ε {}", batchnorm.epsilon),
        Op::Activation(activation) => activation.to_string(),
        op => op.name().replace('_', " "),
    }
}

/// What an operation does, where there is more to say than its name.
pub(crate) fn detail(node: &Node, input: Shape) -> Option<String> {
    match &node.op {
        Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => Some(words(&[conv])),
        Op::Separable { depthwise, pointwise } => Some(words(&[depthwise, pointwise])),
        Op::FullyConnected(_) => Some(format!("{} → {}", input.channels, node.shape.channels)),
        _ => None,
    }
}

/// Convolutions that are one operation: `3×3 + 1×1 · stride 2 · pad 0,0,1,1 · relu6`.
fn words(convs: &[&Conv]) -> String {
    let Some(first) = convs.first() else { return String::new() };
    let sizes: Vec<_> = convs.iter().map(|conv| format!("{0}×{0}", conv.size)).collect();
    let mut words = vec![sizes.join(" + ")];
    if first.stride > 1 {
        words.push(format!("stride {}", first.stride));
    }
    if first.pad != Pad::default() {
        words.push(format!("pad {}", pad(first.pad)));
    }
    if convs.iter().any(|conv| conv.params.folded.is_some()) {
        words.push("bn folded".into());
    }
    let mut clamps: Vec<_> = convs.iter().map(|conv| conv.activation).collect();
    clamps.dedup();
    if clamps != [Activation::Linear] {
        words.push(clamps.iter().map(clamp).collect::<Vec<_>>().join(" / "));
    }
    words.join(" · ")
}

fn clamp(activation: &Activation) -> String {
    match activation {
        Activation::Linear => "no clamp".into(),
        activation => activation.to_string(),
    }
}

fn pad(pad: Pad) -> String {
    if pad == Pad::all(pad.top) { pad.top.to_string() } else { pad.to_string() }
}
