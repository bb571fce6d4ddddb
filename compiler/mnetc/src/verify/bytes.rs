//! Quantised models: every byte of every layer, on each instruction set, against the reference and against what is expected.

use std::num::NonZeroUsize;

use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::interpret::{Interpreter, QuantisedReference, QuantisedValue, first_difference};
use mobilenet_compiler::passes;
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_compiler::quantised::Quantised;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels};

use super::expected::{ByteCase, Expected};
use crate::table::Column::{Left, Right};
use crate::table::Table;
use crate::tensor::Tensor;
use crate::{Failure, output, seed};

/// A team, to see that it gives the same bytes.
const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// A model and its plan, with the kernels of one instruction set.
struct Subject {
    isa: Isa,
    /// Each layer on its own.
    layers: Interpreter,
    /// The plan that is run.
    plan: Interpreter,
    /// The same on two threads.
    team: Interpreter,
}

impl Subject {
    fn new(compiled: &Compiled, isa: Isa) -> Result<Self, Failure> {
        let kernels = Kernels::new(isa).ok_or_else(|| mobilenet_runtime::Error::Isa(isa.to_string()))?;
        // Before the passes depthwise and pointwise are not one layer yet, and each leaves its map in the arena.
        let mut graph = compiled.raw.clone();
        passes::remove_softmax(&mut graph);
        let single = Plan::new(&graph, Options { stream: false, ..compiled.options() })?;
        let interpreter = |plan: &Plan| Interpreter::new(plan.clone(), compiled.source()?, kernels);
        Ok(Subject {
            isa,
            layers: interpreter(&single)?,
            plan: interpreter(&compiled.plan)?,
            team: interpreter(&compiled.plan)?.with_threads(TWO),
        })
    }
}

/// Prints how many bytes of each layer differ, and a line a photo; gives what differs.
pub(super) fn verify(
    compiled: &Compiled,
    sets: &[Isa],
    expected: Option<&Expected>,
) -> Result<Vec<String>, Failure> {
    let quantised = compiled.integers()?;
    let mut subjects: Vec<Subject> =
        sets.iter().map(|&isa| Subject::new(compiled, isa)).collect::<Result<_, _>>()?;
    let cases = match expected {
        None => &[][..],
        Some(Expected::Bytes(cases)) => cases,
        Some(Expected::Logits(_)) => {
            return Err(Failure::input("the expected outputs are floats: `--precision f32` compares these"));
        }
    };
    let first = match cases.first() {
        Some(case) => pixels(&case.input, quantised),
        None => seed::pixels(compiled, quantised),
    };
    let mut faults = layers(compiled, quantised, &mut subjects, &first)?;
    if !cases.is_empty() {
        faults.extend(photos(compiled, quantised, &mut subjects, cases)?);
    }
    Ok(faults)
}

/// The bytes of an input.
fn pixels(input: &Tensor, quantised: &Quantised) -> Vec<u8> {
    match input {
        Tensor::Bytes(bytes) => bytes.clone(),
        Tensor::Floats(values, _) => quantised.pixels(values),
    }
}

/// All layers of one photo against the reference.
fn layers(
    compiled: &Compiled,
    quantised: &Quantised,
    subjects: &mut [Subject],
    pixels: &[u8],
) -> Result<Vec<String>, Failure> {
    let expected = QuantisedReference::new(&compiled.graph, quantised).values(pixels)?;
    let scores = expected.last().map_or(&[][..], |value| &value.data);
    let output = quantised.probabilities(scores);
    let mut faults = Vec::new();
    let mut columns: Vec<Vec<String>> = Vec::new();
    for subject in &mut *subjects {
        let found = subject.layers.byte_values(quantised, pixels)?;
        let mut column: Vec<String> = expected[1..].iter().map(|value| differing(value, &found)).collect();
        if let Some(value) = expected.iter().find(|value| !found.contains(value)) {
            faults.push(format!("{}: `{}` is the first layer whose bytes differ", subject.isa, value.name));
        }
        let image = Image::Pixels(pixels, &compiled.settings.family.preprocess.normalise);
        for (what, interpreter) in [("the plan", &mut subject.plan), ("two threads", &mut subject.team)] {
            let same = interpreter.run_bytes(image)? == [scores, &output];
            column.push(if same { "0".into() } else { "differs".into() });
            if !same {
                faults.push(format!("{}: {what} gives another output", subject.isa));
            }
        }
        columns.push(column);
    }
    let mut heads = vec![Left("bytes that differ"), Right("of")];
    heads.extend(subjects.iter().map(|subject| Right(subject.isa.name())));
    let mut table = Table::new(&heads);
    let outputs = ["output of the plan", "on two threads"].map(|what| (what, output.len()));
    let rows = expected[1..].iter().map(|value| (value.name.as_str(), value.data.len())).chain(outputs);
    for (i, (name, len)) in rows.enumerate() {
        let mut cells = vec![name.to_string(), len.to_string()];
        cells.extend(columns.iter().map(|column| column[i].clone()));
        table.cells(cells);
    }
    output::print(&table.text())?;
    Ok(faults)
}

/// How many bytes of a layer differ.
fn differing(expected: &QuantisedValue, found: &[QuantisedValue]) -> String {
    match found.iter().find(|value| value.name == expected.name) {
        Some(found) => found.data.iter().zip(&expected.data).filter(|(a, b)| a != b).count().to_string(),
        None => "missing".into(),
    }
}

/// All layers of all photos against the hashes that are expected, and the output of the plan.
fn photos(
    compiled: &Compiled,
    quantised: &Quantised,
    subjects: &mut [Subject],
    cases: &[ByteCase],
) -> Result<Vec<String>, Failure> {
    let reference = QuantisedReference::new(&compiled.graph, quantised);
    let mut heads = vec![Left("photo"), Left("reference")];
    heads.extend(subjects.iter().map(|subject| Left(subject.isa.name())));
    let mut table = Table::new(&heads);
    let mut faults = Vec::new();
    for case in cases {
        let pixels = pixels(&case.input, quantised);
        let expected = reference.values(&pixels)?;
        let mut cells = vec![case.photo.clone()];
        let mut compare = |what: &str, values: &[QuantisedValue]| {
            let differs = first_difference(values, &case.layers).map(|value| value.name.as_str());
            let verdict =
                differs.map_or("all layers equal".into(), |layer| format!("differs from `{layer}` on"));
            cells.push(verdict);
            faults.extend(differs.map(|layer| {
                format!("{}, {what}: `{layer}` is the first layer whose bytes differ", case.photo)
            }));
        };
        compare("reference", &expected);
        for subject in &mut *subjects {
            compare(subject.isa.name(), &subject.layers.byte_values(quantised, &pixels)?);
        }
        let scores = expected.last().map_or(&[][..], |value| &value.data);
        let output = quantised.probabilities(scores);
        let image = Image::Pixels(&pixels, &compiled.settings.family.preprocess.normalise);
        for subject in &mut *subjects {
            if subject.plan.run_bytes(image)? != [scores, &output] {
                faults.push(format!("{}, {}: the plan gives another output", case.photo, subject.isa));
            }
        }
        table.cells(cells);
    }
    output::print(&format!("\n{}", table.text()))?;
    Ok(faults)
}
