//! Weights and inputs where none are given.

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::ir::Shape;
use mobilenet_compiler::seeded;

use crate::Failure;

/// Of weights and images.
pub(crate) const SEED: u64 = 1;

/// Compiles a request, and draws weights if it has none.
pub(crate) fn compiled(request: &Request<'_>) -> Result<Compiled, Failure> {
    let mut compiled = compile(request)?;
    if compiled.tensors.is_none() {
        compiled.tensors = Some(seeded::tensors(&compiled.graph, SEED));
    }
    Ok(compiled)
}

/// A picture for a model.
pub(crate) fn image(compiled: &Compiled) -> Vec<f32> {
    picture(compiled, SEED)
}

/// Another picture for a model.
pub(crate) fn picture(compiled: &Compiled, seed: u64) -> Vec<f32> {
    let [height, width, channels] = compiled.plan.input;
    seeded::image(Shape::new(height, width, channels), seed)
}
