//! Each example, run as its README says.

use std::path::Path;
use std::process::Command;

use mobilenet_compiler::build::Build;

fn run(program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(program).args(arguments).current_dir(repository).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_cat_is_a_cat() {
    let (status, text) = run(env!("CARGO_BIN_EXE_classify"), &["testdata/photos/cat.png"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.contains("cat")), "{text}");
}

#[test]
fn a_folder_is_classified_photo_by_photo() {
    let (status, text) = run(env!("CARGO_BIN_EXE_folder"), &["testdata/photos"]);
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("cat.png: Egyptian cat"), "{text}");
}

#[test]
fn a_photo_is_its_own_nearest_neighbour() {
    let photos =
        ["bird.png", "hot_dog.jpg", "cat.png", "bird.png"].map(|name| format!("testdata/photos/{name}"));
    let photos: Vec<&str> = photos.iter().map(String::as_str).collect();
    let (status, text) = run(env!("CARGO_BIN_EXE_neighbours"), &photos);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("1.000  testdata/photos/bird.png"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn ten_digits_are_told_apart() {
    let digits: Vec<String> = (0..10).map(|digit| format!("examples/digits/{digit}.png")).collect();
    let digits: Vec<&str> = digits.iter().map(String::as_str).collect();
    let (status, text) = run(env!("CARGO_BIN_EXE_digits"), &digits);
    assert_eq!(status, Some(0), "{text}");
    for (digit, line) in text.lines().enumerate() {
        assert!(line.contains(&format!("{digit}.png: {digit} (")), "{text}");
    }
    assert_eq!(text.lines().count(), 10);
}

#[test]
fn somebody_is_there() {
    let (status, text) = run(env!("CARGO_BIN_EXE_person"), &["testdata/photos/person_gray96.png"]);
    let of_256: Option<u32> = text.split(": ").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
    assert!(status == Some(0) && of_256.is_some_and(|of_256| of_256 > 192), "{text}");
}

/// Every output byte, from embedded weights and from packed ones, on all instruction sets.
#[test]
fn networks_of_bytes_have_the_outputs_of_their_file() {
    use mobilenet_runtime::{Isa, Model, Weights, mobilenet};
    mobilenet! { struct Signed = weights = "testdata/models/person_detect.tflite" }
    mobilenet! { struct Unsigned = weights = "testdata/models/mobilenet_v1_0.25_128_quant.tflite" }
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let cases = |name: &str| -> Vec<(Vec<u8>, Vec<i64>)> {
        let text = std::fs::read_to_string(testdata.join(format!("expected/{name}.tflite.json"))).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cases = document["cases"].as_array().unwrap().iter().filter_map(|case| {
            let pixels = std::fs::read(testdata.join(case["input_file"].as_str()?)).ok()?;
            Some((pixels, case["output"].as_array()?.iter().filter_map(|byte| byte.as_i64()).collect()))
        });
        cases.collect()
    };
    let packed = |name: &str| {
        let weights = testdata.join(format!("models/{name}.tflite"));
        Weights::from_bytes(&Build::of_weights().weights(weights).compile().unwrap().packed.unwrap()).unwrap()
    };
    for isa in Isa::available() {
        let models = [
            Model::<Signed>::embedded().with_isa(isa).unwrap(),
            Model::<Signed>::new(packed("person_detect")).unwrap().with_isa(isa).unwrap(),
        ];
        for (pixels, expected) in cases("person_detect") {
            for model in &models {
                let found =
                    model.output(<&[u8; 96 * 96]>::try_from(&pixels[..]).unwrap(), &mut model.scratch());
                assert_eq!(found.map(i64::from).to_vec(), expected, "{isa}");
            }
        }
        let model = Model::<Unsigned>::embedded().with_isa(isa).unwrap();
        for (pixels, expected) in cases("mobilenet_v1_0.25_128_quant") {
            let pixels = <&[u8; 128 * 128 * 3]>::try_from(&pixels[..]).unwrap();
            let found = model.output(pixels, &mut model.scratch());
            assert_eq!(found.map(i64::from).to_vec(), expected, "{isa}");
            // As numbers the best class is the same.
            let best = |values: &[f32]| (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]));
            let logits = model.logits(pixels, &mut model.scratch());
            let best = best(&logits).unwrap();
            assert_eq!(expected[best], *expected.iter().max().unwrap(), "{isa}");
        }
    }
    assert!(Model::<Signed>::new(packed("mobilenet_v1_0.25_128_quant")).is_err());
}

/// The same file at another precision is another network.
#[test]
fn quantised_files_are_widened_if_asked() {
    use mobilenet_runtime::{Model, mobilenet};
    mobilenet! { struct Floats = weights = "testdata/models/person_detect.tflite", precision = "f32" }
    let model = Model::<Floats>::embedded();
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/inputs/person_gray96_96_gray.u8");
    let pixels = std::fs::read(photo).unwrap();
    let scores = model.probabilities(<&[u8; 96 * 96]>::try_from(&pixels[..]).unwrap(), &mut model.scratch());
    assert!((scores[1] - 241.0 / 256.0).abs() < 0.05, "{scores:?}");
    const { assert!(Model::<Floats>::WEIGHT_BYTES > 800_000) };
}

#[test]
fn packed_weights_are_loaded_at_run_time() {
    let tiny = Build::new("0.25_MobileNet_tiny").weights("model/tiny.safetensors").labels("model/labels.txt");
    let packed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny.mnw");
    std::fs::write(&packed, tiny.compile().unwrap().packed.unwrap()).unwrap();
    let (status, text) =
        run(env!("CARGO_BIN_EXE_runtime_weights"), &[packed.to_str().unwrap(), "testdata/photos/cat.png"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.ends_with("Egyptian cat")), "{text}");
}

#[test]
fn what_is_wrong_with_packed_weights_is_said() {
    let (status, text) =
        run(env!("CARGO_BIN_EXE_runtime_weights"), &["README.md", "testdata/photos/cat.png"]);
    assert_eq!((status, text.contains("no packed weights")), (Some(1), true), "{text}");
    let (status, text) = run(env!("CARGO_BIN_EXE_runtime_weights"), &[]);
    assert_eq!((status, text.contains("usage")), (Some(2), true), "{text}");
}

/// The logits that PyTorch computes, from the very pixels that it was given.
#[test]
fn digits_have_the_logits_of_pytorch() {
    use mobilenet_runtime::{Model, Photo, mobilenet};
    mobilenet! { struct Digits = "digits/digits.yaml", weights = "digits/digits.safetensors" }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("digits");
    let expected: Vec<Vec<f32>> =
        serde_json::from_str(&std::fs::read_to_string(folder.join("logits.json")).unwrap()).unwrap();
    let model = Model::<Digits>::embedded();
    let mut scratch = model.scratch();
    for (digit, expected) in expected.iter().enumerate() {
        let photo = Photo::open(folder.join(format!("{digit}.png"))).unwrap();
        let pixels = photo.prepare(model.weights().preprocess(), Model::<Digits>::INPUT).unwrap();
        let logits = model.logits(<&[u8; 96 * 96]>::try_from(&pixels[..]).unwrap(), &mut scratch);
        for (found, expected) in logits.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{digit}: {logits:?}");
        }
    }
}
