//! The oracle of quantised networks: the graph, node by node, with the obvious loops over bytes.

use std::collections::HashMap;

use mobilenet_kernels::fixed::Factor;
use mobilenet_kernels::layout::Window;
use mobilenet_kernels::reference::Sizes;
use mobilenet_kernels::reference::quantised::{self as reference, Bytes};
use sha2::{Digest, Sha256};

use crate::error::{Complaint, Result};
use crate::ir::{Conv, Graph, NodeId, Op, Pad, Params, Shape};
use crate::quantised::Quantised;
use crate::weights::{Affine, Integers, Pooling, QuantisedLayer};

/// The bytes that a layer gives.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedValue {
    /// The layer's name; each half of a separable block has its own.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// (height, width, channels), bytes of the network's type.
    pub data: Vec<i16>,
}

/// A graph with its integer parameters, ready to be walked.
///
/// Batch normalisations and clamps that stand alone, before the passes have run, compute nothing: the file has them in
/// the convolution before them.
pub struct QuantisedReference<'g> {
    graph: &'g Graph,
    quantised: &'g Quantised,
}

/// What is expected of a layer: its operator, and the hash of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedValue {
    /// The operator, as TensorFlow Lite calls it.
    pub op: String,
    /// The hash, as of [`QuantisedValue::sha256_16`].
    pub sha256_16: String,
}

type Loops = fn(&Sizes, &Window, Bytes<'_>, Bytes<'_>, &mut [i32]);

impl QuantisedValue {
    /// The first 16 hexadecimal digits of the SHA-256 of the bytes: what expected outputs are compared by.
    pub fn sha256_16(&self) -> String {
        // The lower byte of either type is the byte as it lies in memory.
        let bytes: Vec<u8> = self.data.iter().map(|&value| value as u8).collect();
        Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The first layer that does not give what is expected of it, if there is one; `values` begin with the input, which nothing
/// is expected of. Operators that only reshape are passed over, and so are expectations beyond the last value.
pub fn first_difference<'v>(
    values: &'v [QuantisedValue],
    expected: &[ExpectedValue],
) -> Option<&'v QuantisedValue> {
    let expected = expected.iter().filter(|expected| expected.op != "RESHAPE" && expected.op != "SQUEEZE");
    let mut pairs = values.iter().skip(1).zip(expected);
    pairs.find(|(value, expected)| value.sha256_16() != expected.sha256_16).map(|(value, _)| value)
}

impl<'g> QuantisedReference<'g> {
    /// A graph and the integer parameters of its layers.
    pub fn new(graph: &'g Graph, quantised: &'g Quantised) -> Self {
        QuantisedReference { graph, quantised }
    }

    /// Runs the network on the bytes of a photo, and gives what every layer computes, in order; the last is the result.
    ///
    /// # Errors
    ///
    /// Where the photo has another size, or a layer has no parameters.
    pub fn values(&self, pixels: &[u8]) -> Result<Vec<QuantisedValue>> {
        let mut values: Vec<QuantisedValue> = Vec::new();
        let mut index: HashMap<NodeId, usize> = HashMap::new();
        for id in self.graph.ids() {
            let node = self.graph.node(id);
            let input = self.graph.operand(id).and_then(|operand| index.get(&operand).copied());
            match (&node.op, input) {
                (Op::Input, _) if pixels.len() == node.shape.len() => {
                    let data = self.quantised.from_pixels(pixels);
                    values.push(QuantisedValue { name: node.name.clone(), shape: node.shape, data });
                }
                (Op::Input, _) => {
                    let (found, shape) = (pixels.len(), node.shape);
                    let message = format!("the input has {found} bytes, the network takes {shape}");
                    return Err(Complaint::new(message).into());
                }
                (_, None) => return Err(Complaint::new(format!("`{}` has no input", node.name)).into()),
                (Op::BatchNorm(_) | Op::Activation(_) | Op::Dropout, Some(input)) => {
                    index.insert(id, input);
                    continue;
                }
                (op, Some(input)) => {
                    let computed = self.node(&node.name, op, &values[input], node.shape)?;
                    values.extend(computed);
                }
            }
            index.insert(id, values.len() - 1);
        }
        Ok(values)
    }

    /// Runs the network and gives its result.
    ///
    /// # Errors
    ///
    /// As [`values`](Self::values).
    pub fn run(&self, pixels: &[u8]) -> Result<Vec<i16>> {
        Ok(self.values(pixels)?.pop().map_or_else(Vec::new, |value| value.data))
    }

