//! Runs compiled MobileNets.
//!
//! A network is a type that implements [`Network`], made by the compiler; [`Model`] is a network with its weights, and
//! [`Scratch`] the memory that one run needs. A model is shared between threads; each thread brings its own scratch.
//! Nothing is allocated while a network runs.
//!
//! Without the feature `std` nothing is allocated at all: weights are embedded or [in flash](Weights::from_static), scratch is
//! [a static](Scratch::from_static). Files, photos, threads and the choice of an instruction set need it.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

mod error;
mod labels;
mod model;
#[cfg(feature = "resize")]
mod photo;
mod weights;

pub use error::Error;
pub use labels::{Guess, Labels};
/// The sixteen named models as types.
#[cfg(feature = "models")]
pub use mobilenet_generated as models;
pub use mobilenet_kernels as kernels;
pub use mobilenet_kernels::Isa;
pub use mobilenet_kernels::header::Precision;
pub use mobilenet_kernels::image::{Filter, Framing, Normalise, Preprocess};
pub use mobilenet_kernels::network::{Aligned, Embedded, Line, Network, Quantised};
#[cfg(feature = "macros")]
pub use mobilenet_macros::mobilenet;
#[cfg(feature = "std")]
pub use model::preferred_isa;
pub use model::{Blueprint, Input, Model, Scratch};
#[cfg(feature = "resize")]
pub use photo::Photo;
pub use weights::Weights;
