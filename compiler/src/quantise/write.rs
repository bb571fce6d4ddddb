//! Writing: a network of bytes as a TensorFlow Lite file, operator by operator.

use super::Quantiser;
use super::choose::{Layer, Network};
use super::flatbuffer::{Code, File, Scales, Tensor, Type, Value};
use crate::family::Activation;
use crate::ir::{Conv, Node, Op, Pad, Shape};
use crate::weights::{Affine, Integers};

const AVERAGE_POOL: Code = Code { number: 1, version: 2, options: 5 };
const CONV: Code = Code { number: 3, version: 3, options: 1 };
const DEPTHWISE: Code = Code { number: 4, version: 3, options: 2 };
const RESHAPE: Code = Code { number: 22, version: 1, options: 17 };
const SOFTMAX: Code = Code { number: 25, version: 2, options: 9 };
const PAD: Code = Code { number: 34, version: 2, options: 22 };

/// The numbers of paddings.
const SAME: i8 = 0;
const VALID: i8 = 1;

/// The map that the next operator takes.
struct At {
    tensor: Tensor,
    shape: Shape,
    affine: Affine,
}

struct Writer<'q> {
    file: File,
    prefix: &'q str,
}

impl Quantiser<'_> {
    /// A network of bytes as a TensorFlow Lite file. The same network gives the same bytes.
    pub fn file(&self, network: &Network) -> Vec<u8> {
        let mut writer = Writer { file: File::new(), prefix: self.prefix };
        let mut input = None;
        let mut at = None;
        for (id, (map, layer)) in self.graph.ids().zip(network.maps.iter().zip(&network.layers)) {
            let node = self.graph.node(id);
            let next = match (at, layer) {
                (Some(at), Some(layer)) => writer.layer(node, layer, at, map.affine),
                (Some(at), None) => writer.pool(node, at),
                (None, _) => writer.map(&node.name, node.shape, map.affine),
            };
            input = input.or(Some(next.tensor));
            at = Some(next);
        }
        let output = at.map_or(0, |at| writer.scores(&at, self.softmax));
        writer.file.finish(&self.graph.name, input.unwrap_or(0), output)
    }
}

