//! TensorFlow Lite: the graph followed from its input, 8-bit weights dequantised.
//!
//! A file is a FlatBuffer ([`flatbuffer`], [`schema`]); labels may be packed behind it as a zip archive.

mod flatbuffer;
mod integers;
mod metadata;
mod schema;
mod values;

use mobilenet_kernels::image::Normalise;

use self::integers::{Gathering, Operands};
use self::schema::{Code, Model, Operator, Type};
use super::borders::Border;
use super::chain::{Chain, Link};
use super::{Kind, Role, Tensor, TensorInfo, Weights};
use crate::error::{Complaint, Result};
use crate::family::{Activation, Family};

/// Reads a file.
pub(super) fn read(bytes: &[u8]) -> Result<Weights> {
    let model = Model::read(bytes)?;
    let (&[input], [output]) = (model.inputs.as_slice(), model.outputs.as_slice()) else {
        return Err(Complaint::new("it has not one input and one output").into());
    };
    let size = match model.tensors[input].shape.as_slice() {
        &[_, height, width, _] => Some([height, width]),
        _ => None,
    };
    let integers = Gathering::new(&model.tensors[input]);
    let mut walk = Walk { model: &model, chain: Chain::new(size), zeros: [0; 4], integers };
    let mut at = input;
    // Each operator can be met once: a chain that is longer runs in a circle.
    for _ in 0..=model.operators.len() {
        if at == *output {
            return walk.finish(bytes);
        }
        at = walk.step(at)?;
    }
    Err(Complaint::new("its operators run in a circle").into())
}

/// A graph being followed.
struct Walk<'m, 'a> {
    model: &'m Model<'a>,
    chain: Chain,
    /// Zeros that a padding operator put around the map: top, left, bottom, right.
    zeros: [usize; 4],
    /// Integer parameters, where the network computes with integers.
    integers: Option<Gathering>,
}

impl Walk<'_, '_> {
    /// Over the operator that takes the tensor at `at`, to its result.
    fn step(&mut self, at: usize) -> Result<usize> {
        let takes =
            |operator: &&Operator<'_>| operator.inputs.contains(&Some(at)) && operator.code != Code::Shape;
        let mut takers = self.model.operators.iter().filter(takes);
        let (Some(operator), None) = (takers.next(), takers.next()) else {
            return Err(Complaint::new("its graph branches or ends early; it is no MobileNet v1").into());
        };
        if !operator.code.is_layer()
            && let Some(integers) = &mut self.integers
        {
            integers.step(self.model, operator, at);
        }
        match operator.code {
            _ if operator.code.is_layer() => self.layer(operator, at)?,
            Code::Pad => self.pad(operator)?,
            Code::AveragePool => {
                let option = |field| operator.options.map_or(0, |options| options.i32(field));
                let side = |field| usize::try_from(option(field)).unwrap_or(0);
                self.chain.pool(Some([side(4), side(3)]))?;
            }
            Code::Mean => self.chain.pool(None)?,
            Code::Mul => {
                let (values, name) = self.model.constant_beside(operator, at)?;
                self.chain.scale(values.data, name)?;
            }
            Code::Add => {
                let (values, name) = self.model.constant_beside(operator, at)?;
                self.chain.shift(values.data, name)?;
            }
            Code::Relu => self.chain.clamp(Activation::Relu)?,
            Code::Relu6 => self.chain.clamp(Activation::Relu6)?,
            Code::Quantize | Code::Dequantize => {}
            Code::Reshape | Code::Squeeze | Code::Softmax if self.chain.pooled() => {}
            other => {
                return Err(
                    Complaint::new(format!("operator {other:?} has no place in a MobileNet v1")).into()
                );
            }
        }
        operator.outputs.first().copied().ok_or_else(|| Complaint::new("an operator without result").into())
    }

