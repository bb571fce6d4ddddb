//! Compiles a MobileNet spec to specialised Rust.
#![forbid(unsafe_code)]

pub mod bind;
pub mod build;
pub mod codegen;
pub mod compile;
pub mod cost;
pub mod error;
pub mod family;
pub mod files;
#[cfg(feature = "interpret")]
pub mod interpret;
pub mod ir;
pub mod lower;
pub mod names;
pub mod nearest;
pub mod pack;
pub mod passes;
pub mod plan;
pub mod settings;
pub mod spec;
pub mod weights;
