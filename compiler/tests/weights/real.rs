//! Published weights.

use std::path::{Path, PathBuf};

use mobilenet_compiler::family::{Activation, Family};
use mobilenet_compiler::weights::open;

use crate::net;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A published model, if it is there: many are too large to ship with the sources.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    existing(root().join("../shared/data/models").join(name))
}

/// A file of testdata, if it is there: the crate may have been packaged without.
pub(crate) fn shipped(name: &str) -> Option<PathBuf> {
    existing(root().join("testdata").join(name))
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    if !path.exists() {
        eprintln!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_default_model() {
    let Some(path) = shipped("models/keras_mobilenet_v1_0.25_128.safetensors") else { return };
    let weights = open(&path).unwrap();
    assert_eq!(weights.family, Family::KERAS);
    assert_eq!(weights.tensors.len(), 137);
    let guess = weights.guess().unwrap();
    assert_eq!((guess.alpha, guess.classes, guess.resolution), (0.25, 1000, Some([128, 128])));
    let layers = weights.bind(&net::expected(4, 1000)).unwrap();
    assert!(layers[..27].iter().all(|layer| layer.batchnorm.is_some() && layer.bias.is_none()));
    assert!(layers[27].bias.is_some());
}

#[test]
fn keras_names_and_folded_weights() {
    let cases = [
        ("keras_mobilenet_v1_0.75_224.safetensors", 0.75, 1000, 137),
        ("mobilenet_v1_1.0_224_dequant_f32.safetensors", 1.0, 1001, 56),
    ];
    for (name, alpha, classes, tensors) in cases {
        let Some(path) = shared(name) else { continue };
        let weights = open(&path).unwrap();
        assert_eq!(weights.tensors.len(), tensors);
        assert_eq!(weights.family.activation, Activation::Relu6);
        assert_eq!(weights.family.background, classes == 1001);
        let guess = weights.guess().unwrap();
        assert_eq!((guess.alpha, guess.classes), (alpha, classes));
        let folded =
            weights.layers[..27].iter().all(|layer| layer.batchnorm.is_none() && layer.bias.is_some());
        assert_eq!(folded, classes == 1001);
        if alpha == 1.0 {
            weights.bind(&net::expected(1, classes)).unwrap();
        }
    }
}