    /// A convolution or dense layer.
    fn layer(&mut self, operator: &Operator<'_>, at: usize) -> Result<()> {
        let model = self.model;
        let fault = |what: &str| {
            Complaint::new(format!("{:?} `{}`: {what}", operator.code, model.result_name(operator)))
        };
        let options = operator.options.ok_or_else(|| fault("has no options"))?;
        let operand = |i: usize| operator.inputs.get(i).copied().flatten();
        let kernel_at = operand(1).ok_or_else(|| fault("has no kernel"))?;
        let (kernel, kernel_name) = model.constant(kernel_at)?;
        let bias_at = operand(2);
        let (bias, bias_name) = bias_at.map(|bias| model.constant(bias)).transpose()?.unzip();
        // Options of the three operators, where they lie.
        let (activation, dilations, strides) = match operator.code {
            Code::Conv => (3, Some([4, 5]), Some([2, 1])),
            Code::Depthwise => (4, Some([5, 6]), Some([2, 1])),
            _ => (0, None, None),
        };
        if dilations.is_some_and(|fields| fields.iter().any(|&field| options.i32_or(field, 1) != 1)) {
            return Err(fault("is dilated").into());
        }
        let stride = match strides.map(|fields| fields.map(|field| options.i32(field))) {
            None => 1,
            Some([down, across]) if down == across && down > 0 => down as usize,
            Some(_) => return Err(fault("has different strides down and across").into()),
        };
        let stored_shape = kernel.shape.clone();
        let shape = stored_shape.as_slice();
        let (kind, arrangement) = match (operator.code, shape) {
            (Code::Conv, &[outputs, 1, 1, inputs]) => (Kind::Pointwise, (vec![outputs, inputs], &[1, 0][..])),
            (Code::Conv, [_, _, _, _]) => (Kind::Conv, (shape.to_vec(), &[1, 2, 3, 0][..])),
            // On one channel, depthwise with several outputs a channel and full are the same.
            (Code::Depthwise, &[1, height, width, outputs])
                if options.i32(3) > 1 && self.chain.is_empty() =>
            {
                (Kind::Conv, (vec![height, width, 1, outputs], &[0, 1, 2, 3][..]))
            }
            (Code::Depthwise, &[1, height, width, channels]) if options.i32(3) == 1 => {
                (Kind::Depthwise, (vec![height, width, channels], &[0, 1, 2][..]))
            }
            (Code::FullyConnected, [_, _]) => (Kind::Dense, (shape.to_vec(), &[1, 0][..])),
            (_, shape) => return Err(fault(&format!("has a kernel of shape {shape:?}")).into()),
        };
        let border = match (std::mem::take(&mut self.zeros), strides.map(|_| options.u8(0))) {
            ([0, 0, 0, 0], Some(0)) => Border::Same,
            (zeros, Some(1) | None) => Border::Explicit(zeros),
            _ => return Err(fault("is padded twice").into()),
        };
        let activation = match options.u8(activation) {
            0 => Activation::Linear,
            1 => Activation::Relu,
            3 => Activation::Relu6,
            other => return Err(fault(&format!("has activation {other}")).into()),
        };
        if let (Some(integers), Some(&output)) = (&mut self.integers, operator.outputs.first()) {
            integers.layer(&Operands {
                code: operator.code,
                input: &model.tensors[at],
                kernel: &model.tensors[kernel_at],
                bias: bias_at.map(|at| &model.tensors[at]),
                output: &model.tensors[output],
                activation,
                arrange: &|kernel| (kernel.shape == stored_shape).then(|| arranged(kernel, &arrangement)),
            });
        }
        let mut tensors = vec![(Role::Kernel, kernel_name.to_owned())];
        tensors.extend(bias_name.map(|name| (Role::Bias, name.to_owned())));
        self.chain.push(Link {
            // Of several names that the converter joined, the first.
            name: kernel_name.split(';').next().unwrap_or(kernel_name).to_owned(),
            kind,
            kernel: arranged(kernel, &arrangement),
            bias: bias.map(|bias| bias.data),
            activation,
            stride,
            border,
            tensors,
        })
    }

    fn pad(&mut self, operator: &Operator<'_>) -> Result<()> {
        let zeros = operator.inputs.get(1).copied().flatten().map(|at| &self.model.tensors[at]);
        let zeros = zeros.filter(|zeros| zeros.kind == Type::I32).map(|zeros| {
            let extents = zeros.data.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes));
            extents.map(|extent| usize::try_from(extent).unwrap_or(usize::MAX)).collect::<Vec<_>>()
        });
        match zeros.as_deref() {
            Some(&[0, 0, top, bottom, left, right, 0, 0]) if self.zeros == [0; 4] => {
                self.zeros = [top, left, bottom, right];
                Ok(())
            }
            _ => Err(Complaint::new(format!(
                "{} pads other than rows and columns",
                self.model.result_name(operator)
            ))
            .into()),
        }
    }

    fn finish(self, bytes: &[u8]) -> Result<Weights> {
        let model = self.model;
        let infos = model.tensors.iter().filter(|tensor| !tensor.data.is_empty()).map(|tensor| TensorInfo {
            name: tensor.name.to_owned(),
            shape: tensor.shape.clone(),
            dtype: tensor.kind.name(),
        });
        let slim = model.tensors.iter().any(|tensor| tensor.name.contains("MobilenetV1"));
        let family = if slim { Family::TF_SLIM } else { Family::KERAS };
        let mut weights = self.chain.finish("tflite", family, infos.collect())?;
        if !slim && weights.family.activation == Activation::Relu {
            let Family { name, preprocess, .. } = Family::MLPERF_TINY;
            weights.family = Family { name, preprocess, ..weights.family };
        }
        let stated = model.metadata.and_then(metadata::normalise);
        if let Some(normalise) =
            stated.or_else(|| model.inputs.first().and_then(|&at| normalise(&model.tensors[at])))
        {
            weights.family.preprocess.normalise = normalise;
        }
        weights.quantised = self.integers.map(Gathering::finish);
        weights.labels = metadata::labels(bytes, weights.layers.last().map_or(0, super::Layer::outputs));
        Ok(weights)
    }
}

/// A kernel under another shape of as many values, its extents then brought into another order.
fn arranged<T: Copy>(kernel: Tensor<T>, (shape, order): &(Vec<usize>, &[usize])) -> Tensor<T> {
    kernel.reshaped(shape.clone()).transposed(order)
}

/// How a quantised input reads bytes. Inputs of signed bytes take a photo's bytes less 128.
fn normalise(input: &schema::Tensor<'_>) -> Option<Normalise> {
    let quantisation = input.quantisation.as_ref()?;
    let (&[scale], &[zero]) = (quantisation.scale.as_slice(), quantisation.zero_point.as_slice()) else {
        return None;
    };
    let zero = match input.kind {
        Type::U8 => zero,
        Type::I8 => zero.checked_add(128)?,
        _ => return None,
    };
    Some(Normalise { scale: [scale; 4], offset: [0.0 - zero as f32 * scale; 4] })
}
