//! Tensors from and to files: `.npy`, and raw bytes.

use std::fmt::Display;
use std::path::Path;

use mobilenet_compiler::files::{read_file, write_file};
use npyz::{AutoSerialize, NpyFile, WriterBuilder};

use crate::Failure;

/// Bytes of a tensor: the largest input, 4096 x 4096 in colour, as floats.
const MOST: u64 = 200 << 20;

/// An input in place of a photo.
#[derive(Debug)]
pub(crate) enum Tensor {
    /// Normalised values, and height, width and channels.
    Floats(Vec<f32>, [usize; 3]),
    /// Raw bytes.
    Bytes(Vec<u8>),
}

impl Tensor {
    /// How many values it holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Tensor::Floats(values, _) => values.len(),
            Tensor::Bytes(bytes) => bytes.len(),
        }
    }

    /// Reads `F.npy` (f32, shape (1, h, w, c) or (h, w, c)) or any other file as raw bytes.
    pub(crate) fn read(path: &Path) -> Result<Tensor, Failure> {
        if path.extension().is_none_or(|extension| extension != "npy") {
            return Ok(Tensor::Bytes(read(path)?));
        }
        let (values, shape) = npy(path)?;
        match shape[..] {
            [1, height, width, channels] | [height, width, channels] => {
                Ok(Tensor::Floats(values, [height, width, channels]))
            }
            _ => Err(failed(path, &format!("its shape is {shape:?}, not (1, h, w, c) or (h, w, c)"))),
        }
    }
}

/// Reads the f32s of a `.npy` file, whatever their shape.
pub(crate) fn read_row(path: &Path) -> Result<Vec<f32>, Failure> {
    Ok(npy(path)?.0)
}

/// The values and the shape of a `.npy` file.
fn npy(path: &Path) -> Result<(Vec<f32>, Vec<usize>), Failure> {
    let bytes = read(path)?;
    if overflows(&bytes) {
        return Err(failed(path, &"it has fewer values than its shape says"));
    }
    let file = NpyFile::new(&bytes[..]).map_err(|error| failed(path, &error))?;
    let shape: Vec<usize> = file.shape().iter().map(|&extent| extent as usize).collect();
    if file.order() != npyz::Order::C {
        return Err(failed(path, &"it is in Fortran order"));
    }
    // A header may claim any size; only what the file holds is read.
    let len = shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent));
    if len.is_none_or(|len| len > bytes.len() / 4) {
        return Err(failed(path, &"it has fewer values than its shape says"));
    }
    Ok((file.into_vec().map_err(|error| failed(path, &error))?, shape))
}

/// Whether the extents of a header's shape multiply to more than the reader, which does not look, can count.
fn overflows(bytes: &[u8]) -> bool {
    let header = String::from_utf8_lossy(bytes.get(..1 << 16).unwrap_or(bytes)).into_owned();
    header.split("shape").skip(1).any(|rest| {
        let extents = rest.split(')').next().unwrap_or_default().split(|c: char| !c.is_ascii_digit());
        let mut extents = extents.filter(|extent| !extent.is_empty()).map(str::parse::<u64>);
        extents.try_fold(1u64, |len, extent| len.checked_mul(extent.ok()?)).is_none()
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(read_file(path, MOST)?)
}

fn failed(path: &Path, what: &dyn Display) -> Failure {
    Failure::input(format!("{}: {what}", path.display()))
}

/// Writes one row of values as `.npy`, beside the file and then in its place.
pub(crate) fn write_row<T: AutoSerialize + Copy>(path: &Path, values: &[T]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| failed(path, &error);
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&[1, values.len() as u64])
        .writer(&mut bytes)
        .begin_nd()
        .map_err(failed)?;
    writer.extend(values.iter().copied()).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(write_file(path, &bytes)?)
}
