//! Binding: the layers of a weights file to the layers of a graph.

use std::collections::HashSet;

use crate::error::Result;
use crate::ir::{Conv, Graph, Op, Params, Shape};
use crate::pack::{Parameters, Tensors};
use crate::weights::{Expected, Kind, Weights};

/// What a graph, at any stage of its passes, expects of the weights: its parameterised layers in order.
pub fn expected(graph: &Graph) -> Vec<Expected> {
    let normalised: HashSet<&str> = graph
        .ids()
        .filter_map(|id| match &graph.node(id).op {
            Op::BatchNorm(batchnorm) => Some(batchnorm.layer.as_str()),
            _ => None,
        })
        .collect();
    let mut list = Vec::new();
    let mut add = |params: &Params, kind, kernel: Vec<usize>, stride| {
        let batchnorm = params.folded.is_some() || normalised.contains(params.layer.as_str());
        let bias = kind == Kind::Dense;
        list.push(Expected { name: params.layer.clone(), kind, kernel, stride, batchnorm, bias });
    };
    for id in graph.ids() {
        let node = graph.node(id);
        let (input, output) =
            (graph.operand(id).map_or(node.shape, |operand| graph.node(operand).shape), node.shape);
        match &node.op {
            Op::Conv(conv) => add(&conv.params, Kind::Conv, full(conv, input, output), conv.stride),
            Op::Depthwise(conv) => add(&conv.params, Kind::Depthwise, depthwise(conv, input), conv.stride),
            Op::Pointwise(conv) => add(&conv.params, Kind::Pointwise, product(input, output), conv.stride),
            Op::Separable { depthwise: first, pointwise } => {
                add(&first.params, Kind::Depthwise, depthwise(first, input), first.stride);
                add(&pointwise.params, Kind::Pointwise, product(input, output), pointwise.stride);
            }
            Op::FullyConnected(params) => add(params, Kind::Dense, product(input, output), 1),
            _ => {}
        }
    }
    list
}

fn full(conv: &Conv, input: Shape, output: Shape) -> Vec<usize> {
    vec![conv.size, conv.size, input.channels, output.channels]
}

fn depthwise(conv: &Conv, input: Shape) -> Vec<usize> {
    vec![conv.size, conv.size, input.channels]
}

fn product(input: Shape, output: Shape) -> Vec<usize> {
    vec![input.channels, output.channels]
}

/// The parameters of every layer of a graph, from a weights file.
///
/// # Errors
///
/// Every tensor that is missing, left over, misshapen or not finite.
pub fn bind(graph: &Graph, weights: &Weights) -> Result<Tensors> {
    let expected = expected(graph);
    let layers = weights.bind(&expected)?;
    Ok(expected.into_iter().map(|layer| layer.name).zip(layers.into_iter().map(Parameters::from)).collect())
}
