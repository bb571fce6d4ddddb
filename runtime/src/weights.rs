//! Packed weights: embedded in the executable, or read from a `.mnw` file.

#[cfg(feature = "std")]
use std::{fs::File, io::Read, path::Path, sync::Arc};

use mobilenet_kernels::header::{self, Header, HeaderError, Precision};
use mobilenet_kernels::image::Preprocess;
use mobilenet_kernels::network::{Embedded, Network, as_floats};
#[cfg(feature = "std")]
use mobilenet_kernels::network::{Line, bytes_mut, floats};
#[cfg(feature = "std")]
use xxhash_rust::xxh3::xxh3_64;

use crate::{Error, Labels};

/// Packed weights; clones share them.
#[derive(Clone, Debug)]
pub struct Weights {
    header: Header,
    values: Values,
    labels: Labels,
}

#[derive(Clone, Debug)]
enum Values {
    Static(&'static [f32]),
    #[cfg(feature = "std")]
    Shared(Arc<Vec<Line>>),
}

/// The bytes of a file: no more than its header says and one, so that what is no packed file is not read into memory.
#[cfg(feature = "std")]
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(header::LEN as u64).read_to_end(&mut bytes)?;
    if let Err(HeaderError::Length { expected, .. }) = Header::parse(&bytes) {
        file.take(expected.saturating_sub(header::LEN as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

impl Weights {
    /// The weights that a network was compiled with, used where they are.
    pub fn embedded<N: Embedded>() -> Self {
        let packed = N::PACKED;
        let (header, values) = (*packed.header(), Values::Static(packed.values()));
        Weights { header, values, labels: Labels::from_static(packed.labels()) }
    }

    /// Weights from bytes that are there for good, in flash or in a memory map, used where they are. Their checksum is
    /// not computed.
    ///
    /// # Errors
    ///
    /// Where the bytes are no packed weights, or not aligned (see [`Aligned`](crate::Aligned)).
    pub fn from_static(file: &'static [u8]) -> Result<Self, Error> {
        let header = Header::parse(file).map_err(Error::Header)?;
        let (payload, labels) = file[header::LEN..].split_at(header.payload);
        let values = Values::Static(as_floats(payload).ok_or(Error::Alignment)?);
        let labels = core::str::from_utf8(labels).map_err(|_| Error::Header(HeaderError::Field("labels")))?;
        Ok(Weights { header, values, labels: Labels::from_static(labels) })
    }

    /// Weights from the bytes of a file: copied, and their checksum compared.
    ///
    /// # Errors
    ///
    /// Where the bytes are no packed weights, or damaged.
    #[cfg(feature = "std")]
    pub fn from_bytes(file: &[u8]) -> Result<Self, Error> {
        let header = Header::parse(file).map_err(Error::Header)?;
        if xxh3_64(&file[header::LEN..]) != header.checksum {
            return Err(Error::Checksum);
        }
        let (payload, labels) = file[header::LEN..].split_at(header.payload);
        let mut lines = vec![Line::ZERO; payload.len() / size_of::<Line>()];
        bytes_mut(&mut lines).copy_from_slice(payload);
        let labels = Labels::parse(&String::from_utf8_lossy(labels));
        Ok(Weights { header, values: Values::Shared(Arc::new(lines)), labels })
    }

    /// Weights from a file, as `mnetc pack` writes them.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, holds no packed weights, or is damaged.
    #[cfg(feature = "std")]
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = read(path).map_err(|source| Error::Io { path: path.into(), source })?;
        Weights::from_bytes(&file)
    }

    /// Whether a network can use these weights.
    ///
    /// # Errors
    ///
    /// Where they were packed for another network, another precision or another number of classes.
    pub(crate) fn check<N: Network>(&self) -> Result<(), Error> {
        let Header { precision, fingerprint, classes, payload, .. } = self.header;
        if precision != N::PRECISION {
            return Err(Error::Precision { network: N::NAME, precisions: [N::PRECISION, precision] });
        }
        if fingerprint != N::FINGERPRINT {
            return Err(Error::Model { network: N::NAME, fingerprints: [N::FINGERPRINT, fingerprint] });
        }
        if classes != N::CLASSES || payload != N::WEIGHTS * size_of::<f32>() {
            return Err(Error::Classes { network: N::NAME, classes: [N::CLASSES, classes] });
        }
        Ok(())
    }

    /// The packed values.
    pub(crate) fn values(&self) -> &[f32] {
        match &self.values {
            Values::Static(values) => values,
            #[cfg(feature = "std")]
            Values::Shared(lines) => floats(lines),
        }
    }

    /// From photo to input, as the weights' family does it.
    pub fn preprocess(&self) -> &Preprocess {
        &self.header.preprocess
    }

    /// Numbers that networks with these weights compute with.
    pub fn precision(&self) -> Precision {
        self.header.precision
    }

    /// Class names, if the file has them.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The [`Network::FINGERPRINT`] of the network that they were packed for.
    pub fn fingerprint(&self) -> u64 {
        self.header.fingerprint
    }

    /// Classes.
    pub fn classes(&self) -> usize {
        self.header.classes
    }
}
