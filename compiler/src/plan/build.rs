//! From places to kernel calls: offsets, weights, checks.

use mobilenet_kernels::layer::{
    Activation, BatchNorm, Checked, Conv, Depthwise, FullyConnected, Misfit, Pointwise, Pool, Separable,
    Softmax, Stem,
};
use mobilenet_kernels::layout::{self, Map, Storage, Window, aligned, padded};

use super::arena::Placement;
use super::place::{Draft, Drafts, Link, Spot};
use super::{Content, Kernel, Options, Part, Plan, Section, Step};
use crate::error::{Complaint, Report, Result};
use crate::family;
use crate::ir::{self, Op, Params};

/// Turns drafts into a plan.
pub(super) fn build(name: &str, chain: &[Link<'_>], drafts: Drafts, options: Options) -> Result<Plan> {
    let pool = position(chain, |op| matches!(op, Op::GlobalAveragePool), "global_average_pool")?;
    let classifier = position(chain, |op| matches!(op, Op::FullyConnected(_)), "fully_connected")?;
    let embedding = chain[pool].node.shape.channels;
    let classes = chain[classifier].node.shape.channels;

    let placement = drafts.regions.place();
    // Features at the top, the output at the bottom: by then everything else is dead, and the class count may grow
    // without moving anything.
    let pool_step = (pool + 1).saturating_sub(drafts.head);
    let free = drafts.regions.top(&placement, pool_step).max(aligned(padded(classes)));
    let features = free.max(placement.len.saturating_sub(aligned(padded(embedding))));
    let arena = placement.len.max(features + aligned(padded(embedding)));

    let mut builder = Builder { placement: &placement, options, features, sections: Vec::new(), weights: 0 };
    let mut steps: Vec<Step> = Vec::new();
    let mut report = Report::new();
    for (i, (link, draft)) in chain.iter().zip(&drafts.drafts).enumerate() {
        if link.node.op == Op::Dropout {
            continue;
        }
        let Some(kernel) = report.absorb(builder.kernel(link, draft, i == 0)) else { continue };
        let part = Part { name: link.node.name.clone(), kernel, input: link.input, output: link.node.shape };
        match steps.last_mut() {
            Some(step) if i < drafts.head => step.parts.push(part),
            _ => steps.push(Step { parts: vec![part] }),
        }
    }
    let (sections, weights) = (builder.sections, builder.weights);
    let input = chain[0].input.array();
    report.into_result(Plan {
        name: name.to_string(),
        input,
        classes,
        embedding,
        features,
        logits: 0,
        arena,
        weights,
        steps,
        sections,
    })
}

fn position(chain: &[Link<'_>], is: impl Fn(&Op) -> bool, what: &str) -> Result<usize> {
    chain
        .iter()
        .position(|link| is(&link.node.op))
        .ok_or_else(|| Complaint::new(format!("the network has no {what} layer")).into())
}

struct Builder<'p> {
    placement: &'p Placement,
    options: Options,
    features: usize,
    sections: Vec<Section>,
    weights: usize,
}

impl Builder<'_> {
    fn map(&self, spot: &Spot) -> Map {
        let ir::Shape { height, width, channels } = spot.shape;
        Map { height, width, channels, offset: self.placement.offset(spot.region), order: spot.order }
    }

    /// Reserves the next section of the weights.
    fn section(&mut self, section: layout::Section, content: Content) -> usize {
        let offset = self.weights;
        self.sections.push(Section { offset, len: section.len, content });
        self.weights += section.len;
        offset
    }

    fn panels(
        &mut self,
        inputs: usize,
        outputs: usize,
        params: &Params,
        activation: family::Activation,
    ) -> usize {
        self.product([inputs, outputs], params, activation, Storage::F32)
    }

    fn product(
        &mut self,
        [inputs, outputs]: [usize; 2],
        params: &Params,
        activation: family::Activation,
        storage: Storage,
    ) -> usize {
        let content = Content::Panels { params: params.clone(), activation, inputs, outputs, storage };
        self.section(layout::Section::product(inputs, outputs, storage), content)
    }

    fn depthwise(&mut self, channels: usize, conv: &ir::Conv) -> usize {
        let taps = conv.size * conv.size;
        let (params, activation) = (conv.params.clone(), conv.activation);
        let content = Content::Depthwise { params, activation, channels, taps };
        self.section(layout::Section::depthwise(channels, taps), content)
    }

    fn kernel(&mut self, link: &Link<'_>, draft: &Draft, first: bool) -> Result<Kernel> {
        let output = self.map(&draft.output);
        // A layer without a map before it reads the image; only a convolution can.
        let input = draft.input.as_ref().map(|spot| self.map(spot));
        let scratch = draft.scratch.map_or(0, |id| self.placement.offset(id));
        let name = &link.node.name;
        let from_map: Result<Map> = input.ok_or_else(|| {
            Complaint::new(format!("`{name}` cannot be the first layer: the image goes into a conv")).into()
        });
        match &link.node.op {
            Op::Conv(conv) if first => {
                let inputs = conv.size * conv.size * link.input.channels;
                let weights = self.panels(inputs, output.channels, &conv.params, conv.activation);
                let image = link.input.array();
                let strip = draft.strip;
                let stem = Stem { image, window: window(conv), output, strip, lines: scratch, weights };
                fit(name, stem.check()).map(Kernel::Stem)
            }
            Op::Conv(conv) => {
                let input: Map = from_map?;
                let inputs = conv.size * conv.size * input.channels;
                let weights = self.panels(inputs, output.channels, &conv.params, conv.activation);
                let strip = draft.strip;
                let conv = Conv { input, window: window(conv), output, strip, lines: scratch, weights };
                fit(name, conv.check()).map(Kernel::Conv)
            }
            Op::Depthwise(conv) => {
                let input: Map = from_map?;
                let weights = self.depthwise(input.channels, conv);
                fit(name, Depthwise { input, window: window(conv), output, weights }.check())
                    .map(Kernel::Depthwise)
            }
            Op::Pointwise(conv) => {
                let input: Map = from_map?;
                let weights = self.panels(input.channels, output.channels, &conv.params, conv.activation);
                fit(name, Pointwise { input, output, weights }.check()).map(Kernel::Pointwise)
            }
            Op::Separable { depthwise, pointwise } => {
                let input: Map = from_map?;
                let storage = self.options.pointwise;
                let block = Separable {
                    input,
                    window: window(depthwise),
                    output,
                    strip: draft.strip,
                    scratch,
                    depthwise: self.depthwise(input.channels, depthwise),
                    pointwise: self.product(
                        [input.channels, output.channels],
                        &pointwise.params,
                        pointwise.activation,
                        storage,
                    ),
                    storage,
                };
                fit(name, block.check()).map(Kernel::Separable)
            }
            Op::BatchNorm(batchnorm) => {
                let map: Map = from_map?;
                let content = Content::BatchNorm { batchnorm: batchnorm.clone(), channels: map.channels };
                let weights = self.section(layout::Section::batchnorm(map.channels), content);
                fit(name, BatchNorm { map, weights }.check()).map(Kernel::BatchNorm)
            }
            Op::Activation(activation) => {
                let map: Map = from_map?;
                let section = layout::Section { bias: 0, kernel: 0, len: layout::EPILOGUE };
                let weights = self.section(section, Content::Bounds(*activation));
                fit(name, Activation { map, weights }.check()).map(Kernel::Activation)
            }
            Op::GlobalAveragePool => {
                fit(name, Pool { input: from_map?, output: self.features }.check()).map(Kernel::Pool)
            }
            Op::FullyConnected(params) => {
                let (inputs, outputs) = (link.input.channels, link.node.shape.channels);
                let storage = self.options.classifier;
                let weights = self.product([inputs, outputs], params, family::Activation::Linear, storage);
                let layer =
                    FullyConnected { inputs, outputs, input: self.features, output: 0, weights, storage };
                fit(name, layer.check()).map(Kernel::FullyConnected)
            }
            Op::Softmax => {
                fit(name, Softmax { len: link.node.shape.channels, vector: 0 }.check()).map(Kernel::Softmax)
            }
            Op::Input | Op::Dropout => Err(Complaint::new(format!("`{name}` computes nothing")).into()),
        }
    }
}

fn window(conv: &ir::Conv) -> Window {
    Window { size: conv.size, stride: conv.stride, top: conv.pad.top, left: conv.pad.left }
}

fn fit<L>(name: &str, checked: std::result::Result<Checked<L>, Misfit>) -> Result<Checked<L>> {
    checked.map_err(|misfit| Complaint::new(format!("no kernel computes `{name}`: {misfit}")).into())
}
