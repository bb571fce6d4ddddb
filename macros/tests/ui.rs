//! What the macro says of mistakes, and where. Renew the texts with `TRYBUILD=overwrite cargo test -p mobilenet-macros`.

use std::fs;
use std::path::Path;

/// The cases are compiled somewhere below the target folder, and look for their files from there upwards.
fn lay_out_files() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tests/data");
    fs::create_dir_all(&data).unwrap();
    for entry in fs::read_dir(package.join("tests/ui/data")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, data.join(path.file_name().unwrap())).unwrap();
    }
    let weights = package.join("../testdata/models/keras_mobilenet_v1_0.25_128.safetensors");
    fs::copy(weights, data.join("tiny.safetensors")).unwrap();
}

#[test]
fn mistakes_are_explained_where_they_are() {
    lay_out_files();
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
