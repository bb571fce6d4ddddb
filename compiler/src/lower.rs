//! Lowering: a spec and settings become a graph in which every step is a node of its own.

use crate::error::{Complaint, Report, Result};
use crate::family::{Activation, Family, Padding};
use crate::ir::{BatchNorm, Conv, Graph, Node, Op, Pad, Params, Shape};
use crate::settings::{Settings, disagreement};
use crate::spec::{
    At, ConvKind, Convolution, Layer, LayerOp, LayerPadding, Located, MAX_CHANNELS, Spec, activation_name,
    batchnorm_name,
};

/// Values of the largest map, and of the largest kernel. Beyond it, counts of multiply-adds would overflow.
const MAX_VALUES: usize = 1 << 31;

/// The graph of a spec's model, called `name`.
///
/// # Errors
///
/// Windows that do not fit, maps of absurd sizes, and stated paddings that the weights do otherwise where it matters.
pub fn lower(spec: &Spec, settings: &Settings, name: &str) -> Result<Graph> {
    let shape = Shape::new(settings.resolution, settings.resolution, spec.input.channels);
    let input = Node { name: "input".to_string(), op: Op::Input, shape };
    let mut lowering =
        Lowering { spec, settings, graph: Graph::new(name, input), shape, conv: None, report: Report::new() };
    for layer in &spec.layers {
        if let Err(complaint) = lowering.layer(layer) {
            // What follows has no shape any more.
            lowering.report.push(complaint);
            break;
        }
    }
    let Lowering { graph, report, .. } = lowering;
    report.into_result(graph)
}

struct Lowering<'s> {
    spec: &'s Spec,
    settings: &'s Settings,
    graph: Graph,
    /// Shape of the last value.
    shape: Shape,
    /// The last convolution, which a batch normalisation belongs to.
    conv: Option<&'s str>,
    report: Report,
}

impl<'s> Lowering<'s> {
    fn layer(&mut self, layer: &'s Layer) -> std::result::Result<(), Complaint> {
        let name = layer.name.clone();
        match &layer.op {
            LayerOp::Convolution(conv) => self.convolution(layer, conv)?,
            LayerOp::BatchNorm { epsilon } => {
                let epsilon = epsilon.map_or(self.settings.family.epsilon, |stated| stated.value);
                self.batchnorm(name, epsilon);
            }
            LayerOp::Activation(activation) => self.add(name, Op::Activation(*activation), self.shape),
            LayerOp::GlobalAveragePool => {
                self.add(name, Op::GlobalAveragePool, Shape::vector(self.shape.channels))
            }
            LayerOp::FullyConnected { .. } => {
                let params = Params { layer: name.clone(), folded: None };
                self.add(name, Op::FullyConnected(params), Shape::vector(self.settings.classes));
            }
            LayerOp::Softmax => self.add(name, Op::Softmax, self.shape),
            LayerOp::Dropout => self.add(name, Op::Dropout, self.shape),
        }
        Ok(())
    }

    fn add(&mut self, name: String, op: Op, shape: Shape) {
        let last = self.graph.output();
        self.graph.add(Node { name, op, shape }, &[last]);
        self.shape = shape;
    }

    fn batchnorm(&mut self, name: String, epsilon: f64) {
        let layer = self.conv.unwrap_or_default().to_string();
        self.add(name.clone(), Op::BatchNorm(BatchNorm { name, layer, epsilon }), self.shape);
    }

    /// A convolution, its batch normalisation and its activation.
    fn convolution(&mut self, layer: &'s Layer, conv: &Convolution) -> std::result::Result<(), Complaint> {
        let channels = self.channels(layer, conv)?;
        let pad = self.pad(conv);
        let params = Params { layer: layer.name.clone(), folded: None };
        let fields =
            Conv { size: conv.size, stride: conv.stride, pad, params, activation: Activation::Linear };
        let op = match conv.kind {
            ConvKind::Full { .. } => Op::Conv(fields),
            ConvKind::Depthwise => Op::Depthwise(fields),
            ConvKind::Pointwise { .. } => Op::Pointwise(fields),
        };
        let shape = op.output(self.shape, channels).map_err(|why| {
            let what = format!("`{}` does not fit its input of {}: {why}", layer.name, self.shape);
            self.complaint(layer.at, what)
        })?;
        self.sizes(layer, conv, shape)?;
        self.add(layer.name.clone(), op, shape);
        self.conv = Some(&layer.name);
        if conv.batchnorm {
            let epsilon = conv.epsilon.map_or(self.settings.family.epsilon, |stated| stated.value);
            self.batchnorm(batchnorm_name(&layer.name), epsilon);
        }
        let activation = conv.activation.map_or(self.settings.family.activation, |stated| stated.value);
        if activation != Activation::Linear {
            self.add(activation_name(&layer.name), Op::Activation(activation), self.shape);
        }
        Ok(())
    }

