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
    assert_eq!(document["engine"], "interpreter");
    assert_eq!(document["precision"], "int8");
    assert_eq!(document["results"][0]["top"][0]["probability"], 241.0 / 256.0);
    assert_eq!(row(&folder, "o.npy"), ("|i1".to_string(), vec![-113, 113]));
    run(&["--logits", "--precision", "int8"]);
    assert_eq!(row(&folder, "o.npy"), ("|i1".to_string(), vec![-112, 110]));
    for how in [&["--engine", "reference"][..], &["--isa", "scalar"], &["--threads", "2"]] {
        let document = run(how);
        assert_eq!(row(&folder, "o.npy"), ("|i1".to_string(), vec![-113, 113]), "{how:?}");
        assert_eq!(document["results"][0]["top"][0]["probability"], 241.0 / 256.0, "{how:?}");
    }
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

#[test]
fn only_named_models_at_f32_are_compiled_in() {
    let folder = Folder::new();
    let [model, photo] = [MODEL, PHOTO].map(|file| repository(file).display().to_string());
    let ran = folder.run(&["run", "--weights", &model, "--input", &photo, "--engine", "compiled"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("0.25_MobileNet_96 at int8, 2 classes: not compiled"), "{}", ran.err);
    assert!(ran.err.contains("mnetc compile") && ran.err.contains("--engine interpreter"), "{}", ran.err);
}

#[test]
fn all_bytes_agree_with_those_that_are_expected() {
    let folder = Folder::new();
    let [model, expected] = [MODEL, "testdata/expected"].map(|file| repository(file).display().to_string());
    let text = folder.good(&["verify", "--weights", &model, "--expected", &expected]);
    assert!(text.starts_with("0.25_MobileNet_96 at int8 with these weights"), "{text}");
    let row = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_string();
    for layer in ["conv1", "conv_dw_7", "conv_pw_13", "conv_preds", "output of the plan", "on two threads"] {
        let counts: Vec<String> = row(layer).split_whitespace().map(str::to_string).collect();
        assert!(counts.last().is_some_and(|differ| differ == "0"), "{layer}: {text}");
    }
    assert!(row("person_gray96").matches("all layers equal").count() >= 2, "{text}");
    assert!(text.ends_with("All agree.\n"), "{text}");
    // One hash that is another.
    let json = std::fs::read_to_string(repository("testdata/expected/person_detect.tflite.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let hash = document["cases"][0]["layers"][5]["sha256_16"].as_str().unwrap();
    for name in ["expected", "inputs"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder.write("expected/person_detect.tflite.json", json.replace(hash, "0123456789abcdef"));
    let inputs = repository("testdata/inputs").display().to_string();
    let args = ["verify", "--weights", &model, "--expected", "expected", "--inputs", &inputs];
    let ran = folder.run(&args);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("is the first layer whose bytes differ"), "{}", ran.err);
    // Logits are not bytes, nor bytes logits.
    let ran = folder.run(&[&args[..], &["--precision", "f32"]].concat());
    assert!(
        ran.err.contains("the expected outputs are bytes, and the model computes with floats"),
        "{}",
        ran.err
    );
}

#[test]
fn bytes_are_inspected_packed_and_compiled() {
    let folder = Folder::new();
    let model = repository(MODEL).display().to_string();
    let document = folder.json(&["inspect", "--weights", &model, "--json"]);
    assert_eq!((&document["precision"], &document["arena_bytes"]), (&"int8".into(), &27648.into()));
    assert_eq!(document["layers"].as_array().map(Vec::len), Some(16));
    let text = folder.good(&["inspect", "--weights", &model]);
    assert!(text.contains("packed, int8"), "{text}");
    assert!(
        folder.json(&["inspect", "--weights", &model, "--precision", "f32", "--json"])["arena_bytes"]
            .as_u64()
            > Some(100_000)
    );
    folder.good(&["pack", "--weights", &model, "-o", "person.mnw"]);
    let packed = std::fs::metadata(folder.path().join("person.mnw")).unwrap().len();
    assert_eq!(document["weight_bytes"], packed);
    folder.good(&["compile", "--weights", &model, "-o", "person.rs", "--type", "Person"]);
    let source = folder.read("person.rs");
    assert!(source.contains("Quantised for Person") && source.contains("type Output = [i8; 2];"), "{source}");
    assert_eq!(std::fs::read(folder.path().join("person.mnw")).unwrap().len() as u64, packed);
    folder.good(&["graph", "--weights", &model, "-o", "person.svg"]);
    assert!(folder.read("person.svg").contains("27,648 bytes of arena"));
}

#[test]
fn bytes_are_measured() {
    let folder = Folder::new();
    let model = repository(MODEL).display().to_string();
    let seeded = ["bench", "0.25_MobileNet_tiny", "--precision", "int8", "--isa", "scalar", "--json"];
    let real = ["bench", "--weights", &model, "--engine", "reference", "--layers", "--json"];
    for (args, engine) in [(&seeded[..], "interpreter"), (&real[..], "reference")] {
        let document = &folder.json(args)[0];
        assert_eq!((&document["precision"], &document["engine"]), (&"int8".into(), &engine.into()));
        assert!(document["min_ms"].as_f64() > Some(0.0) && document["share_of_peak"].is_null(), "{document}");
    }
}
