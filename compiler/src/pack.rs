//! Packing: the weights of a plan, folded in f64 and laid out as kernels read them, as one blob with a header.

use std::collections::HashMap;

use mobilenet_kernels::header::{self, Header, Precision};
use mobilenet_kernels::image::Preprocess;
use mobilenet_kernels::pack;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Complaint, Result};
use crate::ir::{BatchNorm, Params};
use crate::plan::{Content, Plan};
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

/// The packed weights of a plan, without header.
///
/// # Errors
///
/// Where a layer is missing. Shapes have been compared when the weights were bound.
pub fn payload(plan: &Plan, tensors: &Tensors) -> Result<Vec<f32>> {
    let mut payload = vec![0.0; plan.weights];
    for section in &plan.sections {
        let out = &mut payload[section.offset..section.offset + section.len];
        match &section.content {
            Content::Panels { params, activation, inputs, outputs } => {
                let Folded { kernel, bias } = folded(params, tensors)?;
                pack::panels(&kernel, &bias, activation.bounds(), *inputs, *outputs, out);
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
        }
    }
    Ok(payload)
}

/// A packed file: header, weights, labels.
///
/// # Errors
///
/// As [`payload`].
pub fn blob(plan: &Plan, tensors: &Tensors, extras: &Extras<'_>) -> Result<Vec<u8>> {
    let payload = payload(plan, tensors)?;
    let labels = extras.labels.join("\n");
    let mut blob = vec![0; header::LEN];
    blob.reserve_exact(payload.len() * size_of::<f32>() + labels.len());
    blob.extend(payload.iter().flat_map(|value| value.to_le_bytes()));
    let payload = blob.len() - header::LEN;
    blob.extend_from_slice(labels.as_bytes());
    let mut hash = Xxh3::new();
    hash.update(&blob[header::LEN..]);
    let header = Header {
        precision: Precision::F32,
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
