//! Networks of bytes: TensorFlow Lite's 8-bit scheme, bit for bit.
//!
//! Maps are [`ByteMap`](crate::layout::ByteMap)s of *unsigned* bytes; those of a signed network are kept 128 higher, so that
//! one kernel serves both. A layer sums `(x - input zero) * (w - kernel zero)` and its bias in 32 bits, and an epilogue turns
//! each sum into a byte. What does not depend on the input is folded into the bias when weights are packed; where kernels have
//! a zero point, one term may depend on the pixel: the sum of its inputs, computed once a strip (*row sums*).
//!
//! * [`layout`] says how weights lie in memory, [`layer`] what a kernel is called with, [`pack`] brings weights into their
//!   layout;
//! * [`Kernels`] runs layers.

pub mod layer;
pub mod layout;
pub mod pack;

#[cfg(feature = "simd")]
pub use crate::kernels::Bytes as Kernels;
