//! TensorFlow's tables, which are leveldb's (<https://github.com/google/leveldb/blob/main/doc/table_format.md>): sorted
//! keys with values, in blocks with checksums, found through a block of blocks, found through a footer.

use std::ops::Range;

use super::checksum;
use crate::error::{Complaint, Result};

/// A footer: two handles, zeros up to forty bytes, and eight bytes that say what the file is.
const FOOTER: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// After each block: whether it is compressed, and its checksum.
const TRAILER: usize = 5;
/// Keys are written without what they share with the one before, so a small file may hold long ones in great number.
const LONGEST_KEY: usize = 1 << 10;
const MOST_ENTRIES: usize = 1 << 16;

/// A key and its value.
pub(super) type Entry<'t> = (Vec<u8>, &'t [u8]);

/// All entries of a table, in order.
pub(super) fn entries(table: &[u8]) -> Result<Vec<Entry<'_>>> {
    let blocks = index(table).ok_or_else(|| damaged("it has no footer"))?;
    let mut entries = Vec::new();
    for (_, handle) in parse(block(table, blocks)?)? {
        let handle = self::handle(&mut &*handle).ok_or_else(|| damaged("a block without a place"))?;
        entries.extend(parse(block(table, handle)?)?);
        if entries.len() > MOST_ENTRIES {
            return Err(damaged("it has more entries than any checkpoint").into());
        }
    }
    match entries.is_sorted_by(|(a, _), (b, _)| a < b) {
        true => Ok(entries),
        false => Err(damaged("its keys are not in order").into()),
    }
}

fn damaged(what: &str) -> Complaint {
    Complaint::new(format!("damaged checkpoint index: {what}"))
}

/// Where the block of blocks is.
fn index(table: &[u8]) -> Option<Range<usize>> {
    let (_, footer) = table.split_at_checked(table.len().checked_sub(FOOTER)?)?;
    let (mut handles, magic) = footer.split_last_chunk()?;
    if u64::from_le_bytes(*magic) != MAGIC {
        return None;
    }
    handle(&mut handles)?;
    handle(&mut handles)
}

/// Where a block is: offset and length.
fn handle(bytes: &mut &[u8]) -> Option<Range<usize>> {
    let offset = varint(bytes)?;
    let length = varint(bytes)?;
    Some(offset..offset.checked_add(length)?)
}

fn varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// The content of a block, its checksum verified.
fn block(table: &[u8], at: Range<usize>) -> Result<&[u8]> {
    let end = at.end;
    let content = table.get(at).ok_or_else(|| damaged("a block beyond its end"))?;
    let trailer = end.checked_add(TRAILER).and_then(|trailer| table.get(end..trailer));
    let &[compression, a, b, c, d] = trailer.unwrap_or_default() else {
        return Err(damaged("a block beyond its end").into());
    };
    if checksum([content, &[compression]]) != u32::from_le_bytes([a, b, c, d]) {
        return Err(damaged("the checksum of a block is not that of its content").into());
    }
    match compression {
        0 => Ok(content),
        1 => Err(Complaint::new("the checkpoint's index is compressed with Snappy, which is not supported")
            .help("TensorFlow's own writers leave it uncompressed")
            .into()),
        other => Err(damaged(&format!("unknown compression {other}")).into()),
    }
}

/// The entries of a block.
fn parse(block: &[u8]) -> Result<Vec<Entry<'_>>> {
    let mut bytes = without_restarts(block).ok_or_else(|| damaged("a block shorter than it says"))?;
    let mut entries = Vec::new();
    let mut key = Vec::new();
    while !bytes.is_empty() {
        let value =
            advance(&mut bytes, &mut key).ok_or_else(|| damaged("an entry that is longer than its block"))?;
        if entries.len() == MOST_ENTRIES {
            return Err(damaged("it has more entries than any checkpoint").into());
        }
        entries.push((key.clone(), value));
    }
    Ok(entries)
}

/// A block without the list of its entries that share nothing, which ends it.
fn without_restarts(block: &[u8]) -> Option<&[u8]> {
    let (rest, count) = block.split_last_chunk()?;
    let length = 4usize.checked_mul(u32::from_le_bytes(*count) as usize)?;
    rest.get(..rest.len().checked_sub(length)?)
}

/// The next entry: changes the last key into its key, and returns its value.
fn advance<'b>(bytes: &mut &'b [u8], key: &mut Vec<u8>) -> Option<&'b [u8]> {
    let shared = varint(bytes)?;
    let unshared = varint(bytes)?;
    let value = varint(bytes)?;
    let (more, rest) = bytes.split_at_checked(unshared)?;
    let (value, rest) = rest.split_at_checked(value)?;
    *bytes = rest;
    if shared > key.len() || shared.checked_add(unshared)? > LONGEST_KEY {
        return None;
    }
    key.truncate(shared);
    key.extend(more);
    Some(value)
}
