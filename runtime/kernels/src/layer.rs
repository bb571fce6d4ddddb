//! Layers: what a kernel is called with.
//!
//! A layer is plain data with public fields. [`Checked`] wraps one whose every access has been shown to lie below
//! two lengths, that of the weights and that of the arena; a kernel then compares two numbers and is safe to run.
//! The check is a `const fn`: in generated code a misfit is a compile error.

use crate::layout::{Map, Section, Storage, Window, aligned, padded};

/// A layer whose accesses stay below [`weights_end`](Self::weights_end) and [`arena_end`](Self::arena_end).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checked<L> {
    pub(crate) layer: L,
    pub(crate) weights_end: usize,
    pub(crate) arena_end: usize,
    pub(crate) apart: bool,
}

impl<L> Checked<L> {
    /// The layer.
    pub const fn layer(&self) -> &L {
        &self.layer
    }

    /// `f32`s of weights that the layer reads below.
    pub const fn weights_end(&self) -> usize {
        self.weights_end
    }

    /// `f32`s of arena that the layer reads and writes below.
    pub const fn arena_end(&self) -> usize {
        self.arena_end
    }

    /// Whether the layer never reads where it writes in the same phase, so that threads may share its work. A block's phases
    /// are its halves; a convolution's are filling its lines and the product.
    pub const fn is_apart(&self) -> bool {
        self.apart
    }
}

/// Why a layer cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// A size is zero, or so large that offsets overflow.
    Size,
    /// Input and output maps do not belong together.
    Shape,
    /// The window is not one that the kernel knows.
    Window,
    /// A ring holds fewer rows than one step of the layer needs.
    Ring,
    /// The kernel does not know weights that are stored like this.
    Storage,
}

impl Misfit {
    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Misfit::Size => "a size is zero or too large",
            Misfit::Shape => "input and output do not fit each other",
            Misfit::Window => "the kernel does not know this window",
            Misfit::Ring => "a ring holds too few rows",
            Misfit::Storage => "the kernel does not know weights that are stored like this",
        }
    }
}

impl core::fmt::Display for Misfit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for Misfit {}

/// The first convolution: reads the image itself, `(height, width, channels)` interleaved, a few channels deep.
///
/// Image rows are normalised and zero-padded into a line buffer, from which the product is computed directly.
/// Weights: [`Section::panels`] with `size * size * channels` inputs in the order (row, column, channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stem {
    /// Height, width, channels of the image.
    pub image: [usize; 3],
    /// The sliding window.
    pub window: Window,
    /// The output.
    pub output: Map,
    /// Output rows computed at a time.
    pub strip: usize,
    /// Arena offset of the line buffer, [`Stem::lines_len`] long.
    pub lines: usize,
    /// Offset of the weights.
    pub weights: usize,
}

/// A convolution between feature maps.
///
/// Input rows are copied with their zero border into a line buffer. Weights: [`Section::panels`] with
/// `size * size * channels` inputs in the order (row, column, channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// The input.
    pub input: Map,
    /// The sliding window.
    pub window: Window,
    /// The output.
    pub output: Map,
    /// Output rows computed at a time.
    pub strip: usize,
    /// Arena offset of the line buffer, [`Conv::lines_len`] long.
    pub lines: usize,
    /// Offset of the weights.
    pub weights: usize,
}

/// A 3x3 depthwise convolution. Weights: [`Section::depthwise`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Depthwise {
    /// The input.
    pub input: Map,
    /// The sliding window, 3x3, at most one row and column of padding on each side.
    pub window: Window,
    /// The output.
    pub output: Map,
    /// Offset of the weights.
    pub weights: usize,
}

/// A 1x1 convolution: a matrix product over all pixels. Weights: [`Section::panels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pointwise {
    /// The input.
    pub input: Map,
    /// The output, of the same height and width.
    pub output: Map,
    /// Offset of the weights.
    pub weights: usize,
}

