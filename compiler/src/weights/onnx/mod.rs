//! ONNX: the graph followed from its input, whatever its names: exporters fold batch norm, and rename or reorder
//! tensors, as they please.

mod integers;
mod proto;
mod values;

use std::collections::HashMap;
use std::path::Path;

use prost::Message;

use self::integers::Integers;
use self::proto::{Graph, Model, Node, Value};
use self::values::Values;
use super::borders::Border;
use super::chain::{Chain, Link};
use super::{BatchNorm, Kind, Role, TensorInfo, Weights};
use crate::error::{Complaint, Result};
use crate::family::{Activation, Family};

/// Reads a file; values may lie in files beside it, in `folder`.
pub(super) fn read(bytes: &[u8], folder: Option<&Path>) -> Result<Weights> {
    let model =
        Model::decode(bytes).map_err(|error| Complaint::new(format!("damaged ONNX file: {error}")))?;
    let graph = model.graph.ok_or_else(|| Complaint::new("an ONNX file without a graph"))?;
    let values = Values::new(&graph.initializer, &graph.node, folder);
    let integers = integers::fold(&graph.node, &values);
    let mut walk =
        Walk { values, integers, zeros: [0; 4], nhwc: false, channels_last: false, chain: Chain::new(None) };
    walk.follow(&graph)?;
    walk.finish(&graph)
}

/// A graph being followed.
struct Walk<'a> {
    values: Values<'a>,
    integers: HashMap<&'a str, Integers>,
    chain: Chain,
    /// Zeros that a padding node put around the map: top, left, bottom, right.
    zeros: [usize; 4],
    /// Whether the input has its channels last.
    nhwc: bool,
    /// Whether the map reached has its channels last.
    channels_last: bool,
}

impl<'a> Walk<'a> {
    /// From the input to the output.
    fn follow(&mut self, graph: &'a Graph) -> Result<()> {
        // Old files list constants among the inputs.
        let mut inputs = graph.input.iter().filter(|input| self.values.get(&input.name).is_none());
        let (Some(input), None) = (inputs.next(), inputs.next()) else {
            return Err(Complaint::new("it has not one input").into());
        };
        let mut takers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in graph.node.iter().filter(|node| node.op_type != "Shape") {
            for name in &node.input {
                takers.entry(name).or_default().push(node);
            }
        }
        let mut at = input.name.as_str();
        for _ in 0..=graph.node.len() {
            let node = match takers.get(at).map(Vec::as_slice) {
                Some(&[node]) => node,
                None if graph.output.iter().any(|output| output.name == at) => return Ok(()),
                _ => return Err(Complaint::new(format!("the graph branches or ends at `{at}`")).into()),
            };
            if at == input.name {
                self.begin(input, node);
            }
            self.step(node, at)?;
            at = node.output.first().ok_or_else(|| Complaint::new("a node without output"))?;
        }
        Err(Complaint::new("the graph runs in a circle").into())
    }

