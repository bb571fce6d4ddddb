//! Chains: what the readers of graph formats build while they follow a network from its input to its output.
//!
//! A MobileNet v1 has no branches. Each convolution becomes a layer; what follows it (batch norm, a clamp) is
//! attached to it. From borders and sizes it also follows which [`Padding`] the network has at stride 2.

use super::borders::{Border, Borders};
use super::slots::places;
use super::tensors::{MOST_VALUES, Tensor};
use super::{BatchNorm, Kind, Layer, Role, TensorInfo, Weights};
use crate::error::{Complaint, Result};
use crate::family::{Activation, Family};

/// A convolution or dense layer as a graph states it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Laid out as the kind says.
    pub(super) kernel: Tensor,
    pub(super) bias: Option<Vec<f32>>,
    pub(super) activation: Activation,
    pub(super) stride: usize,
    pub(super) border: Border,
    /// What the file calls the tensors.
    pub(super) tensors: Vec<(Role, String)>,
}

/// A network followed up to some point.
#[derive(Debug)]
pub(super) struct Chain {
    layers: Vec<Layer>,
    borders: Borders,
    /// Whether the map has been pooled to one pixel.
    pooled: bool,
    values: usize,
}

impl Chain {
    /// The network's input: height and width, where the file says.
    pub(super) fn new(input: Option<[usize; 2]>) -> Chain {
        Chain { layers: Vec::new(), borders: Borders::new(input), pooled: false, values: 0 }
    }

    /// Whether the spatial extents are gone.
    pub(super) fn pooled(&self) -> bool {
        self.pooled
    }

    /// Whether a convolution has been met yet.
    pub(super) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The next layer.
    pub(super) fn push(&mut self, link: Link) -> Result<()> {
        self.values = self.values.saturating_add(link.kernel.data.len());
        if self.values > MOST_VALUES {
            return Err(Complaint::new("it holds more weights than any MobileNet").into());
        }
        if link.kind == Kind::Pointwise
            && (link.stride != 1 || link.border != Border::Same && !link.border.is_none())
        {
            return Err(
                Complaint::new(format!("`{}`: a 1x1 convolution with stride or padding", link.name)).into()
            );
        }
        if link.kind == Kind::Dense && !self.pooled {
            return Err(Complaint::new(format!("`{}`: a dense layer before the pooling", link.name)).into());
        }
        if let (Kind::Conv | Kind::Depthwise, &[height, width, ..]) =
            (link.kind, link.kernel.shape.as_slice())
        {
            let fault = |what: String| Complaint::new(format!("`{}`: {what}", link.name));
            if self.pooled {
                return Err(fault("a convolution after the pooling".to_owned()).into());
            }
            self.borders.slide(link.kind, [height, width], link.stride, link.border).map_err(fault)?;
        }
        let kind = if self.pooled { Kind::Dense } else { link.kind };
        self.layers.push(Layer {
            name: link.name,
            kind,
            slot: None,
            kernel: link.kernel,
            bias: link.bias,
            batchnorm: None,
            stride: (kind != Kind::Dense).then_some(link.stride),
            activation: Some(link.activation),
            tensors: link.tensors,
        });
        Ok(())
    }

    /// Batch norm of the last layer.
    pub(super) fn batchnorm(&mut self, norm: BatchNorm, names: Vec<(Role, String)>) -> Result<()> {
        match self.layers.last_mut() {
            Some(layer) if layer.batchnorm.is_none() && layer.activation == Some(Activation::Linear) => {
                layer.batchnorm = Some(norm);
                layer.tensors.extend(names);
                Ok(())
            }
            _ => Err(Complaint::new("a batch norm that follows no convolution").into()),
        }
    }

    /// A factor for each channel of the last layer: half of a batch norm whose statistics have been evaluated.
    pub(super) fn scale(&mut self, gamma: Vec<f32>, name: &str) -> Result<()> {
        let channels = self.layers.last().map_or(0, Layer::outputs);
        let gamma = spread(gamma, channels);
        let (zeros, ones) = (vec![0.0; gamma.len()], vec![1.0; gamma.len()]);
        let norm = BatchNorm { gamma, beta: zeros.clone(), mean: zeros, variance: ones, epsilon: Some(0.0) };
        self.batchnorm(norm, vec![(Role::Gamma, name.to_owned())])
    }

