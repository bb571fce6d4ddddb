//! What maps are made of, as far as it decides where they go.

use mobilenet_kernels::layer::Separable;
use mobilenet_kernels::layout::Storage;
use mobilenet_kernels::{layout, quantised};

use super::Numbers;
use crate::weights::Integers;

/// The values of a plan's maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// 32-bit floats.
    Float {
        /// What blocks multiply, and so have between their halves.
        blocks: Storage,
    },
    /// Bytes.
    Byte {
        /// Whether kernels have a zero point, so that products need the sums of their rows.
        sums: bool,
    },
}

impl Element {
    /// That of a plan.
    pub(super) fn of(numbers: Numbers) -> Self {
        match numbers {
            Numbers::Floats(stored) => Element::Float { blocks: stored.blocks },
            Numbers::Bytes(bytes) => Element::Byte { sums: bytes.integers == Integers::U8 },
        }
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Element::Float { .. })
    }

    /// Bytes of a value.
    pub(super) fn size(self) -> usize {
        match self {
            Element::Float { .. } => size_of::<f32>(),
            Element::Byte { .. } => 1,
        }
    }

    /// Channels as stored.
    pub(super) fn padded(self, channels: usize) -> usize {
        match self {
            Element::Float { .. } => layout::padded(channels),
            Element::Byte { .. } => quantised::layout::padded(channels),
        }
    }

    /// Bytes of the scratch strip between the halves of a block.
    pub(super) fn scratch(self, pixels: usize, channels: usize) -> usize {
        match self {
            Element::Float { blocks } => Separable::strip_len(pixels, channels, blocks) * self.size(),
            Element::Byte { .. } => pixels * self.padded(channels),
        }
    }

    /// Bytes of a scratch strip that stays in a near cache: of floats in the second-level one beside the weights, of bytes,
    /// which are multiplied faster than that one delivers, in the first-level one.
    pub(super) fn strip(self) -> usize {
        match self {
            Element::Float { .. } => 64 << 10,
            Element::Byte { .. } => 24 << 10,
        }
    }

    /// Output rows that a kernel likes to compute at once, at least: the depthwise one of bytes makes two from four rows of
    /// input.
    pub(super) fn least_rows(self) -> usize {
        match self {
            Element::Float { .. } => 1,
            Element::Byte { .. } => 2,
        }
    }
}
