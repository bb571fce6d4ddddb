//! Published weights on real photos: the logits that their frameworks compute, within 1e-4, at every stage of the passes.
//!
//! The model in testdata/ is always there; larger ones are used where ../shared/data lies beside the repository.

use std::path::{Path, PathBuf};

use mobilenet_compiler::bind::bind;
use mobilenet_compiler::interpret::{Interpreter, Reference};
use mobilenet_compiler::ir::Graph;
use mobilenet_compiler::lower::lower;
use mobilenet_compiler::pack::Tensors;
use mobilenet_compiler::passes::{self, PASSES};
use mobilenet_compiler::plan::{Numbers, Options, Plan};
use mobilenet_compiler::settings::{Precision, Settings, Stored, Trained, Wish};
use mobilenet_compiler::spec::Spec;
use mobilenet_compiler::weights;
use mobilenet_kernels::header;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::layout::Storage;
use mobilenet_kernels::{Isa, Kernels};

const TOLERANCE: f32 = 1e-4;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of larger models, if it is there.
fn larger() -> Option<PathBuf> {
    let folder = repository().join("../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: no larger models beside the repository");
        return None;
    }
    Some(folder)
}

/// The values of a `.npy` file of f32.
fn npy(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]])) + 10;
    bytes[header..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// A graph without softmax, before any pass, and its weights.
fn load(file: &Path, resolution: usize) -> (Graph, Tensors) {
    let yaml = repository().join("specs/mobilenet_v1.yaml");
    let spec = Spec::load(&yaml).unwrap_or_else(|report| panic!("{report}"));
    let weights = weights::open(file).unwrap_or_else(|report| panic!("{report}"));
    let guess = weights.guess().unwrap_or_else(|report| panic!("{report}"));
    let wish = Wish { alpha: Some(guess.alpha), resolution: Some(resolution), classes: None };
    let trained = Trained { family: &weights.family, classes: Some(guess.classes) };
    let settings = Settings::new(&spec, &wish, Some(trained)).unwrap_or_else(|report| panic!("{report}"));
    let mut graph = lower(&spec, &settings, "test").unwrap_or_else(|report| panic!("{report}"));
    passes::remove_softmax(&mut graph);
    let tensors = bind(&graph, &weights).unwrap_or_else(|report| panic!("{report}"));
    (graph, tensors)
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let error = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < TOLERANCE, "{what}: off by {error}");
}

/// A weights file of the larger models, its resolution, and the photos of its expected logits.
const FLOAT_MODELS: [(&str, usize); 3] = [
    ("keras_mobilenet_v1_0.25_128.safetensors", 128),
    ("keras_mobilenet_v1_0.75_224.safetensors", 224),
    ("mobilenet_v1_1.0_224_dequant_f32.safetensors", 224),
];
const PHOTOS: [&str; 8] =
    ["bird", "cat", "flamingo", "grace_hopper", "hot_dog", "parrot", "samoyed", "sunflower"];

#[test]
fn published_models_give_the_published_logits() {
    let Some(data) = larger() else { return };
    for (file, resolution) in FLOAT_MODELS {
        let (mut graph, tensors) = load(&data.join("models").join(file), resolution);
        passes::run(&mut graph, None, |_, _, _| ()).unwrap();
        let plan = Plan::new(&graph, Options::default()).unwrap();
        let model = file.trim_end_matches(".safetensors");
        for photo in PHOTOS {
            let input = npy(&data.join(format!("inputs/{photo}_{resolution}_pm1.f32.npy")));
            let expected = npy(&data.join(format!("expected/{model}/{photo}.logits.npy")));
            for isa in Isa::available() {
                let mut interpreter =
                    Interpreter::new(plan.clone(), &tensors, Kernels::new(isa).unwrap()).unwrap();
                let found = interpreter.run(Image::Tensor(&input)).unwrap();
                assert_close(&format!("{model}, {photo}, {isa}"), found, &expected);
            }
        }
    }
}

/// With 16-bit weights logits move, by so much at most, and the best class stays.
#[test]
fn the_best_class_survives_16_bits() {
    let Some(data) = larger() else { return };
    let bf16 = Precision::Bf16.stored().unwrap();
    let f16 = Stored { classifier: Storage::F16, ..Stored::default() };
    let best = |logits: &[f32]| (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    for (file, resolution) in FLOAT_MODELS {
        let (mut graph, tensors) = load(&data.join("models").join(file), resolution);
        passes::run(&mut graph, None, |_, _, _| ()).unwrap();
        let model = file.trim_end_matches(".safetensors");
        for (stored, most) in [(bf16, 0.8), (f16, 5e-3)] {
            let numbers = Numbers::Floats(stored);
            let plan = Plan::new(&graph, Options { numbers, ..Options::default() }).unwrap();
            let sets = || Isa::available_for(plan.precision());
            for (photo, isa) in PHOTOS.iter().flat_map(|photo| sets().map(move |isa| (photo, isa))) {
                let input = npy(&data.join(format!("inputs/{photo}_{resolution}_pm1.f32.npy")));
                let expected = npy(&data.join(format!("expected/{model}/{photo}.logits.npy")));
                let mut interpreter =
                    Interpreter::new(plan.clone(), &tensors, Kernels::new(isa).unwrap()).unwrap();
                let found = interpreter.run(Image::Tensor(&input)).unwrap();
                let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < most, "{model}, {photo}, {isa}: off by {off}");
                assert_eq!(best(found), best(&expected), "{model}, {photo}, {isa}");
            }
        }
    }
}

#[test]
fn no_pass_changes_what_a_network_computes() {
    let (graph, tensors) =
        load(&repository().join("testdata/models/keras_mobilenet_v1_0.25_128.safetensors"), 128);
    let pixels = std::fs::read(repository().join("testdata/inputs/cat_128_rgb.u8")).unwrap();
    let image: Vec<f32> = pixels.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
    let expected = Reference::new(&graph, &tensors).run(&image).unwrap();
    let best = expected.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(index, _)| index);
    assert_eq!(best, Some(281), "a tabby cat");
    for until in PASSES.iter().map(|pass| pass.name) {
        let mut graph = graph.clone();
        passes::run(&mut graph, Some(until), |_, _, _| ()).unwrap();
        let found = Reference::new(&graph, &tensors).run(&image).unwrap();
        assert_close(&format!("reference after {until}"), &found, &expected);
        let plan = Plan::new(&graph, Options::default()).unwrap();
        let mut interpreter =
            Interpreter::new(plan, &tensors, Kernels::best(header::Precision::F32)).unwrap();
        assert_close(
            &format!("plan after {until}"),
            interpreter.run(Image::Tensor(&image)).unwrap(),
            &expected,
        );
    }
}
