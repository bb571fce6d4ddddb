//! Binding to a model: every complaint at once.

use mobilenet_compiler::weights::{Difference, Expected, Kind, Scheme, read};

use crate::container::safetensors;
use crate::net::{self, Stored};

/// The complaints about a changed file of that scheme.
fn complaints(scheme: Scheme, change: impl FnOnce(&mut Vec<Stored>)) -> Vec<String> {
    let mut tensors = net::tensors(scheme, "", 4, 10);
    change(&mut tensors);
    let weights = read(&safetensors(&tensors), "test").unwrap();
    match weights.bind(&net::expected(4, 10)) {
        Ok(_) => Vec::new(),
        Err(report) => report.complaints().iter().map(|complaint| complaint.message.clone()).collect(),
    }
}

fn tensor<'a>(tensors: &'a mut [Stored], name: &str) -> &'a mut Stored {
    tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

#[test]
fn every_fault_is_named_at_once() {
    let found = complaints(Scheme::Keras, |tensors| {
        tensors.retain(|tensor| {
            tensor.name != "conv_dw_7/depthwise_kernel" && tensor.name != "conv_pw_2_bn/gamma"
        });
        *tensor(tensors, "conv_dw_3/depthwise_kernel") = Stored {
            name: "conv_dw_3/depthwise_kernel".to_owned(),
            shape: vec![3, 3, 2, 1],
            data: vec![0.0; 18],
        };
        *tensor(tensors, "conv_pw_4_bn/beta") =
            Stored { name: "conv_pw_4_bn/beta".to_owned(), shape: vec![1], data: vec![0.0] };
        tensor(tensors, "conv1/kernel").data[5] = f32::NAN;
        tensor(tensors, "conv_preds/bias").data[..2].fill(f32::INFINITY);
        tensor(tensors, "conv_pw_1_bn/moving_variance").data[3] = -0.5;
        let surplus = tensor(tensors, "conv_pw_13/kernel").clone();
        tensors.push(Stored { name: "conv_pw_14/kernel".to_owned(), ..surplus });
        tensors.push(Stored { name: "remark".to_owned(), shape: vec![1], data: vec![0.0] });
    });
    let expected = [
        "`conv1/kernel` holds NaN at value 5",
        "`conv_pw_1_bn/moving_variance` holds a negative variance, -0.5 for channel 3",
        "`conv_pw_2_bn/gamma` is missing, the model expects [32]",
        "`conv_dw_3/depthwise_kernel` has shape [3, 3, 2], the model expects [3, 3, 32] (height, width, channels)",
        "`conv_pw_4_bn/beta` has 1 values, the model expects 64",
        "`conv_dw_7/depthwise_kernel` is missing, the model expects [3, 3, 128] (height, width, channels)",
        "`conv_preds/bias` holds infinity at value 0 and 1 more such",
        "`conv_pw_14/kernel` is left over, the model has no layer for it",
        "`remark` is left over, its name means no layer",
    ];
    assert_eq!(found, expected);
}

#[test]
fn differences_are_told_by_name() {
    let mut tensors = net::tensors(Scheme::Keras, "", 4, 10);
    let weights = |tensors: &[Stored]| read(&safetensors(tensors), "test").unwrap();
    assert_eq!(weights(&tensors).compare(&net::expected(4, 10)), Difference::default());

    tensors
        .retain(|tensor| tensor.name != "conv_dw_7/depthwise_kernel" && tensor.name != "conv_pw_2_bn/gamma");
    let surplus = tensor(&mut tensors, "conv_pw_13/kernel").clone();
    tensors.push(Stored { name: "conv_pw_14/kernel".to_owned(), ..surplus });
    tensors.push(Stored { name: "remark".to_owned(), shape: vec![1], data: vec![0.0] });
    let Difference { missing, left_over } = weights(&tensors).compare(&net::expected(4, 10));
    assert_eq!(missing, ["conv_dw_7/depthwise_kernel", "conv_pw_2_bn/gamma"]);
    assert_eq!(left_over, ["conv_pw_14/kernel", "remark"]);
}

