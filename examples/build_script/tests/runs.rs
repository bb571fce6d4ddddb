//! The model that the build script has compiled runs.

use std::process::Command;

#[test]
fn an_empty_page_has_probabilities() {
    let output = Command::new(env!("CARGO_BIN_EXE_mobilenet-example-build-script")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let percent = text.trim().strip_prefix("an empty page: [").and_then(|text| text.strip_suffix(']'));
    let percent: Vec<f32> = percent.unwrap().split(", ").map(|percent| percent.parse().unwrap()).collect();
    assert_eq!(percent.len(), 10, "{text}");
    assert!((percent.iter().sum::<f32>() - 100.0).abs() <= 5.0, "{text}");
}
