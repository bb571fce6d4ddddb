//! Fuses a clamp into the convolution before it: the kernel's epilogue does it while the values are in registers.
//!
//! ```text
//! conv ─▶ relu     becomes     conv(relu)
//! ```

use super::sole_operand;
use crate::family::Activation;
use crate::ir::{Graph, Op};

pub(super) fn run(graph: &mut Graph) -> usize {
    let ids: Vec<_> = graph.ids().collect();
    let mut rewrites = 0;
    for id in ids {
        let Op::Activation(clamp) = graph.node(id).op else { continue };
        let Some(operand) = sole_operand(graph, id) else { continue };
        match &mut graph.node_mut(operand).op {
            Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv)
                if conv.activation == Activation::Linear =>
            {
                conv.activation = clamp;
            }
            _ => continue,
        }
        graph.bypass(id);
        rewrites += 1;
    }
    rewrites
}
