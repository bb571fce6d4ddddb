//! Layers by strips of rows, and strips in tasks that a team shares.
//!
//! The tasks of a strip write different pixels or channels, and read what is not written in the same phase: the depthwise
//! half of a block goes from its input to the scratch strip, the pointwise half from there over the input. Between two
//! phases everybody waits.

use super::Kernels;
use crate::image::Image;
use crate::layer::{Conv, Depthwise, FullyConnected, Pointwise, Separable, Stem};
use crate::layout::{Map, PANEL, Storage, padded};
use crate::ops::{Part, Rows};

/// The starts of weights and arena.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub(super) weights: *const f32,
    pub(super) arena: *mut f32,
}

// SAFETY: tasks of one phase write disjoint parts of the arena. What they read is apart from that: a team is only given layers
// that are (`Kernels::sharing`). Weights are only read.
unsafe impl Sync for Memory {}

/// Tasks for each thread, where there is enough to do: threads that are slow or late then do fewer.
#[cfg(feature = "std")]
const TASKS: usize = 8;

/// The same where rows are cut: each task goes through all weights.
#[cfg(feature = "std")]
const STRETCHES: usize = 2;

/// Pixels of the shortest stretch.
#[cfg(feature = "std")]
const SHORTEST: usize = 7;

/// Multiply-adds below which a strip is not worth sharing: a few microseconds, in which others would hardly have come.
#[cfg(feature = "std")]
const WORTH: usize = 400_000;

/// A part, cut into tasks: the rows, pixels and columns that a task has at most.
#[cfg(feature = "std")]
struct Tasks {
    whole: Part,
    rows: usize,
    pixels: usize,
    columns: usize,
}

#[cfg(feature = "std")]
impl Tasks {
    fn new(whole: Part, threads: usize) -> Self {
        let (rows, width, columns) = (whole.rows.len(), whole.pixels.len(), whole.columns.len());
        if is_wide(width, threads) {
            let pixels = width.div_ceil(STRETCHES * threads).max(SHORTEST);
            Tasks { whole, rows, pixels, columns }
        } else if columns >= TASKS / 2 * threads || rows == 1 {
            Tasks { whole, rows, pixels: width, columns: columns.div_ceil(TASKS * threads) }
        } else {
            Tasks { whole, rows: 1, pixels: width, columns: 1 }
        }
    }

    fn count(&self) -> usize {
        self.along().into_iter().product()
    }

    /// Tasks along columns, pixels and rows. Neighbours in memory come one after the other, and so to the same thread.
    fn along(&self) -> [usize; 3] {
        let Tasks { whole, rows, pixels, columns } = self;
        let count = |len: usize, at_most: usize| len.div_ceil(at_most.max(1)).max(1);
        [
            count(whole.columns.len(), *columns),
            count(whole.pixels.len(), *pixels),
            count(whole.rows.len(), *rows),
        ]
    }

    fn part(&self, task: usize) -> Part {
        let [_, pixels, rows] = self.along();
        let cut = |whole: &core::ops::Range<usize>, len: usize, i: usize| {
            whole.start + i * len..(whole.start + (i + 1) * len).min(whole.end)
        };
        Part {
            from: self.whole.from,
            rows: cut(&self.whole.rows, self.rows, task % rows),
            pixels: cut(&self.whole.pixels, self.pixels, task / rows % pixels),
            columns: cut(&self.whole.columns, self.columns, task / rows / pixels),
        }
    }
}

/// Whether rows are cut into stretches of pixels. The same stretch then stays with the same thread from layer to layer, in
/// its cache; where rows are short, columns are shared, and maps, which are small, go from cache to cache.
#[cfg(feature = "std")]
fn is_wide(width: usize, threads: usize) -> bool {
    width >= SHORTEST * STRETCHES * threads
}

/// Panels of a layer's outputs.
pub(super) fn panels(outputs: usize) -> usize {
    padded(outputs).div_ceil(PANEL)
}

