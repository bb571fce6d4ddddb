//! Weights: reading files of every format, binding them to a model.
#![cfg(feature = "all-weights")]

mod archive;
mod binding;
mod checkpoint;
mod container;
mod hostile;
mod keras;
mod net;
mod onnx;
mod opening;
mod protobuf;
mod quantised;
mod real;
mod schemes;
mod tflite;
