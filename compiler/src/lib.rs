//! Compiles a MobileNet spec to specialised Rust.
#![forbid(unsafe_code)]

pub mod codegen;
pub mod error;
pub mod family;
pub mod ir;
pub mod plan;
pub mod weights;
