//! Files of named tensors in every naming scheme.

use mobilenet_compiler::family::Family;
use mobilenet_compiler::weights::{Role, Scheme, read};

use crate::container::{raw_safetensors, safetensors};
use crate::net::{self, Stored};

#[test]
fn every_scheme_gives_the_same_layers() {
    let cases = [
        (Scheme::Keras, "", Family::KERAS),
        (Scheme::Keras, "model_weights/", Family::KERAS),
        (Scheme::TfSlim, "", Family::TF_SLIM),
        (Scheme::TfSlim, "module/", Family::TF_SLIM),
        (Scheme::HuggingFace, "", Family::HUGGING_FACE),
        (Scheme::HuggingFace, "module.", Family::HUGGING_FACE),
        (Scheme::Timm, "", Family::TIMM),
        (Scheme::Timm, "module.model.", Family::TIMM),
    ];
    for (scheme, prefix, family) in cases {
        let classes = if family.background { 1001 } else { 1000 };
        let mut tensors = net::tensors(scheme, prefix, 4, classes);
        // The order in the file must not matter.
        tensors.reverse();
        let weights = read(&safetensors(&tensors), "test.safetensors").unwrap();
        assert_eq!(weights.family, family);
        assert!(weights.unused.is_empty() && weights.missing.is_empty(), "{:?}", weights.unused);

        let guess = weights.guess().unwrap();
        assert_eq!((guess.alpha, guess.classes, guess.input_channels), (0.25, classes, 3));

        let expected = net::expected(4, classes);
        let layers = weights.bind(&expected).unwrap();
        for (i, (layer, expected)) in layers.into_iter().zip(&expected).enumerate() {
            assert_eq!(layer.kernel.shape, expected.kernel, "{}", layer.name);
            for (n, &found) in layer.kernel.data.iter().enumerate() {
                let at = net::position(&expected.kernel, n);
                assert_eq!(found, net::value(i, Role::Kernel, &at), "{} {at:?}", layer.name);
            }
            assert_eq!(layer.batchnorm.is_some(), expected.batchnorm);
            if let Some(norm) = &layer.batchnorm {
                assert_eq!(norm.mean[1], net::value(i, Role::Mean, &[1]));
                assert_eq!(norm.variance[2], net::value(i, Role::Variance, &[2]));
            }
        }
    }
}

#[test]
fn types_are_widened_and_counters_ignored() {
    let file = raw_safetensors(&[
        ("first.weight", "F16", vec![2, 1], vec![0x00, 0x3c, 0x00, 0xc0]),
        ("second.weight", "BF16", vec![2, 1], vec![0x80, 0x3f, 0x00, 0xc0]),
        ("third.weight", "F64", vec![1, 1], 1.5f64.to_le_bytes().to_vec()),
        ("first_bn.num_batches_tracked", "I64", vec![], vec![0; 8]),
    ]);
    let weights = read(&file, "test").unwrap();
    let values: Vec<_> = weights.layers.iter().map(|layer| layer.kernel.data.clone()).collect();
    assert_eq!(values, [vec![1.0, -2.0], vec![1.0, -2.0], vec![1.5]]);
    assert_eq!(weights.tensors.len(), 4);
    assert_eq!(weights.tensors[1].dtype, "bf16");
    assert!(weights.unused.is_empty());
}

#[test]
fn a_classifier_trained_anew_is_recognised() {
    let mut tensors = net::tensors(Scheme::Keras, "", 4, 10);
    for tensor in &mut tensors {
        if let Some(role) = tensor.name.strip_prefix("conv_preds/") {
            tensor.name = format!("flowers/{role}");
        }
    }
    let weights = read(&safetensors(&tensors), "test").unwrap();
    assert_eq!(weights.guess().unwrap().classes, 10);
    weights.bind(&net::expected(4, 10)).unwrap();
}

#[test]
fn a_layer_without_its_kernel_or_with_two_is_an_error() {
    let one = |name: &str| Stored { name: name.to_owned(), shape: vec![1, 1], data: vec![1.0] };
    let twice = read(&safetensors(&[one("a/kernel"), one("a.weight")]), "test").unwrap_err();
    assert_eq!(twice.to_string(), "test: `a/kernel` and `a.weight` are the same tensor by name");
    let integers = raw_safetensors(&[("a/kernel", "I32", vec![1], vec![0; 4])]);
    let error = read(&integers, "test").unwrap_err();
    assert_eq!(error.to_string(), "test: `a/kernel` holds i32 values, not floats");
    let error = read(&safetensors(&[one("something")]), "test").unwrap_err();
    assert!(error.to_string().contains("none of its 1 tensors has a name that means a layer"), "{error}");
}
