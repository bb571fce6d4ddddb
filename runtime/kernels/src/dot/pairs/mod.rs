//! Pairs of 16-bit integers in a word, for processors without vectors: what a few instructions of ARM's microcontrollers do, if
//! the target has their DSP extension (`cfg(dsp)`), and what other processors make of it. That they have the same functions is
//! why the tests of one are tests of the algorithms of both.

#[cfg(dsp)]
mod dsp;
#[cfg(not(dsp))]
mod plain;

#[cfg(dsp)]
pub(crate) use dsp::*;
#[cfg(not(dsp))]
pub(crate) use plain::*;

use crate::layout::BLOCK;
use crate::quantised::layout::QUAD;

/// Quads that are multiplied while sums are in registers: those of a block of channels.
pub(crate) const RUN: usize = BLOCK / QUAD;

/// A quad: bytes 0 and 2, and bytes 1 and 3, as 16-bit integers.
pub(crate) type Quad = [u32; 2];

/// What a block of sums is scaled with.
#[derive(Clone, Copy)]
pub(crate) struct Factors {
    /// Words a and b of an epilogue.
    pub(crate) words: *const [[f32; BLOCK]; 2],
    /// The output's zero point, where these are a pair.
    #[cfg_attr(not(dsp), expect(dead_code, reason = "multiply-adds cannot be rounded down"))]
    pub(crate) zero: Option<f32>,
}

/// A quad of unsigned bytes.
#[inline(always)]
pub(crate) fn unsigned(quad: u32) -> Quad {
    [quad & 0x00ff_00ff, quad >> 8 & 0x00ff_00ff]
}

/// Four bytes.
///
/// # Safety
///
/// They must be there.
#[inline(always)]
pub(crate) unsafe fn read(from: *const u8) -> u32 {
    // SAFETY: passed on.
    u32::from_le_bytes(unsafe { from.cast::<[u8; 4]>().read_unaligned() })
}
