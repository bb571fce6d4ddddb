//! Zip archives (PKWARE's APPNOTE.TXT): enough to read members that are stored or deflated.

use crc::{CRC_32_ISO_HDLC, Crc};

/// A member of an archive.
pub(super) struct Entry<'a> {
    /// Its path in the archive.
    pub(super) name: &'a str,
    method: u16,
    checksum: usize,
    size: usize,
    packed: &'a [u8],
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

/// The members of an archive, or of one at the end of another file; None where there is none.
pub(super) fn entries(bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    // The end record is 22 bytes and a comment of up to 65535.
    let earliest = bytes.len().saturating_sub(22 + 0xffff);
    let end = earliest + bytes[earliest..].windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let count = u16_at(bytes, end + 10)?;
    let length = u32_at(bytes, end + 12)?;
    // Offsets count from the archive's begin, which in a file that has something else before it is not the file's.
    let directory = end.checked_sub(length)?;
    let before = directory.checked_sub(u32_at(bytes, end + 16)?)?;
    let mut entries = Vec::new();
    let mut at = directory;
    for _ in 0..count {
        if !bytes.get(at..)?.starts_with(b"PK\x01\x02") {
            return None;
        }
        let field = |offset| u16_at(bytes, at + offset);
        let name = at + 46..at + 46 + field(28)?;
        let packed = u32_at(bytes, at + 20)?;
        let header = before.checked_add(u32_at(bytes, at + 42)?)?;
        if !bytes.get(header..)?.starts_with(b"PK\x03\x04") {
            return None;
        }
        let data = header + 30 + u16_at(bytes, header + 26)? + u16_at(bytes, header + 28)?;
        entries.push(Entry {
            name: std::str::from_utf8(bytes.get(name.clone())?).ok()?,
            method: field(10)? as u16,
            checksum: u32_at(bytes, at + 16)?,
            size: u32_at(bytes, at + 24)?,
            packed: bytes.get(data..data.checked_add(packed)?)?,
        });
        at = name.end + field(30)? + field(32)?;
    }
    Some(entries)
}

impl Entry<'_> {
    /// The member's content, if it is sound and no longer than `most`.
    pub(super) fn read(&self, most: usize) -> Option<Vec<u8>> {
        const STORED: u16 = 0;
        const DEFLATED: u16 = 8;
        static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
        let content = match self.method {
            _ if self.size > most => None,
            STORED => Some(self.packed.to_vec()),
            DEFLATED => miniz_oxide::inflate::decompress_to_vec_with_limit(self.packed, self.size).ok(),
            _ => None,
        };
        content
            .filter(|content| content.len() == self.size && CRC.checksum(content) as usize == self.checksum)
    }
}
