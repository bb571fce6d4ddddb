//! Integer parameters, gathered while the graph is followed.
//!
//! Two kinds of fault are kept apart from those of the file as such, because the dequantised values are sound all the
//! same: quantisation that makes no sense, and operators whose integer arithmetic is not known here. Both are told all
//! at once to whoever asks for integers.

use mobilenet_kernels::fixed::{Factor, Multiplier};

use super::schema::{Code, Model, Operator, Quantisation, Tensor, Type};
use crate::error::{Complaint, Report, Result};
use crate::family::Activation;
use crate::weights::tensors;
use crate::weights::{Affine, Integers, Pooling, Quantised, QuantisedLayer, Softmax};

/// A quantised network followed up to some point.
pub(super) struct Gathering {
    integers: Integers,
    input: Option<Affine>,
    layers: Vec<QuantisedLayer>,
    pooling: Pooling,
    softmax: Option<Softmax>,
    report: Report,
}

/// The operands of a layer, and how its kernel is to be laid out.
pub(super) struct Operands<'a> {
    pub(super) code: Code,
    pub(super) input: &'a Tensor<'a>,
    pub(super) kernel: &'a Tensor<'a>,
    pub(super) bias: Option<&'a Tensor<'a>>,
    pub(super) output: &'a Tensor<'a>,
    pub(super) activation: Activation,
    /// None where the kernel has not the shape that was looked at.
    pub(super) arrange: &'a dyn Fn(tensors::Tensor<i16>) -> Option<tensors::Tensor<i16>>,
}

/// The type of bytes that a tensor holds.
fn integers(tensor: &Tensor<'_>) -> Option<Integers> {
    match tensor.kind {
        Type::U8 => Some(Integers::U8),
        Type::I8 => Some(Integers::I8),
        _ => None,
    }
}

impl Gathering {
    /// A network that takes this input; None where it computes with floats.
    pub(super) fn new(input: &Tensor<'_>) -> Option<Gathering> {
        let integers = integers(input)?;
        let mut report = Report::new();
        let input = report.absorb(affine(input, integers));
        let (layers, pooling) = (Vec::new(), Pooling::Average);
        Some(Gathering { integers, input, layers, pooling, softmax: None, report })
    }

    /// A convolution or dense layer.
    pub(super) fn layer(&mut self, operands: &Operands<'_>) {
        let layer = Reading { integers: self.integers, operands }.layer(&mut self.report);
        self.layers.extend(layer);
    }

    /// Any other operator: those that hand bytes on are passed over.
    pub(super) fn step(&mut self, model: &Model<'_>, operator: &Operator<'_>, at: usize) {
        let Some(&to) = operator.outputs.first() else { return };
        let (from, to) = (&model.tensors[at], &model.tensors[to]);
        let option_is_0 = |field| operator.options.is_none_or(|options| options.u8(field) == 0);
        let name = operator.code;
        match name {
            Code::Softmax => {
                let softmax = softmax(operator, to, self.integers);
                self.softmax = self.report.absorb(softmax);
            }
            // The fused activation of a pooling is its sixth option.
            Code::AveragePool if !option_is_0(5) => {
                self.report.push(Complaint::new(format!("`{}` pools and clamps at once", to.name)));
            }
            Code::AveragePool | Code::Pad | Code::Reshape | Code::Squeeze => {
                let (before, after) = (affine(from, self.integers), affine(to, self.integers));
                let after = self.report.absorb(after);
                if before.ok() != after {
                    let what = format!("`{}` does not have the scale of its input", to.name);
                    self.report.push(Complaint::new(what));
                }
            }
            Code::Mean => {
                let pooling = mean(from, to, self.integers);
                self.pooling = self.report.absorb(pooling).unwrap_or_default();
            }
            _ => self.report.push(
                Complaint::new(format!("its integer arithmetic is not known here: {name:?} `{}`", to.name))
                    .help("run it with floats"),
            ),
        }
    }

    /// The network, its end reached.
    pub(super) fn finish(self) -> Result<Quantised> {
        let Gathering { integers, input, layers, pooling, softmax, report } = self;
        // Without an input there is a complaint about it.
        let input = input.unwrap_or(Affine { scale: 1.0, zero: 0 });
        report.into_result(Quantised { integers, input, layers, pooling, softmax })
    }
}

