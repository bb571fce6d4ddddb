//! Quantised networks: every byte of every layer as TensorFlow Lite's reference kernels have it.
//!
//! Two models in testdata/ are always there, one of unsigned and one of signed bytes; others are used where
//! ../shared/data lies beside the repository.

use std::path::{Path, PathBuf};

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::interpret::{QuantisedReference, QuantisedValue};
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::weights;
use serde_json::Value;

const MODELS: [&str; 6] = [
    "mobilenet_v1_0.25_128_quant.tflite",
    "mobilenet_v1_0.5_160_quant.tflite",
    "mobilenet_v1_0.75_192_quant.tflite",
    "mobilenet_v1_1.0_224_quant.tflite",
    "person_detect.tflite",
    "vww_96_int8.tflite",
];

/// A quantised model, and what its layers are expected to give for some photos.
struct Subject {
    name: &'static str,
    compiled: Compiled,
    cases: Vec<Case>,
}

struct Case {
    photo: String,
    pixels: Vec<u8>,
    expected: Value,
}

impl Subject {
    /// A model of one of the two folders, if it is there.
    fn load(folder: &Path, name: &'static str) -> Option<Subject> {
        let file = folder.join("models").join(name);
        if !file.exists() {
            return None;
        }
        let weights = weights::open(&file).unwrap_or_else(|report| panic!("{report}"));
        let compiled = compile(&Request { weights: Some(&weights), ..Request::default() });
        let compiled = compiled.unwrap_or_else(|report| panic!("{name}: {report}"));
        let text = std::fs::read_to_string(folder.join(format!("expected/{name}.json"))).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let cases = expected["cases"].as_array().unwrap().iter().filter_map(|case| {
            let pixels = std::fs::read(folder.join(case["input_file"].as_str()?)).ok()?;
            Some(Case { photo: case["photo"].as_str()?.to_string(), pixels, expected: case.clone() })
        });
        let cases: Vec<Case> = cases.collect();
        assert!(!cases.is_empty(), "{name}: no photo");
        Some(Subject { name, compiled, cases })
    }

    /// All that are there.
    fn all() -> Vec<Subject> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let shared = repository.join("../shared/data");
        let folder: PathBuf = if shared.is_dir() { shared } else { repository.join("testdata") };
        let subjects: Vec<_> = MODELS.iter().filter_map(|name| Subject::load(&folder, name)).collect();
        if subjects.len() < MODELS.len() {
            eprintln!("skipped: {} larger models are not there", MODELS.len() - subjects.len());
        }
        assert!(subjects.len() >= 2, "the models of testdata/ are missing");
        subjects
    }

    fn quantised(&self) -> &Quantised {
        match &self.compiled.quantised {
            Some(Ok(quantised)) => quantised,
            Some(Err(report)) => panic!("{}: {report}", self.name),
            None => panic!("{}: is not quantised", self.name),
        }
    }
}

impl Case {
    /// What each operator is expected to give, those that only reshape left out: its name and its hash.
    fn layers(&self) -> Vec<(&str, &str)> {
        let layers = self.expected["layers"].as_array().unwrap().iter();
        let layers =
            layers.map(|layer| (layer["op"].as_str().unwrap(), layer["sha256_16"].as_str().unwrap()));
        layers.filter(|(op, _)| *op != "RESHAPE").collect()
    }

    fn bytes(&self, key: &str) -> Vec<i16> {
        self.expected[key].as_array().unwrap().iter().map(|byte| byte.as_i64().unwrap() as i16).collect()
    }
}

fn assert_layers(what: &str, found: &[QuantisedValue], expected: &[(&str, &str)]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, (op, hash)) in found.iter().zip(expected) {
        assert_eq!(found.sha256_16(), *hash, "{what}: {op} `{}`", found.name);
    }
}

#[test]
fn every_layer_of_published_models() {
    for subject in Subject::all() {
        let quantised = subject.quantised();
        let Compiled { raw, graph, .. } = &subject.compiled;
        for case in &subject.cases {
            let what = format!("{}, {}", subject.name, case.photo);
            let values = QuantisedReference::new(graph, quantised).values(&case.pixels).unwrap();
            let expected = case.layers();
            // The first value is the input; the graph ends before the softmax.
            let (softmax, layers) = expected.split_last().unwrap();
            assert_layers(&what, &values[1..], layers);
            let scores = &values.last().unwrap().data;
            assert_eq!(*scores, case.bytes("logits"), "{what}");
            assert_eq!(quantised.probabilities(scores), case.bytes("output"), "{what}: {}", softmax.0);
        }
        // Before any pass, softmax included.
        let case = &subject.cases[0];
        let values = QuantisedReference::new(raw, quantised).values(&case.pixels).unwrap();
        assert_layers(subject.name, &values[1..], &case.layers());
    }
}
