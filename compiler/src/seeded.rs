//! Random parameters and images from a seed: the same on every platform, and such that a network is worth running.
//!
//! Carelessly drawn weights make a network that ignores its input: its layers die, saturate, or are moved by their biases
//! alone, and a test of it passes whatever the kernels do. Here the mean and the variance of every channel are carried
//! through the graph, as if its values were independent, and each layer is normalised by what they say that it sums up. No
//! network is run for it: the cost is one look at each parameter.

mod integers;

use std::collections::HashMap;

pub use integers::quantised;

use crate::bind;
use crate::family::Activation;
use crate::ir::{Graph, NodeId, Op, Params, Shape};
use crate::pack::{Parameters, Tensors};
use crate::weights::{BatchNorm, Expected, Kind, Tensor};

/// Spread of a layer's values before its clamp: about half of them are cut off at 0, and a few at 6.
const GAMMA: [f64; 2] = [2.0, 4.0];
/// Centre of a channel's values before its clamp.
const BETA: [f64; 2] = [-1.0, 1.0];
/// Spread of the logits between classes.
const LOGITS: [f64; 2] = [1.0, 2.0];

/// How far, in variances, the mean of a depthwise layer's input is thought to be misjudged, from channel to channel and at
/// borders. The error is the same at all taps, so it grows with their sum; uncounted, it grows from layer to layer.
const MISJUDGED: f64 = 0.25;

/// Sixteen values that stand for a normal distribution, the lower half mirrored: each has the same share of it.
const NORMAL: [f64; 8] = [0.0784, 0.2372, 0.4023, 0.5791, 0.7764, 1.0100, 1.3180, 1.8627];

/// Parameters for every layer of a graph, at any stage of its passes: the same at each.
pub fn tensors(graph: &Graph, seed: u64) -> Tensors {
    let mut draw = Draw { random: Random(seed), layers: HashMap::new(), tensors: Tensors::new() };
    draw.layers.extend(bind::expected(graph).into_iter().map(|layer| (layer.name.clone(), layer)));
    let mut values: HashMap<NodeId, Channels> = HashMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        let from = graph.operand(id);
        let input = from.and_then(|from| values.get(&from));
        let input = input.cloned().unwrap_or_else(|| Channels::image(node.shape.channels));
        let shape = from.map_or(node.shape, |from| graph.node(from).shape);
        values.insert(id, draw.node(&node.op, input, shape));
    }
    draw.tensors
}

/// A normalised picture, between -1 and 1: patches of colour, with noise upon them.
pub fn image(shape: Shape, seed: u64) -> Vec<f32> {
    /// Patches along each side.
    const PATCHES: usize = 4;
    let Shape { height, width, channels } = shape;
    let mut random = Random(seed);
    let patches: Vec<f64> =
        (0..PATCHES * PATCHES * channels).map(|_| random.between([-0.75, 0.75])).collect();
    let mut image = Vec::with_capacity(shape.len());
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let patch = y * PATCHES / height * PATCHES + x * PATCHES / width;
        image.extend((0..channels).map(|c| {
            let value = patches[patch * channels + c] + random.between([-0.25, 0.25]);
            value as f32
        }));
    }
    image
}

/// SplitMix64: 64 bits of state, one line, good enough.
struct Random(u64);

impl Random {
    fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        low + (high - low) * ((bits >> 11) as f64 / (1u64 << 53) as f64)
    }

    fn values(&mut self, len: usize, range: [f64; 2]) -> Vec<f64> {
        (0..len).map(|_| self.between(range)).collect()
    }
}

/// What is expected of the values of each channel.
#[derive(Clone)]
struct Channels {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Channels {
    fn image(channels: usize) -> Self {
        Channels { mean: vec![0.0; channels], variance: vec![0.25; channels] }
    }

    fn normalised(beta: &[f32], gamma: &[f32]) -> Self {
        let square = |&value: &f32| f64::from(value) * f64::from(value);
        let mean = beta.iter().map(|&value| f64::from(value)).collect();
        Channels { mean, variance: gamma.iter().map(square).collect() }
    }

    /// After a clamp, if they were normally distributed before.
    fn clamped(self, activation: Activation) -> Self {
        if activation == Activation::Linear {
            return self;
        }
        let [low, high] = activation.bounds().map(f64::from);
        let moments = |(&mean, &variance): (&f64, &f64)| {
            let spread = variance.sqrt();
            let values = NORMAL.iter().flat_map(|&x| [-x, x]).map(|x| (mean + spread * x).max(low).min(high));
            let [sum, squares] = values.fold([0.0, 0.0], |[sum, squares], v| [sum + v, squares + v * v]);
            let count = 2.0 * NORMAL.len() as f64;
            (sum / count, squares / count - sum * sum / (count * count))
        };
        let (mean, variance) = self.mean.iter().zip(&self.variance).map(moments).unzip();
        Channels { mean, variance }
    }

