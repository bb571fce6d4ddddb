//! What is generated of a network of bytes, as a whole. Renew it with `MNETC_BLESS=1 cargo test -p mobilenet-compiler`.

use std::fs;
use std::path::Path;

use mobilenet_compiler::build::Build;
use quote::format_ident;

#[test]
fn a_network_of_bytes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/person_detect.tflite");
    let built = Build::of_weights().weights(file).compile().unwrap();
    let by = "MNETC_BLESS=1 cargo test -p mobilenet-compiler";
    let source = built.source(&format_ident!("PersonDetect"), "person_detect.mnw", by).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generated/person_detect.rs");
    if std::env::var_os("MNETC_BLESS").is_some() {
        return fs::write(golden, source).unwrap();
    }
    assert_eq!(fs::read_to_string(golden).unwrap_or_default(), source, "renew it with `{by}`");
}
