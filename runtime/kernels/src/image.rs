//! The network's input: an image as bytes or as normalised floats.

/// How bytes become the floats that a network was trained on: `x * scale + offset`, by channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalise {
    /// Factors, one a channel.
    pub scale: [f32; 4],
    /// Summands, one a channel.
    pub offset: [f32; 4],
}

/// An image, `(height, width, channels)` interleaved.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    /// Bytes, normalised on the way in.
    Pixels(&'a [u8], &'a Normalise),
    /// Floats, normalised already.
    Tensor(&'a [f32]),
}

impl Image<'_> {
    /// Values in the image.
    pub const fn len(&self) -> usize {
        match self {
            Image::Pixels(pixels, _) => pixels.len(),
            Image::Tensor(values) => values.len(),
        }
    }

    /// Whether the image holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a photo becomes a network's input; part of a weights file's family, carried in the packed weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// Which part of the photo is looked at.
    pub framing: Framing,
    /// How it is resized.
    pub filter: Filter,
    /// Whether blue comes first (networks from Caffe).
    pub bgr: bool,
    /// How bytes become floats.
    pub normalise: Normalise,
}

/// Which part of a photo the network looks at. The result always has the network's resolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    /// All of it, its aspect ratio not kept (Keras).
    Stretch,
    /// The middle `fraction` of both sides, its aspect ratio not kept (TF-slim: 0.875).
    Central {
        /// Share of each side that is kept.
        fraction: f32,
    },
    /// The largest square in the middle, after scaling so that the network's resolution is `fraction` of the
    /// shorter side (Hugging Face, timm: 0.875; the largest square itself: 1.0).
    Square {
        /// Share of the shorter side that is kept.
        fraction: f32,
    },
}

/// Interpolation when resizing; both widen their support when shrinking (antialiasing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Triangle filter.
    Bilinear,
    /// Cubic filter, a = -0.5.
    Bicubic,
}