    /// After a mean over so many pixels. Neighbours are alike: they count as the square root of their number.
    fn pooled(mut self, pixels: usize) -> Self {
        self.variance.iter_mut().for_each(|variance| *variance /= (pixels as f64).sqrt());
        self
    }
}

/// A graph's parameters, as they are drawn.
struct Draw {
    random: Random,
    layers: HashMap<String, Expected>,
    tensors: Tensors,
}

impl Draw {
    /// Draws what a node computes with; gives what is expected of its result.
    fn node(&mut self, op: &Op, input: Channels, shape: Shape) -> Channels {
        match op {
            Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => {
                self.layer(&conv.params, &input).clamped(conv.activation)
            }
            Op::Separable { depthwise, pointwise } => {
                let middle = self.layer(&depthwise.params, &input).clamped(depthwise.activation);
                self.layer(&pointwise.params, &middle).clamped(pointwise.activation)
            }
            Op::BatchNorm(batchnorm) => self.normalised(&batchnorm.layer).unwrap_or(input),
            Op::FullyConnected(params) => self.layer(params, &input),
            Op::Activation(activation) => input.clamped(*activation),
            Op::GlobalAveragePool => input.pooled(shape.height * shape.width),
            Op::Input | Op::Softmax | Op::Dropout => input,
        }
    }

    /// Draws a layer; gives its result, normalised where its batch normalisation is folded in.
    fn layer(&mut self, params: &Params, input: &Channels) -> Channels {
        let Some(expected) = self.layers.get(&params.layer) else { return input.clone() };
        let outputs = expected.kernel.last().copied().unwrap_or(0);
        let len: usize = expected.kernel.iter().product();
        // Variance 1 / fan-in.
        let bound = (3.0 * outputs as f64 / len as f64).sqrt();
        let kernel = self.random.values(len, [-bound, bound]);
        let sums = sums(&kernel, expected, input);
        let gamma = self.random.values(outputs, if expected.kind == Kind::Dense { LOGITS } else { GAMMA });
        let beta = self.random.values(outputs, BETA);
        let drawn = Drawn { kernel, gamma, beta };
        let parameters =
            if expected.batchnorm { drawn.beside(expected, &sums) } else { drawn.within(expected, &sums) };
        let normalised = parameters.batchnorm.is_none() || params.folded.is_some();
        let result = Channels::normalised(&narrow(&drawn.beta), &narrow(&drawn.gamma));
        self.tensors.insert(params.layer.clone(), parameters);
        if normalised { result } else { sums }
    }

    /// The result of a layer's batch normalisation.
    fn normalised(&self, layer: &str) -> Option<Channels> {
        let batchnorm = self.tensors.get(layer)?.batchnorm.as_ref()?;
        Some(Channels::normalised(&batchnorm.beta, &batchnorm.gamma))
    }
}

/// What is expected of the sums that a kernel makes of its input.
fn sums(kernel: &[f64], layer: &Expected, input: &Channels) -> Channels {
    let outputs = layer.kernel.last().copied().unwrap_or(0);
    let depthwise = layer.kind == Kind::Depthwise;
    let mut sums = Channels { mean: vec![0.0; outputs], variance: vec![0.0; outputs] };
    let mut taps = vec![0.0; outputs];
    for (i, weight) in kernel.iter().enumerate() {
        let to = i % outputs;
        let from = if depthwise { to } else { i / outputs % input.mean.len() };
        sums.mean[to] += weight * input.mean[from];
        sums.variance[to] += weight * weight * input.variance[from];
        taps[to] += weight;
    }
    if depthwise {
        for (c, taps) in taps.iter().enumerate() {
            sums.variance[c] += MISJUDGED * taps * taps * input.variance[c];
        }
    }
    sums
}

/// A layer's random values, to be normalised by the sums that they make.
struct Drawn {
    kernel: Vec<f64>,
    gamma: Vec<f64>,
    beta: Vec<f64>,
}

impl Drawn {
    /// With the normalisation as statistics of their own.
    fn beside(&self, layer: &Expected, sums: &Channels) -> Parameters {
        let batchnorm = BatchNorm {
            gamma: narrow(&self.gamma),
            beta: narrow(&self.beta),
            mean: narrow(&sums.mean),
            variance: narrow(&sums.variance),
            epsilon: None,
        };
        let kernel = Tensor { shape: layer.kernel.clone(), data: narrow(&self.kernel) };
        Parameters { kernel, bias: None, batchnorm: Some(batchnorm) }
    }

    /// With the normalisation in kernel and bias.
    fn within(&self, layer: &Expected, sums: &Channels) -> Parameters {
        let scale: Vec<f64> =
            self.gamma.iter().zip(&sums.variance).map(|(gamma, variance)| gamma / variance.sqrt()).collect();
        let kernel = self.kernel.iter().enumerate().map(|(i, w)| (w * scale[i % scale.len()]) as f32);
        let bias = (0..scale.len()).map(|c| (self.beta[c] - sums.mean[c] * scale[c]) as f32);
        let kernel = Tensor { shape: layer.kernel.clone(), data: kernel.collect() };
        Parameters { kernel, bias: Some(bias.collect()), batchnorm: None }
    }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}
