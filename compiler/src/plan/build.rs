//! From places to kernel calls: offsets, weights, checks.

use mobilenet_kernels::layer::{
    Activation, BatchNorm, Checked, Conv, Depthwise, FullyConnected, Misfit, Pointwise, Pool, Separable,
    Softmax, Stem,
};
use mobilenet_kernels::layout::{self, Map, Storage, Window, aligned, padded};
use mobilenet_kernels::quantised;

use super::arena::{Placement, RegionId};
use super::bytes::{Output, is_elsewhere};
use super::place::{Draft, Drafts, Link, Spot, Vectors};
use super::{Content, Kernel, Numbers, Part, Plan, Section, Step};
use crate::error::{Complaint, Report, Result};
use crate::family;
use crate::ir::{self, Op, Params};
use crate::settings::Stored;

/// Turns drafts into a plan.
pub(super) fn build(name: &str, chain: &[Link<'_>], drafts: Drafts, numbers: Numbers) -> Result<Plan> {
    let pool = position(chain, |op| matches!(op, Op::GlobalAveragePool), "global_average_pool")?;
    let classifier = position(chain, |op| matches!(op, Op::FullyConnected(_)), "fully_connected")?;
    let embedding = chain[pool].node.shape.channels;
    let classes = chain[classifier].node.shape.channels;

    let placement = drafts.regions.place();
    let ends = match &drafts.vectors {
        Some(vectors) => Ends::placed(&placement, vectors),
        None => {
            let pool_step = (pool + 1).saturating_sub(drafts.head);
            Ends::around(drafts.regions.top(&placement, pool_step), placement.len, embedding, classes)
        }
    };

    let mut builder =
        Builder { placement: &placement, ends, sections: Vec::new(), weights: 0, softmax: None };
    let mut steps: Vec<Step> = Vec::new();
    let mut report = Report::new();
    for (i, (link, draft)) in chain.iter().zip(&drafts.drafts).enumerate() {
        let kernel = match numbers {
            _ if link.node.op == Op::Dropout => continue,
            Numbers::Bytes(_) if is_elsewhere(&link.node.op) => continue,
            Numbers::Floats(stored) => builder.kernel(link, draft, i == 0, stored),
            Numbers::Bytes(bytes) => {
                builder.byte_kernel(link, draft, (i == 0, layer(chain[classifier].node)), bytes)
            }
        };
        let Some(kernel) = report.absorb(kernel) else { continue };
        let part = Part { name: link.node.name.clone(), kernel, input: link.input, output: link.node.shape };
        match steps.last_mut() {
            Some(step) if i < drafts.head => step.parts.push(part),
            _ => steps.push(Step { parts: vec![part] }),
        }
    }
    let Builder { sections, weights, softmax, ends, .. } = builder;
    let words = |bytes: usize| bytes / size_of::<f32>();
    report.into_result(Plan {
        name: name.to_string(),
        input: chain[0].input.array(),
        classes,
        embedding,
        features: words(ends.features[1]),
        logits: words(ends.scores[1]),
        numbers,
        output: match numbers {
            Numbers::Floats(_) => None,
            Numbers::Bytes(bytes) => Some(Output { integers: bytes.integers, at: ends.scores[0], softmax }),
        },
        arena: words(ends.arena),
        weights,
        steps,
        sections,
    })
}

/// The layer that a node takes its parameters from.
fn layer(node: &ir::Node) -> &str {
    match &node.op {
        Op::FullyConnected(params) => &params.layer,
        _ => &node.name,
    }
}

/// Where features and scores lie: arena offsets in bytes, of the network's own values and of the numbers that these stand
/// for, which of floats are the same.
pub(super) struct Ends {
    pub(super) features: [usize; 2],
    pub(super) scores: [usize; 2],
    arena: usize,
}

impl Ends {
    fn placed(placement: &Placement, vectors: &Vectors) -> Ends {
        let offsets = |regions: [RegionId; 2]| regions.map(|region| placement.offset(region));
        let (features, scores) = (offsets(vectors.features), offsets(vectors.scores));
        Ends { features, scores, arena: placement.len }
    }

    /// Features at the top, above what is `taken` when they are pooled; the output at the bottom: by then everything else is
    /// dead, and the class count may grow without moving anything.
    fn around(taken: usize, len: usize, embedding: usize, classes: usize) -> Ends {
        let vector = |len: usize| aligned(padded(len)) * size_of::<f32>();
        let free = taken.max(vector(classes));
        let features = free.max(len.saturating_sub(vector(embedding)));
        Ends { features: [features; 2], scores: [0; 2], arena: len.max(features + vector(embedding)) }
    }
}

fn position(chain: &[Link<'_>], is: impl Fn(&Op) -> bool, what: &str) -> Result<usize> {
    chain
        .iter()
        .position(|link| is(&link.node.op))
        .ok_or_else(|| Complaint::new(format!("the network has no {what} layer")).into())
}

/// What kernel calls are made from, and the sections that they have asked for.
pub(super) struct Builder<'p> {
    pub(super) placement: &'p Placement,
    pub(super) ends: Ends,
    sections: Vec<Section>,
    weights: usize,
    /// Of a network of bytes, where it has one.
    pub(super) softmax: Option<Checked<quantised::layer::Softmax>>,
}

impl Builder<'_> {
    /// A map of floats or of bytes.
    pub(super) fn map<const G: usize>(&self, spot: &Spot) -> Map<G> {
        let ir::Shape { height, width, channels } = spot.shape;
        let size = if G == layout::HALF_BLOCK { size_of::<f32>() } else { 1 };
        Map { height, width, channels, offset: self.placement.offset(spot.region) / size, order: spot.order }
    }

    /// Reserves the next section of the weights.
    pub(super) fn section(&mut self, len: usize, content: Content) -> usize {
        let offset = self.weights;
        self.sections.push(Section { offset, len, content });
        self.weights += len;
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
        self.section(layout::Section::product(inputs, outputs, storage).len, content)
    }

    fn depthwise(&mut self, channels: usize, conv: &ir::Conv) -> usize {
        let taps = conv.size * conv.size;
        let (params, activation) = (conv.params.clone(), conv.activation);
        let content = Content::Depthwise { params, activation, channels, taps };
        self.section(layout::Section::depthwise(channels, taps).len, content)
    }

    fn kernel(&mut self, link: &Link<'_>, draft: &Draft, first: bool, stored: Stored) -> Result<Kernel> {
        let output: Map = self.map(&draft.output);
        let words = |bytes: usize| bytes / size_of::<f32>();
        let scratch = draft.scratch.map_or(0, |id| words(self.placement.offset(id)));
        let features = words(self.ends.features[0]);
        let name = &link.node.name;
        let from_map = from_map(name, draft.input.as_ref().map(|spot| self.map(spot)));
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
                let input = from_map?;
                let inputs = conv.size * conv.size * input.channels;
                let weights = self.panels(inputs, output.channels, &conv.params, conv.activation);
                let strip = draft.strip;
                let conv = Conv { input, window: window(conv), output, strip, lines: scratch, weights };
                fit(name, conv.check()).map(Kernel::Conv)
            }
            Op::Depthwise(conv) => {
                let input = from_map?;
                let weights = self.depthwise(input.channels, conv);
                fit(name, Depthwise { input, window: window(conv), output, weights }.check())
                    .map(Kernel::Depthwise)
            }
            Op::Pointwise(conv) => {
                let input = from_map?;
                let weights = self.panels(input.channels, output.channels, &conv.params, conv.activation);
                fit(name, Pointwise { input, output, weights }.check()).map(Kernel::Pointwise)
            }
            Op::Separable { depthwise, pointwise } => {
                let input = from_map?;
                let storage = stored.blocks;
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
                let map = from_map?;
                let content = Content::BatchNorm { batchnorm: batchnorm.clone(), channels: map.channels };
                let weights = self.section(layout::Section::batchnorm(map.channels).len, content);
                fit(name, BatchNorm { map, weights }.check()).map(Kernel::BatchNorm)
            }
            Op::Activation(activation) => {
                let map = from_map?;
                let weights = self.section(layout::EPILOGUE, Content::Bounds(*activation));
                fit(name, Activation { map, weights }.check()).map(Kernel::Activation)
            }
            Op::GlobalAveragePool => {
                fit(name, Pool { input: from_map?, output: features }.check()).map(Kernel::Pool)
            }
            Op::FullyConnected(params) => {
                let (inputs, outputs) = (link.input.channels, link.node.shape.channels);
                let storage = stored.classifier;
                let weights = self.product([inputs, outputs], params, family::Activation::Linear, storage);
                let layer = FullyConnected { inputs, outputs, input: features, output: 0, weights, storage };
                fit(name, layer.check()).map(Kernel::FullyConnected)
            }
            Op::Softmax => {
                fit(name, Softmax { len: link.node.shape.channels, vector: 0 }.check()).map(Kernel::Softmax)
            }
            Op::Input | Op::Dropout => Err(Complaint::new(format!("`{name}` computes nothing")).into()),
        }
    }
}

/// The map that a layer reads. One without a map before it reads the image; only a convolution can.
pub(super) fn from_map<const G: usize>(name: &str, map: Option<Map<G>>) -> Result<Map<G>> {
    map.ok_or_else(|| {
        Complaint::new(format!("`{name}` cannot be the first layer: the image goes into a conv")).into()
    })
}

pub(super) fn window(conv: &ir::Conv) -> Window {
    Window { size: conv.size, stride: conv.stride, top: conv.pad.top, left: conv.pad.left }
}

pub(super) fn fit<L>(name: &str, checked: std::result::Result<Checked<L>, Misfit>) -> Result<Checked<L>> {
    checked.map_err(|misfit| Complaint::new(format!("no kernel computes `{name}`: {misfit}")).into())
}
