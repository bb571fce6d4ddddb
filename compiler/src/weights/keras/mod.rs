//! Keras: `.h5` and `.weights.h5`, which are HDF5, and `.keras`, a zip archive of a `.weights.h5` and a config.json.
//!
//! `hdf5` reads the file, `layers` finds out which layer a dataset belongs to, `config` takes from the model's
//! configuration, where there is one, what the weights do not say.

mod config;
mod hdf5;
mod layers;

use super::assemble::assemble;
use super::tensors::MOST_VALUES;
use super::{Weights, zip};
use crate::error::{Complaint, Result};
use config::Config;

/// Bytes of the HDF5 file in an archive: the most values that are read, and half as much again for what is not.
const MOST_WEIGHTS: usize = 6 * MOST_VALUES;
/// Bytes of config.json; a MobileNet's has less than 100 kB.
const MOST_CONFIG: usize = 1 << 24;

/// Reads a file.
pub(super) fn read(bytes: &[u8]) -> Result<Weights> {
    let (file, config) = match bytes.starts_with(b"PK") {
        true => unpack(bytes)?,
        false => (bytes.to_vec(), None),
    };
    let contents = hdf5::read(file)?;
    let config = config.or(contents.config).map(|text| Config::parse(&text)).transpose()?;
    let tensors = layers::name(contents.tensors, &contents.names, config.as_ref());
    let mut weights = assemble("keras", tensors)?;
    if let Some(config) = config {
        config.apply(&mut weights)?;
    }
    Ok(weights)
}

/// The HDF5 file in a `.keras` archive, and its config.json.
fn unpack(bytes: &[u8]) -> Result<(Vec<u8>, Option<String>)> {
    let damaged = |what: &str| Complaint::new(format!("damaged .keras archive: {what}"));
    let entries = zip::entries(bytes).ok_or_else(|| damaged("it has no directory"))?;
    let member = |name: &str, most: usize| {
        let entry = entries.iter().find(|entry| entry.name == name)?;
        Some(entry.read(most).ok_or_else(|| damaged(&format!("{name} cannot be unpacked"))))
    };
    let weights =
        member("model.weights.h5", MOST_WEIGHTS).ok_or_else(|| damaged("no model.weights.h5"))??;
    let config = member("config.json", MOST_CONFIG).transpose()?.map(String::from_utf8);
    let config = config.transpose().map_err(|_| damaged("config.json is not UTF-8"))?;
    Ok((weights, config))
}
