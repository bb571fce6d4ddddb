//! Shapes of values and padding of windows.

use std::fmt;

/// The shape of a feature map: height, width, channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// Height, width, channels.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Shape { height, width, channels }
    }

    /// A vector: one pixel.
    pub const fn vector(channels: usize) -> Self {
        Shape::new(1, 1, channels)
    }

    /// Values in the map.
    pub const fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether the map holds nothing (never, in a verified graph).
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// As an array.
    pub const fn array(self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// Zero rows and columns around a map, resolved at lowering from the padding of the family or the spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pad {
    /// Rows above.
    pub top: usize,
    /// Columns before.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns after.
    pub right: usize,
}

impl Pad {
    /// The same on all sides.
    pub const fn all(pixels: usize) -> Self {
        Pad { top: pixels, left: pixels, bottom: pixels, right: pixels }
    }

    /// TensorFlow's SAME: as much as gives `ceil(extent / stride)` outputs; half of it before, and the odd one after.
    pub fn same(size: usize, stride: usize, input: Shape) -> Self {
        let missing = |extent: usize| ((extent.div_ceil(stride) - 1) * stride + size).saturating_sub(extent);
        let (rows, columns) = (missing(input.height), missing(input.width));
        Pad { top: rows / 2, left: columns / 2, bottom: rows.div_ceil(2), right: columns.div_ceil(2) }
    }

    /// The side with the most.
    pub fn most(self) -> usize {
        self.top.max(self.left).max(self.bottom).max(self.right)
    }
}

impl fmt::Display for Pad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.top, self.left, self.bottom, self.right)
    }
}