/// A depthwise-separable block: 3x3 depthwise into a scratch strip, 1x1 from there into the output. Input and output
/// may share memory.
///
/// Where the pointwise weights are bf16s, so is the scratch strip: values are rounded on the way into it, and the products
/// of both are summed up in `f32`. Values too small for a normal `f32` may count as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Separable {
    /// The input.
    pub input: Map,
    /// The sliding window of the depthwise half.
    pub window: Window,
    /// The output.
    pub output: Map,
    /// Output rows computed at a time.
    pub strip: usize,
    /// Arena offset of the scratch strip, [`Separable::scratch_len`] long.
    pub scratch: usize,
    /// Offset of the depthwise weights, [`Section::depthwise`].
    pub depthwise: usize,
    /// Offset of the pointwise weights, [`Section::product`].
    pub pointwise: usize,
    /// What the pointwise weights are stored as, `f32`s or bf16s.
    pub storage: Storage,
}

/// Batch normalisation on its own, in place: `x * scale + shift` by channel. Weights: [`Section::batchnorm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchNorm {
    /// The map.
    pub map: Map,
    /// Offset of the weights.
    pub weights: usize,
}

/// A clamp on its own, in place (ReLU: 0 to infinity, ReLU6: 0 to 6). Weights: the two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Activation {
    /// The map.
    pub map: Map,
    /// Offset of the bounds.
    pub weights: usize,
}

/// The mean over all pixels, by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// The input.
    pub input: Map,
    /// Arena offset of the output, `padded(channels)` long.
    pub output: usize,
}

/// A fully connected layer: the product of a vector and a matrix. Weights: [`Section::product`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FullyConnected {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Arena offset of the input vector.
    pub input: usize,
    /// Arena offset of the output vector, `padded(outputs)` long.
    pub output: usize,
    /// Offset of the weights.
    pub weights: usize,
    /// What the weights are stored as, `f32`s or f16s.
    pub storage: Storage,
}

/// Softmax over a vector, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// Length of the vector.
    pub len: usize,
    /// Arena offset of the vector.
    pub vector: usize,
}

/// A layer that can compute a few rows at a time: a stage of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The first convolution.
    Stem(Checked<Stem>),
    /// A convolution.
    Conv(Checked<Conv>),
    /// A depthwise-separable block.
    Separable(Checked<Separable>),
}

/// The larger of two ends.
pub(crate) const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// `offset + len`, or a misfit.
pub(crate) const fn end(offset: usize, len: usize) -> Result<usize, Misfit> {
    match offset.checked_add(len) {
        Some(end) => Ok(end),
        None => Err(Misfit::Size),
    }
}

/// `?` for const fns.
macro_rules! attempt {
    ($e:expr) => {
        match $e {
            Ok(value) => value,
            Err(misfit) => return Err(misfit),
        }
    };
}
pub(crate) use attempt;

pub(crate) const fn map_end<const G: usize>(map: &Map<G>) -> Result<usize, Misfit> {
    match map.end() {
        // Sections and scratch are multiples of sizes already checked here; a bound far below overflow keeps all
        // arithmetic of the kernels exact.
        Some(end) if end < usize::MAX / 64 => Ok(end),
        _ => Err(Misfit::Size),
    }
}

/// Whether two parts of the arena, each from its start to its end, share no memory.
pub(crate) const fn apart(a: (usize, usize), b: (usize, usize)) -> bool {
    a.1 <= b.0 || b.1 <= a.0
}

/// A window over an input of `from` pixels that gives `to` pixels, at most `window.size - 1` of them past the end.
pub(crate) const fn window_fits(window: &Window, before: usize, from: usize, to: usize) -> bool {
    if window.size == 0
        || window.size > 16
        || window.stride == 0
        || window.stride > 16
        || before >= window.size
    {
        return false;
    }
    if from == 0 || to == 0 || from > 1 << 24 || to > 1 << 24 {
        return false;
    }
    let last = (to - 1) * window.stride;
    // The last window begins inside the input, and ends less than a window past it.
    last < from + before && last + window.size < from + before + window.size
}

