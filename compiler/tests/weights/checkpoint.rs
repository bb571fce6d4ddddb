//! TensorFlow checkpoints: written by TensorFlow, made here, and damaged.

use std::fs;

use crc::{CRC_32_ISCSI, Crc};
use mobilenet_compiler::family::Family;
use mobilenet_compiler::weights::{Weights, open, read};

use crate::keras::assert_small;
use crate::protobuf::Message;
use crate::real::shipped;

/// Types of values, by their numbers.
const F32: i64 = 1;
const F64: i64 = 2;
const I32: i64 = 3;
const BF16: i64 = 14;
const F16: i64 = 19;

/// leveldb's checksum.
fn checksum(bytes: &[u8]) -> u32 {
    Crc::<u32>::new(&CRC_32_ISCSI).checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// What an index says of a tensor.
#[derive(Clone)]
struct Entry {
    name: &'static str,
    dtype: i64,
    shape: Vec<i64>,
    shard: i64,
    offset: i64,
    size: i64,
    checksum: u32,
}

impl Entry {
    /// That of bytes which lie at an offset of the first file.
    fn new(name: &'static str, dtype: i64, shape: &[i64], offset: usize, bytes: &[u8]) -> Entry {
        let (offset, size) = (offset as i64, bytes.len() as i64);
        Entry { name, dtype, shape: shape.to_vec(), shard: 0, offset, size, checksum: checksum(bytes) }
    }

    fn message(&self) -> Message {
        let extent = |shape: Message, &extent: &i64| shape.message(2, &Message::new().int(1, extent));
        Message::new()
            .int(1, self.dtype)
            .message(2, &Message::new().each(&self.shape, extent))
            .int(3, self.shard)
            .int(4, self.offset)
            .int(5, self.size)
            .fixed(6, self.checksum)
    }
}

/// The header of a checkpoint whose values are in that many files.
fn header(shards: i64) -> (&'static [u8], Vec<u8>) {
    (b"", Message::new().int(1, shards).message(3, &Message::new().int(1, 1)).finish())
}

/// A block of entries that share nothing with one another.
fn block(entries: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (key, value) in entries {
        block.extend([0, key.len() as u8, value.len() as u8]);
        block.extend(*key);
        block.extend(value);
    }
    restarts(block, 1)
}

/// A block with the list of so many entries that share nothing.
fn restarts(mut block: Vec<u8>, count: u32) -> Vec<u8> {
    block.extend([0; 4].repeat(count as usize));
    block.extend(count.to_le_bytes());
    block
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A table of one block of entries, which need not be sound.
fn table(block: &[u8], compression: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut append = |content: &[u8], compression: u8| {
        let handle = [varint(file.len()), varint(content.len())].concat();
        let start = file.len();
        file.extend(content);
        file.push(compression);
        let checksum = checksum(&file[start..]);
        file.extend(checksum.to_le_bytes());
        handle
    };
    let handle = append(block, compression);
    let index = append(&self::block(&[(b"\xff", handle.clone())]), 0);
    let mut footer = [handle, index].concat();
    footer.resize(40, 0);
    file.extend(footer);
    file.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    file
}

fn index(entries: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    table(&block(entries), 0)
}

/// Opens a checkpoint made of an index and files of values, of which there should be `shards`.
fn opened(index: &[u8], shards: usize, values: &[&[u8]]) -> Result<Weights, String> {
    let folder = tempfile::tempdir().unwrap();
    for (i, values) in values.iter().enumerate() {
        fs::write(folder.path().join(format!("a.ckpt.data-{i:05}-of-{shards:05}")), values).unwrap();
    }
    fs::write(folder.path().join("a.ckpt.index"), index).unwrap();
    open(&folder.path().join("a.ckpt")).map_err(|report| report.to_string())
}

#[test]
fn as_tensorflow_writes_it() {
    let Some(path) = shipped("weights/slim.ckpt.index") else { return };
    let prefix = path.with_extension("");
    let values = prefix.with_extension("ckpt.data-00000-of-00001");
    for path in [path.as_path(), prefix.as_path(), values.as_path()] {
        let weights = open(path).unwrap();
        assert_small(&weights);
        assert_eq!((weights.format, weights.family.name), ("checkpoint", Family::TF_SLIM.name));
    }
}

#[test]
fn types_are_widened_and_training_is_ignored() {
    let (double, single) = (1.5f64.to_le_bytes(), (-4.0f32).to_le_bytes());
    let (brain, half) = ([0x80, 0x3f, 0x00, 0xc0], [0x00, 0x3c, 0x00, 0xc0]);
    let first = [&double[..], &brain, &half].concat();
    let entries = [
        Entry::new("a/weights", F64, &[1, 1], 0, &double),
        // Of training: what it claims does not matter.
        Entry { size: -1, ..Entry::new("a/weights/Momentum", F32, &[1 << 40], 0, &[]) },
        Entry::new("b/weights", BF16, &[2, 1], 8, &brain),
        Entry::new("c/weights", F16, &[1, 2], 12, &half),
        Entry { shard: 1, ..Entry::new("d/weights", F32, &[1, 1], 0, &single) },
        Entry::new("global_step", I32, &[], 0, &[]),
    ];
    let mut blocks = vec![header(2)];
    blocks.extend(entries.iter().map(|entry| (entry.name.as_bytes(), entry.message().finish())));
    let weights = opened(&index(&blocks), 2, &[&first, &single]).unwrap();
    let kernels: Vec<_> = weights.layers.iter().map(|layer| layer.kernel.data.as_slice()).collect();
    assert_eq!(kernels, [&[1.5][..], &[1.0, -2.0], &[1.0, -2.0], &[-4.0]]);
    assert_eq!(weights.tensors.len(), 6);
    assert!(weights.unused.is_empty());

    let missing = opened(&index(&blocks), 2, &[&first]).map(|_| ()).unwrap_err();
    assert!(missing.contains("a.ckpt.data-00001-of-00002: ") && missing.contains("same folder"), "{missing}");
}

#[test]
fn faults_of_tensors_are_all_named() {
    let bytes = [0u8; 8];
    let good = Entry::new("a/weights", F32, &[2, 1], 0, &bytes);
    let named = |name| Entry { name, ..good.clone() };
    let partitioned = named("h/weights").message().bytes(7, b"");
    let entries = [
        (Entry { checksum: 1, ..named("b/weights") }, "has a checksum that is not that of its values"),
        (Entry { offset: 1, ..named("c/weights") }, "lies beyond the end of"),
        (Entry { offset: -1, ..named("d/weights") }, "lies at a negative place"),
        (Entry { shape: vec![-2, 1], ..named("e/weights") }, "has a negative extent"),
        (Entry { shape: vec![1 << 40, 1 << 40], ..named("f/weights") }, "takes 8 bytes, not those of"),
        (Entry { shard: 1, ..named("g/weights") }, "lies in part 1 of 1"),
        (Entry { offset: i64::MAX, ..named("i/weights") }, "lies beyond the end of"),
        (Entry { dtype: F64, ..named("j/weights") }, "takes 8 bytes, not those of [2, 1] f64 values"),
    ];
    let mut blocks = vec![header(1), (good.name.as_bytes(), good.message().finish())];
    blocks.extend(entries.iter().map(|(entry, _)| (entry.name.as_bytes(), entry.message().finish())));
    blocks.extend([(&b"h/weights"[..], partitioned.finish()), (b"k/weights", b"\xff".to_vec())]);
    blocks.sort();
    let error = opened(&index(&blocks), 1, &[&bytes]).map(|_| ()).unwrap_err();
    let others = [("h/weights", "is partitioned"), ("k/weights", "has an entry that is damaged")];
    let expected = entries.iter().map(|(entry, what)| (entry.name, *what)).chain(others);
    for (name, what) in expected {
        assert!(error.contains(&format!("`{name}` {what}")), "{name} {what}: {error}");
    }
    assert_eq!(error.lines().count(), 10);

    let integers = Entry { dtype: I32, ..good };
    let blocks = [header(1), (&b"a/weights"[..], integers.message().finish())];
    let error = opened(&index(&blocks), 1, &[&bytes]).map(|_| ()).unwrap_err();
    assert!(error.ends_with("`a/weights` holds i32 values, not floats"), "{error}");
}

#[test]
fn what_is_no_checkpoint_of_named_variables() {
    let entry = Entry::new("a/weights", F32, &[1], 0, &[0; 4]);
    let a = (&b"a"[..], entry.message().finish());
    let big_endian = (&b""[..], Message::new().int(1, 1).int(2, 1).finish());
    let graph = (&b"_CHECKPOINTABLE_OBJECT_GRAPH"[..], entry.message().finish());
    // An entry that says it shares more than there is, and keys that grow without end.
    let sharing = restarts(vec![5, 1, 0, b'a'], 1);
    let growing = restarts(
        (0..300u32)
            .flat_map(|i| [varint(4 * i as usize), vec![4, 0], i.to_be_bytes().to_vec()].concat())
            .collect(),
        1,
    );
    let cases = [
        (index(std::slice::from_ref(&a)), "not the index of a checkpoint"),
        (index(&[(b"", b"\xff\xff".to_vec())]), "not the index of a checkpoint"),
        (index(&[big_endian]), "big-endian"),
        (index(&[header(1), graph]), "an object-based checkpoint of TensorFlow 2"),
        (index(&[header(1), a.clone(), a.clone()]), "its keys are not in order"),
        (index(&[header(1)]), "it holds no tensors"),
        (table(&block(&[header(1)]), 1), "compressed with Snappy"),
        (table(&block(&[header(1)]), 7), "unknown compression 7"),
        (table(&[], 0), "a block shorter than it says"),
        (table(&u32::MAX.to_le_bytes(), 0), "a block shorter than it says"),
        (table(&sharing, 0), "an entry that is longer than its block"),
        (table(&growing, 0), "an entry that is longer than its block"),
        (table(&restarts(vec![0xff; 40], 1), 0), "an entry that is longer than its block"),
        (table(&restarts([0, 0, 0].repeat(1 << 17), 1), 0), "more entries than any checkpoint"),
    ];
    for (index, expected) in cases {
        let error = opened(&index, 1, &[]).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let in_memory = read(&index(&[header(1)]), "a.ckpt.index").map(|_| ()).unwrap_err().to_string();
    assert!(in_memory.contains("open it by the path of a file whose name ends in .index"), "{in_memory}");
}

#[test]
fn damaged_files() {
    let Some(path) = shipped("weights/slim.ckpt.index") else { return };
    let index = fs::read(&path).unwrap();
    let values = fs::read(path.with_extension("data-00000-of-00001")).unwrap();
    for length in 0..index.len() {
        opened(&index[..length], 1, &[&values]).unwrap_err();
    }
    for at in 0..index.len() {
        let mut damaged = index.clone();
        damaged[at] ^= 0x81;
        let _ = opened(&damaged, 1, &[&values]);
    }
    for length in (0..values.len()).step_by(100) {
        let error = opened(&index, 1, &[&values[..length]]).map(|_| ()).unwrap_err();
        assert!(error.contains("lies beyond the end of"), "{error}");
    }
    // Every byte of a weight is covered by a checksum.
    let mut damaged = values;
    damaged[0] ^= 1;
    let error = opened(&index, 1, &[&damaged]).map(|_| ()).unwrap_err();
    assert!(error.contains("has a checksum that is not that of its values"), "{error}");
}
