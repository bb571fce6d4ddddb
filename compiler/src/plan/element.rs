//! What maps are made of, as far as it decides where they go.

use mobilenet_kernels::{layout, quantised};

/// The values of a plan's maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// 32-bit floats.
    F32,
    /// Bytes.
    Byte {
        /// Whether kernels have a zero point, so that products need the sums of their rows.
        sums: bool,
    },
}

impl Element {
    /// Bytes of a value.
    pub(super) fn size(self) -> usize {
        match self {
            Element::F32 => size_of::<f32>(),
            Element::Byte { .. } => 1,
        }
    }

    /// Channels as stored.
    pub(super) fn padded(self, channels: usize) -> usize {
        match self {
            Element::F32 => layout::padded(channels),
            Element::Byte { .. } => quantised::layout::padded(channels),
        }
    }

    /// Bytes of a scratch strip that stays in a near cache: of floats in the second-level one beside the weights, of bytes,
    /// which are multiplied faster than that one delivers, in the first-level one.
    pub(super) fn strip(self) -> usize {
        match self {
            Element::F32 => 64 << 10,
            Element::Byte { .. } => 24 << 10,
        }
    }

    /// Output rows that a kernel likes to compute at once, at least: the depthwise one of bytes makes two from four rows of
    /// input.
    pub(super) fn least_rows(self) -> usize {
        match self {
            Element::F32 => 1,
            Element::Byte { .. } => 2,
        }
    }
}