    /// The input's shape; its layout follows from what happens to it first.
    fn begin(&mut self, input: &Value, first: &Node) {
        self.nhwc = first.op_type == "Transpose" && first.ints("perm") == Some(&[0, 3, 1, 2]);
        let shape = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref()?.shape.as_ref());
        let extents: Vec<_> =
            shape.iter().flat_map(|shape| &shape.dim).map(|dim| usize::try_from(dim.value)).collect();
        self.chain = Chain::new(match (extents.as_slice(), self.nhwc) {
            (&[_, Ok(height), Ok(width), _], true) | (&[_, _, Ok(height), Ok(width)], false) => {
                Some([height, width])
            }
            _ => None,
        });
    }

    fn step(&mut self, node: &'a Node, at: &str) -> Result<()> {
        let pooled = self.chain.pooled();
        match node.op_type.as_str() {
            "Conv" => self.convolution(node),
            "Gemm" | "MatMul" => self.dense(node),
            "BatchNormalization" => self.batchnorm(node),
            "Mul" => {
                let name = beside(node, at)?;
                self.chain.scale(self.values.floats(name)?.data, name)
            }
            "Add" => {
                let name = beside(node, at)?;
                self.chain.shift(self.values.floats(name)?.data, name)
            }
            "Relu" => self.chain.clamp(Activation::Relu),
            "Clip" => self.clip(node),
            "Pad" => self.pad(node),
            "GlobalAveragePool" => self.chain.pool(None),
            "AveragePool" => match node.ints("kernel_shape") {
                Some(&[height, width]) => {
                    self.chain.pool(Some([height, width].map(|side| side.max(0) as usize)))
                }
                _ => Err(fault(node, "has no kernel shape")),
            },
            "ReduceMean" => self.mean(node),
            "Transpose" => self.transpose(node),
            "Identity" | "Dropout" => Ok(()),
            "Flatten" | "Reshape" | "Squeeze" | "Softmax" if pooled => Ok(()),
            other => Err(fault(node, &format!("{other} has no place in a MobileNet v1"))),
        }
    }

    fn convolution(&mut self, node: &'a Node) -> Result<()> {
        let name = node.operand(1).ok_or_else(|| fault(node, "has no kernel"))?;
        let kernel = self.values.floats(name)?;
        if node.ints("dilations").is_some_and(|dilations| dilations.iter().any(|&dilation| dilation != 1)) {
            return Err(fault(node, "is dilated"));
        }
        let stride = match node.ints("strides") {
            None => 1,
            Some(&[down, across]) if down == across && down > 0 => down as usize,
            Some(_) => return Err(fault(node, "has different strides down and across")),
        };
        let group = node.int("group", 1);
        let (kind, kernel) = match kernel.shape.as_slice() {
            &[outputs, inputs, 1, 1] if group == 1 => {
                (Kind::Pointwise, kernel.reshaped(vec![outputs, inputs]).transposed(&[1, 0]))
            }
            [_, _, _, _] if group == 1 => (Kind::Conv, kernel.transposed(&[2, 3, 1, 0])),
            &[outputs, 1, _, _] if usize::try_from(group) == Ok(outputs) => {
                (Kind::Depthwise, kernel.transposed(&[2, 3, 0]))
            }
            shape => return Err(fault(node, &format!("has a kernel of shape {shape:?} in {group} groups"))),
        };
        let border = self.border(node)?;
        self.push(node, name, Link { stride, border, ..link(kind, kernel) })
    }

    /// The border of a convolution, together with that of a padding node before it.
    fn border(&mut self, node: &Node) -> Result<Border> {
        let before = std::mem::take(&mut self.zeros);
        match node.string("auto_pad") {
            None | Some(b"" | b"NOTSET" | b"VALID") => {}
            Some(b"SAME_UPPER") if before == [0; 4] => return Ok(Border::Same),
            Some(_) => return Err(fault(node, "is padded in an unusual way")),
        }
        let pads: Vec<usize> = node
            .ints("pads")
            .unwrap_or(&[0; 4])
            .iter()
            .map(|&pad| usize::try_from(pad).unwrap_or(usize::MAX))
            .collect();
        let pads = <[usize; 4]>::try_from(pads).map_err(|_| fault(node, "has not four paddings"))?;
        Ok(Border::Explicit(std::array::from_fn(|i| pads[i].saturating_add(before[i]))))
    }

    fn dense(&mut self, node: &'a Node) -> Result<()> {
        let name = node.operand(1).ok_or_else(|| fault(node, "has no kernel"))?;
        let kernel = self.values.floats(name)?;
        let plain = |name| node.float(name).is_none_or(|factor| factor == 1.0);
        if kernel.shape.len() != 2 || node.int("transA", 0) != 0 || !plain("alpha") || !plain("beta") {
            return Err(fault(node, "is no dense layer"));
        }
        let kernel = if node.int("transB", 0) == 1 { kernel.transposed(&[1, 0]) } else { kernel };
        self.push(node, name, link(Kind::Dense, kernel))
    }

    /// Adds a layer, with its names and its bias.
    fn push(&mut self, node: &'a Node, name: &str, link: Link) -> Result<()> {
        let mut tensors = vec![(Role::Kernel, name.to_owned())];
        let bias = match node.operand(2) {
            None => None,
            Some(name) => {
                tensors.push((Role::Bias, name.to_owned()));
                Some(self.values.floats(name)?.data)
            }
        };
        self.chain.push(Link { name: name.to_owned(), bias, tensors, ..link })
    }

    fn batchnorm(&mut self, node: &'a Node) -> Result<()> {
        let mut tensors = Vec::new();
        let mut operand = |i: usize, role| -> Result<Vec<f32>> {
            let name = node.operand(i).ok_or_else(|| fault(node, "lacks an operand"))?;
            tensors.push((role, name.to_owned()));
            Ok(self.values.floats(name)?.data)
        };
        let norm = BatchNorm {
            gamma: operand(1, Role::Gamma)?,
            beta: operand(2, Role::Beta)?,
            mean: operand(3, Role::Mean)?,
            variance: operand(4, Role::Variance)?,
            epsilon: Some(decimal(node.float("epsilon").unwrap_or(1e-5))),
        };
        self.chain.batchnorm(norm, tensors)
    }

    /// Bounds are attributes in old files, operands in newer ones.
    fn clip(&mut self, node: &'a Node) -> Result<()> {
        let bound = |attribute, i, default| match (node.float(attribute), node.operand(i)) {
            (Some(bound), _) => Ok(bound),
            (None, None) => Ok(default),
            (None, Some(name)) => match self.values.floats(name)?.data.as_slice() {
                &[bound] => Ok(bound),
                _ => Err(fault(node, "has no single bound")),
            },
        };
        let (low, high) = (bound("min", 1, f32::NEG_INFINITY)?, bound("max", 2, f32::INFINITY)?);
        self.chain.clamp(match (low, high) {
            (0.0, 6.0) => Activation::Relu6,
            (0.0, f32::INFINITY) => Activation::Relu,
            (low, high) if low <= high => Activation::Clamp(low, high),
            _ => return Err(fault(node, "has bounds in the wrong order")),
        })
    }

    fn pad(&mut self, node: &'a Node) -> Result<()> {
        let constant = node.string("mode").is_none_or(|mode| mode == b"constant");
        let value = match node.operand(2) {
            Some(name) => self.values.floats(name)?.data,
            None => vec![node.float("value").unwrap_or(0.0)],
        };
        let pads = match node.ints("pads") {
            Some(pads) => pads,
            None => match node.operand(1).and_then(|name| self.integers.get(name)) {
                Some(pads) => pads.data.as_slice(),
                None => return Err(fault(node, "pads by an amount that is not constant")),
            },
        };
        match *pads {
            [0, 0, top, left, 0, 0, bottom, right]
                if constant && value == [0.0] && self.zeros == [0; 4] && pads.iter().all(|&pad| pad >= 0) =>
            {
                self.zeros = [top, left, bottom, right].map(|pad| pad as usize);
                Ok(())
            }
            _ => Err(fault(node, &format!("pads other than rows and columns with zeros: {pads:?}"))),
        }
    }

    fn mean(&mut self, node: &'a Node) -> Result<()> {
        let axes = match (node.ints("axes"), node.operand(1).and_then(|name| self.integers.get(name))) {
            (Some(axes), _) => axes,
            (None, Some(axes)) => axes.data.as_slice(),
            (None, None) => &[],
        };
        match (axes, self.channels_last) {
            ([2, 3] | [3, 2] | [-2, -1] | [-1, -2], false) | ([1, 2] | [2, 1], true) => self.chain.pool(None),
            _ => Err(fault(node, &format!("is the mean over axes {axes:?}"))),
        }
    }

    /// From channels first to last, or back.
    fn transpose(&mut self, node: &'a Node) -> Result<()> {
        self.channels_last = match node.ints("perm") {
            Some([0, 3, 1, 2]) => false,
            Some([0, 2, 3, 1]) => true,
            _ => return Err(fault(node, "moves other than the channels")),
        };
        Ok(())
    }

    fn finish(self, graph: &Graph) -> Result<Weights> {
        let tensors = graph.initializer.iter().map(|tensor| TensorInfo {
            name: tensor.name.clone(),
            shape: tensor.dims.iter().map(|&extent| usize::try_from(extent).unwrap_or(0)).collect(),
            dtype: values::type_name(tensor.data_type),
        });
        let named =
            |part: &str| graph.node.iter().flat_map(|node| &node.input).any(|name| name.contains(part));
        let family = match self.nhwc {
            true if named("MobilenetV1") => Family::TF_SLIM,
            true => Family::KERAS,
            false if named("mobilenet_v1") => Family::HUGGING_FACE,
            false => Family::TIMM,
        };
        self.chain.finish("onnx", family, tensors.collect())
    }
}

/// A layer of which only kind and kernel are known.
fn link(kind: Kind, kernel: super::Tensor) -> Link {
    Link {
        name: String::new(),
        kind,
        kernel,
        bias: None,
        activation: Activation::Linear,
        stride: 1,
        border: Border::Explicit([0; 4]),
        tensors: Vec::new(),
    }
}

/// The number that was meant where it was rounded to f32: 1e-5, not 9.99999974e-6.
fn decimal(rounded: f32) -> f64 {
    rounded.to_string().parse().unwrap_or(f64::from(rounded))
}

/// The operand that is not `at`.
fn beside<'n>(node: &'n Node, at: &str) -> Result<&'n str> {
    match node.input.as_slice() {
        [a, b] if a == at => Ok(b),
        [a, b] if b == at => Ok(a),
        _ => Err(fault(node, "has not two operands")),
    }
}

fn fault(node: &Node, what: &str) -> crate::error::Report {
    let name = node.output.first().unwrap_or(&node.name);
    Complaint::new(format!("{} `{name}` {what}", node.op_type)).into()
}
