//! Folds batch normalisation into the convolution before it.
//!
//! ```text
//! conv(k, b) ─▶ batchnorm(gamma, beta, mean, var)     becomes     conv(k * s, b * s + t)
//! s = gamma / sqrt(var + epsilon),  t = beta - mean * s
//! ```
//!
//! The graph only records it; the arithmetic is done in f64 when weights are packed, because published weights have
//! channels whose variance is near 0.

use super::sole_operand;
use crate::family::Activation;
use crate::ir::{Graph, Op, Params};

pub(super) fn run(graph: &mut Graph) -> usize {
    let ids: Vec<_> = graph.ids().collect();
    let mut rewrites = 0;
    for id in ids {
        let Op::BatchNorm(batchnorm) = &graph.node(id).op else { continue };
        let batchnorm = batchnorm.clone();
        let Some(operand) = sole_operand(graph, id) else { continue };
        let Some(params) = foldable(&mut graph.node_mut(operand).op) else { continue };
        if params.folded.is_some() || params.layer != batchnorm.layer {
            continue;
        }
        params.folded = Some(batchnorm);
        graph.bypass(id);
        rewrites += 1;
    }
    rewrites
}

/// The parameters of a convolution, unless a clamp stands between its product and what follows.
fn foldable(op: &mut Op) -> Option<&mut Params> {
    match op {
        Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv)
            if conv.activation == Activation::Linear =>
        {
            Some(&mut conv.params)
        }
        _ => None,
    }
}