#[test]
fn missing_layers_are_named_as_the_file_would() {
    let cases = [
        (Scheme::Keras, "conv_pw_8/kernel"),
        (Scheme::TfSlim, "MobilenetV1/Conv2d_8_pointwise/weights"),
        (Scheme::HuggingFace, "mobilenet_v1.layer.15.convolution.weight"),
        (Scheme::Timm, "blocks.3.2.conv_pw.weight"),
    ];
    for (scheme, name) in cases {
        let found = complaints(scheme, |tensors| tensors.retain(|tensor| tensor.name != name));
        assert_eq!(found, [format!("`{name}` is missing, the model expects [128, 128] (inputs, outputs)")]);
    }
}

#[test]
fn a_missing_stem_or_a_whole_missing_batch_norm() {
    let found = complaints(Scheme::Timm, |tensors| {
        tensors
            .retain(|tensor| tensor.name != "conv_stem.weight" && !tensor.name.starts_with("blocks.4.1.bn2"));
    });
    assert_eq!(
        found[0],
        "`conv_stem.weight` is missing, the model expects [3, 3, 3, 8] (height, width, inputs, outputs)"
    );
    let rest = ["weight", "bias", "running_mean", "running_var"];
    let rest = rest.map(|tensor| format!("`blocks.4.1.bn2.{tensor}` is missing, the model expects [256]"));
    assert_eq!(found[1..], rest);
}

#[test]
fn weights_of_another_width_misfit_everywhere() {
    let weights = read(&safetensors(&net::tensors(Scheme::Keras, "", 4, 10)), "test").unwrap();
    let report = weights.bind(&net::expected(2, 10)).unwrap_err();
    // Every kernel and, in all layers but the classifier, four vectors of batch norm: one complaint.
    let expected = "\
28 kernels and 108 vectors have other shapes than the model expects
    kernel                      in the file   in the model
    conv1/kernel                [3, 3, 3, 8]  [3, 3, 3, 16]
    conv_dw_1/depthwise_kernel  [3, 3, 8]     [3, 3, 16]
    conv_pw_1/kernel            [8, 16]       [16, 32]
    conv_dw_2/depthwise_kernel  [3, 3, 16]    [3, 3, 32]
    and 24 more kernels";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn a_model_of_its_own_binds_by_name() {
    let stored = |name: &str, shape: &[usize]| Stored {
        name: name.to_owned(),
        shape: shape.to_vec(),
        data: (0..shape.iter().product()).map(|value: usize| value as f32).collect(),
    };
    let file = safetensors(&[
        stored("net.head.weight", &[2, 4]),
        stored("net.head.bias", &[2]),
        stored("net.entry/kernel", &[3, 3, 1, 4]),
        stored("net.entry_bn/gamma", &[4]),
        stored("net.entry_bn/beta", &[4]),
        stored("net.entry_bn/moving_mean", &[4]),
        stored("net.entry_bn/moving_variance", &[4]),
        stored("net.middle.weight", &[4, 1, 3, 3]),
        stored("net.middle.bias", &[4]),
    ]);
    let weights = read(&file, "test").unwrap();
    assert!(weights.guess().is_err());
    let layer = |name: &str, kind, kernel: &[usize], batchnorm| Expected {
        name: name.to_owned(),
        kind,
        kernel: kernel.to_vec(),
        stride: 1,
        batchnorm,
        bias: !batchnorm,
    };
    let model = [
        layer("entry", Kind::Conv, &[3, 3, 1, 4], true),
        layer("middle", Kind::Depthwise, &[3, 3, 4], true),
        layer("head", Kind::Dense, &[4, 2], false),
    ];
    let layers = weights.bind(&model).unwrap();
    assert_eq!(
        layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(),
        ["net.entry", "net.middle", "net.head"]
    );
    // PyTorch's kernels were transposed.
    assert_eq!(layers[2].kernel.data, [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
    assert_eq!(layers[1].kernel.data[..4], [0.0, 9.0, 18.0, 27.0]);
}
