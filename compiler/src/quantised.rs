//! The integer parameters of a graph's layers.
//!
//! They stand beside its [`Tensors`](crate::pack::Tensors): the same graph runs with floats or with bytes. Clamps are those
//! of the file, in bytes; what the graph says of them is true of the numbers that the bytes stand for.

use std::collections::HashMap;

use mobilenet_kernels::fixed;

use crate::bind::expected;
use crate::error::{Complaint, Result};
use crate::ir::Graph;
use crate::weights::{Affine, Integers, Pooling, QuantisedLayer, Weights};

/// The integer parameters of a network, by the names that the graph gives its layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// The type of its bytes.
    pub integers: Integers,
    /// The input.
    pub input: Affine,
    /// The scores before softmax.
    pub scores: Affine,
    /// The output: probabilities where there is a softmax, else the scores.
    pub output: Affine,
    /// The layers.
    pub layers: HashMap<String, QuantisedLayer>,
    /// How the pool rounds.
    pub pooling: Pooling,
    /// The softmax, where the file ends in one.
    pub softmax: Option<fixed::Softmax>,
}

impl Quantised {
    /// The integer parameters of every layer of a graph; None where the weights are floats.
    ///
    /// # Errors
    ///
    /// What keeps the weights from being bound, and their integers from being used.
    pub fn bind(graph: &Graph, weights: &Weights) -> Option<Result<Quantised>> {
        let quantised = weights.quantised.as_ref()?;
        Some(quantised.clone().and_then(|quantised| {
            let expected = expected(graph);
            weights.bind(&expected)?;
            let (scores, output) = (quantised.scores(), quantised.output());
            let softmax = quantised.softmax.map(|softmax| {
                let fault = || Complaint::new(format!("no softmax has scale {}", scores.scale));
                fixed::Softmax::new(scores.scale, softmax.beta).ok_or_else(fault)
            });
            // The file is a graph, and its layers have been found to be the graph's, one by one.
            let layers = expected.into_iter().map(|layer| layer.name).zip(quantised.layers).collect();
            Ok(Quantised {
                integers: quantised.integers,
                input: quantised.input,
                scores,
                output,
                layers,
                pooling: quantised.pooling,
                softmax: softmax.transpose()?,
            })
        }))
    }

    /// The parameters of a layer.
    ///
    /// # Errors
    ///
    /// There are none of that name.
    pub fn layer(&self, name: &str) -> Result<&QuantisedLayer> {
        let fault = || Complaint::new(format!("the weights have no layer `{name}`")).into();
        self.layers.get(name).ok_or_else(fault)
    }

    /// A photo's bytes as bytes of the network's type.
    pub fn from_pixels(&self, pixels: &[u8]) -> Vec<i16> {
        let least = self.integers.range()[0] as i16;
        pixels.iter().map(|&pixel| i16::from(pixel) + least).collect()
    }

    /// Numbers as the photo's bytes that stand for those nearest to them.
    pub fn pixels(&self, numbers: &[f32]) -> Vec<u8> {
        let Affine { scale, zero } = self.input;
        let first = (zero - self.integers.range()[0]) as f32;
        numbers.iter().map(|number| ((number / scale).round() + first).clamp(0.0, 255.0) as u8).collect()
    }

    /// The probabilities of scores; the scores themselves where the file ends in them.
    pub fn probabilities(&self, scores: &[i16]) -> Vec<i16> {
        let Some(softmax) = &self.softmax else { return scores.to_vec() };
        let least = self.integers.range()[0] as i16;
        let mut bytes: Vec<u8> = scores.iter().map(|&score| (score - least) as u8).collect();
        softmax.apply(&mut bytes);
        self.from_pixels(&bytes)
    }
}

impl Affine {
    /// The number that a byte stands for.
    pub fn number(self, byte: i16) -> f32 {
        (i32::from(byte) - self.zero) as f32 * self.scale
    }
}
