//! What integer arithmetic needs of TensorFlow Lite files.

use mobilenet_compiler::weights::{Affine, Integers, Pooling, Quantised, read};
use mobilenet_kernels::fixed::{Factor, Multiplier};

use crate::tflite::{
    AVERAGE_POOL, CONV, FULLY_CONNECTED, I8, I32, MEAN, RESHAPE, SOFTMAX, Scale, U8, Writer,
};

/// A network of one convolution and a dense layer; each test changes something about it.
#[derive(Clone)]
struct File {
    kind: u8,
    kernel_kind: u8,
    bias_kind: u8,
    activation: u8,
    pool: i8,
    input: Scale,
    kernel: Scale,
    bias: Scale,
    bias_len: usize,
    map: Scale,
    pooled: Scale,
    dense: Scale,
    probabilities: Scale,
}

fn scale(scale: f32, zero: i64) -> Scale {
    Scale { scales: vec![scale], zeros: vec![zero], axis: 0 }
}

fn by_channel(scales: &[f32], axis: i32) -> Scale {
    Scale { scales: scales.to_vec(), zeros: vec![0; scales.len()], axis }
}

impl File {
    fn unsigned() -> File {
        File {
            kind: U8,
            kernel_kind: U8,
            bias_kind: I32,
            activation: 3,
            pool: AVERAGE_POOL,
            input: scale(0.0078125, 128),
            kernel: scale(0.02, 120),
            bias: scale(0.0078125 * 0.02, 0),
            bias_len: 3,
            map: scale(0.05, 10),
            pooled: scale(0.05, 10),
            dense: scale(0.01, 100),
            probabilities: scale(1.0 / 256.0, 0),
        }
    }

