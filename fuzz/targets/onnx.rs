//! Bytes as a weights file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mobilenet_fuzz::read(bytes, "fuzzed.onnx"));