/// A ring must hold what one strip reads or writes.
pub(crate) const fn ring_holds<const G: usize>(map: &Map<G>, rows: usize) -> bool {
    match map.order {
        crate::layout::Order::Plane => true,
        crate::layout::Order::Rows { slots, .. } => {
            slots >= if rows < map.height { rows } else { map.height }
        }
    }
}

pub(crate) const fn strip_rows(window: &Window, strip: usize) -> usize {
    (strip - 1) * window.stride + window.size
}

macro_rules! checked {
    ($($layer:ident),*) => {$(
        impl $layer {
            /// This layer, shown to stay inside its weights and arena. Panics where it does not: meant for constants.
            pub const fn checked(self) -> $crate::layer::Checked<Self> {
                match self.check() {
                    Ok(checked) => checked,
                    Err(misfit) => panic!("{}", misfit.reason()),
                }
            }
        }
    )*};
}
pub(crate) use checked;

checked!(Stem, Conv, Depthwise, Pointwise, Separable, BatchNorm, Activation, Pool, FullyConnected, Softmax);

impl Stem {
    /// Pixels of one zero-padded line, padding included.
    pub const fn line_pixels(&self) -> usize {
        (self.output.width - 1) * self.window.stride + self.window.size
    }

    /// `f32`s of the line buffer.
    pub const fn lines_len(&self) -> usize {
        aligned(strip_rows(&self.window, self.strip) * self.line_pixels() * self.image[2])
    }

    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let [height, width, channels] = self.image;
        let output = attempt!(map_end(&self.output));
        if channels == 0 || channels > 16 || self.strip == 0 || self.strip > self.output.height {
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
        let inputs = self.window.size * self.window.size * channels;
        let weights_end = attempt!(end(self.weights, Section::panels(inputs, self.output.channels).len));
        let lines = attempt!(end(self.lines, self.lines_len()));
        let apart = apart((self.lines, lines), (self.output.offset, output));
        Ok(Checked { layer: self, weights_end, arena_end: max(output, lines), apart })
    }
}

impl Conv {
    /// Pixels of one zero-padded line, padding included.
    pub const fn line_pixels(&self) -> usize {
        (self.output.width - 1) * self.window.stride + self.window.size
    }

    /// `f32`s of the line buffer.
    pub const fn lines_len(&self) -> usize {
        aligned(strip_rows(&self.window, self.strip) * self.line_pixels() * self.input.padded())
    }

    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let input = attempt!(map_end(&self.input));
        let output = attempt!(map_end(&self.output));
        if self.strip == 0 || self.strip > self.output.height {
            return Err(Misfit::Size);
        }
        if !window_fits(&self.window, self.window.top, self.input.height, self.output.height)
            || !window_fits(&self.window, self.window.left, self.input.width, self.output.width)
        {
            return Err(Misfit::Window);
        }
        if !ring_holds(&self.output, self.strip)
            || !ring_holds(&self.input, strip_rows(&self.window, self.strip))
        {
            return Err(Misfit::Ring);
        }
        let inputs = self.window.size * self.window.size * self.input.channels;
        let weights_end = attempt!(end(self.weights, Section::panels(inputs, self.output.channels).len));
        let lines = attempt!(end(self.lines, self.lines_len()));
        let apart = apart((self.lines, lines), (self.output.offset, output));
        Ok(Checked { layer: self, weights_end, arena_end: max(max(input, output), lines), apart })
    }
}

/// What depthwise layers and depthwise halves share.
pub(crate) const fn depthwise_fits<const G: usize>(
    input: &Map<G>,
    window: &Window,
    height: usize,
    width: usize,
) -> Result<(), Misfit> {
    if window.size != 3 || window.stride > 2 || window.top > 1 || window.left > 1 {
        return Err(Misfit::Window);
    }
    if !window_fits(window, window.top, input.height, height)
        || !window_fits(window, window.left, input.width, width)
    {
        return Err(Misfit::Window);
    }
    // At most one row and one column past the end.
    if (height - 1) * window.stride + 3 > input.height + window.top + 1
        || (width - 1) * window.stride + 3 > input.width + window.left + 1
    {
        return Err(Misfit::Window);
    }
    Ok(())
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
        let weights_end = attempt!(end(self.weights, Section::depthwise(self.input.channels, 9).len));
        let apart = apart((self.input.offset, input), (self.output.offset, output));
        Ok(Checked { layer: self, weights_end, arena_end: max(input, output), apart })
    }
}

