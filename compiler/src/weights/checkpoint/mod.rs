//! TensorFlow checkpoints, as its `Saver` writes them: a table of names, shapes and places (`x.ckpt.index`), beside it
//! the values (`x.ckpt.data-00000-of-00001`).

mod proto;
mod table;

use std::collections::{HashMap, hash_map};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISCSI, Crc, Table};
use prost::Message;

use super::assemble::{Named, assemble};
use super::tensors::{Float, MOST_VALUES};
use super::{TensorInfo, Weights, names};
use crate::error::{Complaint, Report, Result};

/// Reads the checkpoint whose index this is; `path` is the index's.
pub(super) fn read(index: &[u8], path: Option<&Path>) -> Result<Weights> {
    let entries = table::entries(index)?;
    let mut shards = Shards::new(&entries, path)?;
    let mut report = Report::new();
    let mut tensors = Vec::with_capacity(entries.len());
    for (key, value) in entries.iter().filter(|(key, _)| !key.is_empty()) {
        let name = String::from_utf8_lossy(key).into_owned();
        if name == "_CHECKPOINTABLE_OBJECT_GRAPH" {
            return Err(object_based());
        }
        match tensor(&name, value, &mut shards) {
            Ok((shape, dtype, data)) => {
                tensors.push(Named { info: TensorInfo { name, shape, dtype }, data });
            }
            Err(Fault::Tensor(what)) => report.push(Complaint::new(format!("`{name}` {what}"))),
            Err(Fault::File(complaint)) => return Err(complaint.into()),
        }
    }
    report.into_result(())?;
    assemble("checkpoint", tensors)
}

fn object_based() -> Report {
    Complaint::new("an object-based checkpoint of TensorFlow 2, whose names do not say which layer is meant")
        .help("save the model as .keras or .h5")
        .into()
}

/// Why a tensor is not read: a fault of its own, or one that stops everything.
enum Fault {
    Tensor(String),
    File(Complaint),
}

fn fault<T>(what: impl Into<String>) -> std::result::Result<T, Fault> {
    Err(Fault::Tensor(what.into()))
}

/// Shape, type and values, the latter if they are floats that are not training's.
type Tensor = (Vec<usize>, &'static str, Option<Vec<f32>>);

fn tensor(name: &str, entry: &[u8], shards: &mut Shards) -> std::result::Result<Tensor, Fault> {
    let Ok(entry) = proto::Entry::decode(entry) else {
        return fault("has an entry that is damaged");
    };
    let extents = entry.shape.iter().flat_map(|shape| &shape.dim).map(|dim| usize::try_from(dim.size).ok());
    let Some(shape) = extents.collect::<Option<Vec<usize>>>() else {
        return fault("has a negative extent");
    };
    let float = match entry.dtype {
        1 => Float::F32,
        2 => Float::F64,
        14 => Float::Bf16,
        19 => Float::F16,
        other => return Ok((shape, other_type(other), None)),
    };
    if names::of_training(name) {
        return Ok((shape, float.name(), None));
    }
    if !entry.slices.is_empty() {
        return fault("is partitioned, which is not supported");
    }
    let length = shape.iter().try_fold(float.width(), |length, &extent| length.checked_mul(extent));
    if length.and_then(|length| i64::try_from(length).ok()) != Some(entry.size) {
        return fault(format!("takes {} bytes, not those of {shape:?} {} values", entry.size, float.name()));
    }
    Ok((shape, float.name(), Some(float.widened(&shards.read(&entry)?))))
}

/// The name of a type that is no float, by its number in TensorFlow's `DataType`.
fn other_type(number: i32) -> &'static str {
    match number {
        3 => "i32",
        4 => "u8",
        5 => "i16",
        6 => "i8",
        7 => "string",
        9 => "i64",
        10 => "bool",
        17 => "u16",
        _ => "other",
    }
}

/// The files of values.
struct Shards {
    prefix: String,
    count: i32,
    open: HashMap<i32, (File, u64)>,
    /// Bytes that may still be read: as many values as a MobileNet may have. Names may share a place.
    budget: u64,
}

impl Shards {
    /// Those of the checkpoint with these entries. They are opened where needed.
    fn new(entries: &[table::Entry<'_>], path: Option<&Path>) -> Result<Shards> {
        let header = entries.first().filter(|(key, _)| key.is_empty());
        let header = header.and_then(|(_, header)| proto::Header::decode(*header).ok());
        let Some(header) = header.filter(|header| header.num_shards > 0) else {
            return Err(Complaint::new("a table of TensorFlow's, but not the index of a checkpoint")
                .help("checkpoints of one file, without .index and .data, are too old to be read")
                .into());
        };
        if header.endianness != 0 {
            return Err(Complaint::new("the checkpoint is big-endian, which is not supported").into());
        }
        let prefix = path.and_then(|path| path.to_str()?.strip_suffix(".index"));
        let prefix = prefix.ok_or_else(|| {
            Complaint::new("the values of a checkpoint lie in files beside its index")
                .help("open it by the path of a file whose name ends in .index")
        })?;
        Ok(Shards {
            prefix: prefix.to_owned(),
            count: header.num_shards,
            open: HashMap::new(),
            budget: 4 * MOST_VALUES as u64,
        })
    }

    /// The bytes of a tensor, its checksum verified.
    fn read(&mut self, entry: &proto::Entry) -> std::result::Result<Vec<u8>, Fault> {
        let (Ok(offset), Ok(length)) = (u64::try_from(entry.offset), u64::try_from(entry.size)) else {
            return fault("lies at a negative place");
        };
        if !(0..self.count).contains(&entry.shard_id) {
            return fault(format!("lies in part {} of {}", entry.shard_id, self.count));
        }
        let path = self.path(entry.shard_id);
        let failed =
            |error: std::io::Error| {
                Fault::File(Complaint::new(format!("{}: {error}", path.display())).help(
                    "a checkpoint's .index and .data files belong in the same folder, under the same name",
                ))
            };
        let (file, size) = match self.open.entry(entry.shard_id) {
            hash_map::Entry::Occupied(open) => open.into_mut(),
            hash_map::Entry::Vacant(vacant) => {
                let file = File::open(&path).map_err(failed)?;
                let size = file.metadata().map_err(failed)?.len();
                vacant.insert((file, size))
            }
        };
        if offset.checked_add(length).is_none_or(|end| end > *size) {
            return fault(format!("lies beyond the end of {}", path.display()));
        }
        let Some(left) = self.budget.checked_sub(length) else {
            return fault("is one too many: it holds more weights than any MobileNet");
        };
        self.budget = left;
        // No longer than the file.
        let mut bytes = vec![0; length as usize];
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(failed)?;
        match checksum([bytes.as_slice()]) == entry.crc32c {
            true => Ok(bytes),
            false => fault("has a checksum that is not that of its values"),
        }
    }

    fn path(&self, shard: i32) -> PathBuf {
        PathBuf::from(format!("{}.data-{shard:05}-of-{:05}", self.prefix, self.count))
    }
}

/// leveldb's checksum: a CRC-32C, altered so that it can be kept among what it covers.
fn checksum<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> u32 {
    static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
    let mut digest = CRC.digest();
    parts.into_iter().for_each(|part| digest.update(part));
    digest.finalize().rotate_right(15).wrapping_add(0xa282_ead8)
}
