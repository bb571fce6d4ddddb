//! Quantised models: every byte of every layer against those that are expected.

use mobilenet_compiler::compile::Compiled;
use mobilenet_compiler::interpret::{QuantisedReference, first_difference};

use super::expected::ByteCase;
use crate::table::Column::Left;
use crate::table::Table;
use crate::tensor::Tensor;
use crate::{Failure, output};

/// Prints a line a photo; gives what differs.
pub(super) fn verify(compiled: &Compiled, cases: &[ByteCase]) -> Result<Vec<String>, Failure> {
    let quantised = match &compiled.quantised {
        Some(Ok(quantised)) => quantised,
        Some(Err(report)) => return Err(Failure::input(report.to_string())),
        None => return Err(Failure::input("the expected outputs are bytes, and these weights are floats")),
    };
    let reference = QuantisedReference::new(&compiled.graph, quantised);
    let mut table = Table::new(&[Left("photo"), Left("bytes")]);
    let mut faults = Vec::new();
    for case in cases {
        let values = match &case.input {
            Tensor::Bytes(bytes) => reference.values(bytes)?,
            Tensor::Floats(values, _) => reference.values(&quantised.pixels(values))?,
        };
        let differs = first_difference(&values, &case.layers).map(|value| value.name.as_str());
        let verdict =
            differs.map_or("all layers equal".to_string(), |layer| format!("differ from `{layer}` on"));
        table.cells(vec![case.photo.clone(), verdict]);
        if let Some(layer) = differs {
            faults.push(format!("{}: `{layer}` is the first layer whose bytes differ", case.photo));
        }
    }
    output::print(&table.text())?;
    Ok(faults)
}
