//! Chains: what the readers of graph formats build while they follow a network from its input to its output.
//!
//! A MobileNet v1 has no branches. Each convolution becomes a layer; what follows it (batch norm, a clamp) is
//! attached to it. From borders and sizes it also follows which [`Padding`] the network has at stride 2.

use super::slots::places;
use super::tensors::Tensor;
use super::{BatchNorm, Kind, Layer, Role, TensorInfo, Weights};
use crate::error::{Complaint, Result};
use crate::family::{Activation, Family, Padding};

/// Many times what the largest MobileNet holds; a file may name one tensor in many layers.
const MOST_VALUES: usize = 1 << 26;
/// Larger than any image that a network looks at.
const LARGEST_SIDE: usize = 1 << 14;
/// In order of preference where several explain all borders.
const PADDINGS: [Padding; 4] = [Padding::Same, Padding::After, Padding::Symmetric, Padding::Valid];

/// The zero border of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    /// TensorFlow's SAME.
    Same,
    /// Rows above, columns before, rows below, columns after.
    Explicit([usize; 4]),
}

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
    input: Option<[usize; 2]>,
    /// Height and width of the map reached.
    size: Option<[usize; 2]>,
    /// What explains all borders so far.
    paddings: Vec<Padding>,
    /// Whether the map has been pooled to one pixel.
    pooled: bool,
    values: usize,
}

impl Chain {
    /// The network's input: height and width, where the file says.
    pub(super) fn new(input: Option<[usize; 2]>) -> Chain {
        let input = input.filter(|size| size.iter().all(|side| (1..=LARGEST_SIDE).contains(side)));
        Chain {
            layers: Vec::new(),
            input,
            size: input,
            paddings: PADDINGS.to_vec(),
            pooled: false,
            values: 0,
        }
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
            self.slide(&link, [height, width])?;
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

    /// Narrows the paddings down to those that explain a window's border, and steps on to the size that it leaves.
    fn slide(&mut self, link: &Link, window: [usize; 2]) -> Result<()> {
        let fault = |what: &str| Complaint::new(format!("`{}`: {what}", link.name));
        let stride = link.stride;
        if stride == 0 || stride > 16 || window.iter().any(|&side| side == 0 || side > 16) || self.pooled {
            return Err(fault("not a convolution of a MobileNet").into());
        }
        // Where the size is not known, the usual one stands for it: even at every stride.
        let size = self.size.unwrap_or([224; 2]);
        let border = |padding: Padding| {
            let [top, bottom] = zeros(padding, link.kind, window[0], stride, size[0]);
            let [left, right] = zeros(padding, link.kind, window[1], stride, size[1]);
            [top, left, bottom, right]
        };
        let have = match link.border {
            Border::Same => border(Padding::Same),
            Border::Explicit(zeros) => zeros,
        };
        if stride == 1 {
            if have != border(Padding::Same) {
                return Err(fault(&format!("padding {have:?} at stride 1 changes the size")).into());
            }
            return Ok(());
        }
        self.paddings.retain(|&padding| border(padding) == have);
        if self.paddings.is_empty() {
            return Err(fault(&format!("padding {have:?} is not that of the layers before")).into());
        }
        let extent = |axis: usize| {
            let padded = size[axis].checked_add(have[axis])?.checked_add(have[axis + 2])?;
            Some(padded.checked_sub(window[axis])? / stride + 1)
        };
        let next = extent(0).zip(extent(1)).ok_or_else(|| fault("a window larger than its input"))?;
        self.size = self.size.map(|_| next.into());
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
        match (window, self.size) {
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
        let padding = self.paddings.first().copied().filter(|_| self.paddings.len() < PADDINGS.len());
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
            input: self.input.map(|[height, width]| [height, width, channels]),
            labels: None,
            tensors,
            missing: Vec::new(),
            unused: Vec::new(),
            padding,
            quantised: None,
        })
    }
}

impl Border {
    /// Whether there is none.
    fn is_none(self) -> bool {
        self == Border::Explicit([0; 4])
    }
}

/// One value for all channels, as many as there are channels.
fn spread(values: Vec<f32>, channels: usize) -> Vec<f32> {
    if values.len() == 1 { vec![values[0]; channels] } else { values }
}

/// Zeros before and after `size` pixels under a padding.
fn zeros(padding: Padding, kind: Kind, window: usize, stride: usize, size: usize) -> [usize; 2] {
    match padding {
        Padding::Valid => [0, 0],
        _ if stride == 1 => [(window - 1) / 2, window / 2],
        Padding::Symmetric => [window / 2; 2],
        // Keras pads depthwise convolutions so, and full ones SAME.
        Padding::After if kind == Kind::Depthwise => [0, 1],
        Padding::Same | Padding::After => {
            let total = ((size.div_ceil(stride) - 1) * stride + window).saturating_sub(size);
            [total / 2, total - total / 2]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(kind: Kind, stride: usize, border: Border) -> Link {
        let shape = match kind {
            Kind::Conv => vec![3, 3, 3, 8],
            Kind::Depthwise => vec![3, 3, 8],
            _ => vec![8, 8],
        };
        let data = vec![0.0; shape.iter().product()];
        Link {
            name: "a".to_owned(),
            kind,
            kernel: Tensor { shape, data },
            bias: None,
            activation: Activation::Relu6,
            stride,
            border,
            tensors: Vec::new(),
        }
    }

    /// The padding found, given the borders of a full and some depthwise convolutions at stride 2.
    fn padding(size: Option<usize>, borders: &[Border]) -> std::result::Result<Option<Padding>, String> {
        let mut chain = Chain::new(size.map(|size| [size; 2]));
        for (i, &border) in borders.iter().enumerate() {
            let kind = if i == 0 { Kind::Conv } else { Kind::Depthwise };
            chain.push(link(kind, 2, border)).map_err(|report| report.to_string())?;
        }
        Ok(chain.finish("test", Family::PAPER, Vec::new()).unwrap().padding)
    }

    #[test]
    fn padding_follows_from_borders_and_sizes() {
        let (after, both) = (Border::Explicit([0, 0, 1, 1]), Border::Explicit([1; 4]));
        assert_eq!(padding(Some(96), &[Border::Same, Border::Same]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(96), &[after, after]), Ok(Some(Padding::Same)));
        assert_eq!(padding(None, &[after, after]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(96), &[both, both]), Ok(Some(Padding::Symmetric)));
        // 97 -> 49 -> 25: odd all the way.
        assert_eq!(padding(Some(97), &[both, both]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(129), &[both, after]), Ok(Some(Padding::After)));
        assert_eq!(padding(Some(98), &[after, both]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(96), &[Border::Explicit([0; 4])]), Ok(Some(Padding::Valid)));
        assert!(padding(Some(96), &[after, both]).unwrap_err().contains("not that of the layers before"));
        assert!(padding(Some(1), &[Border::Explicit([0; 4])]).unwrap_err().contains("larger than its input"));
    }
}
