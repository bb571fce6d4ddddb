//! Deciding where each map goes, before offsets are known.

use mobilenet_kernels::layout::Order;
use mobilenet_kernels::quantised;

use super::Element;
use super::arena::{RegionId, Regions};
use crate::error::{Complaint, Result};
use crate::ir::{Conv, Graph, Node, Op, Shape};

/// Maps of up to this many pixels are computed whole, as planes: one flat run of pixels, no remainder tiles.
const SMALL: usize = 256;

/// Most rows of a strip: beyond, less and less is won.
const MOST_ROWS: usize = 8;

/// A layer and the shape that goes into it.
#[derive(Clone, Copy)]
pub(super) struct Link<'g> {
    pub(super) node: &'g Node,
    pub(super) input: Shape,
}

/// A map in a region; its offset is not known yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) region: RegionId,
    pub(super) shape: Shape,
    pub(super) order: Order,
}

/// A layer with its places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    /// `None` where the input is the image.
    pub(super) input: Option<Spot>,
    pub(super) output: Spot,
    /// Output rows at a time.
    pub(super) strip: usize,
    /// Line buffer or scratch strip.
    pub(super) scratch: Option<RegionId>,
    /// Row sums, where kernels have a zero point.
    pub(super) sums: Option<RegionId>,
}

/// All layers with their places; the first `head` are streamed.
pub(super) struct Drafts {
    pub(super) head: usize,
    pub(super) drafts: Vec<Draft>,
    pub(super) regions: Regions,
    /// Of a network of bytes; those of floats are placed when the rest is.
    pub(super) vectors: Option<Vectors>,
}

/// Where features and scores go, as bytes and as the numbers that these stand for.
pub(super) struct Vectors {
    pub(super) features: [RegionId; 2],
    pub(super) scores: [RegionId; 2],
}

/// The layers of a graph in order, without its input.
pub(super) fn chain(graph: &Graph) -> Result<Vec<Link<'_>>> {
    let mut links = Vec::new();
    let mut id = graph.output();
    while let Some(operand) = graph.operand(id) {
        links.push(Link { node: graph.node(id), input: graph.node(operand).shape });
        id = operand;
    }
    if graph.node(id).op != Op::Input || links.len() + 1 != graph.len() {
        return Err(
            Complaint::new("only a chain of layers from the input to the output can be planned").into()
        );
    }
    links.reverse();
    Ok(links)
}

