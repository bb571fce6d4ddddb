//! Quantised networks: every byte of every layer as TensorFlow Lite's reference kernels have it, by the obvious loops and by
//! plans on all instruction sets.
//!
//! Two models in testdata/ are always there, one of unsigned and one of signed bytes; others are used where
//! ../shared/data lies beside the repository.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::interpret::{
    ExpectedValue, Interpreter, QuantisedReference, QuantisedValue, first_difference,
};
use mobilenet_compiler::passes;
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::settings::Precision;
use mobilenet_compiler::weights;
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::{Isa, Kernels};
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
    /// Of the file.
    bytes: u64,
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
        Some(Subject { name, bytes: std::fs::metadata(file).unwrap().len(), compiled, cases })
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
    /// What each operator is expected to give.
    fn layers(&self) -> Vec<ExpectedValue> {
        let layers = self.expected["layers"].as_array().unwrap().iter();
        let text = |layer: &Value, key: &str| layer[key].as_str().unwrap().to_string();
        layers.map(|l| ExpectedValue { op: text(l, "op"), sha256_16: text(l, "sha256_16") }).collect()
    }

    fn bytes(&self, key: &str) -> Vec<i16> {
        self.expected[key].as_array().unwrap().iter().map(|byte| byte.as_i64().unwrap() as i16).collect()
    }
}

fn assert_layers(what: &str, found: &[QuantisedValue], expected: &[ExpectedValue]) {
    let name = first_difference(found, expected).map(|value| value.name.as_str());
    assert_eq!(name, None, "{what}: the first layer to differ");
}

#[test]
fn every_layer_of_published_models() {
    for subject in Subject::all() {
        let quantised = subject.quantised();
        let Compiled { raw, graph, .. } = &subject.compiled;
        for case in &subject.cases {
            let what = format!("{}, {}", subject.name, case.photo);
            let values = QuantisedReference::new(graph, quantised).values(&case.pixels).unwrap();
            // The input, a convolution, thirteen blocks of two layers each, pooling, the classifier; no softmax.
            assert_eq!(values.len(), 30, "{what}");
            assert_layers(&what, &values, &case.layers());
            let scores = &values[29].data;
            assert_eq!(*scores, case.bytes("logits"), "{what}");
            assert_eq!(quantised.probabilities(scores), case.bytes("output"), "{what}");
        }
        // Before any pass, softmax included.
        let case = &subject.cases[0];
        let values = QuantisedReference::new(raw, quantised).values(&case.pixels).unwrap();
        assert_eq!(values.len(), 31, "{}", subject.name);
        assert_layers(subject.name, &values, &case.layers());
    }
}

#[test]
fn every_layer_of_plans_on_every_instruction_set() {
    const NONE: Normalise = Normalise { scale: [0.0; 4], offset: [0.0; 4] };
    for subject in Subject::all() {
        let (compiled, quantised) = (&subject.compiled, subject.quantised());
        // Before the passes each layer leaves its map in the arena.
        let mut graph = compiled.raw.clone();
        passes::remove_softmax(&mut graph);
        let single = Plan::new(&graph, Options { stream: false, ..compiled.options() }).unwrap();
        for isa in Isa::available() {
            let interpreter =
                |plan: &Plan| Interpreter::new(plan.clone(), quantised, Kernels::new(isa).unwrap()).unwrap();
            let mut layers = interpreter(&single);
            for case in &subject.cases {
                let what = format!("{}, {}, {isa}", subject.name, case.photo);
                let values = layers.byte_values(quantised, &case.pixels).unwrap();
                assert_eq!(values.len(), 30, "{what}");
                assert_layers(&what, &values, &case.layers());
            }
            let mut plan = interpreter(&compiled.plan);
            for threads in [1, 2] {
                plan = plan.with_threads(NonZeroUsize::new(threads).unwrap());
                for case in &subject.cases {
                    let what = format!("{}, {}, {isa}, {threads} threads", subject.name, case.photo);
                    let [scores, output] = plan.run_bytes(Image::Pixels(&case.pixels, &NONE)).unwrap();
                    assert_eq!(scores, case.bytes("logits"), "{what}");
                    assert_eq!(output, case.bytes("output"), "{what}");
                }
            }
        }
    }
}

#[test]
fn packed_weights_and_arenas_are_small() {
    for Subject { name, bytes, compiled, .. } in &Subject::all() {
        let packed = compiled.blob(&[]).unwrap().len();
        assert_eq!(packed, compiled.plan.weight_bytes(), "{name}");
        assert!(packed as u64 * 10 <= bytes * 11, "{name}: {packed} bytes of {bytes}");
        let arena = compiled.plan.arena_bytes();
        assert!(*name != "person_detect.tflite" || arena <= 28_000, "{name}: {arena} bytes");
    }
}

#[test]
fn precision_is_that_of_the_weights_unless_said() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/person_detect.tflite");
    let mut weights = weights::open(&file).unwrap();
    let request = Request { weights: Some(&weights), ..Request::default() };
    let own = compile(&request).unwrap();
    assert_eq!((own.precision, own.plan.output.is_some()), (Precision::Int8, true));
    let floats = compile(&Request { precision: Some(Precision::F32), ..request }).unwrap();
    assert_eq!((floats.precision, floats.plan.output), (Precision::F32, None));
    assert_ne!(own.plan.fingerprint(), floats.plan.fingerprint());
    let named = Request { model: Some("0.25_MobileNet_tiny"), ..Request::default() };
    let fault = compile(&Request { precision: Some(Precision::Int8), ..named }).unwrap_err().to_string();
    assert!(fault.contains("int8 takes the weights of a quantised .tflite"), "{fault}");
    // Integers that cannot be used are no reason not to run the floats.
    let unknown = mobilenet_compiler::error::Complaint::new("its integer arithmetic is not known here");
    weights.quantised = Some(Err(unknown.into()));
    let request = Request { weights: Some(&weights), ..Request::default() };
    let fault = compile(&request).unwrap_err().to_string();
    assert!(fault.contains("not known here") && fault.contains("f32"), "{fault}");
    assert!(compile(&Request { precision: Some(Precision::F32), ..request }).is_ok());
}

#[test]
fn the_first_layer_that_differs_is_found() {
    let subject = &Subject::all()[0];
    let case = &subject.cases[0];
    let mut quantised = subject.quantised().clone();
    let layer = quantised.layers.get_mut("conv_pw_3").unwrap();
    layer.bias[0] += 1 << 10;
    let values = QuantisedReference::new(&subject.compiled.graph, &quantised).values(&case.pixels).unwrap();
    let found = first_difference(&values, &case.layers()).map(|value| value.name.as_str());
    assert_eq!(found, Some("conv_pw_3"));
}

#[test]
fn photos_of_another_size_are_refused() {
    let subject = &Subject::all()[0];
    let found = QuantisedReference::new(&subject.compiled.graph, subject.quantised()).run(&[0; 7]);
    let found = found.unwrap_err().to_string();
    assert_eq!(found, "the input has 7 bytes, the network takes 128x128x3");
}
