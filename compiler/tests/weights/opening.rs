//! Files and folders, and the settings beside weights.

use std::fs;

use mobilenet_compiler::family::{Activation, Padding};
use mobilenet_compiler::weights::{Scheme, open, read};

use crate::container::safetensors;
use crate::net;

#[test]
fn a_folder_as_downloaded_from_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = net::tensors(Scheme::HuggingFace, "", 4, 3);
    fs::write(folder.path().join("model.safetensors"), safetensors(&tensors)).unwrap();
    let config = r#"{"model_type": "mobilenet_v1", "tf_padding": false, "hidden_act": "relu", "layer_norm_eps": 0.002,
        "image_size": 192, "min_depth": 8, "depth_multiplier": 0.25,
        "id2label": {"0": "background", "2": "dog", "1": "cat"}}"#;
    fs::write(folder.path().join("config.json"), config).unwrap();

    let weights = open(folder.path()).unwrap();
    assert_eq!(weights.padding, Some(Padding::Symmetric));
    assert_eq!(weights.family.padding, Padding::Symmetric);
    assert_eq!(weights.family.activation, Activation::Relu);
    assert_eq!(weights.family.epsilon, 0.002);
    assert_eq!(weights.layers[4].batchnorm.as_ref().unwrap().epsilon, Some(0.002));
    assert_eq!(weights.input, Some([192, 192, 3]));
    assert_eq!(weights.labels.as_deref().unwrap(), ["background", "cat", "dog"]);
    assert_eq!(weights.guess().unwrap().resolution, Some([192, 192]));

    // The file by itself is read with its settings too.
    assert_eq!(open(&folder.path().join("model.safetensors")).unwrap().family, weights.family);
}

#[test]
fn settings_of_timm() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = net::tensors(Scheme::Timm, "", 4, 3);
    fs::write(folder.path().join("model.safetensors"), safetensors(&tensors)).unwrap();
    let config = r#"{"architecture": "mobilenetv1_100", "num_classes": 3, "label_names": ["a", "b", "c"],
        "pretrained_cfg": {"input_size": [3, 160, 128], "interpolation": "bilinear", "crop_pct": 0.95,
                           "mean": [0.5, 0.25, 0.0], "std": [0.5, 0.5, 1.0]}}"#;
    fs::write(folder.path().join("config.json"), config).unwrap();
    let weights = open(folder.path()).unwrap();
    assert_eq!(weights.input, Some([160, 128, 3]));
    assert_eq!(weights.labels.unwrap().len(), 3);
    let normalise = weights.family.preprocess.normalise;
    assert_eq!(normalise.offset[..3], [-1.0, -0.5, 0.0]);
    assert_eq!(normalise.scale[..2], [1.0 / 255.0 / 0.5; 2]);
}

#[test]
fn bad_settings_are_errors() {
    let cases = [
        ("{", "config.json: EOF"),
        (r#"{"tf_padding": 3}"#, "config.json: invalid type: integer `3`, expected a boolean"),
        (r#"{"hidden_act": "swish"}"#, "activation `swish` is not supported"),
        (r#"{"layer_norm_eps": -1.0}"#, "layer_norm_eps is -1"),
        (r#"{"model_type": "resnet"}"#, "config.json is that of a resnet"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let tensors = net::tensors(Scheme::HuggingFace, "", 4, 3);
    fs::write(folder.path().join("model.safetensors"), safetensors(&tensors)).unwrap();
    for (config, expected) in cases {
        fs::write(folder.path().join("config.json"), config).unwrap();
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn files_that_are_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let missing = open(&folder.path().join("missing.safetensors")).unwrap_err().to_string();
    assert!(missing.contains("missing.safetensors"), "{missing}");
    assert!(open(folder.path()).unwrap_err().to_string().contains("a folder without weights files"));
    fs::write(folder.path().join("a.h5"), "").unwrap();
    fs::write(folder.path().join("b.onnx"), "").unwrap();
    let several = open(folder.path()).unwrap_err().to_string();
    assert!(several.contains("name one of a.h5, b.onnx"), "{several}");

    let cases: [(&[u8], &str); 4] = [
        (b"", "a: the file is empty"),
        (b"\x89PNG\r\n\x1a\n", "a: no weights file"),
        (b"PK\x03\x04....archive/data.pkl", "a: a PyTorch pickle"),
        (b"PK\x03\x04", "a: no weights file: a zip archive that holds no model.weights.h5"),
    ];
    for (bytes, expected) in cases {
        let error = read(bytes, "a").unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
