//! Bytes as the index of a TensorFlow checkpoint, or as a block of one, beside a file of values. Blocks have checksums, which
//! no fuzzer guesses: around bare blocks a table is made.
#![no_main]

use std::sync::LazyLock;

use crc::{CRC_32_ISCSI, Crc};
use mobilenet_compiler::weights;

const MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();

/// A folder with the values of the checkpoint in testdata; in memory, where there is one.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let values = include_bytes!("../../testdata/weights/slim.ckpt.data-00000-of-00001");
    std::fs::write(folder.path().join("fuzzed.ckpt.data-00000-of-00001"), values).expect("a file");
    folder
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let index = FOLDER.path().join("fuzzed.ckpt.index");
    let table = if bytes.ends_with(&MAGIC) { bytes.to_vec() } else { table(bytes) };
    std::fs::write(&index, table).expect("a file");
    mobilenet_fuzz::used(bytes, weights::open(&index));
});

/// A table of one block.
fn table(block: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let handle = append(&mut file, block);
    // A block of one entry: nothing shared, a key of one byte, and where the first block is.
    let mut index = vec![0, 1, handle.len() as u8, 0xff];
    index.extend(&handle);
    index.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    let mut footer = [handle, append(&mut file, &index)].concat();
    footer.resize(40, 0);
    file.extend(footer);
    file.extend(MAGIC);
    file
}

/// Adds a block, uncompressed, with its checksum; gives its place.
fn append(file: &mut Vec<u8>, block: &[u8]) -> Vec<u8> {
    let start = file.len();
    file.extend(block);
    file.push(0);
    let checksum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&file[start..]);
    file.extend(checksum.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
    [varint(start), varint(block.len())].concat()
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