impl Writer<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn map(&mut self, name: &str, shape: Shape, affine: Affine) -> At {
        let tensor = self.file.map(&self.name(name), &extents(shape), affine);
        At { tensor, shape, affine }
    }

    /// A convolution of any kind. The classifier is a 1x1 convolution: those are scaled by channel in every version of
    /// TensorFlow Lite, dense layers only in newer ones.
    fn layer(&mut self, node: &Node, layer: &Layer, at: At, output: Affine) -> At {
        let (at, padding, stride, activation) = match &node.op {
            Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => {
                let (at, padding) = self.padded(node, conv, at);
                (at, padding, conv.stride, conv.activation)
            }
            _ => (at, VALID, 1, Activation::Linear),
        };
        let depthwise = matches!(node.op, Op::Depthwise(_));
        let kernel = self.kernel(node, layer, depthwise);
        let bias = self.bias(node, layer, at.affine);
        let map = self.map(&node.name, node.shape, output);
        let stride = stride as i32;
        // Multipliers come before activations; dilations have 1 for a default.
        let multiplier = depthwise.then_some(Value::Int(1));
        let activation = Value::Byte(match activation {
            Activation::Relu => 1,
            Activation::Relu6 => 3,
            Activation::Linear | Activation::Clamp(..) => 0,
        });
        let options = [Value::Byte(padding), Value::Int(stride), Value::Int(stride)].into_iter();
        let options: Vec<_> = options.chain(multiplier).chain([activation]).enumerate().collect();
        let code = if depthwise { DEPTHWISE } else { CONV };
        self.file.operator(code, &[at.tensor, kernel, bias], map.tensor, &options);
        map
    }

    /// Kernels are (outputs, height, width, inputs), those of depthwise convolutions (1, height, width, channels).
    fn kernel(&mut self, node: &Node, layer: &Layer, depthwise: bool) -> Tensor {
        let outputs = layer.bias.len();
        let taps = layer.kernel.len() / outputs;
        let side = match &node.op {
            Op::Conv(conv) | Op::Depthwise(conv) => conv.size,
            _ => 1,
        };
        let at = |o: usize, tap: usize| layer.kernel[tap * outputs + o] as u8;
        let (shape, data): (_, Vec<u8>) = match depthwise {
            true => ([1, side, side, outputs], layer.kernel.iter().map(|&w| w as u8).collect()),
            false => (
                [outputs, side, side, taps / (side * side)],
                (0..outputs).flat_map(|o| (0..taps).map(move |tap| at(o, tap))).collect(),
            ),
        };
        let axis = if depthwise { 3 } else { 0 };
        let scales = Scales { scales: &layer.scales, zero: 0, axis };
        let name = self.name(&format!("{}/weights", node.name));
        self.file.constant(&name, &shape.map(|extent| extent as i32), Type::I8, &data, Some(&scales))
    }

    fn bias(&mut self, node: &Node, layer: &Layer, input: Affine) -> Tensor {
        let data: Vec<u8> = layer.bias.iter().flat_map(|bias| bias.to_le_bytes()).collect();
        let scales: Vec<f32> = layer.scales.iter().map(|scale| input.scale * scale).collect();
        let scales = Scales { scales: &scales, zero: 0, axis: 0 };
        let name = self.name(&format!("{}/bias", node.name));
        self.file.constant(&name, &[layer.bias.len() as i32], Type::I32, &data, Some(&scales))
    }

    /// The number of a convolution's padding, after an operator that pads where neither of the two kinds does.
    fn padded(&mut self, node: &Node, conv: &Conv, at: At) -> (At, i8) {
        let Pad { top, left, bottom, right } = conv.pad;
        match conv.pad {
            pad if pad == Pad::default() => return (at, VALID),
            pad if pad == Pad::same(conv.size, conv.stride, at.shape) => return (at, SAME),
            _ => {}
        }
        let pads = [0, 0, top, bottom, left, right, 0, 0].map(|extent| extent as i32);
        let data: Vec<u8> = pads.iter().flat_map(|extent| extent.to_le_bytes()).collect();
        let name = format!("{}/pad", node.name);
        let pads = self.name(&format!("{name}/paddings"));
        let pads = self.file.constant(&pads, &[4, 2], Type::I32, &data, None);
        let At { shape: Shape { height, width, channels }, affine, .. } = at;
        let shape = Shape::new(height + top + bottom, width + left + right, channels);
        let padded = self.map(&name, shape, affine);
        self.file.operator(PAD, &[at.tensor, pads], padded.tensor, &[]);
        (padded, VALID)
    }

    fn pool(&mut self, node: &Node, at: At) -> At {
        let map = self.map(&node.name, node.shape, at.affine);
        let (height, width) = (at.shape.height as i32, at.shape.width as i32);
        let options = [
            Value::Byte(VALID),
            Value::Int(width),
            Value::Int(height),
            Value::Int(width),
            Value::Int(height),
        ];
        let options: Vec<_> = options.into_iter().enumerate().collect();
        self.file.operator(AVERAGE_POOL, &[at.tensor], map.tensor, &options);
        map
    }

    /// Scores as a row, and their softmax.
    fn scores(&mut self, at: &At, softmax: bool) -> Tensor {
        let row = [1, at.shape.channels as i32];
        let scores = self.file.map(&self.name("scores"), &row, at.affine);
        self.file.operator(RESHAPE, &[at.tensor], scores, &[(0, Value::Ints(row.to_vec()))]);
        if !softmax {
            return scores;
        }
        let affine = Affine { scale: 1.0 / 256.0, zero: Integers::I8.range()[0] };
        let probabilities = self.file.map(&self.name("probabilities"), &row, affine);
        self.file.operator(SOFTMAX, &[scores], probabilities, &[(0, Value::Float(1.0))]);
        probabilities
    }
}

/// Extents of a map of one photo.
fn extents(shape: Shape) -> [i32; 4] {
    let [height, width, channels] = shape.array().map(|extent| extent as i32);
    [1, height, width, channels]
}
