//! Threads change nothing: a team computes what one thread computes, to the bit.

use std::num::NonZeroUsize;
use std::path::Path;

use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::interpret::Interpreter;
use mobilenet_compiler::names::Catalogue;
use mobilenet_compiler::plan::Kernel;
use mobilenet_compiler::weights;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels};

#[test]
fn all_layers_of_the_named_models_can_be_shared() {
    for model in Catalogue::built_in().unwrap().models() {
        let name = model.name();
        let compiled = compile(&Request { model: Some(&name), ..Request::default() }).unwrap();
        for part in compiled.plan.parts() {
            let apart = match &part.kernel {
                Kernel::Stem(layer) => layer.is_apart(),
                Kernel::Separable(layer) => layer.is_apart(),
                Kernel::FullyConnected(layer) => layer.is_apart(),
                Kernel::Pool(_) => continue,
                other => panic!("{name}: {other:?}"),
            };
            assert!(apart, "{name}: {}", part.name);
        }
    }
}

#[test]
fn teams_compute_the_same() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let weights = weights::open(&testdata.join("models/keras_mobilenet_v1_0.25_128.safetensors")).unwrap();
    let pixels = std::fs::read(testdata.join("inputs/hot_dog_160_rgb.u8")).unwrap();
    let request = Request { weights: Some(&weights), rho: Some("160"), ..Request::default() };
    let compiled = compile(&request).unwrap();
    let image = Image::Pixels(&pixels, &compiled.settings.family.preprocess.normalise);
    for isa in Isa::available() {
        let run = |threads: usize| {
            let kernels = Kernels::new(isa).unwrap();
            let plan = compiled.plan.clone();
            let interpreter = Interpreter::new(plan, compiled.tensors.as_ref().unwrap(), kernels).unwrap();
            let mut interpreter = interpreter.with_threads(NonZeroUsize::new(threads).unwrap());
            let first = interpreter.run(image).unwrap().to_vec();
            for _ in 0..20 {
                assert_eq!(interpreter.run(image).unwrap(), first, "{isa}, {threads} threads, again");
            }
            first
        };
        let alone = run(1);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), alone, "{isa}, {threads} threads");
        }
    }
}
