//! AMX: tile registers of 16 rows of 64 bytes, and one instruction that multiplies two of them.
//!
//! The compiler knows nothing of what is in tile registers from one `asm!` to the next. It does not have to: nothing but the
//! kernels that use these macros touches them.

mod grant;
#[macro_use]
mod tiles;

pub(crate) use grant::is_granted;
pub(crate) use tiles::{ROW, ROWS, Sums, Tiles};
