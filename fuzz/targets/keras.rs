//! Bytes as a Keras file: HDF5, or a zip archive that holds one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mobilenet_fuzz::read(bytes, "fuzzed.keras"));
