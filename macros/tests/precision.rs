//! Compiled networks of 16-bit weights give the bits of their plans, on every instruction set of this machine, and know the same
//! objects as networks of `f32`s.

use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::interpret::Interpreter;
use mobilenet_compiler::settings::Precision;
use mobilenet_compiler::weights;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::layout::Storage;
use mobilenet_kernels::network::Embedded;
use mobilenet_runtime::kernels as mobilenet_kernels;
use mobilenet_runtime::{Isa, Model, Network, Weights, mobilenet};

const WEIGHTS: &str = "../testdata/models/keras_mobilenet_v1_0.25_128.safetensors";

mobilenet! { struct Exact = "0.25_MobileNet_tiny", weights = "testdata/models/keras_mobilenet_v1_0.25_128.safetensors" }
mobilenet! {
    struct Half = "0.25_MobileNet_tiny", precision = "bf16",
    weights = "testdata/models/keras_mobilenet_v1_0.25_128.safetensors"
}
mobilenet! {
    struct Shorter = "0.25_MobileNet_tiny", classifier = "f16",
    weights = "testdata/models/keras_mobilenet_v1_0.25_128.safetensors"
}
mobilenet! {
    struct Longer = "0.25_MobileNet_tiny", precision = "bf16", classifier = "f32",
    weights = "testdata/models/keras_mobilenet_v1_0.25_128.safetensors"
}

fn cat() -> Vec<u8> {
    std::fs::read("../testdata/inputs/cat_128_rgb.u8").unwrap()
}

fn logits<N: Embedded>(isa: Isa) -> Vec<f32> {
    use mobilenet_kernels::network::Array;
    let model = Model::<N>::embedded().with_isa(isa).unwrap();
    let normalise = model.weights().preprocess().normalise;
    let scores = model.logits_of(Image::Pixels(&cat(), &normalise), &mut model.scratch());
    scores.unwrap().as_slice().to_vec()
}

fn check<N: Embedded>(precision: Precision, classifier: Option<Storage>) {
    let weights = weights::open(WEIGHTS.as_ref()).unwrap();
    let request = Request {
        model: Some("0.25_MobileNet_tiny"),
        weights: Some(&weights),
        precision: Some(precision),
        classifier,
        ..Request::default()
    };
    let compiled = compile(&request).unwrap();
    assert_eq!(compiled.plan.fingerprint(), N::FINGERPRINT);
    assert_eq!(compiled.plan.weight_bytes(), N::WEIGHT_BYTES);
    assert_eq!((compiled.plan.precision(), compiled.plan.arena_bytes()), (N::PRECISION, N::ARENA_BYTES));
    let normalise = compiled.settings.family.preprocess.normalise;
    for isa in Isa::available() {
        let kernels = mobilenet_kernels::Kernels::new(isa).unwrap();
        let tensors = compiled.tensors.as_ref().unwrap();
        let mut plan = Interpreter::new(compiled.plan.clone(), tensors, kernels).unwrap();
        let expected = plan.run(Image::Pixels(&cat(), &normalise)).unwrap();
        assert_eq!(logits::<N>(isa), expected, "{isa}");
    }
}

fn best(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

#[test]
fn compiled_code_gives_the_bits_of_its_plan() {
    check::<Exact>(Precision::F32, None);
    check::<Half>(Precision::Bf16, None);
    check::<Shorter>(Precision::F32, Some(Storage::F16));
    check::<Longer>(Precision::Bf16, Some(Storage::F32));
}

#[test]
fn a_cat_stays_a_cat() {
    let exact = logits::<Exact>(Isa::Scalar);
    for isa in Isa::available() {
        for (logits, most) in [(logits::<Half>(isa), 0.5), (logits::<Shorter>(isa), 0.01)] {
            assert_eq!(best(&logits), best(&exact), "{isa}");
            let off = logits.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(0.0 < off && off < most, "{isa}: off by {off}");
        }
    }
}

#[test]
fn half_the_bytes() {
    // In a small network the classifier has most of the weights.
    let sizes = [Exact::WEIGHT_BYTES, Longer::WEIGHT_BYTES, Shorter::WEIGHT_BYTES, Half::WEIGHT_BYTES];
    assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
    // What is left in 32 bits: the first convolution, depthwise kernels, biases.
    assert!(sizes[3] * 100 < sizes[0] * 55, "{sizes:?}");
    let arenas = [Half::ARENA_BYTES, Exact::ARENA_BYTES];
    assert!(arenas.is_sorted(), "{arenas:?}");
}

#[test]
fn weights_of_another_precision_are_refused() {
    let error = Model::<Exact>::new(Weights::embedded::<Half>()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("compiled for precision f32, these weights were packed for bf16"), "{message}");
    assert!(message.contains("--precision f32"), "{message}");
}