/// The one scale and zero point of a map.
fn affine(tensor: &Tensor<'_>, expected: Integers) -> Result<Affine> {
    let fault = |what: &str| Err(Complaint::new(format!("`{}` {what}", tensor.name)).into());
    if integers(tensor) != Some(expected) {
        return fault(&format!("is {}, where the input is {}", tensor.kind.name(), expected.name()));
    }
    let Some(Quantisation { scale, zero_point, .. }) = &tensor.quantisation else {
        return fault("has no scale");
    };
    let (&[scale], &[zero]) = (scale.as_slice(), zero_point.as_slice()) else {
        return fault(&format!("has {} scales and {} zero points", scale.len(), zero_point.len()));
    };
    match expected.contains(zero) {
        _ if !(scale.is_finite() && scale > 0.0) => fault(&format!("has scale {scale}")),
        false => fault(&format!("has zero point {zero}, which is no {}", expected.name())),
        true => Ok(Affine { scale, zero: zero as i32 }),
    }
}

/// A mean over rows and columns, whatever number of them.
fn mean(from: &Tensor<'_>, to: &Tensor<'_>, integers: Integers) -> Result<Pooling> {
    let mut report = Report::new();
    let ends = [from, to].map(|tensor| report.absorb(affine(tensor, integers)));
    let [Some(before), Some(after)] = ends else { return report.into_result(Pooling::default()) };
    let (name, ratio) = (to.name, f64::from(before.scale) / f64::from(after.scale));
    match Pooling::factor(before, after, 1) {
        Some(_) => Ok(Pooling::Mean { from: before, to: after }),
        None => {
            Err(Complaint::new(format!("`{name}` scales means by {ratio:e}, which cannot be meant")).into())
        }
    }
}

fn softmax(operator: &Operator<'_>, output: &Tensor<'_>, integers: Integers) -> Result<Softmax> {
    let beta = operator.options.map_or(1.0, |options| options.f32(0));
    let affine = affine(output, integers)?;
    let expected = Affine { scale: 1.0 / 256.0, zero: integers.range()[0] };
    if affine != expected {
        let (scale, zero) = (affine.scale, affine.zero);
        let what = format!(
            "softmax `{}` has scale {scale} and zero point {zero}, not 1/256 and {}",
            output.name, expected.zero
        );
        return Err(Complaint::new(what).into());
    }
    if !(beta.is_finite() && beta > 0.0) {
        return Err(Complaint::new(format!("softmax `{}` has beta {beta}", output.name)).into());
    }
    Ok(Softmax { beta })
}

/// A layer being read.
struct Reading<'a> {
    integers: Integers,
    operands: &'a Operands<'a>,
}

