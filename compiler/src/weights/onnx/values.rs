//! The values of constant tensors.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Component, Path};

use super::proto::{Node, Tensor};
use crate::error::{Complaint, Result};
use crate::weights::open::read_file;
use crate::weights::tensors::{self, Float};

/// Types of values, by their numbers in `TensorProto.DataType`.
const F32: i32 = 1;
const I64: i32 = 7;
const F16: i32 = 10;
const F64: i32 = 11;
const BF16: i32 = 16;

/// The constants of a graph: initializers, and the values of Constant nodes.
pub(super) struct Values<'a> {
    by_name: HashMap<&'a str, &'a Tensor>,
    /// Names that stand for others.
    identities: HashMap<&'a str, &'a str>,
    files: Files<'a>,
}

/// Files beside the model that hold values, read once.
struct Files<'a> {
    folder: Option<&'a Path>,
    read: RefCell<HashMap<String, Vec<u8>>>,
}

impl<'a> Values<'a> {
    /// The constants of a graph whose file lies in `folder`.
    pub(super) fn new(initializers: &'a [Tensor], nodes: &'a [Node], folder: Option<&'a Path>) -> Self {
        let mut by_name: HashMap<&str, &Tensor> =
            initializers.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut identities = HashMap::new();
        for node in nodes {
            let Some(output) = node.output.first() else { continue };
            match (node.op_type.as_str(), node.tensor("value"), node.operand(0)) {
                ("Constant", Some(tensor), _) => drop(by_name.insert(output, tensor)),
                ("Identity", _, Some(input)) => drop(identities.insert(output.as_str(), input)),
                _ => {}
            }
        }
        Values { by_name, identities, files: Files { folder, read: RefCell::default() } }
    }

    /// The constant of that name, if it is one.
    pub(super) fn get(&self, name: &str) -> Option<&'a Tensor> {
        self.by_name.get(name).or_else(|| self.by_name.get(self.identities.get(name)?)).copied()
    }

    /// A constant's values as f32.
    pub(super) fn floats(&self, name: &str) -> Result<tensors::Tensor> {
        let fault = |what: &str| Complaint::new(format!("`{name}` {what}"));
        let tensor = self.get(name).ok_or_else(|| fault("is not constant"))?;
        let shape: Option<Vec<usize>> =
            tensor.dims.iter().map(|&extent| usize::try_from(extent).ok()).collect();
        let shape = shape.ok_or_else(|| fault("has a negative extent"))?;
        let convert = |bytes: &[u8]| match tensor.data_type {
            F32 => Ok(Float::F32.widened(bytes)),
            F64 => Ok(Float::F64.widened(bytes)),
            F16 => Ok(Float::F16.widened(bytes)),
            BF16 => Ok(Float::Bf16.widened(bytes)),
            _ => Err(fault(&format!("holds {} values, not floats", type_name(tensor.data_type)))),
        };
        let data: Vec<f32> = if tensor.data_location == 1 {
            self.files.with(tensor, convert)??
        } else if tensor.float_data.is_empty() {
            convert(&tensor.raw_data)?
        } else {
            tensor.float_data.clone()
        };
        let misfit = fault(&format!("has {} values for shape {shape:?}", data.len()));
        tensors::Tensor::new(shape, data).ok_or_else(|| misfit.into())
    }
}

/// The integers of a small tensor.
pub(super) fn integers(tensor: &Tensor) -> Option<Vec<i64>> {
    match tensor.data_type {
        I64 if tensor.raw_data.is_empty() => Some(tensor.int64_data.clone()),
        I64 => Some(tensor.raw_data.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()),
        _ => None,
    }
}

/// A type, as printed.
pub(super) fn type_name(data_type: i32) -> &'static str {
    match data_type {
        F32 => "f32",
        2 => "u8",
        3 => "i8",
        6 => "i32",
        I64 => "i64",
        F16 => "f16",
        F64 => "f64",
        BF16 => "bf16",
        _ => "other",
    }
}

impl Files<'_> {
    /// Applies `convert` to the part of a file that holds a tensor.
    fn with<T>(&self, tensor: &Tensor, convert: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let fault = |what: String| Complaint::new(format!("`{}` {what}", tensor.name));
        let field =
            |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let location = field("location").ok_or_else(|| fault("is in no file".to_owned()))?;
        let Some(folder) = self.folder else {
            return Err(
                fault(format!("lies in a file of its own, {location}; open the model by its path")).into()
            );
        };
        // A model has no business outside its folder.
        if !Path::new(location).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(fault(format!("lies in {location}, outside the model's folder")).into());
        }
        let mut read = self.read.borrow_mut();
        if !read.contains_key(location) {
            read.insert(location.clone(), read_file(&folder.join(location))?);
        }
        let bytes = &read[location];
        let number = |key: &str| field(key).map(|text| text.parse::<usize>()).transpose();
        let span = || {
            let begin = number("offset").ok()?.unwrap_or(0);
            let end = match number("length").ok()? {
                Some(length) => begin.checked_add(length)?,
                None => bytes.len(),
            };
            bytes.get(begin..end)
        };
        let span = span().ok_or_else(|| fault(format!("lies beyond the end of {location}")))?;
        Ok(convert(span))
    }
}
