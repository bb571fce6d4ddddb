//! Compiles a MobileNet spec to specialised Rust.

pub mod family;
pub mod weights;
