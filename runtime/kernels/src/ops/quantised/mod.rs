//! The algorithms of networks of bytes, each written once over [`Dot`](crate::dot::Dot).

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(crate) mod amx;
pub(crate) mod depthwise;
pub(crate) mod epilogue;
pub(crate) mod fully_connected;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod stem;
pub(crate) mod strip;
pub(crate) mod sums;
mod taps;
pub(crate) mod tile;
pub(crate) mod vector;

use crate::quantised::layout::{OUTLIERS, Outlier, Section, Word};

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

/// The outliers of a matrix product.
///
/// # Safety
///
/// A section must be there for as long.
#[inline(always)]
unsafe fn outliers<'s>(section: *const f32, places: &Section) -> &'s [Outlier] {
    // SAFETY: a section has room for all of them, and their words may be anything.
    unsafe {
        let count = word(section, Word::Outliers).clamp(0, OUTLIERS as i32);
        core::slice::from_raw_parts(section.add(places.outliers).cast(), count as usize)
    }
}
