//! Photos from files.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::{ImageDecoder, ImageReader, Limits};

use super::Photo;
use crate::Error;

/// Pixels that a photo may have on a side.
const MOST_PIXELS: u32 = 1 << 15;
/// Bytes that its file may have.
const MOST_FILE: u64 = 64 << 20;
/// Bytes that decoding a photo may take.
const MOST_BYTES: u64 = 384 << 20;

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
}
