//! TensorFlow Lite files, made here and published.

use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, VOffsetT, WIPOffset};
use mobilenet_compiler::family::{Activation, Padding};
use mobilenet_compiler::weights::{Kind, open, read};

use crate::hostile::torment;
use crate::net;
use crate::real::shared;

type Offset = WIPOffset<TableFinishedWIPOffset>;

/// Types of tensors, by their numbers in the schema.
const F32: u8 = 0;
pub(crate) const I32: u8 = 2;
pub(crate) const U8: u8 = 3;
pub(crate) const I8: u8 = 9;

/// Writes a model operator by operator.
pub(crate) struct Writer {
    builder: FlatBufferBuilder<'static>,
    tensors: Vec<Offset>,
    buffers: Vec<Offset>,
    operators: Vec<Offset>,
    codes: Vec<i8>,
}

/// Scales and zero points of a tensor, one or as many as its axis is long.
#[derive(Clone)]
pub(crate) struct Scale {
    pub(crate) scales: Vec<f32>,
    pub(crate) zeros: Vec<i64>,
    pub(crate) axis: i32,
}

fn slot(field: u16) -> VOffsetT {
    4 + 2 * field
}

impl Writer {
    pub(crate) fn new() -> Writer {
        let mut builder = FlatBufferBuilder::new();
        let start = builder.start_table();
        let empty = builder.end_table(start);
        Writer {
            builder,
            tensors: Vec::new(),
            buffers: vec![empty],
            operators: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// A tensor; `data` is empty where it is computed.
    fn tensor(&mut self, name: &str, shape: &[i32], kind: u8, data: &[u8], scale: Option<(f32, i64)>) -> i32 {
        let scale = scale.map(|(scale, zero)| Scale { scales: vec![scale], zeros: vec![zero], axis: 0 });
        self.scaled(name, shape, kind, data, scale.as_ref())
    }

    /// A tensor with any quantisation.
    pub(crate) fn scaled(
        &mut self,
        name: &str,
        shape: &[i32],
        kind: u8,
        data: &[u8],
        scale: Option<&Scale>,
    ) -> i32 {
        let b = &mut self.builder;
        let buffer = if data.is_empty() {
            0
        } else {
            let data = b.create_vector(data);
            let table = b.start_table();
            b.push_slot_always(slot(0), data);
            self.buffers.push(b.end_table(table));
            self.buffers.len() as u32 - 1
        };
        let quantisation = scale.map(|Scale { scales, zeros, axis }| {
            let (scale, zero) = (b.create_vector(scales), b.create_vector(zeros));
            let table = b.start_table();
            b.push_slot_always(slot(2), scale);
            b.push_slot_always(slot(3), zero);
            b.push_slot(slot(6), *axis, 0);
            b.end_table(table)
        });
        let (name, shape) = (b.create_string(name), b.create_vector(shape));
        let table = b.start_table();
        b.push_slot_always(slot(0), shape);
        b.push_slot(slot(1), kind, 0);
        b.push_slot(slot(2), buffer, 0);
        b.push_slot_always(slot(3), name);
        if let Some(quantisation) = quantisation {
            b.push_slot_always(slot(4), quantisation);
        }
        self.tensors.push(b.end_table(table));
        self.tensors.len() as i32 - 1
    }

    fn floats(&mut self, name: &str, shape: &[i32], value: impl Fn(usize) -> f32) -> i32 {
        let volume: i32 = shape.iter().product();
        let data: Vec<u8> = (0..volume as usize).flat_map(|n| value(n).to_le_bytes()).collect();
        self.tensor(name, shape, F32, &data, None)
    }

    fn computed(&mut self, shape: &[i32]) -> i32 {
        self.tensor("", shape, F32, &[], None)
    }

    /// An operator; `bytes` and `ints` are its options by field.
    pub(crate) fn operator(
        &mut self,
        code: i8,
        inputs: &[i32],
        output: i32,
        bytes: &[(u16, u8)],
        ints: &[(u16, i32)],
    ) {
        self.codes.push(code);
        let b = &mut self.builder;
        let options = b.start_table();
        for &(field, value) in bytes {
            b.push_slot_always(slot(field), value);
        }
        for &(field, value) in ints {
            b.push_slot_always(slot(field), value);
        }
        let options = b.end_table(options);
        let (inputs, outputs) = (b.create_vector(inputs), b.create_vector(&[output]));
        let table = b.start_table();
        b.push_slot_always(slot(0), self.codes.len() as u32 - 1);
        b.push_slot_always(slot(1), inputs);
        b.push_slot_always(slot(2), outputs);
        b.push_slot_always(slot(4), options);
        self.operators.push(b.end_table(table));
    }

    pub(crate) fn finish(mut self, input: i32, output: i32) -> Vec<u8> {
        let b = &mut self.builder;
        let codes: Vec<_> = (self.codes.iter())
            .map(|&code| {
                let table = b.start_table();
                b.push_slot_always(slot(0), code);
                b.end_table(table)
            })
            .collect();
        let (tensors, operators) = (b.create_vector(&self.tensors), b.create_vector(&self.operators));
        let (inputs, outputs) = (b.create_vector(&[input]), b.create_vector(&[output]));
        let graph = b.start_table();
        b.push_slot_always(slot(0), tensors);
        b.push_slot_always(slot(1), inputs);
        b.push_slot_always(slot(2), outputs);
        b.push_slot_always(slot(3), operators);
        let graph = b.end_table(graph);
        let (codes, graphs) = (b.create_vector(&codes), b.create_vector(&[graph]));
        let buffers = b.create_vector(&self.buffers);
        let model = b.start_table();
        b.push_slot_always(slot(1), codes);
        b.push_slot_always(slot(2), graphs);
        b.push_slot_always(slot(4), buffers);
        let model = b.end_table(model);
        b.finish(model, Some("TFL3"));
        b.finished_data().to_vec()
    }
}

const ADD: i8 = 0;
pub(crate) const AVERAGE_POOL: i8 = 1;
pub(crate) const CONV: i8 = 3;
const DEPTHWISE: i8 = 4;
pub(crate) const FULLY_CONNECTED: i8 = 9;
const MUL: i8 = 18;
const RELU: i8 = 19;
pub(crate) const RESHAPE: i8 = 22;
pub(crate) const SOFTMAX: i8 = 25;
const PAD: i8 = 34;
pub(crate) const MEAN: i8 = 40;

/// One 8-bit convolution on grey 8 x 8, an unfused float block padded apart, pooling, a dense layer.
fn small() -> Vec<u8> {
    let mut w = Writer::new();
    let input = w.computed(&[1, 8, 8, 1]);
    // Kernels are (1, height, width, outputs) and (outputs, height, width, inputs).
    let kernel: Vec<u8> = (0..36).collect();
    let kernel = w.tensor("stem;joined", &[1, 3, 3, 4], U8, &kernel, Some((0.5, 10)));
    let bias: Vec<u8> = [1i32, -2, 3, 4].iter().flat_map(|value| value.to_le_bytes()).collect();
    let bias = w.tensor("stem/bias", &[4], I32, &bias, Some((0.25, 0)));
    let a = w.computed(&[1, 4, 4, 4]);
    w.operator(DEPTHWISE, &[input, kernel, bias], a, &[(0, 0), (4, 3)], &[(1, 2), (2, 2), (3, 4)]);

    let zeros: Vec<u8> = [0i32, 0, 0, 1, 0, 1, 0, 0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let zeros = w.tensor("zeros", &[4, 2], I32, &zeros, None);
    let b = w.computed(&[1, 5, 5, 4]);
    w.operator(PAD, &[a, zeros], b, &[], &[]);
    let kernel = w.floats("dw", &[1, 3, 3, 4], |n| n as f32);
    let c = w.computed(&[1, 2, 2, 4]);
    w.operator(DEPTHWISE, &[b, kernel, -1], c, &[(0, 1), (4, 0)], &[(1, 2), (2, 2), (3, 1)]);
    let gamma = w.floats("gamma", &[4], |n| 1.0 + n as f32);
    let d = w.computed(&[1, 2, 2, 4]);
    w.operator(MUL, &[c, gamma], d, &[], &[]);
    let beta = w.floats("beta", &[4], |n| -(n as f32));
    let e = w.computed(&[1, 2, 2, 4]);
    w.operator(ADD, &[beta, d], e, &[], &[]);
    let f = w.computed(&[1, 2, 2, 4]);
    w.operator(RELU, &[e], f, &[], &[]);
    let kernel = w.floats("pw", &[5, 1, 1, 4], |n| n as f32);
    let g = w.computed(&[1, 2, 2, 5]);
    w.operator(CONV, &[f, kernel], g, &[(0, 0), (3, 1)], &[(1, 1), (2, 1)]);

    let h = w.computed(&[1, 1, 1, 5]);
    w.operator(AVERAGE_POOL, &[g], h, &[(0, 1)], &[(1, 2), (2, 2), (3, 2), (4, 2)]);
    let i = w.computed(&[1, 5]);
    w.operator(RESHAPE, &[h], i, &[], &[]);
    let kernel = w.floats("fc", &[2, 5], |n| n as f32);
    let j = w.computed(&[1, 2]);
    w.operator(FULLY_CONNECTED, &[i, kernel], j, &[], &[]);
    let output = w.computed(&[1, 2]);
    w.operator(SOFTMAX, &[j], output, &[], &[]);
    w.finish(input, output)
}

#[test]
fn a_graph_is_followed() {
    let weights = read(&small(), "small.tflite").unwrap();
    assert_eq!(weights.input, Some([8, 8, 1]));
    assert_eq!(weights.padding, Some(Padding::Same));
    let expected = [
        ("stem", Kind::Conv, vec![3, 3, 1, 4], Some(2), Some(Activation::Relu6)),
        ("dw", Kind::Depthwise, vec![3, 3, 4], Some(2), Some(Activation::Relu)),
        ("pw", Kind::Pointwise, vec![4, 5], Some(1), Some(Activation::Relu)),
        ("fc", Kind::Dense, vec![5, 2], None, Some(Activation::Linear)),
    ];
    assert_eq!(net::summaries(&weights), expected);
    let [stem, dw, pw, fc] = weights.layers.as_slice() else { unreachable!() };
    assert_eq!(stem.kernel.data[..3], [-5.0, -4.5, -4.0]);
    assert_eq!(stem.bias.as_deref().unwrap(), [0.25, -0.5, 0.75, 1.0]);
    let norm = dw.batchnorm.as_ref().unwrap();
    assert_eq!(
        (norm.gamma[1], norm.beta[1], norm.mean[1], norm.variance[1], norm.epsilon),
        (2.0, -1.0, 0.0, 1.0, Some(0.0))
    );
    assert_eq!(pw.kernel.data[..5], [0.0, 4.0, 8.0, 12.0, 16.0]);
    assert_eq!(fc.kernel.data[..2], [0.0, 5.0]);
    assert!(weights.guess().is_err());
}

#[test]
fn what_is_no_mobilenet_is_refused() {
    type Build = fn(&mut Writer, i32) -> i32;
    fn after(w: &mut Writer, code: i8, inputs: &[i32], bytes: &[(u16, u8)], ints: &[(u16, i32)]) -> i32 {
        let output = w.computed(&[1, 8, 8, 1]);
        w.operator(code, inputs, output, bytes, ints);
        output
    }
    let cases: [(&str, Build); 7] = [
        ("operator Other(17) has no place", |w, at| after(w, 17, &[at], &[], &[])),
        ("an activation that follows no convolution", |w, at| after(w, RELU, &[at], &[], &[])),
        ("operator Softmax has no place", |w, at| after(w, SOFTMAX, &[at], &[], &[])),
        ("different strides", |w, at| {
            let kernel = w.floats("k", &[1, 3, 3, 1], |_| 1.0);
            after(w, CONV, &[at, kernel], &[(0, 0)], &[(1, 1), (2, 2)])
        }),
        ("is dilated", |w, at| {
            let kernel = w.floats("k", &[1, 3, 3, 1], |_| 1.0);
            after(w, CONV, &[at, kernel], &[(0, 0)], &[(1, 1), (2, 1), (4, 2)])
        }),
        ("padding [0, 0, 0, 0] at stride 1 changes the size", |w, at| {
            let kernel = w.floats("k", &[1, 3, 3, 1], |_| 1.0);
            after(w, CONV, &[at, kernel], &[(0, 1)], &[(1, 1), (2, 1)])
        }),
        ("holds integers without a scale", |w, at| {
            let kernel = w.tensor("k", &[1, 3, 3, 1], U8, &[1; 9], None);
            after(w, CONV, &[at, kernel], &[(0, 0)], &[(1, 1), (2, 1)])
        }),
    ];
    for (expected, build) in cases {
        let mut w = Writer::new();
        let input = w.computed(&[1, 8, 8, 1]);
        let output = build(&mut w, input);
        let error = read(&w.finish(input, output), "test").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn damaged_files() {
    let file = small();
    torment(&file, "small.tflite", 0..file.len());
    if let Some(path) = shared("person_detect.tflite") {
        let file = std::fs::read(path).unwrap();
        torment(&file, "person_detect.tflite", 0..file.len());
    }
}

#[test]
fn published_models() {
    let cases = [
        ("mobilenet_v1_0.25_128_quant.tflite", "tf-slim", 0.25, [128, 128, 3], 1001),
        ("mobilenet_v1_0.5_160_quant.tflite", "tf-slim", 0.5, [160, 160, 3], 1001),
        ("mobilenet_v1_0.75_192_quant.tflite", "tf-slim", 0.75, [192, 192, 3], 1001),
        ("mobilenet_v1_1.0_224_quant.tflite", "tf-slim", 1.0, [224, 224, 3], 1001),
        ("mobilenet_v1_0.25_224_float.tflite", "tf-slim", 0.25, [224, 224, 3], 1001),
        ("person_detect.tflite", "tf-slim", 0.25, [96, 96, 1], 2),
        ("vww_96_int8.tflite", "mlperf-tiny", 0.25, [96, 96, 3], 2),
        ("vww_96_float.tflite", "mlperf-tiny", 0.25, [96, 96, 3], 2),
    ];
    for (name, family, alpha, input, classes) in cases {
        let Some(path) = shared(name) else { continue };
        let weights = open(&path).unwrap();
        assert_eq!(weights.family.name, family);
        assert_eq!(weights.input, Some(input));
        assert_eq!(weights.padding, Some(Padding::Same));
        let relu = if family == "mlperf-tiny" { Activation::Relu } else { Activation::Relu6 };
        assert!(weights.layers[..27].iter().all(|layer| layer.activation == Some(relu)));
        let guess = weights.guess().unwrap();
        assert_eq!((guess.alpha, guess.classes, guess.input_channels), (alpha, classes, input[2]));
        let mut expected = net::expected((1.0 / alpha) as usize, classes);
        if alpha != 0.75 {
            expected[0].kernel[2] = input[2];
            weights.bind(&expected).unwrap();
        }
        if let Some(labels) = weights.labels {
            assert_eq!((labels.len(), labels[0].as_str()), (1001, "background"));
        }
    }
}

#[test]
fn dequantised_as_published() {
    let quantised = shared("mobilenet_v1_1.0_224_quant.tflite");
    let (Some(quantised), Some(floats)) = (quantised, shared("mobilenet_v1_1.0_224_dequant_f32.safetensors"))
    else {
        return;
    };
    let (quantised, floats) = (open(&quantised).unwrap(), open(&floats).unwrap());
    let expected = net::expected(1, 1001);
    for (a, b) in quantised.bind(&expected).unwrap().into_iter().zip(floats.bind(&expected).unwrap()) {
        assert!(a.kernel.data == b.kernel.data, "{}", b.name);
        assert_eq!(a.bias, b.bias, "{}", b.name);
    }
}
