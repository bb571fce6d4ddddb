//! Compiles MobileNets to specialised Rust.
//!
//! ```text
//! specs/*.yaml ─ spec ─▶ Spec ─ lower ─▶ Graph ─ passes ─▶ Graph ─ plan ─▶ Plan ─ codegen ─▶ Rust source
//!                                                                           │
//! weights file ─ weights ─▶ layers ─ bind ─▶ tensors by layer ─ pack ───────┴──▶ packed weights (.mnw)
//! ```
//!
//! One direction, one module an arrow. [`compile`] is the whole way on one screen; [`build`] is what macro and build scripts
//! come through; `interpret` (a feature) runs the graph at any stage, and plans.
//!
//! ```
//! use mobilenet_compiler::compile::{Request, compile};
//!
//! let compiled = compile(&Request { model: Some("0.75_MobileNet_medium"), ..Request::default() })?;
//! assert_eq!(compiled.plan.input, [192, 192, 3]);
//! assert_eq!(compiled.cost.macs, 239_273_472);
//! # Ok::<(), mobilenet_compiler::error::Report>(())
//! ```
//!
//! Everything that reads input gives a [`Report`](error::Report): all complaints at once, each with its place. Once a graph
//! is verified, planning and code generation succeed or complain; they do not panic.
#![forbid(unsafe_code)]

pub mod bind;
pub mod build;
pub mod codegen;
pub mod compile;
pub mod cost;
pub mod epilogue;
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
#[cfg(feature = "quantise")]
pub mod quantise;
pub mod quantised;
pub mod seeded;
pub mod settings;
pub mod spec;
pub mod weights;
