//! What shows things: list, inspect, weights.

use crate::common::{Folder, ODD, repository, some_weights, weights};
use serde_json::Value;

fn keys(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "{key} is missing in {value}");
    }
}

const SUMMARY: [&str; 11] = [
    "name",
    "alpha",
    "rho",
    "resolution",
    "input",
    "classes",
    "params",
    "batchnorm_params",
    "macs",
    "arena_bytes",
    "weight_bytes",
];

#[test]
fn list_has_the_sixteen_models() {
    let folder = Folder::new();
    let models = folder.json(&["list", "--json"]);
    let models = models.as_array().unwrap();
    assert_eq!(models.len(), 16);
    models.iter().for_each(|model| keys(model, &SUMMARY));
    let first = &models[0];
    assert_eq!(first["params"], 4_210_088);
    assert_eq!(first["batchnorm_params"], 43_776);
    assert_eq!(first["macs"], 568_740_352u64);

    let table = folder.good(&["list"]);
    assert_eq!(table.lines().count(), 2 + 16);
    assert!(!table.contains('\u{1b}'), "no colours in a pipe");
    let row = table.lines().find(|line| line.starts_with("1.0_MobileNet_baseline")).unwrap();
    for cell in ["224x224x3", "4,210,088", "568.74 M", "70.9 %"] {
        assert!(row.contains(cell), "{row}");
    }
}

#[test]
fn inspect_has_every_layer() {
    let folder = Folder::new();
    folder.write("odd.yaml", ODD);
    for (model, layers) in [("mobilenet_v1", 16), ("mobilenet_v1_conv", 16), ("odd.yaml", 11)] {
        let found = folder.json(&["inspect", model, "--json"]);
        keys(&found, &SUMMARY);
        let list = found["layers"].as_array().unwrap();
        assert_eq!(list.len(), layers, "{model}");
        let sum = |key: &str| list.iter().map(|layer| layer[key].as_u64().unwrap()).sum::<u64>();
        for key in ["params", "batchnorm_params", "macs"] {
            assert_eq!(sum(key), found[key].as_u64().unwrap(), "{model}: {key}");
        }
        // The header of the packed file belongs to no layer.
        let header = found["weight_bytes"].as_u64().unwrap() - sum("weight_bytes");
        assert!(header < 1024, "{model}: {header}");
        for layer in list {
            keys(layer, &["name", "op", "input", "output", "kernel", "strip", "streamed", "in_place"]);
        }
        let text = folder.good(&["inspect", model]);
        assert!(list.iter().all(|layer| text.contains(layer["name"].as_str().unwrap())), "{text}");
    }
}

#[test]
fn half_the_weights_are_shown_and_packed() {
    let folder = Folder::new();
    let model = ["0.25_MobileNet_tiny"];
    let bytes = |args: &[&str]| {
        let found = folder.json(&[&["inspect"], &model[..], args, &["--json"]].concat());
        (found["precision"].as_str().unwrap().to_string(), found["weight_bytes"].as_u64().unwrap())
    };
    let (exact, half) = (bytes(&[]), bytes(&["--precision", "bf16"]));
    assert_eq!((exact.0.as_str(), half.0.as_str()), ("f32", "bf16"));
    assert!(half.1 * 100 < exact.1 * 55 && half.1 < bytes(&["--precision", "bf16", "--classifier", "f32"]).1);
    assert!(bytes(&["--classifier", "f16"]).1 < exact.1);
    let weights = weights();
    for (name, precision) in [("exact", "f32"), ("half", "bf16")] {
        let file = format!("{name}.mnw");
        folder.good(&["pack", "--weights", &weights, "--rho", "128", "--precision", precision, "-o", &file]);
        let found = std::fs::metadata(folder.path().join(&file)).unwrap().len();
        assert_eq!(found, bytes(&["--precision", precision]).1);
    }
    let source = folder.good(&["compile", "0.25_MobileNet_tiny", "--precision", "bf16"]);
    assert!(source.contains("header::Precision::Bf16"), "{source}");
}

#[test]
fn weights_say_what_follows_from_their_family() {
    let folder = Folder::new();
    let found = folder.json(&["weights", &weights(), "--json"]);
    for (key, expected) in [
        ("format", Value::from("safetensors")),
        ("family", "keras".into()),
        ("classes", 1000.into()),
        ("activation", "relu6".into()),
        ("epsilon", 0.001.into()),
        ("padding", "after".into()),
        ("batchnorm_folded", false.into()),
        ("labels", Value::Null),
        ("missing", Value::Array(vec![])),
        ("left_over", Value::Array(vec![])),
        ("faults", Value::Array(vec![])),
    ] {
        assert_eq!(found[key], expected, "{key}");
    }
    assert_eq!(found["model"]["alpha"], 0.25);
    let tensors = found["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), 137);
    let first = serde_json::json!({
        "name": "conv1/kernel", "dtype": "f32", "shape": [3, 3, 3, 8], "layer": "conv1", "role": "kernel",
    });
    assert_eq!(tensors[0], first, "in the order of the network");

    let text = folder.good(&["weights", &weights()]);
    for line in ["  family      keras", "  activation  relu6", "A model can be made of it."] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn weights_say_what_is_missing() {
    let folder = Folder::new();
    let absent = |name: &str| name.starts_with("conv_dw_7") || name == "conv_pw_5_bn/beta";
    folder.write("part.safetensors", some_weights(|name| !absent(name)));
    let found = folder.json(&["weights", "part.safetensors", "--json"]);
    let missing: Vec<_> =
        found["missing"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(missing, ["conv_dw_7/depthwise_kernel", "conv_pw_5_bn/beta"]);
    assert!(!found["faults"].as_array().unwrap().is_empty());
    let text = folder.good(&["weights", "part.safetensors"]);
    assert!(text.contains("No model can be made of it:"), "{text}");
    assert!(text.contains("`conv_pw_5_bn/beta` is missing"), "{text}");
}

#[test]
fn files_that_hold_no_mobilenet_are_shown_too() {
    let folder = Folder::new();
    folder.write("head.safetensors", some_weights(|name| name.starts_with("conv_preds")));
    let found = folder.json(&["weights", "head.safetensors", "--json"]);
    assert_eq!(found["model"], Value::Null);
    assert_eq!(found["tensors"].as_array().unwrap().len(), 2);
    assert!(found["faults"][0].as_str().unwrap().contains("no MobileNet v1"), "{found}");
}

/// A file of another format, of a grey network, which its weights name as well.
#[test]
fn grey_networks_are_named_by_their_weights() {
    let file = repository("../shared/data/models/person_detect.tflite");
    if !file.is_file() {
        eprintln!("skipped: there is no {}", file.display());
        return;
    }
    let found = Folder::new().json(&["weights", &file.display().to_string(), "--json"]);
    assert_eq!(found["input"], serde_json::json!([96, 96, 1]));
    assert_eq!(found["classes"], 2);
    assert_eq!(found["faults"], Value::Array(vec![]));
}
