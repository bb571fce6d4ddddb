//! Damaged files: an error or a good result, never a panic.

use mobilenet_compiler::weights::{Scheme, read};

use crate::container::safetensors;
use crate::net;

/// Reads a file cut short at every length, or at many, and with bits flipped. `header` is the part of it that is not mere values.
pub(crate) fn torment(file: &[u8], name: &str, header: std::ops::Range<usize>) {
    let expected = net::expected(4, 10);
    let attempt = |bytes: &[u8]| {
        if let Ok(weights) = read(bytes, name) {
            let _ = weights.guess();
            let _ = weights.bind(&expected);
        }
    };
    let step = (header.len() / 400).max(1);
    // At every length, where the file is small, or where there is time (in a release build, minutes).
    let every = header.len() <= 4096 || std::env::var_os("MOBILENET_EVERY_LENGTH").is_some();
    for length in header.clone().step_by(if every { 1 } else { step }) {
        attempt(&file[..length]);
    }
    let mut damaged = file.to_vec();
    for at in header.clone().step_by(step) {
        for damage in [0x01, 0x80, 0xff] {
            damaged[at] ^= damage;
            attempt(&damaged);
            damaged[at] ^= damage;
        }
    }
    // Whole words of ones are lengths and offsets as large as can be.
    for at in header.step_by(4 * step) {
        let word = damaged.len().min(at + 8);
        damaged[at..word].fill(0xff);
        attempt(&damaged);
        damaged[at..word].copy_from_slice(&file[at..word]);
    }
}

#[test]
fn safetensors_files() {
    let file = safetensors(&net::tensors(Scheme::Keras, "", 32, 10));
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    torment(&file, "test.safetensors", 0..header + 8);
}

#[test]
fn huge_claims_in_a_safetensors_header() {
    let headers = [
        r#"{"a/kernel":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#,
        r#"{"a/kernel":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
        r#"{"a/kernel":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#,
        r#"{"a/kernel":{"dtype":"F32","shape":[],"data_offsets":[4,0]}}"#,
        r#"{"conv_dw_18446744073709551615/depthwise_kernel":{"dtype":"F32","shape":[0,3,3,1],"data_offsets":[0,0]}}"#,
        r#"{"blocks.18446744073709551615.18446744073709551615.conv_dw.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
    ];
    for header in headers {
        for length in [header.len() as u64, u64::MAX, 1 << 40] {
            let mut file = length.to_le_bytes().to_vec();
            file.extend(header.as_bytes());
            if let Ok(weights) = read(&file, "test.safetensors") {
                assert!(weights.guess().is_err());
                assert!(weights.bind(&net::expected(4, 10)).is_err());
            }
        }
    }
}

#[test]
fn no_values_of_a_shape_without_end() {
    let header = r#"{"a.weight":{"dtype":"F32","shape":[0,4294967296,4294967296,3],"data_offsets":[0,0]}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let error = read(&file, "test.safetensors").unwrap_err().to_string();
    assert!(error.contains("`a.weight` has 0 values for shape [0, 4294967296, 4294967296, 3]"), "{error}");
}
