//! Photos: decoded, cropped and resized as a network's family does it.

#[cfg(feature = "image")]
mod decode;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use mobilenet_kernels::image::{Filter, Framing, Preprocess};

use crate::Error;

/// A photo: RGB or grey, 8 bits a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    width: u32,
    height: u32,
    channels: usize,
    pixels: Vec<u8>,
}

impl Photo {
    /// A photo from rows of red, green and blue bytes.
    ///
    /// # Errors
    ///
    /// Where there are not `width * height * 3` bytes, or none.
    pub fn from_rgb(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, Error> {
        Photo::new(width, height, 3, pixels)
    }

    /// A photo from rows of grey bytes.
    ///
    /// # Errors
    ///
    /// Where there are not `width * height` bytes, or none.
    pub fn from_grey(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, Error> {
        Photo::new(width, height, 1, pixels)
    }

    fn new(width: u32, height: u32, channels: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        let len = (width as usize).checked_mul(height as usize).and_then(|len| len.checked_mul(channels));
        if len != Some(pixels.len()) || pixels.is_empty() {
            let found = pixels.len();
            return Err(Error::Image(format!(
                "{found} bytes are no {width} x {height} picture of {channels} channels"
            )));
        }
        Ok(Photo { width, height, channels, pixels })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The photo as a network of this input (height, width, channels) wants it: bytes, interleaved.
    ///
    /// # Errors
    ///
    /// Where the network wants neither one channel nor three.
    pub fn prepare(&self, preprocess: &Preprocess, input: [usize; 3]) -> Result<Vec<u8>, Error> {
        let [height, width, channels] = input;
        let pixels = match (self.channels, channels) {
            (1, 1) | (3, 3) => self.resize(&self.pixels, channels, preprocess, height, width)?,
            (3, 1) => self.resize(&grey(&self.pixels), 1, preprocess, height, width)?,
            (1, 3) => {
                let grey = self.resize(&self.pixels, 1, preprocess, height, width)?;
                grey.into_iter().flat_map(|grey| [grey; 3]).collect()
            }
            _ => {
                let message = format!("a photo has 1 or 3 channels, the network takes {channels}");
                return Err(Error::Image(message));
            }
        };
        Ok(if preprocess.bgr && channels == 3 { reversed(pixels) } else { pixels })
    }

    fn resize(
        &self,
        pixels: &[u8],
        channels: usize,
        preprocess: &Preprocess,
        height: usize,
        width: usize,
    ) -> Result<Vec<u8>, Error> {
        // Cropped before it is resized, so that the filter does not look over the edge of the crop.
        let [left, top, crop_width, crop_height] = self.crop(preprocess.framing);
        let row = |y: usize| &pixels[(y * self.width as usize + left) * channels..][..crop_width * channels];
        let cropped: Vec<u8> = (top..top + crop_height).flat_map(row).copied().collect();
        let from = (&cropped[..], crop_width, crop_height);
        let mut to = vec![0; height * width * channels];
        match channels {
            1 => resize::<U8>(from, (&mut to, width, height), preprocess.filter)?,
            _ => resize::<U8x3>(from, (&mut to, width, height), preprocess.filter)?,
        }
        Ok(to)
    }

    /// Left, top, width and height of what the network looks at, in whole pixels.
    fn crop(&self, framing: Framing) -> [usize; 4] {
        let (width, height) = (self.width as usize, self.height as usize);
        let share = |side: usize, fraction: f32| {
            ((side as f64 * f64::from(fraction)).round() as usize).clamp(1, side)
        };
        let (crop_width, crop_height) = match framing {
            Framing::Stretch => (width, height),
            Framing::Central { fraction } => (share(width, fraction), share(height, fraction)),
            Framing::Square { fraction } => {
                let side = share(width.min(height), fraction);
                (side, side)
            }
        };
        [(width - crop_width) / 2, (height - crop_height) / 2, crop_width, crop_height]
    }
}

/// Resizes bytes of so many pixels, in a row and rows. Typed, so that no code for other pixels is compiled in.
fn resize<P: PixelTrait>(
    (from, width, height): (&[u8], usize, usize),
    (to, to_width, to_height): (&mut [u8], usize, usize),
    filter: Filter,
) -> Result<(), Error> {
    let failed =
        |error: &dyn std::fmt::Display| Error::Image(format!("the photo cannot be resized: {error}"));
    let from = TypedImageRef::<P>::from_buffer(width as u32, height as u32, from).map_err(|e| failed(&e))?;
    let mut to =
        TypedImage::<P>::from_buffer(to_width as u32, to_height as u32, to).map_err(|e| failed(&e))?;
    let filter = match filter {
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize_typed(&from, &mut to, &options).map_err(|e| failed(&e))
}

/// Luma of ITU-R BT.601, rounded as Pillow's `convert("L")` does.
fn grey(rgb: &[u8]) -> Vec<u8> {
    let luma = |p: &[u8]| {
        (u32::from(p[0]) * 19595 + u32::from(p[1]) * 38470 + u32::from(p[2]) * 7471 + 0x8000) >> 16
    };
    rgb.chunks_exact(3).map(|pixel| luma(pixel) as u8).collect()
}

/// Blue first.
fn reversed(mut pixels: Vec<u8>) -> Vec<u8> {
    for pixel in pixels.chunks_exact_mut(3) {
        pixel.swap(0, 2);
    }
    pixels
}