impl Kernels<'_> {
    /// Calls `work` with parts that make up the whole: once, or task by task on the team, if so many multiply-adds are worth
    /// it.
    pub(super) fn share(&self, macs: usize, whole: Part, work: impl Fn(Part) + Sync) {
        #[cfg(feature = "std")]
        if let Some(team) = self.team.filter(|team| macs >= WORTH && team.threads() > 1 && !team.is_resting())
        {
            let tasks = Tasks::new(whole, team.threads());
            return team.run(tasks.count(), &|task| work(tasks.part(task)));
        }
        let _ = macs;
        work(whole);
    }

    /// Whether rows of this width are cut into stretches of pixels.
    fn cuts_rows(&self, width: usize) -> bool {
        #[cfg(feature = "std")]
        let cuts = self.team.is_some_and(|team| team.threads() > 1 && is_wide(width, team.threads()));
        #[cfg(not(feature = "std"))]
        let cuts = width == usize::MAX;
        cuts
    }

    /// Rows of the first convolution.
    ///
    /// # Safety
    ///
    /// The layer must be checked against memory and image; so below.
    pub(super) unsafe fn stem_rows(&self, layer: &Stem, rows: Rows, image: Image<'_>, memory: Memory) {
        for strip in strips(rows, layer.strip) {
            // SAFETY: passed on; the processor has the set, because `self` exists. Tasks write different pixels or
            // channels of the output, after the lines have been filled; so below.
            unsafe {
                (self.table.stem_lines)(layer, strip.clone(), image, memory.arena);
                let inputs = layer.window.size * layer.window.size * layer.image[2];
                let macs = strip.len() * layer.output.row_len() * inputs;
                self.share(macs, whole(&strip, &layer.output, panels(layer.output.channels)), |part| {
                    let Memory { weights, arena } = { memory };
                    (self.table.stem)(layer, part, weights, arena);
                });
            }
        }
    }

    /// Rows of a convolution.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn conv_rows(&self, layer: &Conv, rows: Rows, memory: Memory) {
        for strip in strips(rows, layer.strip) {
            // SAFETY: as in stem_rows.
            unsafe {
                (self.table.conv_lines)(layer, strip.clone(), memory.arena);
                let inputs = layer.window.size * layer.window.size * layer.input.channels;
                let macs = strip.len() * layer.output.row_len() * inputs;
                self.share(macs, whole(&strip, &layer.output, panels(layer.output.channels)), |part| {
                    let Memory { weights, arena } = { memory };
                    (self.table.conv)(layer, part, weights, arena);
                });
            }
        }
    }

    /// All rows of a depthwise convolution.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn depthwise_rows(&self, layer: &Depthwise, memory: Memory) {
        let Depthwise { input, window, output, weights } = layer;
        let macs = output.height * output.row_len() * 9;
        self.share(macs, whole(&(0..output.height), output, input.blocks()), |part| {
            let Memory { weights: start, arena } = { memory };
            // SAFETY: as in stem_rows.
            unsafe { (self.table.depthwise)(input, window, output, part, start.add(*weights), arena) }
        });
    }

    /// All rows of a pointwise convolution.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn pointwise_rows(&self, layer: &Pointwise, memory: Memory) {
        let Pointwise { input, output, weights } = layer;
        let macs = output.height * output.row_len() * input.channels;
        self.share(macs, whole(&(0..output.height), output, panels(output.channels)), |part| {
            let Memory { weights: start, arena } = { memory };
            // SAFETY: as in stem_rows.
            unsafe { (self.table.pointwise)(input, output, part, start.add(*weights), arena) }
        });
    }

    /// Rows of a depthwise-separable block: depthwise into the scratch strip, pointwise from there.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn separable_rows(&self, layer: &Separable, rows: Rows, memory: Memory) {
        let Separable { input, window, output, .. } = layer;
        // Of bf16s there are two in the word that offsets count.
        let (depthwise, pointwise, scratch) = match layer.storage {
            Storage::Bf16 => (self.table.bf16.depthwise, self.table.bf16.pointwise, layer.scratch * 2),
            _ => (self.table.depthwise, self.table.pointwise, layer.scratch),
        };
        for strip in strips(rows, layer.strip) {
            let scratch = Map::plane([strip.len(), output.width, input.channels], scratch);
            // SAFETY: passed on; a strip of the scratch map is inside `scratch_len`; so below.
            let depthwise = |part| unsafe {
                let Memory { weights, arena } = { memory };
                depthwise(input, window, &scratch, part, weights.add(layer.depthwise), arena)
            };
            // SAFETY: as above.
            let pointwise = |part| unsafe {
                let Memory { weights, arena } = { memory };
                pointwise(&scratch, output, part, weights.add(layer.pointwise), arena)
            };
            let (blocks, panels) = (input.blocks(), panels(output.channels));
            let pixels = strip.len() * output.width;
            let macs = [pixels * input.padded() * 9, pixels * input.channels * output.padded()];
            if self.cuts_rows(output.width) && are_apart(input, output) {
                // Nobody reads what is written: a thread can go on from its stretch of the scratch strip at once.
                self.share(macs[0] + macs[1], whole(&strip, output, 1), |part| {
                    depthwise(Part { columns: 0..blocks, ..part.clone() });
                    pointwise(Part { columns: 0..panels, ..part });
                });
            } else {
                self.share(macs[0], whole(&strip, output, blocks), depthwise);
                self.share(macs[1], whole(&strip, output, panels), pointwise);
            }
        }
    }

    /// All columns of a classifier.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn fully_connected_columns(&self, layer: &FullyConnected, memory: Memory) {
        let macs = layer.inputs * layer.outputs;
        let all = Part { from: 0, rows: 0..1, pixels: 0..1, columns: 0..panels(layer.outputs) };
        self.share(macs, all, |part| {
            let Memory { weights, arena } = { memory };
            // SAFETY: as in stem_rows; tasks write different columns.
            unsafe { (self.table.fully_connected)(layer, part.columns, weights, arena) }
        });
    }
}

/// All columns of all pixels of a strip; its first row is the first of the line buffer or scratch strip.
fn whole(strip: &Rows, output: &Map, columns: usize) -> Part {
    Part { from: strip.start, rows: strip.clone(), pixels: 0..output.width, columns: 0..columns }
}

/// Whether two maps share no memory.
fn are_apart(a: &Map, b: &Map) -> bool {
    a.offset + a.len() <= b.offset || b.offset + b.len() <= a.offset
}

/// Rows in strips of `strip`, which is not zero.
pub(super) fn strips(rows: Rows, strip: usize) -> impl Iterator<Item = Rows> {
    let end = rows.end;
    rows.step_by(strip.max(1)).map(move |from| from..(from + strip).min(end))
}
