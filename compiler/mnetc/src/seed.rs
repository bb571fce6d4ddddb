//! Weights and inputs where none are given.

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::ir::Shape;
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::seeded;
use mobilenet_compiler::settings::Precision;
use mobilenet_compiler::weights::Integers;

use crate::Failure;

/// Of weights and images.
pub(crate) const SEED: u64 = 1;

/// Compiles a request, and draws weights if it has none: of bytes signed ones, as converters make them nowadays.
pub(crate) fn compiled(request: &Request<'_>) -> Result<Compiled, Failure> {
    if request.weights.is_some() {
        return Ok(compile(request)?);
    }
    let bytes = request.precision == Some(Precision::Int8) && request.classifier.is_none();
    let mut compiled = match bytes {
        true => compile(&Request { precision: None, ..*request })?,
        false => compile(request)?,
    };
    compiled.tensors = Some(seeded::tensors(&compiled.graph, SEED));
    if bytes {
        let quantised = seeded::quantised(&compiled.graph, SEED, Integers::I8)?;
        return Ok(compiled.with_integers(quantised)?);
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

/// The same as the bytes of a photo, for a quantised model.
pub(crate) fn pixels(compiled: &Compiled, quantised: &Quantised) -> Vec<u8> {
    quantised.pixels(&image(compiled))
}
