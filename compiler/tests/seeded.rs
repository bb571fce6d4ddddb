//! Seeded parameters: the input moves every layer, no layer dies or saturates, and the numbers are the same everywhere.

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::interpret::{Reference, Value};
use mobilenet_compiler::ir::Op;
use mobilenet_compiler::{passes, seeded};

/// Specs, widths and resolutions; plain ReLU, whose values nothing keeps from growing.
const MODELS: [(&str, f64, &str); 6] = [
    ("mobilenet_v1", 0.25, "tiny"),
    ("mobilenet_v1", 0.75, "96"),
    ("mobilenet_v1", 1.0, "64"),
    ("mobilenet_v1", 0.25, "baseline"),
    ("mobilenet_v1_shallow", 0.5, "96"),
    ("mobilenet_v1_conv", 0.25, "64"),
];

fn compiled((model, alpha, rho): (&str, f64, &str)) -> Compiled {
    let request = Request { model: Some(model), alpha: Some(alpha), rho: Some(rho), ..Request::default() };
    compile(&request).unwrap_or_else(|report| panic!("{report}"))
}

/// The values of every node on a seeded image.
fn values(compiled: &Compiled, seed: u64, image: u64) -> Vec<Value> {
    let graph = &compiled.graph;
    let shape = graph.input().map(|id| graph.node(id).shape).unwrap();
    let tensors = seeded::tensors(graph, seed);
    Reference::new(graph, &tensors).values(&seeded::image(shape, image)).unwrap()
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f64 {
    let count = values.len() as f64;
    values.map(f64::from).sum::<f64>() / count
}

/// The root of the mean square of what two values differ by.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    mean(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b))).sqrt()
}

fn spread(values: &[f32]) -> f64 {
    let centre = mean(values.iter().copied()) as f32;
    mean(values.iter().map(|x| (x - centre) * (x - centre))).sqrt()
}

#[test]
fn the_input_moves_every_layer_and_none_dies_or_saturates() {
    for (model, seed) in MODELS.into_iter().flat_map(|model| [(model, 1), (model, 2)]) {
        let compiled = compiled(model);
        let (one, two) = (values(&compiled, seed, 1), values(&compiled, seed, 2));
        for (id, (one, two)) in compiled.graph.ids().zip(one.iter().zip(&two)) {
            let what = format!("{model:?}, seed {seed}, {}", one.name);
            let (spread, distance) = (spread(&one.data), distance(&one.data, &two.data));
            assert!(distance > 0.3 * spread, "{what}: moved by {distance}, within a spread of {spread}");
            if matches!(compiled.graph.node(id).op, Op::Conv(_) | Op::Separable { .. }) {
                let zeros = mean(one.data.iter().map(|&x| f32::from(x == 0.0)));
                assert!((0.3..0.7).contains(&zeros), "{what}: {zeros} of its values are zero");
                assert!((0.5..5.0).contains(&spread), "{what}: spread {spread}");
            }
        }
        let logits = one.last().map(|value| spread(&value.data)).unwrap_or_default();
        assert!((0.5..5.0).contains(&logits), "{model:?}, seed {seed}: logits spread by {logits}");
    }
}

#[test]
fn parameters_are_the_same_at_every_stage_of_the_passes() {
    let compiled = compiled(MODELS[0]);
    let tensors = seeded::tensors(&compiled.graph, 3);
    assert!(tensors == seeded::tensors(&compiled.raw, 3));
    assert!(tensors != seeded::tensors(&compiled.raw, 4));
    for until in passes::PASSES.iter().map(|pass| pass.name) {
        let mut graph = compiled.raw.clone();
        passes::run(&mut graph, Some(until), |_, _, _| ()).unwrap();
        assert!(tensors == seeded::tensors(&graph, 3), "{until}");
    }
}

/// The bits of a few values: another platform, or another version, that draws others would make figures incomparable.
#[test]
fn a_seed_stands_for_the_same_numbers_everywhere() {
    let compiled = compiled(MODELS[0]);
    let tensors = seeded::tensors(&compiled.graph, 7);
    let layer = &tensors["conv_pw_13"];
    let statistics = layer.batchnorm.as_ref().unwrap();
    let classifier = tensors["conv_preds"].bias.as_ref().unwrap();
    let found = [layer.kernel.data[65535], statistics.mean[255], statistics.variance[255], classifier[999]];
    assert_eq!(found.map(f32::to_bits), [3183543959, 1054178475, 1076667291, 3233858994], "{found:?}");
    let image = seeded::image(compiled.graph.node(compiled.graph.input().unwrap()).shape, 7);
    assert_eq!(image[49151].to_bits(), 1056708665, "{}", image[49151]);
}
