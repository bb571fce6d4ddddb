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
