//! Layers of networks of bytes: what a kernel is called with.
//!
//! Offsets of maps, lines, strips and vectors count *bytes* of the arena; offsets of weights count 4-byte words, as
//! everywhere. [`Checked`] ends count `f32`s of both.

use super::layout::{AFFINE, MEAN, SOFTMAX, Section, padded};
use crate::layer::{
    Checked, Misfit, apart, attempt, checked, depthwise_fits, end, map_end, max, ring_holds, strip_rows,
    window_fits,
};
use crate::layout::{BLOCK, ByteMap, Window};

/// Bytes of a cache line: strips and vectors take whole ones.
const LINE: usize = 64;

/// The first convolution: reads the photo's bytes, `(height, width, channels)` interleaved, a few channels deep.
///
/// Image rows are copied with their border into a line buffer, from which the product is computed directly. Weights:
/// [`Section::panels`] with `size` runs of `size * channels` inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stem {
    /// Height, width, channels of the image.
    pub image: [usize; 3],
    /// The sliding window.
    pub window: Window,
    /// The output.
    pub output: ByteMap,
    /// Output rows computed at a time.
    pub strip: usize,
    /// Arena offset of the line buffer, [`Stem::lines_len`] long.
    pub lines: usize,
    /// Arena offset of the row sums, [`Stem::sums_len`] long; none where kernels have no zero point.
    pub sums: Option<usize>,
    /// Offset of the weights.
    pub weights: usize,
}

/// A 3x3 depthwise convolution. Weights: [`Section::depthwise`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Depthwise {
    /// The input.
    pub input: ByteMap,
    /// The sliding window, 3x3, at most one row and column of padding on each side.
    pub window: Window,
    /// The output.
    pub output: ByteMap,
    /// Offset of the weights.
    pub weights: usize,
}

/// A 1x1 convolution: a matrix product over all pixels. Weights: [`Section::panels`] with one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pointwise {
    /// The input.
    pub input: ByteMap,
    /// The output, of the same height and width.
    pub output: ByteMap,
    /// Arena offset of the row sums, [`Pointwise::sums_len`] long; none where kernels have no zero point.
    pub sums: Option<usize>,
    /// Offset of the weights.
    pub weights: usize,
}

/// A depthwise-separable block: 3x3 depthwise into a scratch strip, 1x1 from there into the output. Input and output
/// may share memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Separable {
    /// The input.
    pub input: ByteMap,
    /// The sliding window of the depthwise half.
    pub window: Window,
    /// The output.
    pub output: ByteMap,
    /// Output rows computed at a time.
    pub strip: usize,
    /// Arena offset of the scratch strip, [`Separable::scratch_len`] long.
    pub scratch: usize,
    /// Arena offset of the row sums, [`Separable::sums_len`] long; none where kernels have no zero point.
    pub sums: Option<usize>,
    /// Offset of the depthwise weights, [`Section::depthwise`].
    pub depthwise: usize,
    /// Offset of the pointwise weights, [`Section::panels`] with one run.
    pub pointwise: usize,
}

/// The mean over all pixels, by channel: rounded to the nearest, ties away from zero; or brought to a scale of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// The input.
    pub input: ByteMap,
    /// Arena offset of the output, `padded(channels)` bytes.
    pub output: usize,
    /// Whether the network's bytes are signed: which way is away from zero.
    pub signed: bool,
    /// Offset of [`MEAN`] words, where the output has a scale of its own.
    pub scale: Option<usize>,
}

/// A fully connected layer: the product of a vector and a matrix. Weights: [`Section::panels`] with one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FullyConnected {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Arena offset of the input vector, `padded(inputs)` bytes.
    pub input: usize,
    /// Arena offset of the output vector, `padded(outputs)` bytes.
    pub output: usize,
    /// Offset of the weights.
    pub weights: usize,
}

/// Softmax over bytes. Weights: a table of [`SOFTMAX`] words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// Length of the vector.
    pub len: usize,
    /// Arena offset of the vector, replaced by its softmax in units of 1/256.
    pub vector: usize,
    /// Offset of the table.
    pub weights: usize,
}

/// A layer that can compute a few rows at a time: a stage of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The first convolution.
    Stem(Checked<Stem>),
    /// A depthwise-separable block.
    Separable(Checked<Separable>),
}

