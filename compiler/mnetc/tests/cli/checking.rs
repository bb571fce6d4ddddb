//! What checks and measures: verify, bench.

use crate::common::{Folder, ODD, THREE, repository, weights};

/// A folder of expected outputs: what the reference makes of two inputs.
fn expected() -> Folder {
    let folder = Folder::new();
    for name in ["inputs", "expected", "expected/tiny"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let cat = std::fs::read(repository("testdata/inputs/cat_128_rgb.u8")).unwrap();
    folder.write("inputs/cat_128_rgb.u8", &cat);
    folder.write("inputs/tac_128_rgb.u8", cat.iter().rev().copied().collect::<Vec<u8>>());
    for photo in ["cat", "tac"] {
        let (input, output) =
            (format!("inputs/{photo}_128_rgb.u8"), format!("expected/tiny/{photo}.logits.npy"));
        let weights = weights();
        folder.good(&[
            "run",
            "--weights",
            &weights,
            "--input",
            &input,
            "--output",
            &output,
            "--logits",
            "--engine",
            "reference",
        ]);
    }
    let case = |photo: &str| {
        format!(
            r#"{{"photo": "{photo}", "input_file": "inputs/{photo}_128_rgb.u8", "logits_file": "expected/tiny/{photo}.logits.npy"}}"#
        )
    };
    folder.write("expected/tiny.json", format!(r#"{{"cases": [{}, {}]}}"#, case("cat"), case("tac")));
    folder.write("tiny.safetensors", std::fs::read(weights()).unwrap());
    folder
}

#[test]
fn models_agree_with_their_reference() {
    let folder = Folder::new();
    folder.write("odd.yaml", ODD);
    folder.write("three.yaml", THREE);
    for (model, compiled) in
        [("0.25_MobileNet_tiny", "same bits"), ("odd.yaml", "not compiled"), ("three.yaml", "not compiled")]
    {
        let text = folder.good(&["verify", model]);
        assert!(text.contains("seeded weights") && text.ends_with("All agree.\n"), "{text}");
        let row =
            |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_string();
        assert!(row("streamed").contains("same bits"), "{text}");
        assert!(row("compiled").contains(compiled), "{text}");
        assert!(!row("fuse-separable").is_empty() && !row("global_average_pool").is_empty(), "{text}");
    }
}

#[test]
fn models_of_16_bits_agree_with_a_reference_that_rounds() {
    let folder = Folder::new();
    folder.write("odd.yaml", ODD);
    for model in [
        &["odd.yaml"][..],
        &["odd.yaml", "--classifier", "f32"],
        &["0.25_MobileNet_tiny", "--weights", &weights()],
    ] {
        let text = folder.good(&[&["verify", "--precision", "bf16"], model].concat());
        assert!(text.ends_with("All agree.\n") && text.contains("same bits"), "{model:?}: {text}");
    }
    let text = folder.good(&["verify", "0.25_MobileNet_tiny", "--classifier", "f16"]);
    assert!(text.ends_with("All agree.\n"), "{text}");
}

#[test]
fn expected_outputs_are_found_and_compared() {
    let folder = expected();
    let model = ["verify", "--weights", "tiny.safetensors", "--rho", "128"];
    for place in ["expected", "expected/tiny"] {
        let text = folder.good(&[&model[..], &["--expected", place]].concat());
        let row = text.lines().find(|line| line.starts_with("cat ")).unwrap();
        assert!(row.ends_with("same") && text.ends_with("All agree.\n"), "{text}");
    }
    // Those of f32s: at 16 bits too the best class is the same.
    let text = folder.good(&[&model[..], &["--expected", "expected", "--precision", "bf16"]].concat());
    assert!(text.contains("top 1") && text.ends_with("All agree.\n"), "{text}");

    // The outputs of two photos, exchanged.
    let exchanged = folder.read("expected/tiny.json").replace("tiny/tac", "tiny/cat");
    folder.write("expected/tiny.json", exchanged);
    let ran = folder.run(&[&model[..], &["--expected", "expected"]].concat());
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    assert!(ran.err.contains("tac: logits are off by") && !ran.err.contains("cat: "), "{}", ran.err);
    let row = ran.out.lines().find(|line| line.starts_with("tac ")).unwrap();
    assert!(row.ends_with("differs"), "{row}");
}

#[test]
fn expected_outputs_that_are_of_no_use_are_said_to_be() {
    let folder = expected();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let model = ["verify", "--weights", "tiny.safetensors", "--rho", "128", "--expected"];
    for (json, rest, message) in [
        (None, &["nowhere"][..], "nowhere: No such file"),
        (None, &["empty"], "there is no tiny.json, tiny.safetensors.json here"),
        (None, &["empty", "--inputs", "inputs"], "there are no expected outputs here"),
        (None, &["expected", "--inputs", "empty"], "cat_128_rgb.u8: No such file"),
        (Some("[]"), &["expected"], "it has no list `cases`"),
        (Some("{"), &["expected"], "tiny.json: EOF"),
        (Some(r#"{"cases": []}"#), &["expected"], "there are no expected outputs here"),
        (Some(r#"{"cases": [{}]}"#), &["expected"], "a case has no `logits_file`"),
        (Some(r#"{"cases": [{"layers": [{}]}]}"#), &["expected"], "a case has no `op`"),
        (
            Some(r#"{"cases": [{"layers": [], "photo": "cat", "input_file": "inputs/cat_128_rgb.u8"}]}"#),
            &["expected"],
            "the expected outputs are bytes, and these weights are floats",
        ),
    ] {
        if let Some(json) = json {
            folder.write("expected/tiny.json", json);
        }
        let ran = folder.run(&[&model[..], rest].concat());
        assert_eq!(ran.status, Some(1), "{rest:?}: {}", ran.err);
        assert!(ran.err.contains(message), "{rest:?}, {json:?}: {}", ran.err);
    }
    let other = ["verify", "0.25_MobileNet_small", "--weights", "tiny.safetensors", "--expected", "expected"];
    let ran = expected().run(&other);
    assert!(ran.err.contains("the inputs have 49152 values, the model takes 160x160x3"), "{}", ran.err);
}

#[test]
fn the_bytes_of_quantised_models_are_compared_layer_by_layer() {
    let folder = Folder::new();
    let testdata = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let weights = testdata.join("models/person_detect.tflite").display().to_string();
    let expected = testdata.join("expected").display().to_string();
    let text = folder.good(&["verify", "--weights", &weights, "--expected", &expected]);
    assert!(text.contains("person_gray96  all layers equal"), "{text}");

    // Another hash for one layer.
    let json = std::fs::read_to_string(testdata.join("expected/person_detect.tflite.json")).unwrap();
    let hash = json.find("\"sha256_16\":\"").unwrap() + "\"sha256_16\":\"".len();
    let other = format!("{}{}{}", &json[..hash], "0".repeat(16), &json[hash + 16..]);
    std::fs::create_dir(folder.path().join("expected")).unwrap();
    folder.write("expected/person_detect.json", other);
    let inputs = testdata.join("inputs").display().to_string();
    let ran = folder.run(&["verify", "--weights", &weights, "--expected", "expected", "--inputs", &inputs]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    assert!(ran.err.contains("is the first layer whose bytes differ"), "{}", ran.err);
}

#[test]
fn bench_measures_what_it_is_asked_to() {
    let folder = Folder::new();
    folder.write("three.yaml", THREE);
    let found = folder.json(&["bench", "three.yaml", "three.yaml", "--isa", "scalar", "--layers", "--json"]);
    let models = found.as_array().unwrap();
    assert_eq!(models.len(), 2);
    for (key, value) in [("engine", "interpreter"), ("precision", "f32"), ("isa", "scalar")] {
        assert_eq!(models[1][key], value);
    }
    assert_eq!(models[0]["threads"], 1);
    assert!(models[0]["iterations"].as_u64() >= Some(30));
    let (min, median) = (models[0]["min_ms"].as_f64().unwrap(), models[0]["median_ms"].as_f64().unwrap());
    assert!(0.0 < min && min <= median);
    let layers = models[0]["layers"]["one_by_one"].as_array().unwrap();
    assert_eq!(layers.len(), 3);
    let macs: u64 = layers.iter().map(|layer| layer["macs"].as_u64().unwrap()).sum();
    assert_eq!(Some(macs), models[0]["macs"].as_u64());

    let found = folder.json(&["bench", "three.yaml", "--precision", "bf16", "--json"]);
    assert_eq!((&found[0]["precision"], &found[0]["engine"]), (&"bf16".into(), &"interpreter".into()));
    let table = folder.good(&["bench", "three.yaml", "--isa", "scalar", "--roofline", "roofline.svg"]);
    assert_eq!(table.matches("three").count(), 1, "{table}");
    let drawing = folder.read("roofline.svg");
    assert!(drawing.contains("roofline</title>") && drawing.matches("<circle").count() >= 4, "{drawing}");

    for (args, status, message) in [
        (&["bench", "three.yaml", "--engine", "compiled"][..], 1, "not compiled into this program"),
        (&["bench", "0.25_MobileNet_tinny"], 1, "did you mean `0.25_MobileNet_tiny`"),
        (&["bench", "all", "--weights", &weights()], 2, "--weights belong to one model"),
        (&["bench", "three.yaml", "--threads", "0"], 2, "a number from 1 on"),
        (&["bench", "three.yaml", "three.yaml", "--roofline", "r.svg"], 2, "--roofline draws one model"),
    ] {
        let ran = folder.run(args);
        assert_eq!(ran.status, Some(status), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(message), "{args:?}: {}", ran.err);
    }
}