    /// What a node computes: two values for a separable block, one for any other.
    fn node(&self, name: &str, op: &Op, input: &QuantisedValue, shape: Shape) -> Result<Vec<QuantisedValue>> {
        let value = |data| QuantisedValue { name: name.to_string(), shape, data };
        Ok(match op {
            Op::Conv(conv) | Op::Pointwise(conv) => vec![self.conv(conv, input, shape, reference::conv)?],
            Op::Depthwise(conv) => vec![self.conv(conv, input, shape, reference::depthwise)?],
            Op::Separable { depthwise, pointwise } => {
                let middle = Shape { channels: input.shape.channels, ..shape };
                let first = self.conv(depthwise, input, middle, reference::depthwise)?;
                let second = self.conv(pointwise, &first, shape, reference::conv)?;
                vec![first, second]
            }
            Op::FullyConnected(params) => {
                let window = Window::new(1, 1, [0, 0]);
                vec![self.product(params, &window, input, shape, reference::conv)?]
            }
            Op::GlobalAveragePool => {
                let mut data = vec![0; shape.channels];
                match self.quantised.pooling {
                    Pooling::Average => reference::pool(&input.data, shape.channels, &mut data),
                    Pooling::Mean { from, to } => {
                        mean(&input.data, from, to, self.quantised.integers, &mut data)?;
                    }
                }
                vec![value(data)]
            }
            Op::Softmax => vec![value(self.quantised.probabilities(&input.data))],
            Op::Input | Op::BatchNorm(_) | Op::Activation(_) | Op::Dropout => vec![],
        })
    }

    fn conv(&self, conv: &Conv, input: &QuantisedValue, to: Shape, loops: Loops) -> Result<QuantisedValue> {
        let Pad { top, left, .. } = conv.pad;
        self.product(&conv.params, &Window::new(conv.size, conv.stride, [top, left]), input, to, loops)
    }

    fn product(
        &self,
        params: &Params,
        window: &Window,
        input: &QuantisedValue,
        to: Shape,
        loops: Loops,
    ) -> Result<QuantisedValue> {
        let layer = self.quantised.layer(&params.layer)?;
        let sizes = Sizes { input: input.shape.array(), output: to.array() };
        let QuantisedLayer { kernel, kernel_zero, bias, factors, input: from, output, clamp } = layer;
        let mut sums: Vec<i32> = (0..to.height * to.width).flat_map(|_| bias.iter().copied()).collect();
        let values = Bytes { values: &input.data, zero: from.zero };
        loops(&sizes, window, values, Bytes { values: &kernel.data, zero: *kernel_zero }, &mut sums);
        let mut data = vec![0; sums.len()];
        reference::requantise(&sums, factors, output.zero, *clamp, &mut data);
        Ok(QuantisedValue { name: params.layer.clone(), shape: to, data })
    }
}

/// TensorFlow Lite's MEAN: division and change of scale as one multiplication.
fn mean(input: &[i16], from: Affine, to: Affine, integers: Integers, out: &mut [i16]) -> Result<()> {
    let channels = out.len();
    let pixels = input.len() / channels;
    let fault = || Complaint::new(format!("no factor divides by {pixels} pixels"));
    let factor = Pooling::factor(from, to, pixels).ok_or_else(fault)?;
    let sum = |c| input.iter().skip(c).step_by(channels).map(|&x| i32::from(x) - from.zero).sum();
    let sums: Vec<i32> = (0..channels).map(sum).collect();
    reference::requantise(&sums, &vec![Factor::Fixed(factor); channels], to.zero, integers.range(), out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of LiteRT 2.3.0's reference kernel.
    #[test]
    fn means_of_another_scale() {
        use Integers::{I8, U8};
        for (integers, [height, width], from, to, expected) in [
            (
                I8,
                [7, 7],
                (0.023_529_412, -128),
                (0.018, -128),
                [-88, -67, -43, -24, -3, 17, 38, 60, 82, 98, 121, 127],
            ),
            (I8, [4, 4], (0.05, -10), (0.05, -10), [-100, -81, -68, -47, -30, -19, -4, 13, 30, 47, 67, 77]),
            (
                U8,
                [6, 6],
                (0.04, 3),
                (0.03, 100),
                [138, 160, 180, 201, 225, 245, 255, 255, 255, 255, 255, 255],
            ),
            (
                I8,
                [3, 5],
                (0.1, 5),
                (0.007, 0),
                [-128, -128, -128, -128, -128, -128, -128, 121, 127, 127, 127, 127],
            ),
            (U8, [8, 8], (0.01, 128), (0.02, 7), [0, 0, 0, 0, 0, 0, 7, 15, 22, 30, 39, 47]),
            (
                I8,
                [1, 1],
                (0.03, -128),
                (0.017, -100),
                [-100, 22, 31, 39, 48, 57, 127, 127, 127, 127, 127, 127],
            ),
        ] {
            let [from, to] = [from, to].map(|(scale, zero)| Affine { scale, zero });
            let [least, greatest] = integers.range();
            let byte = |(i, c): (i32, i32)| {
                ((i * 7 + c * 53 + i * c % 5) % 64 + c * 16 + least).min(greatest) as i16
            };
            let places = (0..height * width).flat_map(|i| (0..12).map(move |c| (i, c)));
            let mut found = [0; 12];
            mean(&places.map(byte).collect::<Vec<_>>(), from, to, integers, &mut found).unwrap();
            assert_eq!(found, expected, "{height}x{width}, {from:?} to {to:?}");
        }
    }
}
