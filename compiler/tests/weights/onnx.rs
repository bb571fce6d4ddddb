//! ONNX files, made here in the manner of the exporters.

use std::fs;

use mobilenet_compiler::family::{Activation, Padding};
use mobilenet_compiler::weights::{Kind, Weights, open, read};

use crate::hostile::torment;
use crate::net;
use crate::protobuf::Message;

const F32: i64 = 1;
const I64: i64 = 7;

/// Writes a graph.
#[derive(Default)]
struct Writer {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
}

/// An attribute of a node.
enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Text(&'a str),
}

use Attribute::{Float, Int, Ints, Text};

impl Writer {
    fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute<'_>)]) {
        let node =
            Message::new().each(inputs, |node, input| node.string(1, input)).string(2, output).string(4, op);
        self.nodes.push(attributes.iter().fold(node, |node, (name, value)| {
            let attribute = Message::new().string(1, name);
            node.message(
                5,
                &match value {
                    Float(value) => attribute.float(2, *value),
                    Int(value) => attribute.int(3, *value),
                    Text(text) => attribute.string(4, text),
                    Ints(values) => attribute.each(values, |attribute, &value| attribute.int(8, value)),
                },
            )
        }));
    }

    fn floats(&mut self, name: &str, shape: &[i64], value: impl Fn(usize) -> f32) {
        let volume = shape.iter().product::<i64>() as usize;
        let data: Vec<u8> = (0..volume).flat_map(|n| value(n).to_le_bytes()).collect();
        self.initializers.push(tensor(name, shape, F32).bytes(9, &data));
    }

    fn integers(&mut self, name: &str, values: &[i64]) {
        let tensor = tensor(name, &[values.len() as i64], I64);
        self.initializers.push(tensor.each(values, |tensor, &value| tensor.int(7, value)));
    }

    fn finish(self, input: &[i64], output: &str) -> Vec<u8> {
        let dims =
            Message::new().each(input, |shape, &extent| shape.message(1, &Message::new().int(1, extent)));
        let kind = Message::new().message(1, &Message::new().int(1, F32).message(2, &dims));
        let graph = Message::new()
            .each(&self.nodes, |graph, node| graph.message(1, node))
            .each(&self.initializers, |graph, tensor| graph.message(5, tensor))
            .message(11, &Message::new().string(1, "image").message(2, &kind))
            .message(12, &Message::new().string(1, output));
        Message::new().int(1, 8).message(7, &graph).finish()
    }
}

fn tensor(name: &str, shape: &[i64], kind: i64) -> Message {
    Message::new().each(shape, |tensor, &extent| tensor.int(1, extent)).int(2, kind).string(8, name)
}

/// As PyTorch exports in training mode: batch norm apart, bounds of the clamp as attributes, a matrix transposed.
fn pytorch() -> Vec<u8> {
    let mut w = Writer::default();
    w.floats("stem", &[4, 3, 3, 3], |n| n as f32);
    for (statistic, value) in [("gamma", 1.0), ("beta", 2.0), ("mean", 3.0), ("variance", 4.0)] {
        w.floats(statistic, &[4], |_| value);
    }
    w.floats("dw", &[4, 1, 3, 3], |n| n as f32);
    w.floats("dw/bias", &[4], |n| n as f32);
    w.floats("fc", &[2, 4], |n| n as f32);
    w.floats("fc/bias", &[2], |n| n as f32);
    let ones: &[i64] = &[1; 4];
    let stride_2 = || [("strides", Ints(&[2, 2])), ("pads", Ints(ones))];
    w.node("Conv", &["image", "stem"], "a", &stride_2());
    w.node(
        "BatchNormalization",
        &["a", "gamma", "beta", "mean", "variance"],
        "b",
        &[("epsilon", Float(1e-5))],
    );
    w.node("Clip", &["b"], "c", &[("min", Float(0.0)), ("max", Float(6.0))]);
    let [strides, pads] = stride_2();
    w.node("Conv", &["c", "dw", "dw/bias"], "d", &[strides, pads, ("group", Int(4))]);
    w.node("Relu", &["d"], "e", &[]);
    w.node("GlobalAveragePool", &["e"], "f", &[]);
    w.node("Flatten", &["f"], "g", &[]);
    w.node("Dropout", &["g"], "h", &[]);
    w.node("Gemm", &["h", "fc", "fc/bias"], "logits", &[("transB", Int(1)), ("alpha", Float(1.0))]);
    w.finish(&[1, 3, 8, 8], "logits")
}