impl Pointwise {
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
        let section = Section::panels(self.input.channels, self.output.channels);
        let weights_end = attempt!(end(self.weights, section.len));
        let apart = apart((self.input.offset, input), (self.output.offset, output));
        Ok(Checked { layer: self, weights_end, arena_end: max(input, output), apart })
    }
}

impl Separable {
    /// `f32`s of the scratch strip: `strip` rows of depthwise output, as one plane.
    pub const fn scratch_len(&self) -> usize {
        Self::strip_len(self.strip * self.output.width, self.input.channels, self.storage)
    }

    /// `f32`s of a scratch strip of so many pixels.
    pub const fn strip_len(pixels: usize, channels: usize, storage: Storage) -> usize {
        match storage {
            Storage::Bf16 => aligned(pixels * padded(channels) / 2),
            _ => aligned(pixels * padded(channels)),
        }
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
        if matches!(self.storage, Storage::F16) {
            return Err(Misfit::Storage);
        }
        let depthwise = Section::depthwise(self.input.channels, 9).len;
        let pointwise = Section::product(self.input.channels, self.output.channels, self.storage).len;
        let weights_end =
            max(attempt!(end(self.depthwise, depthwise)), attempt!(end(self.pointwise, pointwise)));
        let scratch = attempt!(end(self.scratch, self.scratch_len()));
        // Input and output may share memory: the scratch strip stands between them.
        let strip = (self.scratch, scratch);
        let apart = apart(strip, (self.input.offset, input)) && apart(strip, (self.output.offset, output));
        Ok(Checked { layer: self, weights_end, arena_end: max(max(input, output), scratch), apart })
    }
}

impl BatchNorm {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let arena_end = attempt!(map_end(&self.map));
        let weights_end = attempt!(end(self.weights, Section::batchnorm(self.map.channels).len));
        Ok(Checked { layer: self, weights_end, arena_end, apart: false })
    }
}

impl Activation {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let arena_end = attempt!(map_end(&self.map));
        let weights_end = attempt!(end(self.weights, crate::layout::EPILOGUE));
        Ok(Checked { layer: self, weights_end, arena_end, apart: false })
    }
}

impl Pool {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        let input = attempt!(map_end(&self.input));
        if !ring_holds(&self.input, self.input.height) {
            return Err(Misfit::Ring);
        }
        let output = attempt!(end(self.output, self.input.padded()));
        Ok(Checked { layer: self, weights_end: 0, arena_end: max(input, output), apart: false })
    }
}

impl FullyConnected {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        if self.inputs == 0 || self.outputs == 0 || self.inputs > 1 << 24 || self.outputs > 1 << 24 {
            return Err(Misfit::Size);
        }
        if matches!(self.storage, Storage::Bf16) {
            return Err(Misfit::Storage);
        }
        let section = Section::product(self.inputs, self.outputs, self.storage);
        let weights_end = attempt!(end(self.weights, section.len));
        let input = attempt!(end(self.input, padded(self.inputs)));
        let output = attempt!(end(self.output, padded(self.outputs)));
        // Outputs are written while inputs are still read.
        if !apart((self.input, input), (self.output, output)) {
            return Err(Misfit::Shape);
        }
        Ok(Checked { layer: self, weights_end, arena_end: max(input, output), apart: true })
    }
}

impl Softmax {
    /// This layer, shown to stay inside its weights and arena.
    pub const fn check(self) -> Result<Checked<Self>, Misfit> {
        if self.len == 0 {
            return Err(Misfit::Size);
        }
        let arena_end = attempt!(end(self.vector, self.len));
        Ok(Checked { layer: self, weights_end: 0, arena_end, apart: false })
    }
}
