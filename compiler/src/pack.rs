//! Packing: the weights of a plan, folded in f64 and laid out as kernels read them, as one blob with a header; those of a plan
//! of bytes with their zero points folded, and with the epilogues that have been shown to be exact.

mod bytes;

use std::collections::HashMap;

use mobilenet_kernels::header::{self, Header};
use mobilenet_kernels::image::Preprocess;
use mobilenet_kernels::layout::Storage;
use mobilenet_kernels::narrow::F16;
use mobilenet_kernels::pack;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Complaint, Result};
use crate::ir::{BatchNorm, Params};
use crate::plan::{Content, Plan};
use crate::quantised::Quantised;
use crate::weights;

/// What a layer computes with.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Kernel, laid out as [`weights::Kind`] says.
    pub kernel: weights::Tensor,
    /// Bias, where there is one.
    pub bias: Option<Vec<f32>>,
    /// Batch-norm statistics, where they are not folded into kernel and bias.
    pub batchnorm: Option<weights::BatchNorm>,
}

impl From<&weights::Layer> for Parameters {
    fn from(layer: &weights::Layer) -> Self {
        let weights::Layer { kernel, bias, batchnorm, .. } = layer;
        Parameters { kernel: kernel.clone(), bias: bias.clone(), batchnorm: batchnorm.clone() }
    }
}

/// Parameters by the names that the graph gives its layers.
pub type Tensors = HashMap<String, Parameters>;

/// Parameters to pack: floats, or those of a network of bytes.
#[derive(Clone, Copy, Debug)]
pub enum Source<'s> {
    /// Floats.
    Floats(&'s Tensors),
    /// Bytes.
    Bytes(&'s Quantised),
}

impl<'s> From<&'s Tensors> for Source<'s> {
    fn from(tensors: &'s Tensors) -> Self {
        Source::Floats(tensors)
    }
}

impl<'s> From<&'s Quantised> for Source<'s> {
    fn from(quantised: &'s Quantised) -> Self {
        Source::Bytes(quantised)
    }
}

/// What a blob carries besides weights.
#[derive(Clone, Debug)]
pub struct Extras<'e> {
    /// From photo to input.
    pub preprocess: Preprocess,
    /// Class names, or none.
    pub labels: &'e [String],
}

/// Kernel and bias of a layer after folding.
#[derive(Clone, Debug)]
pub struct Folded {
    /// Kernel, laid out as [`weights::Kind`] says.
    pub kernel: Vec<f32>,
    /// Bias, zero where the file has none.
    pub bias: Vec<f32>,
}

/// Scale and shift of a batch normalisation, in f64: channels of published weights have variances near 0.
pub fn scale_and_shift(batchnorm: &BatchNorm, tensors: &Tensors) -> Result<(Vec<f64>, Vec<f64>)> {
    let layer = layer(tensors, &batchnorm.layer)?;
    let channels = channels(layer);
    let Some(statistics) = &layer.batchnorm else {
        // The file's kernel has it folded in already.
        return Ok((vec![1.0; channels], vec![0.0; channels]));
    };
    let epsilon = statistics.epsilon.unwrap_or(batchnorm.epsilon);
    let scale =
        |c: usize| f64::from(statistics.gamma[c]) / (f64::from(statistics.variance[c]) + epsilon).sqrt();
    let scales: Vec<f64> = (0..channels).map(scale).collect();
    let shift = |c: usize| f64::from(statistics.beta[c]) - f64::from(statistics.mean[c]) * scales[c];
    let shifts = (0..channels).map(shift).collect();
    Ok((scales, shifts))
}

/// A layer's kernel and bias, its batch normalisation folded in where the graph says so: `w * s`, `b * s + t`.
pub fn folded(params: &Params, tensors: &Tensors) -> Result<Folded> {
    let layer = layer(tensors, &params.layer)?;
    let channels = channels(layer);
    let bias = |c: usize| layer.bias.as_ref().map_or(0.0, |bias| f64::from(bias[c]));
    let Some(batchnorm) = &params.folded else {
        let bias = (0..channels).map(|c| bias(c) as f32).collect();
        return Ok(Folded { kernel: layer.kernel.data.clone(), bias });
    };
    let (scale, shift) = scale_and_shift(batchnorm, tensors)?;
    // The output channel is the innermost extent of every kernel.
    let kernel = layer.kernel.data.iter().enumerate();
    let kernel = kernel.map(|(i, &w)| (f64::from(w) * scale[i % channels]) as f32).collect();
    let bias = (0..channels).map(|c| (bias(c) * scale[c] + shift[c]) as f32).collect();
    Ok(Folded { kernel, bias })
}