impl Reading<'_> {
    /// The layer, if there is nothing to complain about.
    fn layer(&self, report: &mut Report) -> Option<QuantisedLayer> {
        let Operands { input, output, activation, .. } = *self.operands;
        let input = report.absorb(affine(input, self.integers));
        let output = report.absorb(affine(output, self.integers));
        let kernel = report.absorb(self.kernel());
        let outputs = kernel.as_ref().and_then(|kernel| kernel.shape.last().copied());
        let bias = outputs.and_then(|outputs| report.absorb(self.bias(outputs)));
        let scales = outputs.and_then(|outputs| report.absorb(self.scales(outputs)));
        let (input, output, kernel) = (input?, output?, kernel?);
        let (scales, kernel_zero) = scales?;
        let factors = report.absorb(self.factors(&scales, input, output, outputs?))?;
        let clamp = clamp(activation, output, self.integers);
        Some(QuantisedLayer { kernel, kernel_zero, bias: bias?, factors, input, output, clamp })
    }

    fn fault<T>(&self, tensor: &Tensor<'_>, what: &str) -> Result<T> {
        Err(Complaint::new(format!("`{}` {what}", tensor.name)).into())
    }

    fn kernel(&self) -> Result<tensors::Tensor<i16>> {
        let tensor = self.operands.kernel;
        let data: Vec<i16> = match (tensor.kind, self.integers) {
            (Type::U8, Integers::U8) => tensor.data.iter().map(|&byte| i16::from(byte)).collect(),
            (Type::I8, Integers::I8) => tensor.data.iter().map(|&byte| i16::from(byte as i8)).collect(),
            (kind, maps) => {
                let what = format!("is {}, where maps are {}", kind.name(), maps.name());
                return self.fault(tensor, &what);
            }
        };
        let volume = tensor.shape.iter().try_fold(1usize, |volume, &extent| volume.checked_mul(extent));
        if volume != Some(data.len()) {
            return self.fault(tensor, &format!("has {} values for shape {:?}", data.len(), tensor.shape));
        }
        match (self.operands.arrange)(tensors::Tensor { shape: tensor.shape.clone(), data }) {
            Some(kernel) => Ok(kernel),
            None => self.fault(tensor, "is converted before it is used"),
        }
    }

    fn bias(&self, outputs: usize) -> Result<Vec<i32>> {
        let Some(tensor) = self.operands.bias else { return Ok(vec![0; outputs]) };
        if tensor.kind != Type::I32 {
            return self.fault(tensor, &format!("is {}, where a bias is i32", tensor.kind.name()));
        }
        let bias: Vec<i32> =
            tensor.data.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect();
        let zeros = tensor.quantisation.as_ref().map_or(&[][..], |quantisation| &quantisation.zero_point);
        if zeros.iter().any(|&zero| zero != 0) {
            return self.fault(tensor, "has a zero point other than 0");
        }
        match bias.len() == outputs {
            true => Ok(bias),
            false => self.fault(tensor, &format!("has {} values for {outputs} outputs", bias.len())),
        }
    }

    /// The kernel's scales, one or as many as there are outputs, and its zero point.
    fn scales(&self, outputs: usize) -> Result<(Vec<f32>, i32)> {
        let Operands { kernel: tensor, code, .. } = *self.operands;
        let Some(Quantisation { scale, zero_point, axis }) = &tensor.quantisation else {
            return self.fault(tensor, "has no scale");
        };
        let mut report = Report::new();
        let mut complain = |what: String| report.push(Complaint::new(format!("`{}` {what}", tensor.name)));
        // The outputs are the last extent of a depthwise kernel, and the first of any other.
        let outermost = if code == Code::Depthwise { tensor.shape.len().saturating_sub(1) } else { 0 };
        match scale.len() {
            1 => {}
            len if len != outputs => complain(format!("has {len} scales for {outputs} outputs")),
            _ if self.integers == Integers::U8 => complain("is u8 and scaled by channel".into()),
            _ if *axis != outermost => complain(format!("is scaled along axis {axis}, not {outermost}")),
            _ => {}
        }
        if let Some(scale) = scale.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
            complain(format!("has scale {scale}"));
        }
        let zero = zero_point.first().copied().unwrap_or(0);
        // Only dense layers of signed bytes look at it; others take it for 0.
        let must_be_0 = self.integers == Integers::I8 && (code != Code::FullyConnected || scale.len() > 1);
        if !self.integers.contains(zero) {
            complain(format!("has zero point {zero}, which is no {}", self.integers.name()));
        } else if zero_point.iter().any(|&other| other != zero || must_be_0 && other != 0) {
            complain("has zero points other than 0".into());
        }
        report.into_result((scale.clone(), zero as i32))
    }

    /// One factor an output. Convolutions of unsigned bytes multiply the scales as floats, all others as doubles.
    fn factors(&self, scales: &[f32], input: Affine, output: Affine, outputs: usize) -> Result<Vec<Factor>> {
        let Operands { kernel, code, .. } = *self.operands;
        let factor = |scale: f32| {
            let product = match (code, self.integers) {
                (Code::Conv | Code::Depthwise, Integers::U8) => f64::from(input.scale * scale),
                _ => f64::from(input.scale) * f64::from(scale),
            };
            let factor = product / f64::from(output.scale);
            // Larger ones make 32 bits overflow. Channels that are always 0 may have tiny ones.
            match Multiplier::new(factor).filter(|multiplier| multiplier.exponent <= 8) {
                None => self.fault(kernel, &format!("scales sums by {factor:e}, which cannot be meant")),
                Some(_) if code == Code::FullyConnected => Ok(Factor::Double(factor)),
                Some(multiplier) => Ok(Factor::Fixed(multiplier)),
            }
        };
        match scales {
            [scale] => Ok(vec![factor(*scale)?; outputs]),
            scales => scales.iter().copied().map(factor).collect(),
        }
    }
}

/// The bytes that a fused activation leaves.
fn clamp(activation: Activation, output: Affine, integers: Integers) -> [i32; 2] {
    let [low, high] = activation.bounds();
    let [least, greatest] = integers.range();
    let quantise = |bound: f32| match bound.is_finite() {
        true => (output.zero as f32 + (bound / output.scale).round()).clamp(-1e9, 1e9) as i32,
        false if bound < 0.0 => least,
        false => greatest,
    };
    [quantise(low).max(least), quantise(high).min(greatest)]
}