/// As tf2onnx exports: channels last, padding apart, batch norm as product and sum.
fn tensorflow() -> Vec<u8> {
    let mut w = Writer::default();
    w.floats("stem", &[4, 1, 3, 3], |n| n as f32);
    w.floats("dw", &[4, 1, 3, 3], |n| n as f32);
    w.floats("gamma", &[1, 4, 1, 1], |n| n as f32);
    w.floats("beta", &[1, 4, 1, 1], |n| 10.0 * n as f32);
    w.floats("low", &[], |_| 0.0);
    w.floats("high", &[], |_| 6.0);
    w.floats("preds", &[2, 4, 1, 1], |n| n as f32);
    w.integers("pads", &[0, 0, 0, 0, 0, 0, 1, 1]);
    w.integers("axes", &[2, 3]);
    w.node("Transpose", &["image"], "a", &[("perm", Ints(&[0, 3, 1, 2]))]);
    w.node("Conv", &["a", "stem"], "b", &[("strides", Ints(&[2, 2])), ("auto_pad", Text("SAME_UPPER"))]);
    w.node("Pad", &["b", "pads"], "c", &[("mode", Text("constant"))]);
    w.node("Conv", &["c", "dw"], "d", &[("strides", Ints(&[2, 2])), ("group", Int(4))]);
    w.node("Mul", &["d", "gamma"], "e", &[]);
    w.node("Add", &["e", "beta"], "f", &[]);
    w.node("Clip", &["f", "low", "high"], "g", &[]);
    w.node("ReduceMean", &["g", "axes"], "h", &[("keepdims", Int(1))]);
    w.node("Conv", &["h", "preds"], "i", &[]);
    w.node("Softmax", &["i"], "probabilities", &[]);
    w.finish(&[0, 9, 9, 1], "probabilities")
}

