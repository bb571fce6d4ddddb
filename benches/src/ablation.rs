//! What each step of the compiler brings: the same network, the same weights, the same kernels, run after each of them.
//!
//! | step | what runs |
//! |---|---|
//! | `lowered` | every layer of the spec on its own: convolution, batch normalisation, clamp |
//! | `remove-identity` | without dropout |
//! | `fold-batchnorm` | batch normalisation in the kernels' weights |
//! | `fuse-activation` | clamps in the kernels' epilogues |
//! | `fuse-separable` | depthwise and pointwise as one, through a strip that stays in the cache |
//! | `streamed` | the first layers row by row together |
//! | `compiled` | the same as code, its shapes known |

use mobilenet_compiler::error::Result;
use mobilenet_compiler::passes::{self, PASSES};
use mobilenet_compiler::plan::{Options, Plan};

use crate::{Engine, Subject};

/// A large model, a middling and a small one.
pub const MODELS: [&str; 3] = ["1.0_MobileNet_baseline", "0.5_MobileNet_small", "0.25_MobileNet_tiny"];

/// What runs after a step of the compiler.
pub struct Step {
    /// The step.
    pub name: &'static str,
    /// What runs.
    pub engine: Box<dyn Engine>,
    /// Bytes of its arena.
    pub arena: usize,
}

/// A model after each step.
///
/// # Errors
///
/// Where a graph cannot be planned.
pub fn steps(subject: &Subject) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut step = |name, plan: Plan| -> Result<()> {
        let arena = plan.arena_bytes();
        steps.push(Step { name, engine: subject.interpreter(plan)?, arena });
        Ok(())
    };
    let mut graph = subject.compiled.raw.clone();
    passes::remove_softmax(&mut graph);
    step("lowered", Plan::new(&graph, Options { stream: false, ..Options::default() })?)?;
    for pass in &PASSES {
        let mut after = graph.clone();
        passes::run(&mut after, Some(pass.name), |_, _, _| ())?;
        step(pass.name, Plan::new(&after, Options { stream: false, ..Options::default() })?)?;
    }
    step("streamed", subject.compiled.plan.clone())?;
    let arena = subject.compiled.plan.arena_bytes();
    steps.push(Step { name: "compiled", engine: subject.compiled()?, arena });
    Ok(steps)
}
