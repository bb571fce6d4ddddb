//! Layer by layer: the plan with the kernels of each instruction set, against the reference. Where numbers are rounded on the
//! way, the reference is given what the plan has computed up to the layer: a last bit that rounds the other way is not to be
//! held against those that follow.

use mobilenet_compiler::interpret::{Interpreter, Value};
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_kernels::image::Image;
use mobilenet_kernels::layout::Storage;
use mobilenet_kernels::{Isa, Kernels};

use super::{Subject, off};
use crate::agree::{difference, scale, tolerance};
use crate::engine::{Engine, Runner, is_compiled};
use crate::table::Column::{Left, Right};
use crate::table::Table;
use crate::{Failure, output};

/// What was found of one instruction set.
struct Found {
    isa: Isa,
    /// How far each layer is off.
    layers: Vec<f32>,
    /// How far the streamed plan is off the plan that streams nothing.
    streamed: f32,
    /// How far compiled code is, where there is some.
    compiled: Option<f32>,
}

/// Prints how far each layer is off; gives what is too far.
pub(super) fn verify(subject: &Subject<'_>, image: &[f32]) -> Result<Vec<String>, Failure> {
    let plan = Plan::new(&subject.compiled.graph, Options { stream: false, ..subject.compiled.options() })?;
    let expected = values_of(&plan, subject.rounded().values(image)?);
    let found: Vec<Found> = subject
        .sets
        .iter()
        .map(|&isa| found(subject, &plan, &expected, isa, image))
        .collect::<Result<_, _>>()?;
    output::print(&table(&expected, &found))?;
    Ok(found.iter().flat_map(|found| faults(&expected, found, tolerance(subject.stored))).collect())
}

/// The reference's values of the layers of a plan.
fn values_of(plan: &Plan, mut values: Vec<Value>) -> Vec<Value> {
    values.retain(|value| plan.parts().any(|part| part.name == value.name));
    values
}

fn found(
    subject: &Subject<'_>,
    plan: &Plan,
    expected: &[Value],
    isa: Isa,
    image: &[f32],
) -> Result<Found, Failure> {
    let kernels = Kernels::new(isa).ok_or_else(|| mobilenet_runtime::Error::Isa(isa.to_string()))?;
    let reference = subject.rounded();
    let mut before = image.to_vec();
    let image = Image::Tensor(image);
    let mut layers = Vec::new();
    let mut one_by_one = Interpreter::new(plan.clone(), subject.tensors, kernels)?;
    let logits = one_by_one.walk(image, |step, arena| {
        for part in &step.parts {
            let found = part.value(arena);
            let off = match subject.stored.blocks {
                Storage::F32 => {
                    let value = expected.iter().find(|value| value.name == part.name);
                    value.map(|value| difference(&found, &value.data))
                }
                _ => reference.layer(&part.name, &before).ok().map(|data| difference(&found, &data)),
            };
            layers.push(off.unwrap_or(f32::INFINITY));
            before = found;
        }
    })?;
    let logits = logits.to_vec();
    let run = |engine| -> Result<f32, Failure> {
        let runner = Runner::new(subject.compiled, Some(engine), Some(isa))?;
        Ok(difference(runner.start(std::num::NonZeroUsize::MIN)?.logits(image)?, &logits))
    };
    let streamed = run(Engine::Interpreter)?;
    let compiled = is_compiled(subject.compiled).then(|| run(Engine::Compiled)).transpose()?;
    Ok(Found { isa, layers, streamed, compiled })
}

fn table(expected: &[Value], found: &[Found]) -> String {
    let mut columns = vec![Left("layer"), Right("values reach")];
    columns.extend(found.iter().map(|found| Right(found.isa.name())));
    let mut table = Table::new(&columns);
    for (i, value) in expected.iter().enumerate() {
        let largest = value.data.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let mut cells = vec![value.name.clone(), format!("{largest:.2}")];
        cells.extend(found.iter().map(|found| found.layers.get(i).map_or_else(String::new, |&d| off(d))));
        table.cells(cells);
    }
    let same = |difference: Option<f32>| match difference {
        None => "not compiled".to_string(),
        Some(0.0) => "same bits".into(),
        Some(difference) => off(difference),
    };
    let row = |what: &str, of: fn(&Found) -> Option<f32>| {
        [what.to_string(), String::new()]
            .into_iter()
            .chain(found.iter().map(|found| same(of(found))))
            .collect()
    };
    table.cells(row("streamed", |found| Some(found.streamed)));
    table.cells(row("compiled", |found| found.compiled));
    table.text()
}

/// The first layer that is too far off, and what is not the same to the bit.
fn faults(expected: &[Value], found: &Found, tolerance: f32) -> Vec<String> {
    let isa = found.isa;
    let mut faults = Vec::new();
    let diverging =
        expected.iter().zip(&found.layers).find(|(value, off)| **off > tolerance * scale(&value.data));
    if let Some((value, off)) = diverging {
        let allowed = tolerance * scale(&value.data);
        let name = &value.name;
        faults.push(format!(
            "{isa}: the first diverging layer is {name}: off by {off:.1e}, and {allowed:.1e} is allowed"
        ));
    }
    if found.streamed != 0.0 {
        faults.push(format!("{isa}: streaming changes the logits, by {:.1e}", found.streamed));
    }
    if let Some(off) = found.compiled.filter(|off| *off != 0.0) {
        faults.push(format!("{isa}: compiled code is off its plan by {off:.1e}"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use mobilenet_compiler::ir::Shape;

    use super::*;
    use crate::agree::TOLERANCE;

    fn value(name: &str, data: &[f32]) -> Value {
        Value { name: name.into(), shape: Shape::vector(data.len()), data: data.to_vec() }
    }

    #[test]
    fn the_first_diverging_layer_is_named() {
        let expected = [value("conv1", &[6.0]), value("conv2", &[0.5]), value("conv3", &[3.0])];
        let found = |layers: [f32; 3]| Found {
            isa: Isa::Scalar,
            layers: layers.to_vec(),
            streamed: 0.0,
            compiled: None,
        };
        // What is allowed grows with the values: 6e-4, 1e-4, 3e-4.
        assert_eq!(faults(&expected, &found([5e-4, 0.9e-4, 0.0]), TOLERANCE), Vec::<String>::new());
        let faulty = faults(&expected, &found([5e-4, 5e-4, 1.0]), TOLERANCE);
        assert_eq!(
            faulty,
            ["scalar: the first diverging layer is conv2: off by 5.0e-4, and 1.0e-4 is allowed"]
        );
        let unlike = Found { streamed: 1e-7, compiled: Some(1e-7), ..found([0.0; 3]) };
        assert_eq!(faults(&expected, &unlike, TOLERANCE).len(), 2);
    }
}