#[test]
fn as_pytorch_exports() {
    let weights = read(&pytorch(), "a.onnx").unwrap();
    assert_eq!((weights.family.name, weights.padding), ("timm", Some(Padding::Symmetric)));
    assert_eq!((weights.input, weights.family.epsilon), (Some([8, 8, 3]), 1e-5));
    let expected = [
        ("stem", Kind::Conv, vec![3, 3, 3, 4], Some(2), Some(Activation::Relu6)),
        ("dw", Kind::Depthwise, vec![3, 3, 4], Some(2), Some(Activation::Relu)),
        ("fc", Kind::Dense, vec![4, 2], None, Some(Activation::Linear)),
    ];
    assert_eq!(net::summaries(&weights), expected);
    let [stem, dw, fc] = weights.layers.as_slice() else { unreachable!() };
    assert_eq!(stem.kernel.data[..5], [0.0, 27.0, 54.0, 81.0, 9.0]);
    let norm = stem.batchnorm.as_ref().unwrap();
    assert_eq!(
        (norm.gamma[3], norm.beta[3], norm.mean[3], norm.variance[3], norm.epsilon),
        (1.0, 2.0, 3.0, 4.0, Some(1e-5))
    );
    assert_eq!(dw.kernel.data[..4], [0.0, 9.0, 18.0, 27.0]);
    assert_eq!(fc.kernel.data, [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
    assert_eq!(fc.bias.as_deref(), Some([0.0, 1.0].as_slice()));
}

#[test]
fn as_tf2onnx_exports() {
    let weights = read(&tensorflow(), "a.onnx").unwrap();
    // 9 -> 5 is SAME, 5 -> 2 with zeros only after it is what Keras does.
    assert_eq!((weights.family.name, weights.padding), ("keras", Some(Padding::After)));
    assert_eq!(weights.input, Some([9, 9, 1]));
    let [stem, dw, preds] = weights.layers.as_slice() else { unreachable!() };
    assert_eq!((stem.kind, stem.kernel.shape.as_slice()), (Kind::Conv, [3, 3, 1, 4].as_slice()));
    let norm = dw.batchnorm.as_ref().unwrap();
    assert_eq!((norm.gamma[2], norm.beta[2], norm.variance[2], norm.epsilon), (2.0, 20.0, 1.0, Some(0.0)));
    assert_eq!(dw.activation, Some(Activation::Relu6));
    assert_eq!((preds.kind, preds.kernel.shape.as_slice()), (Kind::Dense, [4, 2].as_slice()));
}

#[test]
fn values_beside_the_model() {
    let mut w = Writer::default();
    let entry = |key: &str, value: &str| Message::new().string(1, key).string(2, value);
    let external = |location: &str| {
        tensor("stem", &[1, 1, 1, 1], F32)
            .int(14, 1)
            .message(13, &entry("location", location))
            .message(13, &entry("offset", "4"))
    };
    w.initializers.push(external("values.bin"));
    w.node("Conv", &["image", "stem"], "a", &[]);
    let file = w.finish(&[1, 1, 8, 8], "a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, &file).unwrap();
    let error = || open(&path).unwrap_err().to_string();
    assert!(error().contains("values.bin: "), "{}", error());
    fs::write(folder.path().join("values.bin"), [0; 4]).unwrap();
    assert!(error().contains("`stem` has 0 values for shape [1, 1, 1, 1]"), "{}", error());
    fs::write(folder.path().join("values.bin"), [0, 0, 0, 0, 0, 0, 0x80, 0x3f]).unwrap();
    assert_eq!(open(&path).unwrap().layers[0].kernel.data, [1.0]);
    assert!(read(&file, "model.onnx").unwrap_err().to_string().contains("open the model by its path"));

    for outside in ["../values.bin", "/etc/passwd"] {
        let mut w = Writer::default();
        w.initializers.push(external(outside));
        w.node("Conv", &["image", "stem"], "a", &[]);
        fs::write(&path, w.finish(&[1, 1, 8, 8], "a")).unwrap();
        assert!(error().contains("outside the model's folder"), "{}", error());
    }
}

#[test]
fn what_is_no_mobilenet_is_refused() {
    fn one(op: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> Result<Weights, String> {
        let mut w = Writer::default();
        w.floats("kernel", &[4, 3, 3, 3], |n| n as f32);
        w.floats("matrix", &[4, 3], |n| n as f32);
        w.integers("integers", &[1, 1, 0, 0, 0, 0, 0, 0]);
        w.initializers.push(tensor("endless", &[0, 1 << 40, 1 << 40, 3], F32));
        w.node(op, inputs, "a", attributes);
        read(&w.finish(&[1, 3, 8, 8], "a"), "test").map_err(|report| report.to_string())
    }
    let same: &[i64] = &[1; 4];
    let cases = [
        (one("MaxPool", &["image"], &[]), "MaxPool has no place in a MobileNet v1"),
        (one("Conv", &["image", "missing"], &[]), "`missing` is not constant"),
        (one("Conv", &["image", "endless"], &[]), "`endless` has 0 values for shape"),
        (one("Conv", &["image", "integers"], &[]), "`integers` holds i64 values, not floats"),
        (one("Conv", &["image", "kernel"], &[("dilations", Ints(&[2, 2]))]), "is dilated"),
        (one("Conv", &["image", "kernel"], &[("strides", Ints(&[1, 2]))]), "different strides"),
        (one("Conv", &["image", "kernel"], &[("group", Int(3))]), "in 3 groups"),
        (one("Conv", &["image", "kernel"], &[("pads", Ints(&[-1; 4]))]), "changes the size"),
        (
            one("Conv", &["image", "kernel"], &[("auto_pad", Text("SAME_LOWER")), ("pads", Ints(same))]),
            "unusual",
        ),
        (one("Gemm", &["image", "matrix"], &[]), "a dense layer before the pooling"),
        (one("Pad", &["image", "integers"], &[]), "pads other than rows and columns"),
        (one("Pad", &["image", "a"], &[]), "by an amount that is not constant"),
        (one("Add", &["image", "kernel"], &[]), "is added to no convolution"),
        (one("Clip", &["image"], &[]), "an activation that follows no convolution"),
        (one("Identity", &["other"], &[]), "the graph branches or ends at `image`"),
        (one("Identity", &["image"], &[]), "it holds no convolution"),
    ];
    for (result, expected) in cases {
        let error = result.map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn damaged_files() {
    for file in [pytorch(), tensorflow()] {
        torment(&file, "a.onnx", 0..file.len());
    }
}
