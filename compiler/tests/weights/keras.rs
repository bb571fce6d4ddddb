//! Keras files: written by Keras, made here, and damaged.

use std::collections::BTreeMap;
use std::fs;

use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use mobilenet_compiler::family::{Activation, Family, Padding};
use mobilenet_compiler::weights::{Kind, Weights, open, read};

use crate::archive::{Member, archive};
use crate::hostile::torment;
use crate::real::shipped;

/// The layers of the small network of testdata/weights: name, kind, shape of the kernel, number of its variable. Its
/// n-th variable holds n + 0/256, n + 1/256, ...
const LAYERS: [(&str, Kind, &[usize], usize); 4] = [
    ("conv1", Kind::Conv, &[3, 3, 3, 4], 0),
    ("conv_dw_1", Kind::Depthwise, &[3, 3, 4], 5),
    ("conv_pw_1", Kind::Pointwise, &[4, 6], 10),
    ("conv_preds", Kind::Dense, &[6, 2], 15),
];

fn ramp(variable: usize, len: usize) -> Vec<f32> {
    (0..len).map(|n| variable as f32 + n as f32 / 256.0).collect()
}

/// Asserts that the layers are those of the small network.
pub(crate) fn assert_small(weights: &Weights) {
    assert!(weights.unused.is_empty() && weights.missing.is_empty(), "{:?}", weights.unused);
    assert_eq!(weights.layers.len(), LAYERS.len());
    for (layer, (name, kind, shape, variable)) in weights.layers.iter().zip(LAYERS) {
        assert_eq!((layer.kind, layer.kernel.shape.as_slice()), (kind, shape), "{name}");
        assert_eq!(layer.kernel.data, ramp(variable, shape.iter().product()), "{name}");
        let outputs = layer.outputs();
        match &layer.batchnorm {
            Some(norm) => {
                let found = [&norm.gamma, &norm.beta, &norm.mean, &norm.variance];
                for (statistic, values) in found.into_iter().enumerate() {
                    assert_eq!(*values, ramp(variable + 1 + statistic, outputs), "{name}");
                }
            }
            None => assert_eq!(layer.bias, Some(ramp(variable + 1, outputs)), "{name}"),
        }
    }
}

#[test]
fn every_layout_gives_the_same_layers() {
    let layouts = [
        ("keras3.keras", true),
        ("keras3.h5", true),
        ("keras3.weights.h5", false),
        ("keras2.keras", true),
        ("keras2.weights.h5", false),
        ("keras2.h5", false),
        ("chunked.h5", false),
    ];
    for (name, configured) in layouts {
        let Some(path) = shipped(&format!("weights/{name}")) else { continue };
        let weights = open(&path).unwrap();
        assert_small(&weights);
        assert_eq!(weights.layers[0].name, "conv1", "{name}");
        assert_eq!(weights.family.name, "keras");
        assert_eq!(weights.family.activation, Activation::Relu6);
        assert_eq!(weights.input, configured.then_some([33, 33, 3]), "{name}");
        // The map before the block has 17 x 17 pixels, where this padding is like no other.
        assert_eq!(weights.padding, configured.then_some(Padding::After), "{name}");
        assert_eq!(weights.family.padding, Padding::After);
        assert_eq!(weights.family.epsilon, if configured { 0.002 } else { Family::KERAS.epsilon }, "{name}");
        let norm = weights.layers[2].batchnorm.as_ref().unwrap();
        assert_eq!(norm.epsilon, configured.then_some(0.002));
    }
}

/// A dataset's path and shape.
type Entry<'a> = (&'a str, &'a [u64]);

/// An HDF5 file of datasets of f32 zeros below groups, and a configuration.
fn hdf5(datasets: &[Entry<'_>], config: Option<&str>) -> Vec<u8> {
    let mut file = FileBuilder::new();
    for (name, datasets) in by_group(datasets) {
        let mut group = file.create_group(name);
        fill(&mut group, &datasets);
        file.add_group(group.finish());
    }
    if let Some(config) = config {
        file.set_attr("model_config", AttrValue::String(config.to_owned()));
    }
    file.finish().unwrap()
}

fn fill(group: &mut GroupBuilder, datasets: &[Entry<'_>]) {
    for (name, shape) in datasets.iter().filter(|(name, _)| !name.contains('/')) {
        let zeros = vec![0f32; shape.iter().product::<u64>() as usize];
        group.create_dataset(name).with_f32_data(&zeros).with_shape(shape);
    }
    for (name, datasets) in by_group(datasets) {
        let mut below = group.create_group(name);
        fill(&mut below, &datasets);
        group.add_group(below.finish());
    }
}

/// The datasets that lie in groups, by the first of these.
fn by_group<'a>(datasets: &[Entry<'a>]) -> BTreeMap<&'a str, Vec<Entry<'a>>> {
    let mut groups: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
    for &(path, shape) in datasets {
        if let Some((group, rest)) = path.split_once('/') {
            groups.entry(group).or_default().push((rest, shape));
        }
    }
    groups
}

