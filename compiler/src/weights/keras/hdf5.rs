//! HDF5, as far as Keras uses it: a tree of groups that ends in datasets, with attributes.
//!
//! The file is read by hdf5-pure, which checks what it reads against the file. Extents it believes; what is allocated
//! for them is limited here.

use std::collections::HashMap;

use hdf5_pure::{AttrValue, DType, Dataset, Datatype, DatatypeByteOrder, Error, File, Group};

use crate::error::{Complaint, Result};
use crate::weights::TensorInfo;
use crate::weights::assemble::Named;
use crate::weights::names;
use crate::weights::tensors::{Float, MOST_VALUES};

/// Deflate makes data a thousandth as long at best.
const COMPRESSION: u64 = 1 << 10;
/// Keras nests submodels, and those hardly ever twice.
const DEEPEST: usize = 16;
/// Groups and datasets; a MobileNet with its optimiser has about a thousand.
const MOST_OBJECTS: usize = 1 << 14;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Its datasets by path, the optimiser's left out.
    pub(super) tensors: Vec<Named>,
    /// Attribute `name` of the groups that have one, by path: Keras 3 notes there what a layer is called.
    pub(super) names: HashMap<String, String>,
    /// Attribute `model_config` of the root.
    pub(super) config: Option<String>,
}

/// Reads a file.
pub(super) fn read(bytes: Vec<u8>) -> Result<Contents> {
    let most = 4 * MOST_VALUES as u64;
    let budget = most.min((bytes.len() as u64).saturating_mul(COMPRESSION));
    let mut walk = Walk { contents: Contents::default(), objects: 0, budget };
    let read = || -> std::result::Result<Contents, Fault> {
        let root = File::from_bytes(bytes)?.root();
        walk.contents.config = text(&root, "model_config")?;
        walk.group(&root, "", 0)?;
        Ok(walk.contents)
    };
    read().map_err(|fault| match fault {
        Fault::Library(error) => Complaint::new(format!("damaged HDF5 file: {error}")).into(),
        Fault::Own(what) => Complaint::new(what).into(),
    })
}

/// Why a file cannot be read.
enum Fault {
    Library(Error),
    Own(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Library(error)
    }
}

/// A walk through a file. Links may make its tree a graph, even one with cycles; so it is bounded.
struct Walk {
    contents: Contents,
    objects: usize,
    /// Bytes that values may still take.
    budget: u64,
}

impl Walk {
    fn group(&mut self, group: &Group, path: &str, depth: usize) -> std::result::Result<(), Fault> {
        if depth > DEEPEST {
            return Err(Fault::Own(format!("`{path}` lies deeper than any group of a Keras file")));
        }
        if path.ends_with("vars")
            && let Some(name) = text(group, "name")?
        {
            self.contents.names.insert(path.to_owned(), name);
        }
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        for (name, dataset) in group.iter_datasets()? {
            self.count()?;
            let path = below(&name);
            if !names::of_training(&path) {
                let tensor = self.dataset(&dataset, path)?;
                self.contents.tensors.push(tensor);
            }
        }
        for (name, group) in group.iter_groups()? {
            self.count()?;
            let path = below(&name);
            if !names::of_training(&path) {
                self.group(&group, &path, depth + 1)?;
            }
        }
        Ok(())
    }

    fn count(&mut self) -> std::result::Result<(), Fault> {
        self.objects += 1;
        match self.objects > MOST_OBJECTS {
            true => Err(Fault::Own("it holds more objects than any Keras file".to_owned())),
            false => Ok(()),
        }
    }

    fn dataset(&mut self, dataset: &Dataset, name: String) -> std::result::Result<Named, Fault> {
        let extents = dataset.shape()?;
        let element = dataset.element_size()?.max(4);
        let bytes =
            |extents: &[u64]| extents.iter().try_fold(element, |bytes, &extent| bytes.checked_mul(extent));
        let chunk = dataset.chunk_shape()?.map_or(Some(0), |extents| bytes(&extents));
        let needed = bytes(&extents).zip(chunk).map(|(whole, chunk)| whole.max(chunk));
        let Some(left) = needed.and_then(|needed| self.budget.checked_sub(needed)) else {
            return Err(Fault::Own(format!(
                "`{name}` claims more values than the file can hold, {extents:?}"
            )));
        };
        self.budget = left;
        let (dtype, data) = values(dataset)?;
        // Their product fits the budget; so they fit too, unless one is 0.
        let shape = extents.iter().map(|&extent| extent as usize).collect();
        Ok(Named { info: TensorInfo { name, shape, dtype }, data })
    }
}

/// An attribute of a group, if it is a text.
fn text(group: &Group, name: &str) -> std::result::Result<Option<String>, Fault> {
    Ok(group.attrs()?.get(name).and_then(AttrValue::as_str).map(str::to_owned))
}

/// A dataset's type, and its values if they are floats.
fn values(dataset: &Dataset) -> std::result::Result<(&'static str, Option<Vec<f32>>), Fault> {
    let name = match dataset.dtype()? {
        DType::F32 => return Ok(("f32", Some(dataset.read_f32()?))),
        DType::F64 => return Ok(("f64", Some(dataset.read_f32()?))),
        DType::Other(other) => match sixteen_bit(&other) {
            Some(float) => return Ok((float.name(), Some(float.widened(&dataset.read_raw()?)))),
            None => "no number",
        },
        DType::I8 => "i8",
        DType::I16 => "i16",
        DType::I32 => "i32",
        DType::I64 => "i64",
        DType::U8 => "u8",
        DType::U16 => "u16",
        DType::U32 => "u32",
        DType::U64 => "u64",
        _ => "no number",
    };
    Ok((name, None))
}

/// Which 16-bit float a type of HDF5 is. It has no bfloat16; h5py writes the bytes as they are.
fn sixteen_bit(datatype: &Datatype) -> Option<Float> {
    match datatype {
        Datatype::FloatingPoint { size: 2, byte_order: DatatypeByteOrder::LittleEndian, .. } => {
            Some(Float::F16)
        }
        Datatype::Opaque { size: 2, .. } => Some(Float::Bf16),
        _ => None,
    }
}
