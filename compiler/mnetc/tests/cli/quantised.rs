//! Quantised models: by default their own bytes come out, those of TensorFlow Lite's reference kernels.

use crate::common::{Folder, repository};

const MODEL: &str = "testdata/models/person_detect.tflite";
const PHOTO: &str = "testdata/inputs/person_gray96_96_gray.u8";

/// The type and the values of a row of bytes in a `.npy` file.
fn row(folder: &Folder, name: &str) -> (String, Vec<i8>) {
    let bytes = std::fs::read(folder.path().join(name)).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]])) + 10;
    let text = String::from_utf8_lossy(&bytes[10..header]).into_owned();
    let kind = text.split("'descr':").nth(1).and_then(|rest| rest.split('\'').nth(1)).unwrap().to_string();
    (kind, bytes[header..].iter().map(|&byte| byte as i8).collect())
}

#[test]
fn the_output_is_the_models_own_bytes() {
    let folder = Folder::new();
    let [model, photo] = [MODEL, PHOTO].map(|file| repository(file).display().to_string());
    let run = |more: &[&str]| {
        let args = ["run", "--weights", &model, "--input", &photo, "--output", "o.npy", "--json"];
        folder.json(&[&args[..], more].concat())
    };
    let document = run(&[]);
    assert_eq!(document["engine"], "reference");
    assert_eq!(document["results"][0]["top"][0]["probability"], 241.0 / 256.0);
    assert_eq!(row(&folder, "o.npy"), ("|i1".to_string(), vec![-113, 113]));
    run(&["--logits", "--precision", "int8"]);
    assert_eq!(row(&folder, "o.npy"), ("|i1".to_string(), vec![-112, 110]));
    // With floats it is another network, of nearly the same opinion.
    let document = run(&["--precision", "f32"]);
    assert_eq!(row(&folder, "o.npy").0, "<f4");
    let top = &document["results"][0]["top"][0];
    let probability = top["probability"].as_f64().unwrap();
    assert!(top["index"] == 1 && (probability - 241.0 / 256.0).abs() < 0.05, "{probability}");
}

#[test]
fn integers_need_a_quantised_model() {
    let folder = Folder::new();
    let ran = folder.run(&[
        "run",
        "--input",
        &repository("testdata/inputs/cat_128_rgb.u8").display().to_string(),
        "--precision",
        "int8",
    ]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("int8 takes the weights of a quantised .tflite"), "{}", ran.err);
}
