//! Memory over time: what lies where in the arena, while which steps run.
//!
//! Derived from the kernel calls alone, so it shows what kernels touch and not what the planner believes. A test lays
//! all of it over one another: two things that live in the same step never share a byte, except a map and the one that
//! replaces it in place.

use std::ops::RangeInclusive;

use super::uses::Uses;
use super::{ByteKernel, Kernel, Part, Plan};

/// What a stretch of the arena holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holds {
    /// A whole feature map.
    Map,
    /// A few rows of a feature map that is streamed.
    Ring,
    /// What a layer needs while it runs: a line buffer, or rows of depthwise output.
    Scratch,
    /// Sums of the rows that a layer multiplies, while it runs.
    Sums,
    /// The pooled features.
    Features,
    /// The network's output.
    Output,
}

impl Holds {
    /// Whether it is needed only while its layer runs.
    pub fn is_temporary(self) -> bool {
        matches!(self, Holds::Scratch | Holds::Sums)
    }
}

/// How a map replaces the one that it is computed from, in the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InPlace {
    /// Row by row: each is written over input rows that nobody reads again.
    Rows,
    /// At once: the whole input has gone into the scratch strip by then.
    Whole,
}

/// A stretch of the arena. Offsets and lengths count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its offset.
    pub offset: usize,
    /// Its length.
    pub len: usize,
    /// The first row that lies there, of [`Lifetime::rows`]; the others follow in order.
    pub row: usize,
    /// How many rows lie there.
    pub rows: usize,
}

/// Something in the arena, from the step that writes it to the last one that reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The kernel call that writes it, counted as [`Plan::parts`] does.
    pub part: usize,
    /// What it is.
    pub holds: Holds,
    /// Where it lies: two spans where its rows wrap around the end of their ring, or where it is there as bytes and as numbers.
    pub spans: Vec<Span>,
    /// Rows that are kept.
    pub rows: usize,
    /// The steps in which it is needed.
    pub steps: RangeInclusive<usize>,
    /// How it replaces the input of its layer, if it does.
    pub in_place: Option<InPlace>,
}

impl Lifetime {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.spans.iter().map(|span| span.len).sum()
    }
}

impl Plan {
    /// What lies in the arena when, in the order in which it is first written.
    pub fn memory(&self) -> Vec<Lifetime> {
        let parts: Vec<(usize, &Part)> = (self.steps.iter().enumerate())
            .flat_map(|(step, parts)| parts.parts.iter().map(move |part| (step, part)))
            .collect();
        let last_step = self.steps.len().saturating_sub(1);
        let mut lifetimes = Vec::new();
        for (part, &(step, Part { kernel, output, .. })) in parts.iter().enumerate() {
            // A value is read by the next kernel and no other; the last one is the network's result.
            let read = parts.get(part + 1).map_or(last_step, |&(step, _)| step);
            let uses = kernel.uses();
            let in_place = in_place(&uses);
            for &(holds, [offset, len]) in &uses.scratch {
                let spans = vec![Span { offset, len, row: 0, rows: 1 }];
                lifetimes.push(Lifetime { part, holds, spans, rows: 1, steps: step..=step, in_place: None });
            }
            let (holds, spans) = match (uses.output, kernel.vectors(output.len())) {
                (Some(map), _) if map.kept() < map.height => (Holds::Ring, map.spans()),
                (Some(map), _) => (Holds::Map, map.spans()),
                (None, Some((holds, vectors))) => {
                    let span = |[offset, len]: [usize; 2]| Span { offset, len, row: 0, rows: 1 };
                    (holds, vectors.into_iter().map(span).collect())
                }
                // Softmax works on the output, which is there already.
                (None, None) => continue,
            };
            // The output stays, and of bytes the features too.
            let stays = holds == Holds::Output || holds == Holds::Features && self.output.is_some();
            let steps = step..=if stays { last_step } else { read };
            let rows = spans.iter().map(|span| span.rows).sum();
            lifetimes.push(Lifetime { part, holds, spans, rows, steps, in_place });
        }
        lifetimes
    }

