//! Photos: decoded, cropped and resized as a network's family does it.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageDecoder, ImageReader, Limits};
use mobilenet_kernels::image::{Filter, Framing, Preprocess};

use crate::Error;

/// Pixels that a photo may have on a side.
const MOST_PIXELS: u32 = 1 << 15;
/// Bytes that its file may have.
const MOST_FILE: u64 = 64 << 20;
/// Bytes that decoding a photo may take.
const MOST_BYTES: u64 = 384 << 20;

/// A photo: RGB or grey, 8 bits a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    width: u32,
    height: u32,
    channels: usize,
    pixels: Vec<u8>,
}

impl Photo {
    /// Decodes a file: PNG, JPEG, BMP, GIF (its first picture) or WebP. Transparency is dropped; a rotation that the
    /// camera has noted is carried out.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, is no picture, or is larger than 32768 pixels a side.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let io = |source| Error::Io { path: path.into(), source };
        let mut bytes = Vec::new();
        File::open(path).map_err(io)?.take(MOST_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MOST_FILE {
            let most = MOST_FILE >> 20;
            return Err(Error::Image(format!("{}: larger than {most} MiB", path.display())));
        }
        Photo::decode(&bytes).map_err(|error| Error::Image(format!("{}: {error}", path.display())))
    }

    /// Decodes the bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let failed =
            |error: image::ImageError| Error::Image(format!("not a picture that can be read: {error}"));
        if bytes.is_empty() {
            return Err(Error::Image("the file is empty".into()));
        }
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| failed(image::ImageError::IoError(error)))?;
        if reader.format().is_none() {
            return Err(Error::Image("no picture: PNG, JPEG, BMP, GIF and WebP can be read".into()));
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(MOST_PIXELS);
        limits.max_image_height = Some(MOST_PIXELS);
        limits.max_alloc = Some(MOST_BYTES);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(failed)?;
        if decoder.total_bytes() > MOST_BYTES {
            return Err(Error::Image(format!(
                "the picture takes more than {} MiB when decoded",
                MOST_BYTES >> 20
            )));
        }
        let orientation = decoder.orientation().map_err(failed)?;
        let grey = !decoder.color_type().has_color();
        let mut image = image::DynamicImage::from_decoder(decoder).map_err(failed)?;
        image.apply_orientation(orientation);
        let (width, height) = (image.width(), image.height());
        if grey {
            return Photo::from_grey(width, height, image.into_luma8().into_raw());
        }
        Photo::from_rgb(width, height, image.into_rgb8().into_raw())
    }

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
        let failed =
            |error: &dyn std::fmt::Display| Error::Image(format!("the photo cannot be resized: {error}"));
        let kind = if channels == 3 { PixelType::U8x3 } else { PixelType::U8 };
        // Cropped before it is resized, so that the filter does not look over the edge of the crop.
        let [left, top, crop_width, crop_height] = self.crop(preprocess.framing);
        let row = |y: usize| &pixels[(y * self.width as usize + left) * channels..][..crop_width * channels];
        let cropped: Vec<u8> = (top..top + crop_height).flat_map(row).copied().collect();
        let from =
            ImageRef::new(crop_width as u32, crop_height as u32, &cropped, kind).map_err(|e| failed(&e))?;
        let mut to = Image::new(width as u32, height as u32, kind);
        let filter = match preprocess.filter {
            Filter::Bilinear => FilterType::Bilinear,
            Filter::Bicubic => FilterType::CatmullRom,
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
        Resizer::new().resize(&from, &mut to, &options).map_err(|e| failed(&e))?;
        Ok(to.into_vec())
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