/// Bytes of a vector as the numbers that they stand for. Weights: [`AFFINE`] words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dequantise {
    /// Length of the vector.
    pub len: usize,
    /// Arena offset of the bytes.
    pub input: usize,
    /// Arena offset of the numbers, in `f32`s.
    pub output: usize,
    /// Offset of scale and zero point.
    pub weights: usize,
}

/// A layer of bytes that stays below these ends, the arena's in bytes.
const fn within<L: Copy>(layer: L, weights_end: usize, arena_end: usize, apart: bool) -> Checked<L> {
    Checked { layer, weights_end, arena_end: arena_end.div_ceil(size_of::<f32>()), apart }
}

/// Start and end of row sums, empty where there are none. They are words: aligned.
const fn sums_span(sums: Option<usize>, len: usize) -> Result<(usize, usize), Misfit> {
    let Some(offset) = sums else { return Ok((0, 0)) };
    if !offset.is_multiple_of(size_of::<i32>()) {
        return Err(Misfit::Size);
    }
    Ok((offset, attempt!(end(offset, len))))
}

checked!(Stem, Depthwise, Pointwise, Separable, Pool, FullyConnected, Softmax, Dequantise);

impl Stem {
    /// Pixels of one line, padding included.
    pub const fn line_pixels(&self) -> usize {
        (self.output.width - 1) * self.window.stride + self.window.size
    }

    /// Bytes of the line buffer: the last quad of a window may reach past the last line.
    pub const fn lines_len(&self) -> usize {
        let lines = strip_rows(&self.window, self.strip) * self.line_pixels() * self.image[2];
        (lines + super::layout::QUAD).next_multiple_of(LINE)
    }

    /// Bytes of the row sums of a strip, an `i32` a pixel.
    pub const fn sums_len(&self) -> usize {
        (self.strip * self.output.width * size_of::<i32>()).next_multiple_of(LINE)
    }

    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let [height, width, channels] = self.image;
        let output = attempt!(map_end(&self.output));
        if channels == 0 || channels > BLOCK || self.strip == 0 || self.strip > self.output.height {
            return Err(Misfit::Size);
        }
        if !window_fits(&self.window, self.window.top, height, self.output.height)
            || !window_fits(&self.window, self.window.left, width, self.output.width)
        {
            return Err(Misfit::Window);
        }
        if !ring_holds(&self.output, self.strip) {
            return Err(Misfit::Ring);
        }
        let section = Section::panels(self.window.size, self.window.size * channels, self.output.channels);
        let weights_end = attempt!(end(self.weights, section.len));
        let lines = (self.lines, attempt!(end(self.lines, self.lines_len())));
        let sums = attempt!(sums_span(self.sums, self.sums_len()));
        let map = (self.output.offset, output);
        // Sums are written while lines are read, and read while outputs are written.
        if !apart(sums, lines) || !apart(sums, map) {
            return Err(Misfit::Shape);
        }
        let apart = apart(lines, map);
        Ok(within(self, weights_end, max(max(output, lines.1), sums.1), apart))
    }
}

impl Depthwise {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let input = attempt!(map_end(&self.input));
        let output = attempt!(map_end(&self.output));
        if self.input.channels != self.output.channels {
            return Err(Misfit::Shape);
        }
        attempt!(depthwise_fits(&self.input, &self.window, self.output.height, self.output.width));
        if !ring_holds(&self.input, self.input.height) || !ring_holds(&self.output, self.output.height) {
            return Err(Misfit::Ring);
        }
        let weights_end = attempt!(end(self.weights, Section::depthwise(self.input.channels).len));
        let apart = apart((self.input.offset, input), (self.output.offset, output));
        Ok(within(self, weights_end, max(input, output), apart))
    }
}

impl Pointwise {
    /// Bytes of the row sums, an `i32` a pixel.
    pub const fn sums_len(&self) -> usize {
        (self.output.height * self.output.width * size_of::<i32>()).next_multiple_of(LINE)
    }

    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let input = attempt!(map_end(&self.input));
        let output = attempt!(map_end(&self.output));
        if self.input.height != self.output.height || self.input.width != self.output.width {
            return Err(Misfit::Shape);
        }
        if !ring_holds(&self.input, self.input.height) || !ring_holds(&self.output, self.output.height) {
            return Err(Misfit::Ring);
        }
        let section = Section::panels(1, self.input.channels, self.output.channels);
        let weights_end = attempt!(end(self.weights, section.len));
        let sums = attempt!(sums_span(self.sums, self.sums_len()));
        let (from, to) = ((self.input.offset, input), (self.output.offset, output));
        // Sums are written while inputs are read, and read while outputs are written.
        if !apart(sums, from) || !apart(sums, to) {
            return Err(Misfit::Shape);
        }
        let apart = apart(from, to);
        Ok(within(self, weights_end, max(max(input, output), sums.1), apart))
    }
}

