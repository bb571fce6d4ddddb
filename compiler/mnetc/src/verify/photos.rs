//! Photos: the logits of every engine against those that are expected.

use std::num::NonZeroUsize;

use mobilenet_compiler::settings::Stored;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::layout::Storage;

use super::expected::Case;
use super::{Subject, off};
use crate::agree::{difference, logits_tolerance};
use crate::engine::{Run, Runner};
use crate::table::Column::{Left, Right};
use crate::table::Table;
use crate::{Failure, output};

/// Best classes whose order counts. With bf16 those that are nearly as good as each other may change places.
const fn best(stored: Stored) -> usize {
    match stored.blocks {
        Storage::F32 => 5,
        _ => 1,
    }
}

/// Prints a line a photo; gives what differs.
pub(super) fn verify(subject: &Subject<'_>, cases: &[Case]) -> Result<Vec<String>, Failure> {
    let mut columns = vec![Left("photo"), Right("reference")];
    columns.extend(subject.sets.iter().map(|isa| Right(isa.name())));
    let (count, allowed) = (best(subject.stored), logits_tolerance(subject.stored));
    columns.push(Left(if count == 1 { "top 1" } else { "top 5" }));
    let mut table = Table::new(&columns);
    let runner = |&isa| Runner::new(subject.compiled, None, Some(isa));
    let runners: Vec<Runner<'_>> = subject.sets.iter().map(runner).collect::<Result<_, _>>()?;
    let mut engines: Vec<Box<dyn Run + '_>> =
        runners.iter().map(|runner| runner.start(NonZeroUsize::MIN)).collect::<Result<_, _>>()?;
    let mut faults = Vec::new();
    for case in cases {
        let found = logits(subject, &mut engines, case)?;
        let differences: Vec<f32> = found.iter().map(|found| difference(found, &case.logits)).collect();
        let ordered = found.iter().all(|found| top(found, count) == top(&case.logits, count));
        let mut cells = vec![case.photo.clone()];
        cells.extend(differences.iter().map(|&difference| off(difference)));
        cells.push(if ordered { "same" } else { "differs" }.into());
        table.cells(cells);
        let worst = differences.into_iter().fold(0.0, f32::max);
        if worst > allowed {
            faults
                .push(format!("{}: logits are off by {worst:.1e}, and {allowed:.1e} is allowed", case.photo));
        } else if !ordered {
            faults.push(format!("{}: the order of the best classes differs, {count} of them", case.photo));
        }
    }
    output::print(&format!("\n{}", table.text()))?;
    Ok(faults)
}

/// The logits of the reference, and of all engines.
fn logits(
    subject: &Subject<'_>,
    engines: &mut [Box<dyn Run + '_>],
    case: &Case,
) -> Result<Vec<Vec<f32>>, Failure> {
    let image = subject.normalised(&case.input)?;
    let mut all = vec![subject.reference(&image)?];
    if all[0].len() != case.logits.len() {
        let (found, expected) = (all[0].len(), case.logits.len());
        let photo = &case.photo;
        return Err(Failure::input(format!(
            "{photo}: {expected} logits are expected, the model has {found} classes"
        )));
    }
    for engine in engines {
        all.push(engine.logits(Image::Tensor(&image))?.to_vec());
    }
    Ok(all)
}

/// The best classes, in order.
fn top(logits: &[f32], count: usize) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    classes.truncate(count);
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first() {
        assert_eq!(top(&[0.5, 2.0, -1.0, 1.0, 0.0, 0.25], 5), [1, 3, 0, 5, 4]);
        assert_eq!(top(&[0.5, 2.0], 5), [1, 0]);
    }
}
