//! What goes into tile registers, and comes out of them.
//!
//! ```text
//! tmm0 tmm1     sums: a row a pixel, 16 outputs of 32 bits; two by two
//! tmm2 tmm3
//! tmm4 tmm5     left operands: a row a pixel, some of its inputs
//! tmm6 tmm7     right operands: rows of a panel, 16 outputs wide
//! ```

use core::arch::asm;

use crate::layout::BLOCK;

/// Rows of a tile at most.
pub(crate) const ROWS: usize = 16;
/// Bytes of a tile's row at most: a cache line.
pub(crate) const ROW: usize = 64;

/// A tile of sums, on its way to the output.
#[repr(C, align(64))]
pub(crate) struct Sums<T>(pub(crate) [[T; BLOCK]; ROWS]);

/// How large tiles are.
#[derive(Clone, Copy)]
pub(crate) struct Tiles {
    /// Rows of sums and of left operands.
    pub(crate) pixels: usize,
    /// Rows of right operands: words of a row of left ones.
    pub(crate) inputs: usize,
    /// Columns of sums and of right operands.
    pub(crate) outputs: usize,
}

/// What `ldtilecfg` reads: rows, and bytes of a row, of each tile.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

const _: () = assert!(size_of::<Config>() == ROW && size_of::<Sums<i32>>() == ROWS * ROW);

impl Tiles {
    /// Makes tile registers as large as this.
    ///
    /// # Safety
    ///
    /// AMX must be granted, and no tile have more than 16 rows or words of a row.
    #[inline(always)]
    pub(crate) unsafe fn configure(self) {
        let Tiles { pixels, inputs, outputs } = self;
        let mut config = Config { palette: 1, start: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        for (tile, rows, words) in
            [(0, pixels, outputs), (2, pixels, outputs), (4, pixels, inputs), (6, inputs, outputs)]
        {
            config.rows[tile..tile + 2].fill(rows as u8);
            config.bytes[tile..tile + 2].fill(4 * words as u16);
        }
        // SAFETY: passed on.
        unsafe {
            asm!(
                "ldtilecfg [{config}]",
                config = in(reg) &config,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, preserves_flags, readonly),
            );
        }
    }

    /// Gives tile registers back: while they hold something, switching threads takes longer.
    ///
    /// # Safety
    ///
    /// AMX must be granted.
    #[inline(always)]
    pub(crate) unsafe fn release() {
        // SAFETY: passed on.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) }
    }
}

/// `tileloadd`: rows of a tile, `$stride` bytes apart.
macro_rules! load_tile {
    ($tile:tt, $from:expr, $stride:expr) => {
        core::arch::asm!(
            concat!("tileloadd ", $tile, ", [{from} + {stride}]"),
            from = in(reg) $from,
            stride = in(reg) $stride,
            out($tile) _,
            options(nostack, preserves_flags, readonly),
        )
    };
}

/// Adds the product of two tiles to a third, by an instruction for their type.
macro_rules! multiply_tiles {
    ($instruction:tt, $sums:tt, $left:tt, $right:tt) => {
        core::arch::asm!(
            concat!($instruction, " ", $sums, ", ", $left, ", ", $right),
            out($sums) _,
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// `tilestored`: to [`Sums`].
macro_rules! store_tile {
    ($tile:tt, $to:expr) => {
        core::arch::asm!(
            concat!("tilestored [{to} + {stride}], ", $tile),
            to = in(reg) $to.0.as_mut_ptr(),
            stride = in(reg) $crate::amx::ROW,
            options(nostack, preserves_flags),
        )
    };
}