    /// A summand for each channel of the last layer: the other half, or a bias.
    pub(super) fn shift(&mut self, beta: Vec<f32>, name: &str) -> Result<()> {
        let fault = || Complaint::new(format!("`{name}` is added to no convolution")).into();
        let layer = self.layers.last_mut().ok_or_else(fault)?;
        let beta = spread(beta, layer.outputs());
        let role = match &mut layer.batchnorm {
            _ if layer.activation != Some(Activation::Linear) => return Err(fault()),
            Some(norm) if layer.tensors.iter().all(|(role, _)| *role != Role::Beta) => {
                norm.beta = beta;
                Role::Beta
            }
            None if layer.bias.is_none() => {
                layer.bias = Some(beta);
                Role::Bias
            }
            _ => return Err(fault()),
        };
        layer.tensors.push((role, name.to_owned()));
        Ok(())
    }

    /// A clamp after the last layer.
    pub(super) fn clamp(&mut self, activation: Activation) -> Result<()> {
        match self.layers.last_mut() {
            Some(layer) if layer.activation == Some(Activation::Linear) => {
                layer.activation = Some(activation)
            }
            // ReLU6 in two steps.
            Some(layer) if layer.activation == Some(Activation::Relu) && activation.bounds()[1] == 6.0 => {
                layer.activation = Some(Activation::Relu6);
            }
            // A clamp after the same clamp changes nothing.
            Some(layer) if layer.activation == Some(activation) => {}
            _ => return Err(Complaint::new("an activation that follows no convolution").into()),
        }
        Ok(())
    }

    /// The mean over all pixels, or over a window that must be all.
    pub(super) fn pool(&mut self, window: Option<[usize; 2]>) -> Result<()> {
        if self.pooled || self.layers.is_empty() {
            return Err(Complaint::new("it pools other than once, at the end").into());
        }
        match (window, self.borders.size()) {
            (Some(window), Some(size)) if window != size => {
                Err(Complaint::new(format!("it pools {window:?} of {size:?} pixels, not all")).into())
            }
            _ => {
                self.pooled = true;
                Ok(())
            }
        }
    }

    /// The weights, the end reached. `family` is who made the file; what the graph itself states replaces its settings.
    pub(super) fn finish(
        mut self,
        format: &'static str,
        mut family: Family,
        tensors: Vec<TensorInfo>,
    ) -> Result<Weights> {
        let Some(first) = self.layers.first() else {
            return Err(Complaint::new("it holds no convolution").into());
        };
        let channels = first.inputs();
        family.activation = first.activation.unwrap_or(family.activation);
        if let Some(epsilon) = first.batchnorm.as_ref().and_then(|norm| norm.epsilon).filter(|&e| e > 0.0) {
            family.epsilon = epsilon;
        }
        family.background = self.layers.last().is_some_and(|layer| layer.outputs() == 1001);
        // Layers of stride 2 may be missing altogether; then nothing follows.
        let padding = self.borders.paddings().and_then(|paddings| paddings.first().copied());
        family.padding = padding.unwrap_or(family.padding);
        let shape: Vec<_> = self.layers.iter().map(|layer| (layer.kind, layer.stride.unwrap_or(1))).collect();
        for (layer, place) in self.layers.iter_mut().zip(places(&shape)) {
            layer.slot = place.map(|place| place.numbered);
        }
        Ok(Weights {
            format,
            family,
            layers: self.layers,
            ordered: true,
            naming: None,
            input: self.borders.input().map(|[height, width]| [height, width, channels]),
            labels: None,
            tensors,
            missing: Vec::new(),
            unused: Vec::new(),
            padding,
            quantised: None,
        })
    }
}

/// One value for all channels, as many as there are channels.
fn spread(values: Vec<f32>, channels: usize) -> Vec<f32> {
    if values.len() == 1 { vec![values[0]; channels] } else { values }
}
