//! What can go wrong before a network runs; a run itself cannot fail.

use core::fmt;
#[cfg(feature = "std")]
use std::path::PathBuf;

#[cfg(feature = "std")]
use mobilenet_kernels::Isa;
use mobilenet_kernels::header::{HeaderError, Precision};

/// Why a model cannot be made, or an image not be used.
#[derive(Debug)]
pub enum Error {
    /// A file cannot be read.
    #[cfg(feature = "std")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// These are no packed weights.
    Header(HeaderError),
    /// The packed weights are damaged.
    Checksum,
    /// The packed weights belong to another network.
    Model {
        /// The network that they were given to.
        network: &'static str,
        /// Its fingerprint, and that of the weights.
        fingerprints: [u64; 2],
    },
    /// The packed weights are of another precision.
    Precision {
        /// The network that they were given to.
        network: &'static str,
        /// Its precision, and that of the weights.
        precisions: [Precision; 2],
    },
    /// The packed weights have another number of classes.
    Classes {
        /// The network that they were given to.
        network: &'static str,
        /// Its classes, and those of the weights.
        classes: [usize; 2],
    },
    /// Embedded weights are not aligned as floats need to be.
    Alignment,
    /// An instruction set that this processor lacks, or that does not exist.
    #[cfg(feature = "std")]
    Isa(String),
    /// A slice of another length than the network takes.
    Length {
        /// The length that it takes.
        expected: usize,
        /// The length that was given.
        found: usize,
    },
    /// An image cannot be decoded or used.
    #[cfg(feature = "std")]
    Image(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "std")]
            Error::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Header(error) => error.fmt(f),
            Error::Checksum => f.write_str("the packed weights are damaged: their checksum is another one"),
            Error::Model { network, fingerprints: [own, found] } => write!(
                f,
                "these weights were packed for another network than {network} (fingerprint {found:016x}, not \
                 {own:016x}): pack them with `mnetc pack \"{network}\" --weights FILE -o FILE.mnw`"
            ),
            Error::Precision { network, precisions: [own, found] } => {
                let option = match own {
                    Precision::Uint8 | Precision::Int8 => "int8",
                    floats => floats.name(),
                };
                write!(
                    f,
                    "{network} was compiled for precision {own}, these weights were packed for {found}: pack them with \
                     `mnetc pack \"{network}\" --precision {option} --weights FILE -o FILE.mnw`"
                )
            }
            Error::Classes { network, classes: [own, found] } => {
                write!(f, "{network} was compiled for {own} classes, these weights have {found}")
            }
            Error::Alignment => f.write_str("embedded weights must be aligned: wrap them in `Aligned`"),
            #[cfg(feature = "std")]
            Error::Isa(name) => {
                write!(f, "the instruction set {name} is not available here; these are: ")?;
                for (i, isa) in Isa::available().enumerate() {
                    write!(f, "{}{isa}", if i > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Error::Length { expected, found } => {
                write!(f, "the network takes {expected} values, {found} were given")
            }
            #[cfg(feature = "std")]
            Error::Image(message) => f.write_str(message),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            #[cfg(feature = "std")]
            Error::Io { source, .. } => Some(source),
            Error::Header(error) => Some(error),
            _ => None,
        }
    }
}
