//! Interpreters: running a network without compiling it.
//!
//! * [`Reference`] walks the graph, at any stage of its passes, with the obvious loops: the oracle. It keeps every value,
//!   so that two runs can be compared layer by layer.
//! * [`QuantisedReference`] does the same with the integers of a quantised network.
//! * [`Interpreter`] walks a plan with the same kernels that compiled code calls: the fair baseline, and the engine for
//!   models that have not been compiled.

mod plan;
mod quantised;
mod reference;

pub use plan::Interpreter;
pub use quantised::{ExpectedValue, QuantisedReference, QuantisedValue, first_difference};
pub use reference::{Reference, Value};
