//! Random networks of bytes: the same parameters, quantised as converters do it.

use std::collections::HashMap;

use mobilenet_kernels::fixed::{self, Factor, Multiplier};

use super::Random;
use crate::error::{Complaint, Result};
use crate::family::Activation;
use crate::ir::{Graph, Op, Params};
use crate::pack::{self, Folded, Tensors};
use crate::quantised::Quantised;
use crate::weights::{Affine, Integers, Pooling, QuantisedLayer, Tensor};

/// The largest number of a map: ranges that were measured are rarely those of a clamp.
const REACH: [f64; 2] = [4.0, 8.0];
/// How far the byte that stands for 0 is above the least, after a clamp.
const ZERO: [f64; 2] = [0.0, 9.0];
/// The steps of a mean as a share of those of what it is made of.
const FINER: [f64; 2] = [0.5, 1.0];
/// The largest score, either way.
const SCORES: f32 = 8.0;

/// Integer parameters for every layer of a graph whose passes have run: unsigned ones are scaled by tensor and have a zero
/// point; signed ones are scaled by channel, their mean has a scale of its own, and their classifier computes with doubles.
///
/// # Errors
///
/// Where batch normalisations are not folded.
pub fn quantised(graph: &Graph, seed: u64, integers: Integers) -> Result<Quantised> {
    let tensors = super::tensors(graph, seed);
    let [least, _] = integers.range();
    // Pictures reach from -1 to 1.
    let input = Affine { scale: 1.0 / 128.0, zero: least + 128 };
    let random = Random(seed);
    let pooling = Pooling::Average;
    let mut quantising =
        Quantising { random, tensors, integers, last: input, layers: HashMap::new(), pooling };
    for id in graph.ids() {
        match &graph.node(id).op {
            Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => {
                quantising.layer(&conv.params, Some(conv.activation))?;
            }
            Op::Separable { depthwise, pointwise } => {
                quantising.layer(&depthwise.params, Some(depthwise.activation))?;
                quantising.layer(&pointwise.params, Some(pointwise.activation))?;
            }
            Op::FullyConnected(params) => quantising.layer(params, None)?,
            Op::GlobalAveragePool if integers == Integers::I8 => quantising.mean(),
            Op::BatchNorm(_) => return Err(Complaint::new("batch normalisations are folded first").into()),
            _ => {}
        }
    }
    let Quantising { last: scores, layers, pooling, .. } = quantising;
    let output = Affine { scale: 1.0 / 256.0, zero: least };
    let softmax = fixed::Softmax::new(scores.scale, 1.0);
    Ok(Quantised { integers, input, scores, output, layers, pooling, softmax })
}

/// A graph whose layers have been quantised up to some point.
struct Quantising {
    random: Random,
    tensors: Tensors,
    integers: Integers,
    /// What the last map stands for.
    last: Affine,
    layers: HashMap<String, QuantisedLayer>,
    pooling: Pooling,
}

impl Quantising {
    /// A convolution with its activation; the classifier has none.
    fn layer(&mut self, params: &Params, activation: Option<Activation>) -> Result<()> {
        let Folded { kernel, bias } = pack::folded(params, &self.tensors)?;
        let [least, greatest] = self.integers.range();
        let output = self.output(activation);
        let [low, high] = activation.unwrap_or(Activation::Linear).bounds();
        let byte = |bound: f32| (bound / output.scale).round() + output.zero as f32;
        let bound = |bound: f32| byte(bound).clamp(least as f32, greatest as f32) as i32;
        let clamp = [low, high].map(bound);
        let (input, outputs) = (self.last, bias.len());
        let (scales, kernel_zero) = match self.integers {
            Integers::U8 => by_tensor(&kernel, outputs),
            Integers::I8 => (by_channel(&kernel, outputs), 0),
        };
        let byte = |(i, &w): (usize, &f32)| {
            let byte = (w / scales[i % outputs]).round() as i32 + kernel_zero;
            byte.clamp(least, greatest) as i16
        };
        let kernel: Vec<i16> = kernel.iter().enumerate().map(byte).collect();
        let shape = self.tensors.get(&params.layer).map_or_else(Vec::new, |layer| layer.kernel.shape.clone());
        let bias = (0..outputs).map(|c| (bias[c] / (input.scale * scales[c])).round() as i32).collect();
        let factor = |&scale: &f32| {
            let real = f64::from(input.scale) * f64::from(scale) / f64::from(output.scale);
            match (self.integers, activation) {
                (Integers::I8, None) => Factor::Double(real),
                _ => Factor::Fixed(Multiplier::new(real).unwrap_or(Multiplier::ZERO)),
            }
        };
        let factors = scales.iter().map(factor).collect();
        let kernel = Tensor { shape, data: kernel };
        let layer = QuantisedLayer { kernel, kernel_zero, bias, factors, input, output, clamp };
        self.layers.insert(params.layer.clone(), layer);
        self.last = output;
        Ok(())
    }

    /// A mean in steps that are smaller, as means are.
    fn mean(&mut self) {
        let from = self.last;
        let scale = from.scale * self.random.between(FINER) as f32;
        let to = Affine { scale, zero: from.zero + self.random.between(ZERO) as i32 };
        self.pooling = Pooling::Mean { from, to };
        self.last = to;
    }

    /// What the bytes that come out of a layer stand for.
    fn output(&mut self, activation: Option<Activation>) -> Affine {
        let [least, _] = self.integers.range();
        let reach = self.random.between(REACH) as f32;
        match activation {
            None => Affine { scale: SCORES / 128.0, zero: least + 128 },
            Some(Activation::Linear) => Affine { scale: reach / 128.0, zero: least + 128 },
            Some(_) => Affine { scale: reach / 250.0, zero: least + self.random.between(ZERO) as i32 },
        }
    }
}

/// One scale for all outputs, and the byte that stands for 0.
fn by_tensor(kernel: &[f32], outputs: usize) -> (Vec<f32>, i32) {
    let low = kernel.iter().fold(0.0f32, |low, &w| low.min(w));
    let high = kernel.iter().fold(0.0f32, |high, &w| high.max(w));
    let scale = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
    (vec![scale; outputs], (-low / scale).round() as i32)
}

/// A scale an output, so that its largest weight is 127.
fn by_channel(kernel: &[f32], outputs: usize) -> Vec<f32> {
    let mut largest = vec![f32::MIN_POSITIVE * 127.0; outputs];
    for (i, w) in kernel.iter().enumerate() {
        largest[i % outputs] = largest[i % outputs].max(w.abs());
    }
    largest.into_iter().map(|largest| largest / 127.0).collect()
}