impl Separable {
    /// Bytes of the scratch strip: `strip` rows of depthwise output, as one plane.
    pub const fn scratch_len(&self) -> usize {
        (self.strip * self.output.width * self.input.padded()).next_multiple_of(LINE)
    }

    /// Bytes of the row sums of a strip, an `i32` a pixel.
    pub const fn sums_len(&self) -> usize {
        (self.strip * self.output.width * size_of::<i32>()).next_multiple_of(LINE)
    }

    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let input = attempt!(map_end(&self.input));
        let output = attempt!(map_end(&self.output));
        if self.strip == 0 || self.strip > self.output.height {
            return Err(Misfit::Size);
        }
        attempt!(depthwise_fits(&self.input, &self.window, self.output.height, self.output.width));
        if !ring_holds(&self.output, self.strip)
            || !ring_holds(&self.input, strip_rows(&self.window, self.strip))
        {
            return Err(Misfit::Ring);
        }
        let depthwise = Section::depthwise(self.input.channels).len;
        let pointwise = Section::panels(1, self.input.channels, self.output.channels).len;
        let weights_end =
            max(attempt!(end(self.depthwise, depthwise)), attempt!(end(self.pointwise, pointwise)));
        let strip = (self.scratch, attempt!(end(self.scratch, self.scratch_len())));
        let sums = attempt!(sums_span(self.sums, self.sums_len()));
        // Input and output may share memory: the scratch strip stands between them.
        let (from, to) = ((self.input.offset, input), (self.output.offset, output));
        // Sums are written while the strip is read, and read while outputs are written.
        if !apart(sums, strip) || !apart(sums, to) {
            return Err(Misfit::Shape);
        }
        let apart = apart(strip, from) && apart(strip, to);
        Ok(within(self, weights_end, max(max(input, output), max(strip.1, sums.1)), apart))
    }
}

impl Pool {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let input = attempt!(map_end(&self.input));
        // Sums of a channel stay far below 32 bits.
        if self.input.height * self.input.width > 1 << 20 {
            return Err(Misfit::Size);
        }
        if !ring_holds(&self.input, self.input.height) {
            return Err(Misfit::Ring);
        }
        let output = attempt!(end(self.output, self.input.padded()));
        let weights_end = match self.scale {
            Some(offset) => attempt!(end(offset, MEAN)),
            None => 0,
        };
        Ok(within(self, weights_end, max(input, output), false))
    }
}

impl FullyConnected {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        if self.inputs == 0 || self.outputs == 0 || self.inputs > 1 << 24 || self.outputs > 1 << 24 {
            return Err(Misfit::Size);
        }
        let weights_end = attempt!(end(self.weights, Section::panels(1, self.inputs, self.outputs).len));
        let input = attempt!(end(self.input, padded(self.inputs)));
        let output = attempt!(end(self.output, padded(self.outputs)));
        // Outputs are written while inputs are still read.
        if !apart((self.input, input), (self.output, output)) {
            return Err(Misfit::Shape);
        }
        Ok(within(self, weights_end, max(input, output), true))
    }
}

impl Softmax {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        if self.len == 0 {
            return Err(Misfit::Size);
        }
        let weights_end = attempt!(end(self.weights, SOFTMAX));
        let arena_end = attempt!(end(self.vector, self.len));
        Ok(within(self, weights_end, arena_end, false))
    }
}

impl Dequantise {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        if self.len == 0 || self.len > 1 << 24 || self.output > usize::MAX / 64 {
            return Err(Misfit::Size);
        }
        let weights_end = attempt!(end(self.weights, AFFINE));
        let input = attempt!(end(self.input, self.len));
        let size = size_of::<f32>();
        let output = attempt!(end(self.output * size, self.len * size));
        if !apart((self.input, input), (self.output * size, output)) {
            return Err(Misfit::Shape);
        }
        Ok(within(self, weights_end, max(input, output), false))
    }
}
