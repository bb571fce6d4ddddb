//! The header of a packed weights file (`.mnw`).
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `MNETWTS1` |
//! | 8..12 | version, 1 |
//! | 12..16 | precision: 0 = f32, 1 = bf16, 2 = bytes of an unsigned network, 3 = of a signed one |
//! | 16..24 | fingerprint of the plan |
//! | 24..32 | bytes of the payload |
//! | 32..40 | XXH3 (64 bits) of the payload and the labels |
//! | 40..44 | classes |
//! | 44..48 | bytes of the labels |
//! | 48..92 | preprocessing: framing, its fraction, filter, channel order, then scale and offset of four channels |
//! | 92..256 | zero |
//! | 256.. | payload: packed weights; then the labels, UTF-8, one a line |
//!
//! All numbers are little-endian.

use core::fmt;

use crate::image::{Filter, Framing, Normalise, Preprocess};

/// Bytes of the header.
pub const LEN: usize = 256;
/// The first bytes of a packed file.
pub const MAGIC: [u8; 8] = *b"MNETWTS1";
/// The version of the layout that this crate reads and writes.
pub const VERSION: u32 = 1;

/// What a packed file says about itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Header {
    /// Numbers of the payload.
    pub precision: Precision,
    /// The plan that the weights are packed for.
    pub fingerprint: u64,
    /// Bytes of the payload.
    pub payload: usize,
    /// XXH3 (64 bits) of the payload and the labels.
    pub checksum: u64,
    /// Classes.
    pub classes: usize,
    /// Bytes of the labels after the payload.
    pub labels: usize,
    /// From photo to input.
    pub preprocess: Preprocess,
}

/// Numbers that a network computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32 = 0,
    /// Pointwise layers of blocks multiply bf16s, and sum up in 32 bits; all else is 32-bit floats. The weights take half the
    /// memory.
    Bf16 = 1,
    /// Bytes of a network whose own are unsigned.
    Uint8 = 2,
    /// Bytes of a network whose own are signed.
    Int8 = 3,
}

impl Precision {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Uint8 => "uint8",
            Precision::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why bytes are no packed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Shorter than a header.
    Short,
    /// Another magic.
    Magic,
    /// Another version: this one.
    Version(u32),
    /// A field that means nothing.
    Field(&'static str),
    /// The file has fewer or more bytes than its header says.
    Length {
        /// What the header says.
        expected: u64,
        /// What is there.
        found: u64,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::Short => write!(f, "the file is shorter than a header of {LEN} bytes"),
            HeaderError::Magic => {
                f.write_str("the file does not begin with MNETWTS1: these are no packed weights")
            }
            HeaderError::Version(version) => {
                write!(
                    f,
                    "the file has layout version {version}, this program reads version {VERSION}: pack it again"
                )
            }
            HeaderError::Field(field) => {
                write!(f, "the header's {field} makes no sense: the file is damaged")
            }
            HeaderError::Length { expected, found } => {
                write!(f, "the file should have {expected} bytes and has {found}: it is truncated or damaged")
            }
        }
    }
}

impl core::error::Error for HeaderError {}

impl Header {
    /// Reads the header of a whole packed file, and checks the file's length. A `const fn`: embedded files are checked
    /// when they are compiled.
    ///
    /// # Errors
    ///
    /// Where these bytes are no packed file of this version.
    pub const fn parse(file: &[u8]) -> Result<Header, HeaderError> {
        let Some(bytes) = file.first_chunk::<LEN>() else { return Err(HeaderError::Short) };
        if u64_at(bytes, 0) != u64::from_le_bytes(MAGIC) {
            return Err(HeaderError::Magic);
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let precision = match u32_at(bytes, 12) {
            0 => Precision::F32,
            1 => Precision::Bf16,
            2 => Precision::Uint8,
            3 => Precision::Int8,
            _ => return Err(HeaderError::Field("precision")),
        };
        let (payload, labels) = (u64_at(bytes, 24), u32_at(bytes, 44));
        let expected = payload.saturating_add(LEN as u64).saturating_add(labels as u64);
        if expected != file.len() as u64 {
            return Err(HeaderError::Length { expected, found: file.len() as u64 });
        }
        if payload % 64 != 0 {
            return Err(HeaderError::Field("payload length"));
        }
        let preprocess = match preprocess(bytes) {
            Ok(preprocess) => preprocess,
            Err(error) => return Err(error),
        };
        Ok(Header {
            precision,
            fingerprint: u64_at(bytes, 16),
            payload: payload as usize,
            checksum: u64_at(bytes, 32),
            classes: u32_at(bytes, 40) as usize,
            labels: labels as usize,
            preprocess,
        })
    }

    /// The header as bytes.
    pub fn encode(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &(self.precision as u32).to_le_bytes());
        put(16, &self.fingerprint.to_le_bytes());
        put(24, &(self.payload as u64).to_le_bytes());
        put(32, &self.checksum.to_le_bytes());
        put(40, &(self.classes as u32).to_le_bytes());
        put(44, &(self.labels as u32).to_le_bytes());
        let (framing, fraction) = match self.preprocess.framing {
            Framing::Stretch => (0u32, 1.0f32),
            Framing::Central { fraction } => (1, fraction),
            Framing::Square { fraction } => (2, fraction),
        };
        let filter = match self.preprocess.filter {
            Filter::Bilinear => 0u32,
            Filter::Bicubic => 1,
        };
        put(48, &framing.to_le_bytes());
        put(52, &fraction.to_le_bytes());
        put(56, &filter.to_le_bytes());
        put(60, &u32::from(self.preprocess.bgr).to_le_bytes());
        for channel in 0..4 {
            put(64 + 4 * channel, &self.preprocess.normalise.scale[channel].to_le_bytes());
            put(80 + 4 * channel, &self.preprocess.normalise.offset[channel].to_le_bytes());
        }
        bytes
    }
}

