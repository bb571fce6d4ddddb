//! Scratch strips whose pixels have four channel blocks side by side: a row of an AMX tile.

use crate::layout::{BLOCK, ByteMap};

/// Channels that lie side by side. Strips have whole groups of as many.
pub(crate) const GROUP: usize = 64;

/// Arena offset of pixel `x = 0` of row `y` in a block; the next one is [`GROUP`] bytes further on. A group takes the place of its
/// four blocks.
#[inline(always)]
pub(crate) fn at(strip: &ByteMap, y: usize, block: usize) -> usize {
    const BLOCKS: usize = GROUP / BLOCK;
    strip.at(0, block / BLOCKS * BLOCKS) + y * strip.width * GROUP + block % BLOCKS * BLOCK
}
