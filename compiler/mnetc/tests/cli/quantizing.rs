//! `quantize`: from floats and photos to a .tflite that runs.

use crate::common::{Folder, repository, weights};
use serde_json::Value;

/// A folder with photos: two that can be read, and others that cannot, if `broken` are wanted.
fn folder(broken: bool) -> Option<Folder> {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().join("photos/more.png")).unwrap();
    folder.write("photos/notes.txt", "no photo");
    for photo in ["cat.png", "hot_dog.jpg"] {
        let file = repository("testdata/photos").join(photo);
        if !file.is_file() {
            eprintln!("skipped: there is no {}", file.display());
            return None;
        }
        std::fs::copy(file, folder.path().join("photos").join(photo)).unwrap();
    }
    if broken {
        folder.write("photos/a.png", "");
        folder.write("photos/z.jpeg", "hello");
    }
    Some(folder)
}

fn quantize(folder: &Folder, more: &[&str]) -> crate::common::Ran {
    let weights = weights();
    let args = ["quantize", "--weights", &weights, "--calibrate", "photos", "-o", "q.tflite"];
    folder.run(&[&args[..], more].concat())
}

#[test]
fn the_model_runs_and_each_layer_is_shown() {
    let Some(folder) = folder(false) else { return };
    let ran = quantize(&folder, &[]);
    assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(lines[0].starts_with("0.25_MobileNet_tiny as q.tflite, "), "{}", ran.out);
    // A heading, the input, fourteen layers, thirteen of which are two, a pool and a classifier.
    assert_eq!(lines.len(), 2 + 2 + 30 + 2, "{}", ran.out);
    assert!(ran.out.ends_with("The best class is that of the floats on 2 of 2 photos.\n"), "{}", ran.out);
    // It says itself what it is, and runs on integers.
    let found = folder.json(&["run", "--weights", "q.tflite", "photos/cat.png", "--json"]);
    assert_eq!(found["engine"], "interpreter");
    let top = found["results"][0]["top"][0]["label"].as_str().unwrap();
    assert!(top.contains("cat"), "{found}");
    let bytes = std::fs::read(folder.path().join("q.tflite")).unwrap();
    let ran = quantize(&folder, &["--threads", "1"]);
    assert_eq!(ran.status, Some(0));
    assert!(bytes == std::fs::read(folder.path().join("q.tflite")).unwrap(), "the same bytes again");
    // Weights are not written over.
    let over = ["quantize", "--weights", "q.tflite", "--calibrate", "photos", "-o", "./q.tflite"];
    let ran = folder.run(&over);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("these are the weights"), "{}", ran.err);
    // What is quantised is not quantised again.
    let again = ["quantize", "--weights", "q.tflite", "--calibrate", "photos", "-o", "again.tflite"];
    let ran = folder.run(&again);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("quantised network already"), "{}", ran.err);
    assert!(!folder.path().join("again.tflite").exists());
}

#[test]
fn photos_that_cannot_be_read_are_named_and_left_out() {
    let Some(folder) = folder(true) else { return };
    let ran = quantize(&folder, &["--json"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    for name in ["a.png: the file is empty", "z.jpeg: no picture"] {
        assert!(ran.err.contains(&format!("left out: photos/{name}")), "{}", ran.err);
    }
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["photos"], 2);
    assert_eq!(found["skipped"].as_array().unwrap().len(), 2);
    assert_eq!(found["top1_agreement"], 1.0);
    assert_eq!(found["bytes"], std::fs::metadata(folder.path().join("q.tflite")).unwrap().len());
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 30);
    let conv = &layers[1];
    assert_eq!((&conv["name"], &conv["op"]), (&"conv1".into(), &"conv".into()));
    assert_eq!((conv["range"][0].as_f64(), conv["zero_point"].as_i64()), (Some(0.0), Some(-128)));
    for key in ["scale", "kernel_sqnr_db", "sqnr_db", "rms_error"] {
        assert!(conv[key].as_f64().is_some_and(|number| number > 0.0), "{key}: {conv}");
    }
    assert_eq!(layers[0]["kernel_sqnr_db"], Value::Null, "the input has no kernel");
}

/// Photos may be cropped otherwise than those of any family that writes .tflite files.
#[test]
fn what_the_file_cannot_say_is_noted() {
    let Some(folder) = folder(false) else { return };
    folder.write(
        "mine.yaml",
        "name: mine\ninput: {channels: 3, resolution: 128}\npreprocess: {crop: square}\nlayers:\n  - conv: {filters: 8, kernel: 3, batchnorm: false}\n  - global_average_pool\n  - fully_connected: {classes: 4}\n",
    );
    folder.write("mine.safetensors", mine());
    let args =
        ["quantize", "mine.yaml", "--weights", "mine.safetensors", "--calibrate", "photos", "-o", "q.tflite"];
    let ran = folder.run(&args);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(ran.err.contains("q.tflite does not say how photos are cropped"), "{}", ran.err);
}

/// Weights of a network of two layers.
fn mine() -> Vec<u8> {
    let floats = |count: usize| -> Vec<u8> {
        (0..count).flat_map(|n| ((n * 7 % 11) as f32 / 10.0 - 0.5).to_le_bytes()).collect()
    };
    let shapes = [
        ("conv1/kernel", vec![3, 3, 3, 8]),
        ("conv1/bias", vec![8]),
        ("conv_preds/kernel", vec![8, 4]),
        ("conv_preds/bias", vec![4]),
    ];
    let data: Vec<_> = shapes.iter().map(|(_, shape)| floats(shape.iter().product())).collect();
    let views = shapes.iter().zip(&data).map(|((name, shape), data)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), data);
        (*name, view.unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}
