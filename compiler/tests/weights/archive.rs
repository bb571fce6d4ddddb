//! Writes zip archives.

use crc::{CRC_32_ISO_HDLC, Crc};

/// A member of an archive.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) deflated: bool,
    pub(crate) content: Vec<u8>,
}

/// An archive.
pub(crate) fn archive(members: &[Member]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for Member { name, deflated, content } in members {
        let packed = match deflated {
            true => miniz_oxide::deflate::compress_to_vec(content, 6),
            false => content.clone(),
        };
        // Version, flags, method, time and date, checksum, sizes, lengths of name and of what follows it.
        let mut header = vec![20, 0, 0, 0, if *deflated { 8 } else { 0 }, 0, 0, 0, 0, 0];
        header.extend(Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(content).to_le_bytes());
        header.extend((packed.len() as u32).to_le_bytes());
        header.extend((content.len() as u32).to_le_bytes());
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0; 2]);
        let offset = file.len() as u32;
        file.extend(b"PK\x03\x04");
        file.extend(&header);
        file.extend(name.bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(header);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.bytes());
    }
    let (count, offset) = (members.len() as u16, file.len() as u32);
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(offset.to_le_bytes());
    file.extend([0; 2]);
    file
}
