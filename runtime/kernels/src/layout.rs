//! How feature maps and weights lie in memory.
//!
//! A **feature map** of H x W pixels and C channels is kept in *channel blocks* of 16: one block holds, for a run
//! of pixels, 16 consecutive channels of each pixel. Channels are padded to a multiple of 8, so the last block
//! holds 16 or 8 channels; padding lanes are always zero. Two arrangements exist:
//!
//! * **rows** `[y][C/16][x][16]`: each row is contiguous, so rows can live in a ring, be streamed, and be
//!   overwritten in place;
//! * **plane** `[C/16][y][x][16]`: all pixels of a block are contiguous, so that a matrix product sees one flat run
//!   of H * W pixels. Used where maps are small (14 x 14, 7 x 7).
//!
//! The **weights** of a matrix product with K inputs and N outputs are kept in *panels* of 32 outputs,
//! `[N/32][K][32]`; the last panel is 8, 16, 24 or 32 wide. Depthwise weights are `[C/16][taps][16]`.
//!
//! All offsets and lengths in this crate count `f32`s. Where [`Storage`] is of 16 bits, two numbers share the word of an
//! `f32`, the first in its lower half; panels begin at whole words.

/// Channels in a full channel block.
pub const BLOCK: usize = 16;
/// Channels in the last block where the channel count asks for it.
pub const HALF_BLOCK: usize = 8;
/// Outputs in a full weight panel.
pub const PANEL: usize = 32;
/// Sections of the weights and regions of the arena start at multiples of this (64 bytes).
pub const ALIGN: usize = 16;
/// `f32`s at the start of a layer's weights that hold its epilogue: lower clamp, upper clamp, and padding.
pub const EPILOGUE: usize = 16;

/// Channels as stored: the next multiple of 8.
pub const fn padded(channels: usize) -> usize {
    channels.next_multiple_of(HALF_BLOCK)
}

/// The next multiple of [`ALIGN`].
pub const fn aligned(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

/// Where a feature map lies in the arena, and how. Its channels are stored up to the next multiple of `GRANULE`: 8 for
/// maps of floats, whose offsets count `f32`s, 16 for [`ByteMap`]s, whose offsets count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Map<const GRANULE: usize = HALF_BLOCK> {
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Channels, not padded.
    pub channels: usize,
    /// Arena offset of the map.
    pub offset: usize,
    /// Rows and their ring, or one plane.
    pub order: Order,
}

/// A map of bytes, in full channel blocks.
pub type ByteMap = Map<BLOCK>;

/// The arrangement of a [`Map`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `[C/16][y][x][16]`.
    Plane,
    /// `[slot][C/16][x][16]`: row `y` is in slot `(first + y) % slots`.
    Rows {
        /// Rows that fit; fewer than the height makes the map a ring buffer.
        slots: usize,
        /// Slot of row 0.
        first: usize,
    },
}

impl<const GRANULE: usize> Map<GRANULE> {
    /// A plane of height, width and channels `shape`.
    pub const fn plane([height, width, channels]: [usize; 3], offset: usize) -> Self {
        Map { height, width, channels, offset, order: Order::Plane }
    }

    /// Rows of height, width and channels `shape`, in `slots` slots of which row 0 is in slot `first`.
    pub const fn rows(
        [height, width, channels]: [usize; 3],
        offset: usize,
        slots: usize,
        first: usize,
    ) -> Self {
        Map { height, width, channels, offset, order: Order::Rows { slots, first } }
    }

    /// Channels as stored.
    pub const fn padded(&self) -> usize {
        self.channels.next_multiple_of(GRANULE)
    }

    /// Channel blocks, counting a last half block.
    pub const fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// Channels stored in block `b`: 16, or 8 in a last half block.
    pub const fn block_width(&self, b: usize) -> usize {
        let left = self.padded() - b * BLOCK;
        if left < BLOCK { left } else { BLOCK }
    }

    /// Values of one row over all blocks.
    pub const fn row_len(&self) -> usize {
        self.width * self.padded()
    }

    /// Values of the map, ring slots counted once.
    pub const fn len(&self) -> usize {
        match self.order {
            Order::Plane => self.height * self.row_len(),
            Order::Rows { slots, .. } => slots * self.row_len(),
        }
    }

    /// Whether the map holds nothing (never, for a checked one).
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distance between the starts of two full blocks of the same row.
    pub const fn block_stride(&self) -> usize {
        match self.order {
            Order::Plane => self.height * self.width * BLOCK,
            Order::Rows { .. } => self.width * BLOCK,
        }
    }