/// Names and shapes of kernels.
fn kernels(weights: &Weights) -> Vec<(String, Vec<usize>)> {
    weights.layers.iter().map(|layer| (layer.name.clone(), layer.kernel.shape.clone())).collect()
}

#[test]
fn groups_name_layers_unless_they_are_submodels() {
    let kernel: &[u64] = &[3, 3, 1, 2];
    let cases: [&[(&str, &[u64])]; 4] = [
        &[("first/kernel:0", kernel), ("second/bias", &[2]), ("second/kernel", kernel)],
        // The second model made under the same names.
        &[("first/first_1/kernel:0", kernel), ("second/second_1/kernel:0", kernel)],
        &[("model_weights/first/sequential/first/kernel", kernel), ("model_weights/second/x/kernel", kernel)],
        &[
            ("model_weights/net/first/kernel", kernel),
            ("model_weights/net/second/kernel", kernel),
            ("optimizer_weights/adam/first/kernel", &[7]),
        ],
    ];
    for datasets in cases {
        let weights = read(&hdf5(datasets, None), "test.h5").unwrap();
        let expected = ["first", "second"].map(|name| (name.to_owned(), vec![3, 3, 1, 2]));
        assert_eq!(kernels(&weights), expected, "{datasets:?}");
    }
}

#[test]
fn numbered_variables_get_names_from_the_configuration() {
    let layers = r#"{"class_name": "Functional", "config": {"layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 8, 6, 1], "name": "image"}},
        {"class_name": "Functional", "config": {"name": "body", "layers": [
            {"class_name": "Conv2D", "config": {"name": "first", "kernel_size": [3, 3], "strides": [1, 1], "padding": "same"}},
            {"class_name": "Conv2D", "config": {"name": "second", "kernel_size": 1, "strides": 1, "padding": "valid"}}]}},
        {"class_name": "Dense", "config": {"name": "last", "activation": "softmax"}}]}}"#;
    let datasets: &[(&str, &[u64])] = &[
        ("layers/functional/layers/conv2d/vars/0", &[3, 3, 1, 2]),
        ("layers/functional/layers/conv2d_1/vars/0", &[1, 1, 2, 2]),
        ("layers/functional/layers/conv2d_1/vars/1", &[2]),
        ("layers/dense/vars/0", &[2, 5]),
        ("layers/unheard_of/vars/0", &[2, 5]),
    ];
    let weights = read(&hdf5(datasets, Some(layers)), "test.h5").unwrap();
    let expected = [("last", vec![2, 5]), ("first", vec![3, 3, 1, 2]), ("second", vec![2, 2])]
        .map(|(n, s)| (n.to_owned(), s));
    let mut found = kernels(&weights);
    found.sort_by_key(|(_, shape)| *shape != [2, 5]);
    assert_eq!(found, expected);
    assert_eq!(weights.input, Some([8, 6, 1]));
    assert_eq!(weights.unused, ["layers/unheard_of/vars/0"]);
    assert_eq!(weights.padding, None);
}

