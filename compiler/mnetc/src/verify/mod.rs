//! `verify`: compiled code against the interpreter against the reference, layer by layer; and all of them against outputs
//! that somebody else has computed.
//!
//! ```text
//! expected outputs ~ reference, as lowered ~ reference, after each pass ~ plan, layer by layer, on each instruction set
//!                                                                         = streamed plan = compiled code
//! ```
//!
//! `~` is equal within a tolerance, `=` to the bit. Of a model that computes with bytes all are equal to the byte.

mod bytes;
mod expected;
mod layers;
mod passes;
mod photos;

use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::interpret::Reference;
use mobilenet_compiler::pack::Tensors;
use mobilenet_compiler::plan::Numbers;
use mobilenet_compiler::settings::Stored;
use mobilenet_kernels::Isa;
use mobilenet_kernels::image::Image;

use crate::args::VerifyArgs;
use crate::engine::normalised;
use crate::tensor::Tensor;
use crate::{Failure, output, progress, seed};
use expected::Expected;

/// A model with its weights, and the instruction sets that it is verified on.
struct Subject<'c> {
    compiled: &'c Compiled,
    tensors: &'c Tensors,
    stored: Stored,
    sets: Vec<Isa>,
}

/// Verifies a model.
pub(crate) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let (model, overrides) = (args.model.model.as_deref(), &args.model.overrides);
    let weights = overrides.open_weights()?;
    let expected = match &args.expected {
        Some(folder) => {
            let names = expected::names(overrides.weights.as_deref(), model);
            Some(Expected::read(folder, args.inputs.as_deref(), &names)?)
        }
        None => None,
    };
    let mut request = overrides.request(model, weights.as_ref());
    request.input = expected.as_ref().and_then(Expected::input);
    let compiled = seed::compiled(&request)?;
    let of = if weights.is_some() { "these weights" } else { "seeded weights" };
    output::print(&format!("{} at {} with {of}\n\n", compiled.plan.name, compiled.precision))?;
    let sets = sets(args.isa, &compiled)?;
    let faults = match compiled.plan.numbers {
        Numbers::Bytes(_) => bytes::verify(&compiled, &sets, expected.as_ref())?,
        Numbers::Floats(stored) => floats(&compiled, stored, sets, expected.as_ref())?,
    };
    match faults.is_empty() {
        true => output::print("\nAll agree.\n"),
        false => Err(Failure::input(faults.join("\nmnetc: "))),
    }
}

/// Verifies a model that computes with floats; gives what differs.
fn floats(
    compiled: &Compiled,
    stored: Stored,
    sets: Vec<Isa>,
    expected: Option<&Expected>,
) -> Result<Vec<String>, Failure> {
    let Some(tensors) = &compiled.tensors else { return Ok(Vec::new()) };
    let subject = Subject { compiled, tensors, stored, sets };
    let image = match expected.and_then(Expected::first) {
        Some(input) => subject.normalised(input)?,
        None => seed::image(compiled),
    };
    let mut faults = Vec::new();
    if let Some(Expected::Bytes(_)) = expected {
        let found = match compiled.quantised {
            Some(_) => "the model computes with floats: leave out --precision",
            None => "these weights are floats",
        };
        return Err(Failure::input(format!("the expected outputs are bytes, and {found}")));
    }
    faults.extend(passes::verify(&subject, &image)?);
    faults.extend(layers::verify(&subject, &image)?);
    if let Some(Expected::Logits(cases)) = expected {
        faults.extend(photos::verify(&subject, cases)?);
    }
    Ok(faults)
}

/// The instruction sets to verify: the one that is asked for, or all that this processor has.
fn sets(isa: Option<Isa>, compiled: &Compiled) -> Result<Vec<Isa>, Failure> {
    match isa {
        None => Ok(Isa::available_for(compiled.plan.precision()).collect()),
        Some(isa) if isa.is_available() => Ok(vec![isa]),
        Some(isa) => Err(mobilenet_runtime::Error::Isa(isa.to_string()).into()),
    }
}

impl Subject<'_> {
    /// An input as the network's floats.
    fn normalised(&self, input: &Tensor) -> Result<Vec<f32>, Failure> {
        let [height, width, channels] = self.compiled.plan.input;
        if input.len() != height * width * channels {
            let found = input.len();
            return Err(Failure::input(format!(
                "the inputs have {found} values, the model takes {height}x{width}x{channels}; --rho sets the resolution"
            )));
        }
        Ok(match input {
            Tensor::Floats(values, _) => values.clone(),
            Tensor::Bytes(bytes) => {
                let normalise = &self.compiled.settings.family.preprocess.normalise;
                normalised(Image::Pixels(bytes, normalise), channels)
            }
        })
    }

    /// The reference, rounding as plans do.
    fn rounded(&self) -> Reference<'_> {
        Reference::new(&self.compiled.graph, self.tensors).rounded(self.stored)
    }

    /// What the reference computes, on the graph that plans are made of.
    fn reference(&self, image: &[f32]) -> Result<Vec<f32>, Failure> {
        let spinner = progress::spinner(self.compiled.cost.macs, "running the reference");
        let logits = self.rounded().run(image);
        spinner.finish_and_clear();
        Ok(logits?)
    }
}

/// A difference, or nothing for none.
fn off(difference: f32) -> String {
    if difference == 0.0 { "0".into() } else { format!("{difference:.1e}") }
}
