//! Fuses a depthwise convolution and the pointwise one after it: the map between them shrinks to a strip of rows.
//!
//! ```text
//! depthwise(relu) ─▶ pointwise(relu)     becomes     separable(depthwise(relu), pointwise(relu))
//! ```

use super::sole_operand;
use crate::ir::{Graph, Op};

pub(super) fn run(graph: &mut Graph) -> usize {
    let ids: Vec<_> = graph.ids().collect();
    let mut rewrites = 0;
    for id in ids {
        let Op::Pointwise(pointwise) = &graph.node(id).op else { continue };
        let Some(operand) = sole_operand(graph, id) else { continue };
        let Op::Depthwise(depthwise) = &graph.node(operand).op else { continue };
        let op = Op::Separable { depthwise: depthwise.clone(), pointwise: pointwise.clone() };
        let name = format!("{}+{}", graph.node(operand).name, graph.node(id).name);
        let node = graph.node_mut(id);
        (node.op, node.name) = (op, name);
        graph.bypass(operand);
        rewrites += 1;
    }
    rewrites
}
