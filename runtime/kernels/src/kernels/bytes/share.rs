//! Layers of bytes by strips, and strips in tasks, as those of floats are.

use super::super::share::{Memory, panels, strips};
use super::{Bytes, DepthwiseHalf, PointwiseHalf, Strips, Table};
use crate::image::Image;
use crate::layout::{ByteMap, Window};
use crate::ops::quantised::strip::GROUP;
use crate::ops::quantised::{stem, word};
use crate::ops::{Part, Rows};
use crate::quantised::layer::{Depthwise, FullyConnected, Pointwise, Separable, Stem};
use crate::quantised::layout::Word;

/// Multiply-adds of bytes that take as long as one of floats.
const TOGETHER: usize = 4;

/// Rows of half a block, and where their weights are.
struct Half {
    rows: Rows,
    weights: usize,
    memory: Memory,
}

impl Bytes<'_> {
    /// Shares all columns of some rows. These kernels compute whole rows: to the team, each is one pixel.
    fn share(&self, macs: usize, rows: Rows, columns: usize, work: impl Fn(Part) + Sync) {
        let whole = Part { from: rows.start, rows, pixels: 0..1, columns: 0..columns };
        self.0.share(macs / TOGETHER, whole, work);
    }

    /// Rows of the first convolution.
    ///
    /// # Safety
    ///
    /// The layer must be checked against memory and image; so below.
    pub(in super::super) unsafe fn stem_rows(
        &self,
        layer: &Stem,
        rows: Rows,
        image: Image<'_>,
        memory: Memory,
    ) {
        for strip in strips(rows, layer.strip) {
            // SAFETY: passed on; the processor has the set, because `self` exists. Tasks write different pixels or
            // channels of the output, after lines and sums have been filled; so below.
            unsafe {
                stem::lines(layer, strip.clone(), image, memory.weights, memory.bytes());
                let sums = memory.sums(layer.sums, layer.weights);
                if !sums.is_null() {
                    (self.table().stem_sums)(layer, strip.len(), memory.weights, sums, memory.bytes());
                }
                let inputs = layer.window.size * layer.window.size * layer.image[2];
                let macs = strip.len() * layer.output.row_len() * inputs;
                self.share(macs, strip, panels(layer.output.channels), |part| {
                    let memory = { memory };
                    let sums = memory.sums(layer.sums, layer.weights);
                    (self.table().stem)(layer, part, sums, memory.weights, memory.bytes());
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
        let half = Half { rows: 0..output.height, weights: *weights, memory };
        // SAFETY: passed on.
        unsafe { self.depthwise_half(self.table().depthwise, (input, window, output), half) }
    }

    /// All rows of a pointwise convolution.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn pointwise_rows(&self, layer: &Pointwise, memory: Memory) {
        let Pointwise { input, output, sums, weights } = layer;
        let half = Half { rows: 0..output.height, weights: *weights, memory };
        // SAFETY: passed on.
        unsafe { self.pointwise_half(self.table().pointwise, (input, output), *sums, half) }
    }

    /// Rows of a depthwise-separable block: depthwise into the scratch strip, pointwise from there.
    ///
    /// # Safety
    ///
    /// As above.
    pub(in super::super) unsafe fn separable_rows(&self, layer: &Separable, rows: Rows, memory: Memory) {
        let Separable { input, window, output, .. } = layer;
        let Table { depthwise, pointwise, .. } = *self.table();
        // SAFETY: the layer's section is there.
        let is_plain = unsafe { memory.sums(layer.sums, layer.pointwise) }.is_null();
        let special = self.table().strips.filter(|_| is_plain && input.channels.is_multiple_of(GROUP));
        let kernels = special.unwrap_or(Strips { depthwise, pointwise });
        for rows in strips(rows, layer.strip) {
            let scratch = ByteMap::plane([rows.len(), output.width, input.channels], layer.scratch);
            let [depthwise, pointwise] = [layer.depthwise, layer.pointwise].map(|weights| Half {
                rows: rows.clone(),
                weights,
                memory,
            });
            // SAFETY: passed on; a strip of the scratch map is inside `scratch_len`, its sums inside `sums_len`.
            unsafe {
                self.depthwise_half(kernels.depthwise, (input, window, &scratch), depthwise);
                self.pointwise_half(kernels.pointwise, (&scratch, output), layer.sums, pointwise);
            }
        }
    }

    /// The depthwise half of a block; its first row is written to row 0 of the output.
    ///
    /// # Safety
    ///
    /// As above, for maps and the section of the weights.
    unsafe fn depthwise_half(
        &self,
        kernel: DepthwiseHalf,
        (input, window, output): (&ByteMap, &Window, &ByteMap),
        half: Half,
    ) {
        let Half { rows, weights, memory } = half;
        let macs = rows.len() * output.row_len() * 9;
        self.share(macs, rows, input.blocks(), |part| {
            let memory = { memory };
            // SAFETY: as in stem_rows.
            unsafe {
                let section = memory.weights.add(weights);
                kernel(input, window, output, part, section, memory.bytes());
            }
        });
    }

    /// The pointwise half of a block; its first row is made of row 0 of the input.
    ///
    /// # Safety
    ///
    /// As above, for maps, sums and the section of the weights.
    unsafe fn pointwise_half(
        &self,
        kernel: PointwiseHalf,
        (input, output): (&ByteMap, &ByteMap),
        sums: Option<usize>,
        half: Half,
    ) {
        let Half { rows, weights, memory } = half;
        // SAFETY: as in stem_rows.
        unsafe {
            let to = memory.sums(sums, weights);
            if !to.is_null() {
                (self.table().sums)(input, rows.len(), memory.weights.add(weights), to, memory.bytes());
            }
        }
        let macs = rows.len() * output.row_len() * input.channels;
        self.share(macs, rows, panels(output.channels), |part| {
            let memory = { memory };
            // SAFETY: as in stem_rows.
            unsafe {
                let (sums, section) = (memory.sums(sums, weights), memory.weights.add(weights));
                kernel(input, output, part, sums, section, memory.bytes());
            }
        });
    }

    /// All columns of a classifier.
    ///
    /// # Safety
    ///
    /// As above.
    pub(super) unsafe fn fully_connected_columns(&self, layer: &FullyConnected, memory: Memory) {
        let macs = layer.inputs * layer.outputs;
        self.share(macs, 0..1, panels(layer.outputs), |part| {
            let (memory, table) = ({ memory }, self.table());
            // SAFETY: as in stem_rows; tasks write different columns.
            unsafe { (table.fully_connected)(layer, part.columns, memory.weights, memory.bytes()) }
        });
    }
}

impl Memory {
    /// Where row sums are; null where the section at `weights` needs none.
    ///
    /// # Safety
    ///
    /// The section must be there.
    unsafe fn sums(self, offset: Option<usize>, weights: usize) -> *mut i32 {
        match offset {
            // SAFETY: passed on.
            Some(offset) if unsafe { word(self.weights.add(weights), Word::Correction) } != 0 => {
                self.bytes().wrapping_add(offset).cast()
            }
            _ => core::ptr::null_mut(),
        }
    }
}
