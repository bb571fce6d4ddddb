//! Drops what computes nothing at inference.
//!
//! ```text
//! pool ─▶ dropout ─▶ fully_connected     becomes     pool ─▶ fully_connected
//! ```

use crate::family::Activation;
use crate::ir::{Graph, Op};

pub(super) fn run(graph: &mut Graph) -> usize {
    drop_where(graph, |op| matches!(op, Op::Dropout | Op::Activation(Activation::Linear)))
}

/// The same for a softmax at the end, for those who want logits.
pub(super) fn softmax(graph: &mut Graph) -> usize {
    let output = graph.output();
    if graph.node(output).op == Op::Softmax {
        graph.bypass(output);
        return 1;
    }
    0
}

fn drop_where(graph: &mut Graph, is: impl Fn(&Op) -> bool) -> usize {
    let ids: Vec<_> = graph.ids().filter(|&id| is(&graph.node(id).op)).collect();
    ids.iter().for_each(|&id| graph.bypass(id));
    ids.len()
}
