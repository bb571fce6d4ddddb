//! The oracle: the graph, node by node, with the obvious loops over interleaved maps.

use std::collections::HashMap;

use mobilenet_kernels::layout::{Storage, Window};
use mobilenet_kernels::reference::{self, Sizes};

use crate::error::{Complaint, Result};
use crate::family::Activation;
use crate::ir::{Conv, Graph, NodeId, Op, Params, Shape};
use crate::pack::{self, Folded, Tensors};
use crate::settings::Stored;

/// The value of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The node's name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// (height, width, channels).
    pub data: Vec<f32>,
}

/// A graph with its weights, ready to be walked.
pub struct Reference<'g> {
    graph: &'g Graph,
    tensors: &'g Tensors,
    stored: Stored,
}

impl<'g> Reference<'g> {
    /// A graph and the weights of its layers.
    pub fn new(graph: &'g Graph, tensors: &'g Tensors) -> Self {
        Reference { graph, tensors, stored: Stored::default() }
    }

    /// The same, with numbers rounded wherever a plan rounds them whose weights are stored like this.
    pub fn rounded(self, stored: Stored) -> Self {
        Reference { stored, ..self }
    }

    /// Runs the network on a normalised image, and gives the value of every node in order; the last is the result.
    ///
    /// # Errors
    ///
    /// Where the image has another size, or a layer has no weights.
    pub fn values(&self, image: &[f32]) -> Result<Vec<Value>> {
        let mut values: Vec<Value> = Vec::new();
        let mut index: HashMap<NodeId, usize> = HashMap::new();
        for id in self.graph.ids() {
            let node = self.graph.node(id);
            let input = self.graph.operand(id).and_then(|operand| index.get(&operand)).map(|&i| &values[i]);
            let data = match (&node.op, input) {
                (Op::Input, _) if image.len() == node.shape.len() => image.to_vec(),
                (Op::Input, _) => {
                    let (found, shape) = (image.len(), node.shape);
                    let message = format!("the input has {found} values, the network takes {shape}");
                    return Err(Complaint::new(message).into());
                }
                (_, None) => return Err(Complaint::new(format!("`{}` has no input", node.name)).into()),
                (op, Some(input)) => self.node(op, input, node.shape)?,
            };
            index.insert(id, values.len());
            values.push(Value { name: node.name.clone(), shape: node.shape, data });
        }
        Ok(values)
    }

    /// What the layer of a name makes of that input.
    ///
    /// # Errors
    ///
    /// Where there is no such layer, or it has no weights.
    pub fn layer(&self, name: &str, input: &[f32]) -> Result<Vec<f32>> {
        let found = self.graph.ids().find(|&id| self.graph.node(id).name == name);
        let before = found.and_then(|id| Some((id, self.graph.operand(id)?)));
        let Some((id, operand)) = before else {
            return Err(Complaint::new(format!("there is no layer `{name}`")).into());
        };
        let (node, from) = (self.graph.node(id), self.graph.node(operand));
        let input = Value { name: from.name.clone(), shape: from.shape, data: input.to_vec() };
        self.node(&node.op, &input, node.shape)
    }

    /// Runs the network and gives its result.
    ///
    /// # Errors
    ///
    /// As [`values`](Self::values).
    pub fn run(&self, image: &[f32]) -> Result<Vec<f32>> {
        Ok(self.values(image)?.pop().map_or_else(Vec::new, |value| value.data))
    }

    fn node(&self, op: &Op, input: &Value, shape: Shape) -> Result<Vec<f32>> {
        Ok(match op {
            Op::Conv(conv) | Op::Pointwise(conv) => {
                self.conv(conv, Storage::F32, &input.data, input.shape, shape, reference::conv)?
            }
            Op::Depthwise(conv) => {
                self.conv(conv, Storage::F32, &input.data, input.shape, shape, reference::depthwise)?
            }
            Op::Separable { depthwise, pointwise } => {
                let middle = Shape { channels: input.shape.channels, ..shape };
                let loops = reference::depthwise;
                let mut values =
                    self.conv(depthwise, Storage::F32, &input.data, input.shape, middle, loops)?;
                reference::round(&mut values, self.stored.blocks);
                self.conv(pointwise, self.stored.blocks, &values, middle, shape, reference::conv)?
            }
            Op::BatchNorm(batchnorm) => {
                let (scale, shift) = pack::scale_and_shift(batchnorm, self.tensors)?;
                let mut data = input.data.clone();
                reference::batchnorm(&mut data, &scale, &shift);
                data
            }
            Op::Activation(activation) => {
                let [low, high] = activation.bounds();
                input.data.iter().map(|x| x.max(low).min(high)).collect()
            }
            Op::GlobalAveragePool => {
                let mut data = vec![0.0; shape.channels];
                reference::pool(&input.data, shape.channels, &mut data);
                data
            }
            Op::FullyConnected(params) => self.fully_connected(params, input, shape)?,
            Op::Softmax => softmax(&input.data),
            Op::Dropout | Op::Input => input.data.clone(),
        })
    }

    fn conv(
        &self,
        conv: &Conv,
        storage: Storage,
        input: &[f32],
        from: Shape,
        to: Shape,
        kernel: impl Fn(&Sizes, &Window, &[f32], &[f32], &mut [f64]),
    ) -> Result<Vec<f32>> {
        let mut weights = pack::folded(&conv.params, self.tensors)?;
        reference::round(&mut weights.kernel, storage);
        let window = Window { size: conv.size, stride: conv.stride, top: conv.pad.top, left: conv.pad.left };
        let sizes = Sizes { input: from.array(), output: to.array() };
        let mut sums = bias(&weights, to);
        kernel(&sizes, &window, input, &weights.kernel, &mut sums);
        Ok(clamp(&sums, conv.activation))
    }

    fn fully_connected(&self, params: &Params, input: &Value, shape: Shape) -> Result<Vec<f32>> {
        let mut weights = pack::folded(params, self.tensors)?;
        reference::round(&mut weights.kernel, self.stored.classifier);
        let window = Window { size: 1, stride: 1, top: 0, left: 0 };
        let sizes = Sizes { input: input.shape.array(), output: shape.array() };
        let mut sums = bias(&weights, shape);
        reference::conv(&sizes, &window, &input.data, &weights.kernel, &mut sums);
        Ok(clamp(&sums, Activation::Linear))
    }
}

fn bias(weights: &Folded, shape: Shape) -> Vec<f64> {
    let pixels = shape.height * shape.width;
    (0..pixels).flat_map(|_| weights.bias.iter().map(|&b| f64::from(b))).collect()
}

fn clamp(sums: &[f64], activation: Activation) -> Vec<f32> {
    let mut data = vec![0.0; sums.len()];
    reference::clamp(sums, activation.bounds(), &mut data);
    data
}

/// Softmax, in f64.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&x| f64::from(x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| (power / sum) as f32).collect()
}
