//! TensorFlow Lite metadata: labels and normalisation.
//!
//! <https://ai.google.dev/edge/litert/models/metadata>: a FlatBuffer of its own, and files packed behind the model as
//! a zip archive.

use mobilenet_kernels::image::Normalise;

use super::flatbuffer::Table;
use crate::weights::zip;

/// `(x - mean) / std` of the input, if the metadata state it.
pub(super) fn normalise(bytes: &[u8]) -> Option<Normalise> {
    const NORMALIZATION_OPTIONS: u8 = 1;
    let graph = Table::root(bytes)?.vector(3).tables().next()??;
    let input = graph.vector(2).tables().next()??;
    let units = input.vector(4).tables().take(16).flatten();
    let options = units.filter(|unit| unit.u8(0) == NORMALIZATION_OPTIONS).find_map(|unit| unit.table(1))?;
    let (mean, std) = (options.vector(0).f32s(), options.vector(1).f32s());
    let sound = mean.iter().all(|mean| mean.is_finite()) && std.iter().all(|&std| std > 0.0);
    if !sound || mean.is_empty() || mean.len() != std.len() || mean.len() > 4 {
        return None;
    }
    let channel = |i: usize| i.min(mean.len() - 1);
    Some(Normalise {
        scale: std::array::from_fn(|i| 1.0 / std[channel(i)]),
        offset: std::array::from_fn(|i| -mean[channel(i)] / std[channel(i)]),
    })
}

/// The lines of a packed text file that has one for each class.
pub(super) fn labels(bytes: &[u8], classes: usize) -> Option<Vec<String>> {
    let entries = zip::entries(bytes)?;
    let texts = entries.iter().filter(|entry| entry.name.ends_with(".txt"));
    texts.filter_map(|entry| String::from_utf8(entry.read(1 << 20)?).ok()).find_map(|text| {
        let labels: Vec<_> = text.lines().map(|line| line.trim().to_owned()).collect();
        (labels.len() == classes).then_some(labels)
    })
}