const fn preprocess(bytes: &[u8; LEN]) -> Result<Preprocess, HeaderError> {
    let fraction = f32_at(bytes, 52);
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(HeaderError::Field("framing"));
    }
    let framing = match u32_at(bytes, 48) {
        0 => Framing::Stretch,
        1 => Framing::Central { fraction },
        2 => Framing::Square { fraction },
        _ => return Err(HeaderError::Field("framing")),
    };
    let filter = match u32_at(bytes, 56) {
        0 => Filter::Bilinear,
        1 => Filter::Bicubic,
        _ => return Err(HeaderError::Field("filter")),
    };
    let mut normalise = Normalise { scale: [0.0; 4], offset: [0.0; 4] };
    let mut channel = 0;
    while channel < 4 {
        let (scale, offset) = (f32_at(bytes, 64 + 4 * channel), f32_at(bytes, 80 + 4 * channel));
        if !(scale.is_finite() && offset.is_finite()) {
            return Err(HeaderError::Field("normalisation"));
        }
        normalise.scale[channel] = scale;
        normalise.offset[channel] = offset;
        channel += 1;
    }
    Ok(Preprocess { framing, filter, bgr: u32_at(bytes, 60) != 0, normalise })
}

const fn array_at<const N: usize>(bytes: &[u8; LEN], at: usize) -> [u8; N] {
    let mut array = [0; N];
    let mut i = 0;
    while i < N {
        array[i] = bytes[at + i];
        i += 1;
    }
    array
}

const fn u32_at(bytes: &[u8; LEN], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

const fn u64_at(bytes: &[u8; LEN], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

const fn f32_at(bytes: &[u8; LEN], at: usize) -> f32 {
    f32::from_le_bytes(array_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        precision: Precision::Bf16,
        fingerprint: 0x0123_4567_89ab_cdef,
        payload: 128,
        checksum: 42,
        classes: 1001,
        labels: 3,
        preprocess: Preprocess {
            framing: Framing::Central { fraction: 0.875 },
            filter: Filter::Bicubic,
            bgr: true,
            normalise: Normalise { scale: [0.5, 0.25, 2.0, 1.0], offset: [-1.0, 0.0, 3.0, 4.0] },
        },
    };

    fn file() -> [u8; LEN + 131] {
        let mut file = [0; LEN + 131];
        file[..LEN].copy_from_slice(&HEADER.encode());
        file
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Header::parse(&file()), Ok(HEADER));
        for precision in [Precision::Uint8, Precision::Int8] {
            let mut file = file();
            let header = Header { precision, ..HEADER };
            file[..LEN].copy_from_slice(&header.encode());
            assert_eq!(Header::parse(&file), Ok(header));
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let file = file();
        for len in 0..file.len() {
            assert!(Header::parse(&file[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn damage_is_named() {
        for (at, value, error) in [
            (0, 0, HeaderError::Magic),
            (8, 9, HeaderError::Version(9)),
            (12, 7, HeaderError::Field("precision")),
            (48, 9, HeaderError::Field("framing")),
            (56, 9, HeaderError::Field("filter")),
            (24, 192, HeaderError::Length { expected: 256 + 192 + 3, found: 256 + 131 }),
        ] {
            let mut file = file();
            file[at] = value;
            assert_eq!(Header::parse(&file), Err(error));
        }
    }
}
