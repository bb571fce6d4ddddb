//! Layers by strips of rows, and strips in tasks that a team shares.
//!
//! The tasks of a strip write different pixels or channels, and read what is not written in the same phase: the depthwise
//! half of a block goes from its input to the scratch strip, the pointwise half from there over the input. Between two
//! phases everybody waits.

use super::Kernels;
use crate::image::Image;
use crate::layer::{Conv, FullyConnected, Separable, Stem};
use crate::layout::{Map, Order, PANEL, Window, padded};
use crate::ops::{Columns, Part, Rows};

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

/// Multiply-adds below which a strip is not worth sharing: a few microseconds, in which others would hardly have come.
#[cfg(feature = "std")]
const WORTH: usize = 200_000;

/// Panels of a layer's outputs.
fn panels(outputs: usize) -> usize {
    padded(outputs).div_ceil(PANEL)
}

impl Kernels<'_> {
    /// Calls `work` with parts of `rows` x `0..columns` that make up the whole: once, or task by task on the team, if so
    /// many multiply-adds are worth it.
    fn share(&self, macs: usize, rows: Rows, columns: usize, work: impl Fn(Rows, Columns) + Sync) {
        #[cfg(feature = "std")]
        if let Some(team) = self.team.filter(|team| team.threads() > 1 && macs >= WORTH) {
            let tasks = TASKS * team.threads();
            // A task has all rows of a few columns, or where there are too few columns one row of one.
            let by_row = columns < tasks / 2 && rows.len() > 1;
            let width = if by_row { 1 } else { columns.div_ceil(tasks) };
            let down = if by_row { rows.len() } else { 1 };
            let across = columns.div_ceil(width.max(1));
            team.run(down * across, &|task| {
                let first = task / down.max(1) * width;
                let columns = first..(first + width).min(columns);
                match by_row {
                    true => {
                        let row = rows.start + task % down.max(1);
                        work(row..row + 1, columns)
                    }
                    false => work(rows.clone(), columns),
                }
            });
            return;
        }
        let _ = macs;
        work(rows, 0..columns);
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
                let from = strip.start;
                let inputs = layer.window.size * layer.window.size * layer.image[2];
                let macs = strip.len() * layer.output.row_len() * inputs;
                self.share(macs, strip, panels(layer.output.channels), |rows, columns| {
                    let Memory { weights, arena } = { memory };
                    (self.table.stem)(layer, Part { from, rows, columns }, weights, arena);
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
                let from = strip.start;
                let inputs = layer.window.size * layer.window.size * layer.input.channels;
                let macs = strip.len() * layer.output.row_len() * inputs;
                self.share(macs, strip, panels(layer.output.channels), |rows, columns| {
                    let Memory { weights, arena } = { memory };
                    (self.table.conv)(layer, Part { from, rows, columns }, weights, arena);
                });
            }
        }
    }

    /// Rows of a depthwise convolution; row `from` is written to row 0 of the output.
    ///
    /// # Safety
    ///
    /// As above, for maps and the section at `weights`.
    pub(super) unsafe fn depthwise_rows(
        &self,
        (input, window, output): (&Map, &Window, &Map),
        (from, rows): (usize, Rows),
        weights: usize,
        memory: Memory,
    ) {
        let macs = rows.len() * output.row_len() * 9;
        self.share(macs, rows, input.blocks(), |rows, columns| {
            let Memory { weights: start, arena } = { memory };
            let part = Part { from, rows, columns };
            // SAFETY: as in stem_rows.
            unsafe { (self.table.depthwise)(input, window, output, part, start.add(weights), arena) }
        });
    }

    /// Rows of a pointwise convolution; row `from` is made of row 0 of the input.
    ///
    /// # Safety
    ///
    /// As above, for maps and the section at `weights`.
    pub(super) unsafe fn pointwise_rows(
        &self,
        (input, output): (&Map, &Map),
        (from, rows): (usize, Rows),
        weights: usize,
        memory: Memory,
    ) {
        let macs = rows.len() * output.row_len() * input.channels;
        self.share(macs, rows, panels(output.channels), |rows, columns| {
            let Memory { weights: start, arena } = { memory };
            let part = Part { from, rows, columns };
            // SAFETY: as in stem_rows.
            unsafe { (self.table.pointwise)(input, output, part, start.add(weights), arena) }
        });
    }

    /// Rows of a depthwise-separable block: depthwise into the scratch strip, pointwise from there.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn separable_rows(&self, layer: &Separable, rows: Rows, memory: Memory) {
        let Separable { input, window, output, scratch, .. } = layer;
        for strip in strips(rows, layer.strip) {
            let from = strip.start;
            let scratch = Map {
                height: strip.len(),
                width: output.width,
                channels: input.channels,
                offset: *scratch,
                order: Order::Plane,
            };
            // SAFETY: passed on; a strip of the scratch map is inside `scratch_len`.
            unsafe {
                let half = (input, window, &scratch);
                self.depthwise_rows(half, (from, strip.clone()), layer.depthwise, memory);
                self.pointwise_rows((&scratch, output), (from, strip), layer.pointwise, memory);
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
        self.share(macs, 0..1, panels(layer.outputs), |_, panels| {
            let Memory { weights, arena } = { memory };
            // SAFETY: as in stem_rows; tasks write different columns.
            unsafe { (self.table.fully_connected)(layer, panels, weights, arena) }
        });
    }
}

/// Rows in strips of `strip`, which is not zero.
fn strips(rows: Rows, strip: usize) -> impl Iterator<Item = Rows> {
    let end = rows.end;
    rows.step_by(strip.max(1)).map(move |from| from..(from + strip).min(end))
}
