//! The values of constant tensors, as f32.

use super::schema::{Code, Model, Operator, Quantisation, Tensor, Type};
use crate::error::{Complaint, Result};
use crate::weights::tensors::{self, Float};

impl Model<'_> {
    /// A constant, possibly stored in another type and converted by an operator.
    pub(super) fn constant(&self, at: usize) -> Result<(tensors::Tensor, &str)> {
        let tensor = &self.tensors[at];
        let converts =
            |operator: &&Operator<'_>| operator.code == Code::Dequantize && operator.outputs == [at];
        let stored = match self.operators.iter().find(converts) {
            Some(operator) => {
                operator.inputs.first().copied().flatten().map_or(tensor, |at| &self.tensors[at])
            }
            None => tensor,
        };
        Ok((stored.values()?, tensor.name))
    }

    /// The other operand of an operator on the map at `at`.
    pub(super) fn constant_beside(
        &self,
        operator: &Operator<'_>,
        at: usize,
    ) -> Result<(tensors::Tensor, &str)> {
        match *operator.inputs.as_slice() {
            [Some(a), Some(b)] if a == at => self.constant(b),
            [Some(a), Some(b)] if b == at => self.constant(a),
            _ => Err(Complaint::new(format!("{} has operands left out", self.result_name(operator))).into()),
        }
    }

    /// The name of what an operator computes.
    pub(super) fn result_name(&self, operator: &Operator<'_>) -> &str {
        operator.outputs.first().map_or("", |&at| self.tensors[at].name)
    }
}

impl Tensor<'_> {
    /// The values of a constant, dequantised: f32(q - zero point) * scale, and f32(q * scale) for 32-bit biases.
    pub(super) fn values(&self) -> Result<tensors::Tensor> {
        let fault = |what: String| Complaint::new(format!("`{}` {what}", self.name));
        let data = match self.kind {
            Type::F32 => Float::F32.widened(self.data),
            Type::F16 => Float::F16.widened(self.data),
            Type::U8 => self.dequantised(self.data.iter().map(|&q| i32::from(q)))?,
            Type::I8 => self.dequantised(self.data.iter().map(|&q| i32::from(q as i8)))?,
            Type::I32 => {
                self.dequantised(self.data.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)))?
            }
            Type::Other(_) => {
                return Err(fault(format!("holds {} values, not floats", self.kind.name())).into());
            }
        };
        let count = data.len();
        tensors::Tensor::new(self.shape.clone(), data)
            .ok_or_else(|| fault(format!("has {count} values for shape {:?}", self.shape)).into())
    }

    fn dequantised(&self, values: impl Iterator<Item = i32>) -> Result<Vec<f32>> {
        let fault = |what: &str| Complaint::new(format!("`{}` {what}", self.name));
        let Some(Quantisation { scale, zero_point, axis }) = &self.quantisation else {
            return Err(fault("holds integers without a scale").into());
        };
        // Per tensor there is one scale; per channel there are as many as the axis is long. The bias of a depthwise
        // kernel may name the kernel's axis.
        let axis = (*axis).min(self.shape.len().saturating_sub(1));
        let inner = self
            .shape
            .iter()
            .skip(axis + 1)
            .fold(1, |inner: usize, &extent| inner.saturating_mul(extent))
            .max(1);
        let extent = self.shape.get(axis).copied().unwrap_or(1);
        if scale.len() != 1 && scale.len() != extent
            || !matches!(zero_point.len(), 0 | 1) && zero_point.len() != extent
        {
            return Err(fault(&format!("has {} scales for shape {:?}", scale.len(), self.shape)).into());
        }
        let wide = self.kind == Type::I32;
        Ok(values
            .enumerate()
            .map(|(n, q)| {
                let slice = n / inner % extent.max(1);
                let scale = scale[slice.min(scale.len() - 1)];
                let zero =
                    zero_point.get(slice.min(zero_point.len().saturating_sub(1))).copied().unwrap_or(0);
                if wide {
                    (f64::from(q) * f64::from(scale)) as f32
                } else {
                    i64::from(q).saturating_sub(zero) as f32 * scale
                }
            })
            .collect())
    }
}
