//! Passes: rewrites of the graph, in the order in which they run.
//!
//! | pass | afterwards |
//! |---|---|
//! | `remove-identity` | no dropout; no softmax where logits are asked for |
//! | `fold-batchnorm` | no batch normalisation after a convolution: kernel and bias hold it |
//! | `fuse-activation` | no clamp after a convolution: its epilogue does it |
//! | `fuse-separable` | depthwise and pointwise pairs are one operation |
//!
//! Batch normalisation goes before activations, because it stands between convolution and clamp; clamps before pairs, because
//! the one between depthwise and pointwise must be inside the pair. The verifier runs after each pass, and the interpreters
//! give the same outputs before and after.

mod fold_batchnorm;
mod fuse_activation;
mod fuse_separable;
mod remove_identity;

use crate::error::{Complaint, Result};
use crate::ir::verify::verify;
use crate::ir::{Graph, NodeId};

/// A rewrite of the graph.
pub struct Pass {
    /// Its name, as the command line spells it.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    run: fn(&mut Graph) -> usize,
}

/// All passes in order.
pub const PASSES: [Pass; 4] = [
    Pass {
        name: "remove-identity",
        summary: "drops what computes nothing at inference",
        run: remove_identity::run,
    },
    Pass {
        name: "fold-batchnorm",
        summary: "folds batch normalisation into kernel and bias",
        run: fold_batchnorm::run,
    },
    Pass {
        name: "fuse-activation",
        summary: "fuses clamps into the convolution before them",
        run: fuse_activation::run,
    },
    Pass { name: "fuse-separable", summary: "fuses depthwise and pointwise pairs", run: fuse_separable::run },
];

/// Runs the passes, up to and including the one named `until`, or all; tells `observe` each pass and how often it rewrote.
///
/// # Errors
///
/// Where there is no pass of that name, or a graph breaks an invariant.
pub fn run(
    graph: &mut Graph,
    until: Option<&str>,
    mut observe: impl FnMut(&Pass, usize, &Graph),
) -> Result<()> {
    let last = match until {
        Some(name) => PASSES.iter().position(|pass| pass.name == name).ok_or_else(|| unknown(name))?,
        None => PASSES.len() - 1,
    };
    verify(graph, "lowering")?;
    for pass in &PASSES[..=last] {
        let rewrites = (pass.run)(graph);
        verify(graph, pass.name)?;
        observe(pass, rewrites, graph);
    }
    Ok(())
}

/// Drops the softmax, where logits are asked for.
pub fn remove_softmax(graph: &mut Graph) {
    remove_identity::softmax(graph);
}

fn unknown(name: &str) -> Complaint {
    let names: Vec<_> = PASSES.iter().map(|pass| pass.name).collect();
    Complaint::new(format!("there is no pass `{name}`")).help(format!("the passes are {}", names.join(", ")))
}

/// The operand of a node, if nobody else uses its value: only then may it be changed or swallowed.
fn sole_operand(graph: &Graph, id: NodeId) -> Option<NodeId> {
    graph.operand(id).filter(|&operand| graph.uses(operand) == 1)
}

#[cfg(test)]
mod tests;
