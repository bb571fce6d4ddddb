//! Memory over time: what lies where in the arena, while which steps run.
//!
//! Derived from the kernel calls alone, so it shows what kernels touch and not what the planner believes. A test lays
//! all of it over one another: two things that live in the same step never share a byte, except a map and the one that
//! replaces it in place.

use std::ops::RangeInclusive;

use mobilenet_kernels::layout::{Map, Order, padded};
use mobilenet_kernels::pack;

use super::{Kernel, Part, Plan};

/// What a stretch of the arena holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holds {
    /// A whole feature map.
    Map,
    /// A few rows of a feature map that is streamed.
    Ring,
    /// What a layer needs while it runs: a line buffer, or rows of depthwise output.
    Scratch,
    /// The pooled features.
    Features,
    /// The network's output.
    Output,
}

/// How a map replaces the one that it is computed from, in the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InPlace {
    /// Row by row: each is written over input rows that nobody reads again.
    Rows,
    /// At once: the whole input has gone into the scratch strip by then.
    Whole,
}

/// A stretch of the arena. Offsets and lengths count `f32`s.
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
    /// Where it lies: two spans where its rows wrap around the end of their ring.
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
        self.spans.iter().map(|span| span.len).sum::<usize>() * size_of::<f32>()
    }
}

/// What a kernel reads, writes and uses, as places in the arena.
struct Uses {
    input: Option<Map>,
    /// A map, where the output is one.
    output: Option<Map>,
    scratch: Option<(usize, usize)>,
    /// Output rows at a time.
    strip: usize,
}

impl Kernel {
    fn uses(&self) -> Uses {
        let maps = |input: Map, output: Map| Uses {
            input: Some(input),
            output: Some(output),
            scratch: None,
            strip: output.height,
        };
        match self {
            Kernel::Stem(checked) => {
                let layer = checked.layer();
                let scratch = Some((layer.lines, layer.lines_len()));
                Uses { input: None, output: Some(layer.output), scratch, strip: layer.strip }
            }
            Kernel::Conv(checked) => {
                let layer = checked.layer();
                let scratch = Some((layer.lines, layer.lines_len()));
                Uses { scratch, strip: layer.strip, ..maps(layer.input, layer.output) }
            }
            Kernel::Separable(checked) => {
                let layer = checked.layer();
                let scratch = Some((layer.scratch, layer.scratch_len()));
                Uses { scratch, strip: layer.strip, ..maps(layer.input, layer.output) }
            }
            Kernel::Depthwise(checked) => maps(checked.layer().input, checked.layer().output),
            Kernel::Pointwise(checked) => maps(checked.layer().input, checked.layer().output),
            // Elementwise: each value replaces itself.
            Kernel::BatchNorm(checked) => Uses { strip: 1, ..maps(checked.layer().map, checked.layer().map) },
            Kernel::Activation(checked) => {
                Uses { strip: 1, ..maps(checked.layer().map, checked.layer().map) }
            }
            Kernel::Pool(checked) => {
                Uses { input: Some(checked.layer().input), output: None, scratch: None, strip: 1 }
            }
            Kernel::FullyConnected(_) | Kernel::Softmax(_) => {
                Uses { input: None, output: None, scratch: None, strip: 1 }
            }
        }
    }
}

impl Plan {
    /// What lies in the arena when, in the order in which it is first written.
    pub fn memory(&self) -> Vec<Lifetime> {
        let parts: Vec<(usize, &Kernel)> = (self.steps.iter().enumerate())
            .flat_map(|(step, parts)| parts.parts.iter().map(move |part| (step, &part.kernel)))
            .collect();
        let last_step = self.steps.len().saturating_sub(1);
        let mut lifetimes = Vec::new();
        for (part, &(step, kernel)) in parts.iter().enumerate() {
            // A value is read by the next kernel and no other; the last one is the network's result.
            let read = parts.get(part + 1).map_or(last_step, |&(step, _)| step);
            let uses = kernel.uses();
            let in_place = in_place(&uses);
            if let Some((offset, len)) = uses.scratch {
                let spans = vec![Span { offset, len, row: 0, rows: 1 }];
                let holds = Holds::Scratch;
                lifetimes.push(Lifetime { part, holds, spans, rows: 1, steps: step..=step, in_place: None });
            }
            let (holds, spans, steps) = match (kernel, uses.output) {
                (_, Some(map)) => {
                    let holds = if kept(&map) < map.height { Holds::Ring } else { Holds::Map };
                    (holds, spans(&map), step..=read)
                }
                (Kernel::Pool(layer), None) => {
                    (Holds::Features, vector(layer.layer().output, self.embedding), step..=read)
                }
                (Kernel::FullyConnected(layer), None) => {
                    (Holds::Output, vector(layer.layer().output, self.classes), step..=last_step)
                }
                // Softmax works on the output, which is there already.
                _ => continue,
            };
            let rows = spans.iter().map(|span| span.rows).sum();
            lifetimes.push(Lifetime { part, holds, spans, rows, steps, in_place });
        }
        lifetimes
    }

