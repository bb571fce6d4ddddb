//! Kernels of compiled MobileNets: no allocation, no panic on valid layers, `no_std`.
//!
//! * [`layout`] says how feature maps and weights lie in memory, [`layer`] what a kernel is called with, [`pack`] brings
//!   weights into their layout, [`header`] describes a packed file;
//! * [`Kernels`] runs layers, in one of the instruction sets of [`Isa`]: each algorithm is written once over a small
//!   SIMD trait and instantiated for each set;
//! * [`quantised`] has the same for networks of bytes;
//! * [`reference`](mod@reference) has the obvious loops, which say what the right answer is;
//! * [`network`] is what generated code implements.
//!
//! This is the only crate of the project with `unsafe` code, but for the boundary to C in examples/c and the board of examples/firmware. Kernels work with raw pointers inside an arena; that
//! every access stays inside follows from [`layer::Checked`].
#![cfg_attr(not(any(feature = "std", test)), no_std)]

#[cfg(all(feature = "alloc", not(feature = "std")))]
extern crate alloc;
#[cfg(all(feature = "alloc", feature = "std"))]
extern crate std as alloc;

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std", feature = "simd"))]
#[macro_use]
mod amx;
#[cfg(feature = "simd")]
mod dot;
pub mod fixed;
pub mod header;
pub mod image;
mod isa;
#[cfg(feature = "simd")]
mod kernels;
pub mod layer;
pub mod layout;
pub mod narrow;
pub mod network;
#[cfg(feature = "simd")]
mod ops;
pub mod pack;
pub mod quantised;
pub mod reference;
#[cfg(feature = "simd")]
mod simd;
#[cfg(feature = "std")]
mod team;

pub use isa::Isa;
#[cfg(feature = "simd")]
pub use kernels::Kernels;
#[cfg(feature = "simd")]
pub use ops::softmax::softmax;
#[cfg(feature = "std")]
pub use team::Team;
