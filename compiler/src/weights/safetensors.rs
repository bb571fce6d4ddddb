//! safetensors (<https://github.com/huggingface/safetensors>): a JSON header of names, types and shapes, then data.

use safetensors::{Dtype, SafeTensors};

use super::assemble::{Named, assemble};
use super::tensors::Float;
use super::{TensorInfo, Weights};
use crate::error::{Complaint, Result};

/// Reads a file.
pub(super) fn read(bytes: &[u8]) -> Result<Weights> {
    let damaged = |error| Complaint::new(format!("damaged safetensors file: {error}"));
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let names = metadata.offset_keys();
    let mut tensors = Vec::with_capacity(names.len());
    for name in names {
        let view = file.tensor(&name).map_err(damaged)?;
        let (dtype, data) = widened(view.dtype(), view.data());
        tensors.push(Named { info: TensorInfo { name, shape: view.shape().to_vec(), dtype }, data });
    }
    let mut weights = assemble("safetensors", tensors)?;
    // Not part of the format, but some writers note it.
    let noted = metadata.metadata().as_ref().and_then(|notes| notes.get("resolution")?.parse().ok());
    if let Some(resolution @ 1..=8192) = noted {
        weights.input = weights.layers.first().map(|stem| [resolution, resolution, stem.inputs()]);
    }
    Ok(weights)
}

/// A type's name, and values of it as f32 if they are floats.
fn widened(dtype: Dtype, data: &[u8]) -> (&'static str, Option<Vec<f32>>) {
    let float = match dtype {
        Dtype::F16 => Float::F16,
        Dtype::BF16 => Float::Bf16,
        Dtype::F32 => Float::F32,
        Dtype::F64 => Float::F64,
        Dtype::I8 => return ("i8", None),
        Dtype::U8 => return ("u8", None),
        Dtype::I16 => return ("i16", None),
        Dtype::U16 => return ("u16", None),
        Dtype::I32 => return ("i32", None),
        Dtype::U32 => return ("u32", None),
        Dtype::I64 => return ("i64", None),
        Dtype::U64 => return ("u64", None),
        Dtype::BOOL => return ("bool", None),
        _ => return ("8-bit float or the like", None),
    };
    (float.name(), Some(float.widened(data)))
}