/// What a model of these layers, as JSON, says beside its weights.
fn configured(layers: &str) -> Result<Weights, String> {
    let config = format!(r#"{{"class_name": "Sequential", "config": {{"layers": [{layers}]}}}}"#);
    let file = hdf5(&[("first/kernel", &[3, 3, 1, 2])], Some(&config));
    read(&file, "test.h5").map_err(|report| report.to_string())
}

fn layer(class: &str, settings: &str) -> String {
    format!(r#"{{"class_name": "{class}", "config": {{"name": "it", {settings}}}}}"#)
}

/// A convolution of stride 2 after some zeros.
fn strided(class: &str, zeros: &str, padding: &str) -> String {
    let settings = format!(r#""kernel_size": [3, 3], "strides": [2, 2], "padding": "{padding}""#);
    let zeros = layer("ZeroPadding2D", &format!(r#""padding": {zeros}"#));
    format!("{zeros}, {}", layer(class, &settings))
}

#[test]
fn settings_follow_from_the_configuration() {
    let activations = [
        (layer("ReLU", r#""max_value": 6.0, "negative_slope": 0.0"#), Activation::Relu6),
        (layer("ReLU", r#""max_value": null"#), Activation::Relu),
        (layer("ReLU", r#""max_value": 4"#), Activation::Clamp(0.0, 4.0)),
        (layer("Activation", r#""activation": "relu6""#), Activation::Relu6),
        (
            layer("Activation", r#""activation": {"class_name": "function", "config": "relu6"}"#),
            Activation::Relu6,
        ),
    ];
    for (layer, activation) in activations {
        assert_eq!(configured(&layer).unwrap().family.activation, activation, "{layer}");
    }
    let paddings = [
        (strided("DepthwiseConv2D", "[[0, 1], [0, 1]]", "valid"), Padding::Same),
        (strided("DepthwiseConv2D", "[[1, 1], [1, 1]]", "valid"), Padding::Symmetric),
        (strided("DepthwiseConv2D", "[1, 1]", "valid"), Padding::Symmetric),
        (strided("Conv2D", "1", "valid"), Padding::Symmetric),
        (strided("Conv2D", "0", "same"), Padding::Same),
        (strided("Conv2D", "0", "valid"), Padding::Valid),
    ];
    for (layers, padding) in paddings {
        assert_eq!(configured(&layers).unwrap().padding, Some(padding), "{layers}");
    }
    let rescaled = configured(&layer("Rescaling", r#""scale": 0.5, "offset": -1"#)).unwrap();
    let normalise = rescaled.family.preprocess.normalise;
    assert_eq!((normalise.scale, normalise.offset), ([0.5; 4], [-1.0; 4]));
    // What comes before the network prepares photos.
    configured(&layer("RandomFlip", r#""mode": "horizontal""#)).unwrap();
}

#[test]
fn a_configuration_that_is_not_a_mobilenet_is_refused() {
    let convolution = |extra: &str| {
        layer("Conv2D", &format!(r#""kernel_size": [3, 3], "strides": [1, 1], "padding": "same"{extra}"#))
    };
    let after = |class: &str, settings: &str| format!("{}, {}", convolution(""), layer(class, settings));
    let cases = [
        (convolution(r#", "dilation_rate": [2, 2]"#), "its convolution is dilated"),
        (convolution(r#", "groups": 4"#), "its convolution is grouped"),
        (convolution(r#", "activation": "swish""#), "activation `swish` is not supported"),
        (
            after("MaxPooling2D", r#""pool_size": 2"#),
            "layer `it` of the model: a MobileNet v1 has no max_pooling2d",
        ),
        (after("ReLU", r#""negative_slope": 0.3"#), "a ReLU with slope"),
        (after("Rescaling", r#""scale": 1, "offset": 0"#), "rescales other than once"),
        (after("BatchNormalization", r#""epsilon": 3.0"#), "epsilon is 3"),
        (after("ZeroPadding2D", r#""padding": "all""#), "its padding is no pairs of numbers"),
        (
            format!("{}, {}", layer("ReLU", r#""max_value": 6.0"#), layer("ReLU", r#""max_value": null"#)),
            "its activation is relu, that of the layers before relu6",
        ),
        (
            layer("Conv2D", r#""kernel_size": [3, 3], "strides": [2, 1], "padding": "same""#),
            "strides are 2 and 1",
        ),
        (
            layer("Conv2D", r#""kernel_size": [1, 1], "strides": 2, "padding": "same""#),
            "1x1 convolution with stride",
        ),
        (layer("Conv2D", r#""kernel_size": "3""#), "no pairs of numbers"),
        (strided("Conv2D", "1", "same"), "padding \"same\" with [1, 1, 1, 1] zeros before it"),
        (strided("Conv2D", "2", "valid"), "is not that of the layers before"),
        ("]".to_owned(), "the model's configuration: "),
    ];
    for (layers, expected) in cases {
        let error = configured(&layers).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn types_are_widened_or_refused() {
    let written = |write: &dyn Fn(&mut GroupBuilder)| {
        let mut file = FileBuilder::new();
        let mut group = file.create_group("first");
        write(&mut group);
        file.add_group(group.finish());
        read(&file.finish().unwrap(), "test.h5").map_err(|report| report.to_string())
    };
    let doubles = written(&|group| {
        group.create_dataset("kernel").with_f64_data(&[1.5, -2.0]).with_shape(&[1, 2]);
    });
    let doubles = doubles.unwrap();
    assert_eq!(
        (doubles.layers[0].kernel.data.as_slice(), doubles.tensors[0].dtype),
        (&[1.5, -2.0][..], "f64")
    );
    let integers = written(&|group| {
        group.create_dataset("kernel").with_i32_data(&[1, -2]).with_shape(&[1, 2]);
    });
    assert_eq!(integers.unwrap_err(), "test.h5: `first/kernel` holds i32 values, not floats");
}

#[test]
fn files_that_ask_for_too_much() {
    for (name, expected) in [
        ("absurd.h5", "`conv1/conv1/kernel:0` claims more values than the file can hold"),
        ("cyclic.h5", "lies deeper than any group of a Keras file"),
    ] {
        let Some(path) = shipped(&format!("weights/{name}")) else { continue };
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // The extents of conv1/kernel, as they stand in the file.
    let Some(path) = shipped("weights/keras2.h5") else { return };
    let file = fs::read(path).unwrap();
    let extents: Vec<u8> = [3u64, 3, 3, 4].iter().flat_map(|extent| extent.to_le_bytes()).collect();
    let at = file.windows(extents.len()).position(|window| window == extents).unwrap();
    for (axis, extent) in [(0, 1 << 20), (1, u64::MAX), (2, 1 << 62), (3, 1 << 40)] {
        let mut file = file.clone();
        file[at + 8 * axis..][..8].copy_from_slice(&extent.to_le_bytes());
        let error = read(&file, "test.h5").unwrap_err().to_string();
        assert!(error.contains("`conv1/conv1/kernel:0` claims more values"), "{error}");
    }
    let mut empty = file;
    empty[at..at + 8].fill(0);
    let error = read(&empty, "test.h5").unwrap_err().to_string();
    assert!(error.contains("`conv1/kernel` has 0 values for shape [0, 3, 3, 4]"), "{error}");
}

#[test]
fn archives_that_are_none() {
    let weights =
        Member { name: "model.weights.h5", deflated: false, content: hdf5(&[("a/kernel", &[1, 1])], None) };
    let config = |content: &[u8]| Member { name: "config.json", deflated: true, content: content.to_vec() };
    let zeros = Member { name: "model.weights.h5", deflated: true, content: vec![0; 1 << 24] };
    let whole = archive(&[weights.clone(), config(b"{}")]);
    read(&whole, "test.keras").unwrap();

    // A field of the directory's first entry, changed.
    let directory = whole.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let changed = |field: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[directory + field..][..bytes.len()].copy_from_slice(bytes);
        file
    };
    let cases = [
        (archive(&[config(b"{}")]), "a zip archive that holds no model.weights.h5"),
        (archive(&[weights.clone(), config(b"{")]), "the model's configuration: EOF"),
        (archive(&[weights.clone(), config(b"\xff")]), "config.json is not UTF-8"),
        (archive(&[zeros]), "damaged HDF5 file"),
        (changed(10, &[12]), "model.weights.h5 cannot be unpacked"),
        (changed(16, &[0; 4]), "model.weights.h5 cannot be unpacked"),
        (changed(20, &[0xff; 4]), "it has no directory"),
        (changed(24, &[0xff; 4]), "model.weights.h5 cannot be unpacked"),
        (changed(28, &[0xff; 2]), "it has no directory"),
        (changed(42, &[0xff; 4]), "it has no directory"),
        (changed(46, b"other"), "no model.weights.h5"),
    ];
    for (file, expected) in cases {
        let error = read(&file, "test.keras").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn damaged_files() {
    for name in ["keras3.keras", "keras3.h5", "keras2.weights.h5", "keras2.h5", "chunked.h5"] {
        let Some(path) = shipped(&format!("weights/{name}")) else { continue };
        let file = fs::read(path).unwrap();
        torment(&file, name, 0..file.len());
    }
}
