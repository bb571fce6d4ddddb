//! The intermediate representation: a graph of operations with a shape on every value.

mod display;
pub mod graph;
pub mod op;
pub mod shape;
pub mod verify;

pub use graph::{Graph, NodeId};
pub use op::{BatchNorm, Conv, Node, Op, Params};
pub use shape::{Pad, Shape};