    /// Bytes of packed weights that a kernel call reads.
    pub fn weight_bytes_of(&self, kernel: &Kernel) -> usize {
        let mut offsets = match kernel {
            Kernel::Stem(layer) => vec![layer.layer().weights],
            Kernel::Conv(layer) => vec![layer.layer().weights],
            Kernel::Depthwise(layer) => vec![layer.layer().weights],
            Kernel::Pointwise(layer) => vec![layer.layer().weights],
            Kernel::Separable(layer) => vec![layer.layer().depthwise, layer.layer().pointwise],
            Kernel::BatchNorm(layer) => vec![layer.layer().weights],
            Kernel::Activation(layer) => vec![layer.layer().weights],
            Kernel::FullyConnected(layer) => vec![layer.layer().weights],
            Kernel::Pool(_) | Kernel::Softmax(_) => vec![],
            Kernel::Bytes(kernel) => kernel.weights(),
        };
        // Softmax is no step of a network of bytes; it goes with the scores.
        if let (Kernel::Bytes(ByteKernel::FullyConnected(..)), Some(output)) = (kernel, &self.output) {
            offsets.extend(output.softmax.map(|softmax| softmax.layer().weights));
        }
        let sections = self.sections.iter().filter(|section| offsets.contains(&section.offset));
        sections.map(|section| section.len * size_of::<f32>()).sum()
    }
}

fn in_place(uses: &Uses) -> Option<InPlace> {
    let (input, output) = (uses.input?, uses.output?);
    let apart = input.end() <= output.offset || output.end() <= input.offset;
    match apart {
        true => None,
        false if uses.strip == output.height => Some(InPlace::Whole),
        false => Some(InPlace::Rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Request, compile};
    use crate::names::Catalogue;
    use crate::plan::{Bytes, Numbers, Options};
    use crate::settings::Precision;
    use crate::weights::Integers;

    fn plans() -> Vec<Plan> {
        let catalogue = Catalogue::built_in().unwrap();
        let mut names: Vec<String> = catalogue.models().iter().map(|model| model.name()).collect();
        names.extend(catalogue.specs().iter().map(|spec| spec.name.clone()));
        let mut plans = Vec::new();
        for name in &names {
            let compiled = compile(&Request { model: Some(name), ..Request::default() }).unwrap();
            plans.push(Plan::new(&compiled.graph, Options { stream: false, ..Options::default() }).unwrap());
            let stored = Precision::Bf16.stored().unwrap();
            let bf16 = Options { numbers: Numbers::Floats(stored), ..Options::default() };
            plans.push(Plan::new(&compiled.graph, bf16).unwrap());
            // As it was lowered, batch norms and clamps are layers of their own, in place.
            plans.push(Plan::new(&compiled.raw, Options::default()).unwrap());
            plans.push(compiled.plan);
            // No 8-bit kernel computes the network of full convolutions.
            for integers in [Integers::U8, Integers::I8] {
                let numbers = Numbers::Bytes(Bytes { integers, softmax: true, mean: false });
                let options = Options { numbers, ..Options::default() };
                plans.extend(Plan::new(&compiled.graph, options));
                plans.extend(Plan::new(&compiled.raw, Options { stream: false, ..options }));
            }
        }
        assert!(plans.iter().filter(|plan| plan.output.is_some()).count() > 4 * 16);
        plans
    }

    #[test]
    fn what_lives_at_once_lies_apart() {
        for plan in plans() {
            let memory = plan.memory();
            for (i, a) in memory.iter().enumerate() {
                for b in &memory[i + 1..] {
                    let meet = a.steps.start().max(b.steps.start()) <= a.steps.end().min(b.steps.end());
                    let replaced = b.in_place.is_some() && b.part == a.part + 1 && a.holds == Holds::Map;
                    // Of streamed layers only one computes at a time.
                    let turns = a.holds.is_temporary() && b.holds.is_temporary() && a.part != b.part;
                    let shares =
                        |a: &Span, b: &Span| a.offset < b.offset + b.len && b.offset < a.offset + a.len;
                    let overlap = a.spans.iter().any(|a| b.spans.iter().any(|b| shares(a, b)));
                    assert!(!meet || replaced || turns || !overlap, "{}: {a:?} and {b:?}", plan.name);
                }
            }
        }
    }

    #[test]
    fn the_arena_is_as_large_as_what_lies_in_it() {
        for plan in plans() {
            let memory = plan.memory();
            let end = memory.iter().flat_map(|life| &life.spans).map(|span| span.offset + span.len).max();
            // Regions may be rounded up, and a spare row is not counted.
            assert!(
                end.is_some_and(
                    |end| end <= plan.arena_bytes() && end + plan.arena_bytes() / 20 >= plan.arena_bytes()
                ),
                "{}",
                plan.name
            );
            let written = memory.iter().filter(|life| !life.holds.is_temporary()).count();
            let softmax = plan.parts().filter(|part| matches!(part.kernel, Kernel::Softmax(_))).count();
            assert_eq!(written + softmax, plan.parts().count(), "{}", plan.name);
        }
    }

    #[test]
    fn weight_bytes_add_up() {
        for plan in plans() {
            let sum: usize = plan.parts().map(|part| plan.weight_bytes_of(&part.kernel)).sum();
            assert_eq!(sum, plan.weights * size_of::<f32>(), "{}", plan.name);
        }
    }
}
