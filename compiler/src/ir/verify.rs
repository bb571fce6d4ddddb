//! The verifier: what holds for every graph, before, between and after passes.
//!
//! * There is one input node, it has no operand, and every other node has exactly one.
//! * There is no cycle, and every node but the output is used.
//! * Names are unique and not empty.
//! * Every shape follows from the shape of the operand, and no extent is zero.
//! * Windows begin inside their input: the padding is smaller than the window. Depthwise windows are 3x3, at stride 1 or
//!   2, padded by one pixel at most.
//! * A batch normalisation names the layer that it normalises.

use std::collections::HashSet;

use super::{Graph, Node, NodeId, Op};
use crate::error::{Complaint, Report, Result};

/// Checks a graph; `stage` says where in the compiler it was found to be wrong.
///
/// # Errors
///
/// Every violated invariant, with its node.
pub fn verify(graph: &Graph, stage: &str) -> Result<()> {
    let mut report = Report::new();
    let mut complain = |node: &Node, what: String| {
        report.push(Complaint::new(format!("after {stage}: `{}` ({}): {what}", node.name, node.op.name())));
    };
    let mut names = HashSet::new();
    let ids: Vec<NodeId> = graph.ids().collect();
    for &id in &ids {
        let node = graph.node(id);
        if node.name.is_empty() || !names.insert(node.name.as_str()) {
            complain(node, "its name is empty or taken".into());
        }
        if graph.uses(id) == 0 {
            complain(node, "nobody uses it".into());
        }
        let operands = graph.operands(id);
        let wanted = usize::from(node.op != Op::Input);
        if operands.len() != wanted {
            complain(node, format!("it has {} operands, not {wanted}", operands.len()));
            continue;
        }
        let derived = match operands[..] {
            [operand] => node.op.output(graph.node(operand).shape, node.shape.channels),
            _ => Ok(node.shape),
        };
        if let Op::BatchNorm(batchnorm) = &node.op
            && batchnorm.layer.is_empty()
        {
            complain(node, "it normalises no layer".into());
        }
        match derived {
            Ok(shape) if shape != node.shape => {
                complain(node, format!("its shape is {}, not {shape}", node.shape))
            }
            Ok(shape) if shape.is_empty() => complain(node, format!("nothing is left: {shape}")),
            Ok(_) => {}
            Err(what) => complain(node, what.into()),
        }
    }
    let inputs = ids.iter().filter(|&&id| graph.node(id).op == Op::Input).count();
    if inputs != 1 {
        report.push(Complaint::new(format!("after {stage}: the graph has {inputs} inputs, not one")));
    }
    if ids.len() != graph.len() {
        report.push(Complaint::new(format!("after {stage}: the graph has a cycle")));
    }
    report.into_result(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Activation;
    use crate::ir::{Conv, Pad, Params, Shape};

    fn conv(stride: usize, pad: usize) -> Conv {
        let params = Params { layer: "conv1".into(), folded: None };
        let pad = Pad { top: pad, left: pad, bottom: pad, right: pad };
        Conv { size: 3, stride, pad, params, activation: Activation::Linear }
    }

    fn node(name: &str, op: Op, shape: Shape) -> Node {
        Node { name: name.into(), op, shape }
    }

    fn graph(nodes: Vec<Node>) -> Graph {
        let mut graph = Graph::new("test", node("input", Op::Input, Shape::new(8, 8, 3)));
        for node in nodes {
            let last = graph.output();
            graph.add(node, &[last]);
        }
        graph
    }

    #[test]
    fn broken_graphs_are_named() {
        for (nodes, expected) in [
            (vec![node("a", Op::Conv(conv(2, 1)), Shape::new(4, 4, 8))], ""),
            (vec![node("a", Op::Conv(conv(2, 1)), Shape::new(5, 4, 8))], "its shape is 5x4x8, not 4x4x8"),
            (vec![node("a", Op::Conv(conv(1, 3)), Shape::new(8, 8, 8))], "its padding is not smaller"),
            (
                vec![node("a", Op::Depthwise(conv(1, 1)), Shape::new(8, 8, 4))],
                "its shape is 8x8x4, not 8x8x3",
            ),
            (vec![node("input", Op::Dropout, Shape::new(8, 8, 3))], "its name is empty or taken"),
            (
                vec![node("a", Op::FullyConnected(conv(1, 1).params), Shape::vector(4))],
                "its input is not a vector",
            ),
        ] {
            let found =
                verify(&graph(nodes), "test").err().map_or(String::new(), |report| report.to_string());
            assert!(
                found.contains(expected) && found.is_empty() == expected.is_empty(),
                "{found:?} {expected:?}"
            );
        }
    }

    #[test]
    fn nodes_beside_the_chain_are_found() {
        let mut graph = graph(vec![node("a", Op::Dropout, Shape::new(8, 8, 3))]);
        let input = graph.input().unwrap();
        graph.add(node("b", Op::Dropout, Shape::new(8, 8, 3)), &[input]);
        graph.add(node("c", Op::Dropout, Shape::new(8, 8, 3)), &[]);
        let found = verify(&graph, "test").unwrap_err().to_string();
        assert!(found.contains("`a` (dropout): nobody uses it"), "{found}");
        assert!(found.contains("`c` (dropout): it has 0 operands, not 1"), "{found}");
    }
}
