//! Cost: parameters and multiply-adds, from the graph. The same before and after every pass.

use crate::ir::{Conv, Graph, Node, Op, Shape};

/// What a layer or a network costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Weights of convolutions and classifier, and the classifier's bias.
    pub params: u64,
    /// The four vectors of every batch normalisation.
    pub batchnorm_params: u64,
    /// Multiply-adds of convolutions and classifier.
    pub macs: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.params += other.params;
        self.batchnorm_params += other.batchnorm_params;
        self.macs += other.macs;
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        let mut sum = Cost::default();
        costs.for_each(|cost| sum += cost);
        sum
    }
}

/// The cost of a whole graph.
pub fn total(graph: &Graph) -> Cost {
    graph
        .ids()
        .map(|id| {
            let input = graph.operand(id).map_or(graph.node(id).shape, |operand| graph.node(operand).shape);
            node(graph.node(id), input)
        })
        .sum()
}

/// The cost of one node with an input of that shape.
pub fn node(node: &Node, input: Shape) -> Cost {
    let output = node.shape;
    match &node.op {
        Op::Conv(c) | Op::Pointwise(c) => conv(c, c.size * c.size * input.channels, output),
        Op::Depthwise(c) => conv(c, c.size * c.size, output),
        Op::Separable { depthwise, pointwise } => {
            let middle = Shape { channels: input.channels, ..output };
            let mut cost = conv(depthwise, depthwise.size * depthwise.size, middle);
            cost += conv(pointwise, input.channels, output);
            cost
        }
        Op::BatchNorm(_) => Cost { batchnorm_params: 4 * output.channels as u64, ..Cost::default() },
        Op::FullyConnected(_) => {
            let macs = (input.channels * output.channels) as u64;
            Cost { params: macs + output.channels as u64, batchnorm_params: 0, macs }
        }
        _ => Cost::default(),
    }
}

/// A convolution with `inputs` inputs for each output value.
fn conv(conv: &Conv, inputs: usize, output: Shape) -> Cost {
    let folded = conv.params.folded.as_ref().map_or(0, |_| 4 * output.channels);
    Cost {
        params: (inputs * output.channels) as u64,
        batchnorm_params: folded as u64,
        macs: (inputs * output.len()) as u64,
    }
}