    /// Arena offset of pixel `x = 0` of row `y` in block `b`.
    pub const fn at(&self, y: usize, b: usize) -> usize {
        let row = match self.order {
            Order::Plane => y * self.width * self.block_width(b),
            // A ring has slots (`end` asks for them); that there is no division by zero, the optimiser sees only here.
            Order::Rows { slots, first } => match (first + y).checked_rem(slots) {
                Some(slot) => slot * self.row_len(),
                None => 0,
            },
        };
        self.offset + b * self.block_stride() + row
    }

    /// Arena offset one past the map, or `None` where sizes overflow or are absurd.
    pub const fn end(&self) -> Option<usize> {
        let rows = match self.order {
            Order::Plane => self.height,
            Order::Rows { slots, first } => {
                if slots == 0 || first >= slots {
                    return None;
                }
                slots
            }
        };
        if self.height == 0 || self.width == 0 || self.channels == 0 || self.channels > usize::MAX / 4 {
            return None;
        }
        let Some(row) = self.width.checked_mul(self.padded()) else { return None };
        let Some(len) = row.checked_mul(rows) else { return None };
        self.offset.checked_add(len)
    }
}

/// A sliding window: size, stride, and the padding before the first row and column. Padding after the last follows
/// from the sizes of input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub size: usize,
    /// Distance between two outputs, in input pixels.
    pub stride: usize,
    /// Zero rows above the first row.
    pub top: usize,
    /// Zero columns before the first column.
    pub left: usize,
}

impl Window {
    /// A window of `size` x `size`, with zero padding before the first row and column.
    pub const fn new(size: usize, stride: usize, [top, left]: [usize; 2]) -> Window {
        Window { size, stride, top, left }
    }

    /// Input rows `start..end` that output rows `from..to` read, borders cut off.
    pub const fn rows(&self, from: usize, to: usize, height: usize) -> (usize, usize) {
        let start = (from * self.stride).saturating_sub(self.top);
        let end = ((to - 1) * self.stride + self.size).saturating_sub(self.top);
        (if start < height { start } else { height }, if end < height { end } else { height })
    }
}

/// What the kernel of a matrix product is stored as; bias and bounds are `f32`s always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Storage {
    /// `f32`s.
    #[default]
    F32,
    /// bf16s. Two consecutive inputs of one output make a word, which processors multiply with two values at once. Inputs are
    /// padded with zeros to a multiple of 8, like the channels of a map.
    Bf16,
    /// f16s, which are widened when they are read.
    F16,
}

/// Lengths and offsets of a layer's packed weights. `[epilogue][bias][kernel]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// Offset of the bias from the start of the section.
    pub bias: usize,
    /// Offset of the kernel from the start of the section.
    pub kernel: usize,
    /// Length of the section, a multiple of [`ALIGN`].
    pub len: usize,
}

impl Section {
    const fn new(outputs: usize, kernel: usize) -> Self {
        let bias = EPILOGUE;
        let start = bias + aligned(padded(outputs));
        Section { bias, kernel: start, len: aligned(start + kernel) }
    }

    /// A matrix product: `[epilogue][bias][N/32][K][32]`.
    pub const fn panels(inputs: usize, outputs: usize) -> Self {
        Self::new(outputs, inputs * padded(outputs))
    }

    /// A matrix product: as [`panels`](Self::panels); in bf16 `[epilogue][bias][N/32][K/2][32][2]`.
    pub const fn product(inputs: usize, outputs: usize, storage: Storage) -> Self {
        match storage {
            Storage::F32 => Self::panels(inputs, outputs),
            Storage::Bf16 => Self::panels(padded(inputs) / 2, outputs),
            Storage::F16 => Self::new(outputs, inputs * padded(outputs) / 2),
        }
    }

    /// A depthwise convolution: `[epilogue][bias][C/16][taps][16]`.
    pub const fn depthwise(channels: usize, taps: usize) -> Self {
        Self::new(channels, taps * padded(channels))
    }

    /// A batch normalisation on its own: `[epilogue, unused][shift][scale]`.
    pub const fn batchnorm(channels: usize) -> Self {
        Self::new(channels, padded(channels))
    }
}

/// Columns of panel `j` of `outputs`: 32, or what is left, padded to a multiple of 8.
pub const fn panel_width(outputs: usize, j: usize) -> usize {
    let left = padded(outputs) - j * PANEL;
    if left < PANEL { left } else { PANEL }
}