    /// Output channels, after multiplying with alpha.
    fn channels(&self, layer: &Layer, conv: &Convolution) -> std::result::Result<usize, Complaint> {
        let Some(filters) = conv.kind.filters() else { return Ok(self.shape.channels) };
        let Settings { alpha, family, .. } = self.settings;
        let channels = family.rounding.channels(filters, *alpha);
        if (1..=MAX_CHANNELS).contains(&channels) {
            return Ok(channels);
        }
        let what = format!("{filters} filters at alpha {alpha} are {channels}, not 1 to {MAX_CHANNELS}");
        Err(self.complaint(layer.at, what))
    }

    /// The padding, by the layer's own rule or the family's.
    fn pad(&mut self, conv: &Convolution) -> Pad {
        let rule = |rule| padding(rule, conv, self.shape);
        let pad = match conv.padding.map(|stated| stated.value) {
            Some(LayerPadding::Pixels(pad)) => pad,
            Some(LayerPadding::Rule(stated)) => rule(stated),
            None => rule(self.settings.family.padding),
        };
        if let Some(family) = &self.settings.trained {
            self.agree(conv, family, pad, rule(family.padding));
        }
        pad
    }

    /// Complains if a stated padding is not that of the weights. None at all (`valid`) is a matter of architecture.
    fn agree(&mut self, conv: &Convolution, family: &Family, pad: Pad, theirs: Pad) {
        let stated = match (conv.padding, self.spec.stated.padding) {
            (Some(Located { value: LayerPadding::Rule(Padding::Valid), .. }), _) => None,
            (Some(layer), _) => Some(layer.at),
            (None, Some(top)) if top.value != Padding::Valid => Some(top.at),
            _ => None,
        };
        let Some(at) = stated.filter(|_| pad != theirs) else { return };
        let (pad, theirs) = (format!("[{pad}]"), format!("[{theirs}]"));
        let weights = format!("{} weights", family.name);
        let complaint = disagreement(self.spec, at, "padding", &pad, &weights, &theirs);
        // A layer that is repeated is not complained about again.
        if !self.report.complaints().contains(&complaint) {
            self.report.push(complaint);
        }
    }

    /// Complains about maps and kernels of absurd sizes.
    fn sizes(&self, layer: &Layer, conv: &Convolution, shape: Shape) -> std::result::Result<(), Complaint> {
        let inputs = if conv.kind == ConvKind::Depthwise { 1 } else { self.shape.channels };
        let kernel = [conv.size, conv.size, inputs, shape.channels];
        for (what, extents) in [("output", &shape.array()[..]), ("kernel", &kernel[..])] {
            let values = extents.iter().try_fold(1usize, |values, extent| values.checked_mul(*extent));
            if values.is_none_or(|values| values > MAX_VALUES) {
                let extents = extents.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
                return Err(self.complaint(
                    layer.at,
                    format!("the {what} of `{}`, {extents}, is absurdly large", layer.name),
                ));
            }
        }
        Ok(())
    }

    fn complaint(&self, at: At, message: impl Into<String>) -> Complaint {
        self.spec.complaint(at, message)
    }
}

/// The padding of a convolution by a rule.
fn padding(rule: Padding, conv: &Convolution, input: Shape) -> Pad {
    let &Convolution { size, stride, .. } = conv;
    match rule {
        Padding::Valid => Pad::default(),
        Padding::Symmetric => Pad::all(size / 2),
        Padding::After if conv.kind == ConvKind::Depthwise && stride == 2 => {
            Pad { top: 0, left: 0, bottom: 1, right: 1 }
        }
        Padding::Same | Padding::After => Pad::same(size, stride, input),
    }
}
