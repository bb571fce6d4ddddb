//! The algorithms of networks of bytes, each written once over [`Dot`](crate::dot::Dot).

pub(crate) mod depthwise;
pub(crate) mod epilogue;
pub(crate) mod fully_connected;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod stem;
pub(crate) mod sums;
pub(crate) mod tile;
pub(crate) mod vector;

use crate::quantised::layout::Word;

/// An integer of the head of a section.
///
/// # Safety
///
/// A section must be there.
#[inline(always)]
pub(crate) unsafe fn word(section: *const f32, word: Word) -> i32 {
    // SAFETY: passed on.
    unsafe { section.add(word as usize).cast::<i32>().read() }
}