    /// Bytes of packed weights that a kernel call reads.
    pub fn weight_bytes_of(&self, kernel: &Kernel) -> usize {
        let offsets = match kernel {
            Kernel::Stem(layer) => vec![layer.layer().weights],
            Kernel::Conv(layer) => vec![layer.layer().weights],
            Kernel::Depthwise(layer) => vec![layer.layer().weights],
            Kernel::Pointwise(layer) => vec![layer.layer().weights],
            Kernel::Separable(layer) => vec![layer.layer().depthwise, layer.layer().pointwise],
            Kernel::BatchNorm(layer) => vec![layer.layer().weights],
            Kernel::Activation(layer) => vec![layer.layer().weights],
            Kernel::FullyConnected(layer) => vec![layer.layer().weights],
            Kernel::Pool(_) | Kernel::Softmax(_) => vec![],
        };
        let sections = self.sections.iter().filter(|section| offsets.contains(&section.offset));
        sections.map(|section| section.len * size_of::<f32>()).sum()
    }
}

impl Part {
    /// The layer's output, (height, width, channels), out of an arena in which it has just been written. Only the last rows
    /// of a ring are still there.
    pub fn value(&self, arena: &[f32]) -> Vec<f32> {
        let mut value = vec![0.0; self.output.len()];
        match (self.kernel.uses().output, &self.kernel) {
            (Some(map), _) => pack::from_map(&map, arena, &mut value),
            (None, Kernel::Pool(layer)) => copy(layer.layer().output, arena, &mut value),
            (None, Kernel::FullyConnected(layer)) => copy(layer.layer().output, arena, &mut value),
            (None, Kernel::Softmax(layer)) => copy(layer.layer().vector, arena, &mut value),
            (None, _) => {}
        }
        value
    }
}

fn copy(offset: usize, arena: &[f32], value: &mut [f32]) {
    value.copy_from_slice(&arena[offset..offset + value.len()]);
}

fn vector(offset: usize, len: usize) -> Vec<Span> {
    vec![Span { offset, len: padded(len), row: 0, rows: 1 }]
}

fn in_place(uses: &Uses) -> Option<InPlace> {
    let (input, output) = (uses.input?, uses.output?);
    let apart = input.offset + input.len() <= output.offset || output.offset + output.len() <= input.offset;
    match apart {
        true => None,
        false if uses.strip == output.height => Some(InPlace::Whole),
        false => Some(InPlace::Rows),
    }
}

/// Rows of a map that are in memory at once.
fn kept(map: &Map) -> usize {
    match map.order {
        Order::Plane => map.height,
        Order::Rows { slots, .. } => slots.min(map.height),
    }
}

/// Where the rows of a map lie.
fn spans(map: &Map) -> Vec<Span> {
    let rows = kept(map);
    let (slots, first) = match map.order {
        Order::Plane => (rows, 0),
        // Of a ring that is shorter than the map every slot is taken, whichever row is in it.
        Order::Rows { slots, .. } if slots <= rows => (slots, 0),
        Order::Rows { slots, first } => (slots, first),
    };
    let span = |slot: usize, row: usize, rows: usize| Span {
        offset: map.offset + slot * map.row_len(),
        len: rows * map.row_len(),
        row,
        rows,
    };
    let before_the_end = rows.min(slots - first);
    let mut spans = vec![span(first, 0, before_the_end)];
    if before_the_end < rows {
        spans.push(span(0, before_the_end, rows - before_the_end));
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Request, compile};
    use crate::names::Catalogue;
    use crate::plan::Options;
    use mobilenet_kernels::layout::Storage;

    fn plans() -> Vec<Plan> {
        let catalogue = Catalogue::built_in().unwrap();
        let mut names: Vec<String> = catalogue.models().iter().map(|model| model.name()).collect();
        names.extend(catalogue.specs().iter().map(|spec| spec.name.clone()));
        let mut plans = Vec::new();
        for name in &names {
            let compiled = compile(&Request { model: Some(name), ..Request::default() }).unwrap();
            plans.push(Plan::new(&compiled.graph, Options { stream: false, ..Options::default() }).unwrap());
            let narrow = Options { pointwise: Storage::Bf16, classifier: Storage::F16, ..Options::default() };
            plans.push(Plan::new(&compiled.graph, narrow).unwrap());
            // As it was lowered, batch norms and clamps are layers of their own, in place.
            plans.push(Plan::new(&compiled.raw, Options::default()).unwrap());
            plans.push(compiled.plan);
        }
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
                    let shares =
                        |a: &Span, b: &Span| a.offset < b.offset + b.len && b.offset < a.offset + a.len;
                    let overlap = a.spans.iter().any(|a| b.spans.iter().any(|b| shares(a, b)));
                    assert!(!meet || replaced || !overlap, "{}: {a:?} and {b:?}", plan.name);
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
                end.is_some_and(|end| end <= plan.arena && end + plan.arena / 20 >= plan.arena),
                "{}",
                plan.name
            );
            let written = memory.iter().filter(|life| life.holds != Holds::Scratch).count();
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

    #[test]
    fn rows_wrap_around_the_end_of_their_ring() {
        let map = |slots, first| Map {
            height: 4,
            width: 2,
            channels: 8,
            offset: 100,
            order: Order::Rows { slots, first },
        };
        let found = |map: Map| -> Vec<[usize; 4]> {
            spans(&map).iter().map(|span| [span.offset, span.len, span.row, span.rows]).collect()
        };
        assert_eq!(found(map(5, 0)), [[100, 64, 0, 4]]);
        assert_eq!(found(map(5, 4)), [[164, 16, 0, 1], [100, 48, 1, 3]]);
        assert_eq!(found(map(3, 2)), [[100, 48, 0, 3]]);
        assert_eq!(found(map(8, 2)), [[132, 64, 0, 4]]);
    }
}