/// Convolutions that can run a few rows at a time, counted from the start.
pub(super) fn streamable(chain: &[Link<'_>]) -> usize {
    chain.iter().take_while(|link| by_rows(link.node)).count()
}

fn by_rows(node: &Node) -> bool {
    matches!(node.op, Op::Conv(_) | Op::Separable { .. })
}

/// The window of a layer that has one.
fn window(op: &Op) -> Option<&Conv> {
    match op {
        Op::Conv(conv) | Op::Depthwise(conv) | Op::Separable { depthwise: conv, .. } => Some(conv),
        _ => None,
    }
}

fn is_small(shape: Shape) -> bool {
    shape.height * shape.width <= SMALL
}

/// Places all layers, the first `head` of them streamed.
pub(super) fn place(chain: &[Link<'_>], head: usize, element: Element) -> Drafts {
    let mut placer =
        Placer { chain, head, element, regions: Regions::default(), last: None, shared: [None; 2] };
    let strips = head_strips(&chain[..head], element);
    let slots = ring_slots(&chain[..head], &strips);
    let drafts = (0..chain.len())
        .map(|i| {
            if i + 1 < head {
                placer.streamed(i, strips[i], slots[i])
            } else if i + 1 == head && head > 1 {
                placer.by_rows(i, Some(strips[i]))
            } else {
                placer.layer(i)
            }
        })
        .collect();
    let vectors = (!element.is_float()).then(|| placer.vectors()).flatten();
    Drafts { head, drafts, regions: placer.regions, vectors }
}

/// Output rows at a time of each streamed layer: as few as its kernel likes, or what the next consumes in one go.
fn head_strips(head: &[Link<'_>], element: Element) -> Vec<usize> {
    let rows = |link: &Link<'_>| element.least_rows().min(link.node.shape.height);
    let mut strips: Vec<usize> = head.iter().map(rows).collect();
    if element.is_float() {
        for i in (0..head.len().saturating_sub(1)).rev() {
            let stride = window(&head[i + 1].node.op).map_or(1, |conv| conv.stride);
            strips[i] = (strips[i + 1] * stride).min(head[i].node.shape.height);
        }
    }
    strips
}

/// Rows that each streamed map must keep, found by going through the motions: a layer is asked for rows only when
/// the next one needs them, and makes whole strips.
fn ring_slots(head: &[Link<'_>], strips: &[usize]) -> Vec<usize> {
    fn advance(
        head: &[Link<'_>],
        strips: &[usize],
        made: &mut [usize],
        slots: &mut [usize],
        i: usize,
        rows: usize,
    ) {
        let height = head[i].node.shape.height;
        while made[i] < rows.min(height) {
            let (from, to) = (made[i], (made[i] + strips[i]).min(height));
            if i > 0
                && let Some(conv) = window(&head[i].node.op)
            {
                let start = (from * conv.stride).saturating_sub(conv.pad.top);
                let end = ((to - 1) * conv.stride + conv.size).saturating_sub(conv.pad.top);
                advance(head, strips, made, slots, i - 1, end);
                slots[i - 1] = slots[i - 1].max(made[i - 1] - start.min(made[i - 1]));
            }
            made[i] = to;
        }
    }
    let mut made = vec![0; head.len()];
    let mut slots = vec![0; head.len()];
    if let Some(last) = head.len().checked_sub(1) {
        advance(head, strips, &mut made, &mut slots, last, head[last].node.shape.height);
    }
    slots
}

struct Placer<'c, 'g> {
    chain: &'c [Link<'g>],
    head: usize,
    element: Element,
    regions: Regions,
    last: Option<Spot>,
    /// Scratch and row sums of all streamed layers: when one runs, those before it have, and those after it wait.
    shared: [Option<RegionId>; 2],
}

impl Placer<'_, '_> {
    /// The time at which layer `i` runs; streamed layers run at the same time.
    fn step(&self, i: usize) -> usize {
        (i + 1).saturating_sub(self.head)
    }

    /// The input stays alive until layer `i` has run.
    fn input(&mut self, i: usize) -> Option<Spot> {
        let step = self.step(i);
        if let Some(spot) = self.last {
            self.regions.extend(spot.region, 0, step);
        }
        self.last
    }

    fn finish(&mut self, draft: Draft) -> Draft {
        self.last = Some(draft.output);
        draft
    }

    /// Bytes of a row over all channels.
    fn row_len(&self, shape: Shape) -> usize {
        shape.width * self.element.padded(shape.channels) * self.element.size()
    }

    /// A map of its own.
    fn fresh(&mut self, i: usize, order: Order) -> Spot {
        let shape = self.chain[i].node.shape;
        let rows = match order {
            Order::Plane => shape.height,
            Order::Rows { slots, .. } => slots,
        };
        let region = self.regions.add(rows * self.row_len(shape), self.step(i));
        Spot { region, shape, order }
    }

    /// Layer `i` inside the stream: its map is a ring of `slots` rows.
    fn streamed(&mut self, i: usize, strip: usize, slots: usize) -> Draft {
        let input = self.input(i);
        let output = self.fresh(i, Order::Rows { slots, first: 0 });
        let (scratch, sums) = (self.scratch(i, strip), self.sums(i, strip));
        self.finish(Draft { input, output, strip, scratch, sums })
    }

    fn layer(&mut self, i: usize) -> Draft {
        let link = self.chain[i];
        match link.node.op {
            _ if by_rows(link.node) => self.by_rows(i, None),
            Op::Depthwise(_) | Op::Pointwise(_) => {
                let input = self.input(i);
                let output = self.fresh(i, Order::Plane);
                let sums = self.sums(i, link.node.shape.height);
                self.finish(Draft { input, output, strip: 1, scratch: None, sums })
            }
            // The output has a place of its own, and is computed from the features alone.
            Op::FullyConnected(_) | Op::Softmax if self.last.is_some() => {
                let input = self.last;
                let output = input.unwrap_or_else(|| self.fresh(i, Order::Plane));
                self.finish(Draft { input, output, strip: 1, scratch: None, sums: None })
            }
            // Elementwise layers work in place; features have a place of their own.
            _ => {
                let input = self.input(i);
                let output = input.unwrap_or_else(|| self.fresh(i, Order::Plane));
                self.finish(Draft { input, output, strip: 1, scratch: None, sums: None })
            }
        }
    }

    /// A convolution or block that runs by strips of rows: in place where it can be.
    fn by_rows(&mut self, i: usize, strip: Option<usize>) -> Draft {
        let link = self.chain[i];
        let shape = link.node.shape;
        let next_by_rows = self.chain.get(i + 1).is_some_and(|next| by_rows(next.node));
        let whole = is_small(shape) && strip.is_none();
        let strip = match strip {
            Some(strip) => strip,
            None if whole => shape.height,
            None => {
                let row = self.row_len(Shape { channels: link.input.channels, ..shape });
                let rows = (self.element.strip() / row).clamp(self.element.least_rows(), MOST_ROWS);
                rows.min(shape.height)
            }
        };
        let input = self.input(i);
        let output = if !next_by_rows || is_small(shape) {
            match input {
                Some(spot) if whole => self.over(i, spot),
                _ => self.fresh(i, Order::Plane),
            }
        } else {
            match input.and_then(|spot| self.in_place(i, spot)) {
                Some(spot) => spot,
                None => self.fresh(i, self.rows(i)),
            }
        };
        let (scratch, sums) = (self.scratch(i, strip), self.sums(i, strip));
        self.finish(Draft { input, output, strip, scratch, sums })
    }

    /// A whole layer written over its input, which has been consumed by then.
    fn over(&mut self, i: usize, input: Spot) -> Spot {
        let shape = self.chain[i].node.shape;
        self.regions.extend(input.region, shape.height * self.row_len(shape), self.step(i));
        Spot { region: input.region, shape, order: Order::Plane }
    }

    /// Row by row over the input, if rows of both have the same length and the stride is one that stays behind.
    fn in_place(&self, i: usize, input: Spot) -> Option<Spot> {
        let link = self.chain[i];
        let Order::Rows { slots, first } = input.order else { return None };
        if self.row_len(link.input) != self.row_len(link.node.shape) || i < self.head {
            return None;
        }
        let order = match window(&link.node.op)?.stride {
            1 if slots > link.input.height => Order::Rows { slots, first: (first + slots - 1) % slots },
            2.. => Order::Rows { slots, first },
            _ => return None,
        };
        Some(Spot { region: input.region, shape: link.node.shape, order })
    }

    /// Rows for a map that later layers may overwrite in place: one more than its height where a stride-1 layer does.
    fn rows(&self, i: usize) -> Order {
        let shape = self.chain[i].node.shape;
        let in_place = |link: &&Link<'_>| {
            by_rows(link.node)
                && !is_small(link.node.shape)
                && self.row_len(link.node.shape) == self.row_len(shape)
        };
        let mut followers = self.chain[i + 1..].iter().take_while(in_place);
        let shifted = followers.any(|link| window(&link.node.op).is_some_and(|conv| conv.stride == 1));
        Order::Rows { slots: shape.height + usize::from(shifted), first: 0 }
    }

    /// The line buffer or scratch strip of layer `i`.
    fn scratch(&mut self, i: usize, strip: usize) -> Option<RegionId> {
        let link = self.chain[i];
        let Shape { width, .. } = link.node.shape;
        let len = match &link.node.op {
            Op::Separable { .. } => self.element.scratch(strip * width, link.input.channels),
            Op::Conv(conv) => {
                let rows = (strip - 1) * conv.stride + conv.size;
                let pixels = (width - 1) * conv.stride + conv.size;
                let values = match (self.element, i) {
                    (Element::Float { .. }, 0) => rows * pixels * link.input.channels,
                    // The last quad of a window may reach past the last line.
                    (Element::Byte { .. }, 0) => {
                        rows * pixels * link.input.channels + quantised::layout::QUAD
                    }
                    _ => rows * pixels * self.element.padded(link.input.channels),
                };
                values * self.element.size()
            }
            _ => return None,
        };
        Some(self.temporary(i, len, 0))
    }

    /// Memory that layer `i` needs while it computes a strip.
    fn temporary(&mut self, i: usize, len: usize, which: usize) -> RegionId {
        let step = self.step(i);
        match self.shared[which] {
            Some(region) if i < self.head => {
                self.regions.extend(region, len, step);
                region
            }
            _ => {
                let region = self.regions.add(len, step);
                self.shared[which] = Some(region);
                region
            }
        }
    }

    /// Features and scores of bytes, and the numbers that these stand for: all are kept to the end, for whoever asks.
    fn vectors(&mut self) -> Option<Vectors> {
        let position = |is: fn(&Op) -> bool| self.chain.iter().position(|link| is(&link.node.op));
        let pool = position(|op| matches!(op, Op::GlobalAveragePool))?;
        let classifier = position(|op| matches!(op, Op::FullyConnected(_)))?;
        let end = self.step(self.chain.len() - 1);
        let mut vector = |i: usize| {
            let len = self.element.padded(self.chain[i].node.shape.channels);
            [1, size_of::<f32>()].map(|size| {
                let region = self.regions.add(len * size, self.step(i));
                self.regions.extend(region, 0, end);
                region
            })
        };
        Some(Vectors { features: vector(pool), scores: vector(classifier) })
    }

    /// The row sums of layer `i`: one a pixel of what is multiplied at a time.
    fn sums(&mut self, i: usize, rows: usize) -> Option<RegionId> {
        let link = self.chain[i];
        let product = matches!(link.node.op, Op::Conv(_) | Op::Pointwise(_) | Op::Separable { .. });
        let asked = product && self.element == Element::Byte { sums: true };
        let len = rows * link.node.shape.width * size_of::<i32>();
        asked.then(|| self.temporary(i, len, 1))
    }
}
