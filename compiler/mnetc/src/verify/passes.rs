//! The reference before and after every pass: a pass changes the graph, and not what it computes.

use mobilenet_compiler::interpret::Reference;
use mobilenet_compiler::passes::{self, PASSES};

use super::{Subject, off};
use crate::agree::{TOLERANCE, difference, scale};
use crate::table::Column::{Left, Right};
use crate::table::Table;
use crate::{Failure, output};

/// Prints how far each pass moves the logits; gives the first that moves them too far.
pub(super) fn verify(subject: &Subject<'_>, image: &[f32]) -> Result<Option<String>, Failure> {
    let mut graph = subject.compiled.raw.clone();
    passes::remove_softmax(&mut graph);
    let lowered = Reference::new(&graph, subject.tensors).run(image)?;
    let mut table = Table::new(&[Left("the reference after"), Right("logits off by")]);
    let mut fault = None;
    for pass in &PASSES {
        let mut after = graph.clone();
        passes::run(&mut after, Some(pass.name), |_, _, _| ())?;
        let found = Reference::new(&after, subject.tensors).run(image)?;
        let moved = difference(&found, &lowered);
        table.row([pass.name.into(), off(moved)]);
        if moved > TOLERANCE * scale(&lowered) && fault.is_none() {
            fault = Some(format!("the pass {} changes what the network computes, by {moved:.1e}", pass.name));
        }
    }
    output::print(&(table.text() + "\n"))?;
    Ok(fault)
}