    fn signed() -> File {
        File {
            kind: I8,
            kernel_kind: I8,
            activation: 1,
            input: scale(0.5, 0),
            kernel: by_channel(&[0.02, 0.03, 1e-12], 0),
            map: scale(0.05, -128),
            pooled: scale(0.05, -128),
            dense: scale(0.01, 0),
            probabilities: scale(1.0 / 256.0, -128),
            ..File::unsigned()
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        let kind = self.kind;
        let input = w.scaled("input", &[1, 4, 4, 2], kind, &[], Some(&self.input));
        let bytes: Vec<u8> = (0..54).map(|n| n * 4).collect();
        let kernel = w.scaled("kernel", &[3, 3, 3, 2], self.kernel_kind, &bytes, Some(&self.kernel));
        let bias: Vec<u8> = (0..self.bias_len as i32).flat_map(|n| (n - 1).to_le_bytes()).collect();
        let bias = w.scaled("bias", &[self.bias_len as i32], self.bias_kind, &bias, Some(&self.bias));
        let map = w.scaled("map", &[1, 4, 4, 3], kind, &[], Some(&self.map));
        w.operator(CONV, &[input, kernel, bias], map, &[(0, 0), (3, self.activation)], &[(1, 1), (2, 1)]);
        let pooled = w.scaled("pooled", &[1, 1, 1, 3], kind, &[], Some(&self.pooled));
        w.operator(self.pool, &[map], pooled, &[(0, 1)], &[(1, 4), (2, 4), (3, 4), (4, 4)]);
        let flat = w.scaled("flat", &[1, 3], kind, &[], Some(&self.pooled));
        w.operator(RESHAPE, &[pooled], flat, &[], &[]);
        let dense = w.scaled("dense", &[2, 3], kind, &[1, 2, 3, 4, 5, 6], Some(&self.dense));
        let scores = w.scaled("scores", &[1, 2], kind, &[], Some(&scale(0.1, 7)));
        w.operator(FULLY_CONNECTED, &[flat, dense, -1], scores, &[], &[]);
        let probabilities = w.scaled("probabilities", &[1, 2], kind, &[], Some(&self.probabilities));
        w.operator(SOFTMAX, &[scores], probabilities, &[], &[(0, 1.0f32.to_bits() as i32)]);
        w.finish(input, probabilities)
    }

    /// The integer parameters, or all complaints about them. The floats are read either way.
    fn read(&self) -> Result<Quantised, String> {
        let weights = read(&self.write(), "test").unwrap_or_else(|report| panic!("{report}"));
        weights.quantised.expect("it is quantised").map_err(|report| report.to_string())
    }
}

#[test]
fn unsigned_bytes_scaled_by_tensor() {
    let quantised = File::unsigned().read().unwrap();
    assert_eq!(quantised.integers, Integers::U8);
    assert_eq!(quantised.input, Affine { scale: 0.0078125, zero: 128 });
    assert_eq!(quantised.softmax.map(|softmax| softmax.beta), Some(1.0));
    let [conv, dense] = &quantised.layers[..] else { panic!("two layers") };
    assert_eq!((&conv.kernel.shape[..], conv.kernel_zero), (&[3, 3, 2, 3][..], 120));
    // Outputs are outermost in the file, innermost here.
    assert_eq!(conv.kernel.data[..4], [0, 72, 144, 4]);
    assert_eq!(conv.bias, [-1, 0, 1]);
    // ReLU6: 0 is 10, 6 is 130.
    assert_eq!(conv.clamp, [10, 130]);
    assert_eq!(conv.factors.len(), 3);
    assert_eq!(dense.bias, [0, 0]);
    assert_eq!((dense.clamp, dense.output), ([0, 255], Affine { scale: 0.1, zero: 7 }));
    assert_eq!(quantised.output(), Affine { scale: 1.0 / 256.0, zero: 0 });
}

#[test]
fn signed_bytes_scaled_by_channel() {
    let quantised = File::signed().read().unwrap();
    assert_eq!((quantised.integers, quantised.output().zero), (Integers::I8, -128));
    let [conv, dense] = &quantised.layers[..] else { panic!("two layers") };
    assert_eq!(conv.kernel.data[..4], [0, 72, -112, 4]);
    assert_eq!(conv.clamp, [-128, 127]);
    // 0.5 * 0.02 / 0.05 is 0.2; the third channel's factor is too small to make any difference.
    assert!(matches!(conv.factors[0], Factor::Fixed(Multiplier { exponent: -2, .. })));
    assert_eq!(conv.factors[2], Factor::Fixed(Multiplier::ZERO));
    // Dense layers compute with doubles.
    let factor = f64::from(0.05f32) * f64::from(0.01f32) / f64::from(0.1f32);
    assert_eq!(dense.factors, [Factor::Double(factor); 2]);
}

#[test]
fn means_may_have_a_scale_of_their_own() {
    let pooling = |pool, pooled: f32| {
        let mut file = File::signed();
        (file.pool, file.pooled) = (pool, scale(pooled, -128));
        file.read().map(|quantised| quantised.pooling)
    };
    let [from, to] = [0.05, 0.1].map(|scale| Affine { scale, zero: -128 });
    assert_eq!(pooling(AVERAGE_POOL, 0.05), Ok(Pooling::Average));
    assert_eq!(pooling(MEAN, 0.05), Ok(Pooling::Mean { from, to: from }));
    assert_eq!(pooling(MEAN, 0.1), Ok(Pooling::Mean { from, to }));
    // Half, over 49 pixels: 2^30 shifted by five bits, divided.
    let factor = Pooling::factor(from, to, 49);
    assert_eq!(factor, Some(Multiplier { factor: 701_219_150, exponent: -5 }));
    assert_eq!(Pooling::factor(from, to, 0), None);
    assert_eq!(Pooling::factor(to, Affine { scale: 1e-9, zero: 0 }, 1), None);
}

#[test]
fn what_makes_no_sense_is_named() {
    type Change = fn(&mut File);
    let cases: [(&str, Change); 15] = [
        ("`input` has scale NaN", |f| f.input = scale(f32::NAN, 0)),
        ("`input` has zero point 128, which is no int8", |f| f.input = scale(0.5, 128)),
        ("`map` has scale 0", |f| f.map = scale(0.0, 0)),
        ("`map` has 2 scales and 2 zero points", |f| f.map = by_channel(&[0.5, 0.5], 3)),
        ("`kernel` has scale -1", |f| f.kernel = by_channel(&[0.5, -1.0, 0.5], 0)),
        ("`kernel` has 2 scales for 3 outputs", |f| f.kernel = by_channel(&[0.5, 0.5], 3)),
        ("`kernel` is scaled along axis 1, not 0", |f| f.kernel = by_channel(&[0.5; 3], 1)),
        ("`kernel` has zero points other than 0", |f| f.kernel = scale(0.5, 3)),
        ("`kernel` is u8, where maps are int8", |f| f.kernel_kind = U8),
        ("`kernel` scales sums by 1.0", |f| {
            (f.kernel, f.input, f.map) = (scale(1e30, 0), scale(1e6, 0), scale(0.1, 0));
        }),
        ("`bias` has 2 values for 3 outputs", |f| f.bias_len = 2),
        ("`bias` has a zero point other than 0", |f| f.bias = scale(0.5, 1)),
        ("`pooled` does not have the scale of its input", |f| f.pooled = scale(0.1, -128)),
        ("softmax `probabilities` has scale 0.5", |f| f.probabilities = scale(0.5, -128)),
        ("`pooled` scales means by 5.0000001", |f| {
            (f.pool, f.map, f.pooled) = (MEAN, scale(5e4, 0), scale(0.01, 0));
        }),
    ];
    for (expected, change) in cases {
        let mut file = File::signed();
        change(&mut file);
        let found = file.read().map_or_else(|complaints| complaints, |_| String::new());
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let mut file = File::signed();
    (file.input, file.bias_len, file.pooled) = (scale(-1.0, 0), 1, scale(0.1, 300));
    let found = file.read().unwrap_err();
    for expected in ["test: `input` has scale -1", "test: `bias` has 1 values", "zero point 300"] {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn floats_have_no_integers() {
    let mut w = Writer::new();
    let input = w.scaled("input", &[1, 4, 4, 2], 0, &[], None);
    let kernel: Vec<u8> = (0..12).flat_map(|n| (n as f32).to_le_bytes()).collect();
    let kernel = w.scaled("kernel", &[6, 1, 1, 2], 0, &kernel, None);
    let output = w.scaled("output", &[1, 4, 4, 6], 0, &[], None);
    w.operator(CONV, &[input, kernel], output, &[(0, 0)], &[(1, 1), (2, 1)]);
    assert!(read(&w.finish(input, output), "test").unwrap().quantised.is_none());
}
