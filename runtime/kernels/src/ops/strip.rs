//! The strip of bf16s between the halves of a block: a plane, but that two channel blocks of a pixel lie together where all
//! blocks have a neighbour. So many channels are a cache line, and a row of the tiles of [`amx`](super::amx).

use crate::layout::{BLOCK, Map};

/// Channels that lie together: of all groups, or of all but a last one.
pub(crate) const fn group(channels: usize) -> usize {
    if channels.is_multiple_of(2 * BLOCK) { 2 * BLOCK } else { BLOCK }
}

/// Where the first pixel of a row of a channel block is, and how far it is to the next one, in numbers.
#[inline(always)]
pub(crate) const fn place(strip: &Map, y: usize, block: usize) -> (usize, usize) {
    const PAIR: usize = 2 * BLOCK;
    if group(strip.channels) == BLOCK {
        return (strip.at(y, block), strip.block_width(block));
    }
    let pixel = block / 2 * strip.height * strip.width + y * strip.width;
    (strip.offset + pixel * PAIR + block % 2 * BLOCK, PAIR)
}