fn layer<'t>(tensors: &'t Tensors, name: &str) -> Result<&'t Parameters> {
    tensors.get(name).ok_or_else(|| Complaint::new(format!("the weights have no layer `{name}`")).into())
}

fn channels(layer: &Parameters) -> usize {
    layer.kernel.shape.last().copied().unwrap_or(0)
}

/// The packed weights of a plan, without header, in words: the bits of floats, or four bytes.
///
/// # Errors
///
/// Where a layer is missing, or the plan is not one of such numbers. Shapes have been compared when the weights were bound.
pub fn payload<'s>(plan: &Plan, source: impl Into<Source<'s>>) -> Result<Vec<i32>> {
    let source = source.into();
    let mut payload = vec![0; plan.weights];
    for section in &plan.sections {
        let out = &mut payload[section.offset..section.offset + section.len];
        match (&section.content, source) {
            (Content::Bytes(content), Source::Bytes(quantised)) => bytes::pack(content, quantised, out)?,
            (content, Source::Floats(tensors)) => {
                let mut values = vec![0.0; out.len()];
                floats(content, tensors, &mut values)?;
                out.iter_mut().zip(values).for_each(|(word, value)| *word = value.to_bits().cast_signed());
            }
            (_, Source::Bytes(_)) => return Err(Complaint::new("a plan of floats takes floats").into()),
        }
    }
    Ok(payload)
}

/// Whether weights can be stored so: f16s do not reach as far as `f32`s.
fn fits(kernel: &[f32], storage: Storage, layer: &str) -> Result<()> {
    let largest = kernel.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
    if storage == Storage::F16 && largest > F16::MAX {
        let what = format!("`{layer}` has weights up to {largest:e}, and f16 reaches up to {}", F16::MAX);
        return Err(Complaint::new(what).help("store the classifier's weights as f32").into());
    }
    Ok(())
}

/// Packs a section of floats.
fn floats(content: &Content, tensors: &Tensors, out: &mut [f32]) -> Result<()> {
    match content {
        Content::Panels { params, activation, inputs, outputs, storage } => {
            let Folded { kernel, bias } = folded(params, tensors)?;
            fits(&kernel, *storage, &params.layer)?;
            pack::product(*storage, &kernel, &bias, activation.bounds(), *inputs, *outputs, out);
        }
        Content::Depthwise { params, activation, channels, taps } => {
            let Folded { kernel, bias } = folded(params, tensors)?;
            pack::depthwise(&kernel, &bias, activation.bounds(), *channels, *taps, out);
        }
        Content::BatchNorm { batchnorm, .. } => {
            let (scale, shift) = scale_and_shift(batchnorm, tensors)?;
            let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect::<Vec<_>>();
            pack::batchnorm(&narrow(scale), &narrow(shift), out);
        }
        Content::Bounds(activation) => out[..2].copy_from_slice(&activation.bounds()),
        Content::Bytes(_) => return Err(Complaint::new("a plan of bytes takes bytes").into()),
    }
    Ok(())
}

/// A packed file: header, weights, labels.
///
/// # Errors
///
/// As [`payload`].
pub fn blob<'s>(plan: &Plan, source: impl Into<Source<'s>>, extras: &Extras<'_>) -> Result<Vec<u8>> {
    let source = source.into();
    let payload = payload(plan, source)?;
    let labels = extras.labels.join("\n");
    let mut blob = vec![0; header::LEN];
    blob.reserve_exact(payload.len() * size_of::<i32>() + labels.len());
    blob.extend(payload.iter().flat_map(|word| word.to_le_bytes()));
    let payload = blob.len() - header::LEN;
    blob.extend_from_slice(labels.as_bytes());
    let mut hash = Xxh3::new();
    hash.update(&blob[header::LEN..]);
    let header = Header {
        precision: plan.precision(),
        fingerprint: plan.fingerprint(),
        payload,
        checksum: hash.digest(),
        classes: plan.classes,
        labels: labels.len(),
        preprocess: extras.preprocess,
    };
    blob[..header::LEN].copy_from_slice(&header.encode());
    Ok(blob)
}
