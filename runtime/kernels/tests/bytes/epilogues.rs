//! From sums to bytes.

use mobilenet_kernels::network::floats;
use mobilenet_kernels::quantised::layer::Pointwise;
use mobilenet_kernels::quantised::layout::Kind;
use mobilenet_kernels::reference::Sizes;

use crate::support::{Arena, KINDS, Layer, ONE, Random, Weights, epilogue, kernels, plane};

/// All sums on both sides of each step, and far beyond: inputs that are 0 leave the bias alone.
#[test]
fn epilogues_are_exact_at_every_step() {
    let mut random = Random(9);
    for kind in KINDS {
        for round in 0..60 {
            // Single precision is for factors below 1, double precision for those that are not too small.
            let [greatest, least] = if kind == Kind::Float { [0, -19] } else { [6, -25] };
            let exponent = f64::from(greatest) - f64::from(random.below((greatest - least) as u32));
            let real = (f64::from(random.next()) / 2f64.powi(33) + 0.5) * exponent.exp2() * 0.99;
            let zero = [0, 128, 255, 7][round % 4];
            let one = epilogue(kind, real, zero);
            let mut bias = vec![0, 1, -1, i32::MAX, i32::MIN, i32::MAX / 2, i32::MIN / 2];
            for byte in 0..=256 {
                let step = (f64::from(byte - zero) - 0.5) / real;
                bias.extend((-3..=3).map(|i| (step as i32).saturating_add(i)));
            }
            let mut layer = Layer {
                weights: Weights::Signed,
                kernel: Vec::new(),
                kernel_zero: 0,
                epilogues: Vec::new(),
                input_zero: 0,
                output_zero: zero,
                clamp: [[0, 255], [1, 254]][round % 2],
                bias: Vec::new(),
            };
            let all = bias.len();
            bias.retain(|&sum| layer.is_proved(&one, sum));
            assert!(bias.len() > all / 2, "{kind:?}, {real}, zero {zero}: {} of {all}", bias.len());
            layer.kernel = vec![0; bias.len()];
            layer.epilogues = vec![one; bias.len()];
            layer.bias = bias;
            let section = layer.panels(1, 1);
            let outputs = layer.bias.len();
            let expected: Vec<u8> = layer.bias.iter().map(|&sum| layer.byte(&one, sum)).collect();
            let [input, output] = [plane([1, 1, 1], 0), plane([1, 1, outputs], 64)];
            let checked = Pointwise { input, output, sums: None, weights: 0 }.checked();
            for kernels in kernels() {
                let mut arena = Arena::new(&checked);
                kernels.bytes().pointwise(&checked, floats(&section), arena.slice());
                assert_eq!(arena.read(&output), expected, "{kind:?}, {real}, zero {zero}, {}", kernels.isa());
            }
        }
    }
}

/// Sums that leave 32 bits wrap, as they do in the reference.
#[test]
fn sums_wrap() {
    for weights in [Weights::Signed, Weights::Extreme(0), Weights::Extreme(255)] {
        for (bias, weight) in [(i32::MAX, 255), (i32::MIN, 0)] {
            let mut layer = Layer::new(&mut Random(10), weights, Kind::Fixed, 64, 16);
            layer.bias.fill(bias);
            let least = if layer.signed() { 128 } else { 0 };
            layer.kernel.fill(weight - least);
            let section = layer.panels(1, 64);
            let sizes = Sizes { input: [1, 1, 64], output: [1, 1, 16] };
            let input = [255; 64];
            let expected = layer.expected(&sizes, &ONE, &input, false);
            let maps = [plane([1, 1, 64], 0), plane([1, 1, 16], 64)];
            let checked = Pointwise { input: maps[0], output: maps[1], sums: layer.sums(128), weights: 0 };
            let checked = checked.checked();
            for kernels in kernels() {
                let mut arena = Arena::new(&checked);
                arena.write(&maps[0], &input);
                kernels.bytes().pointwise(&checked, floats(&section), arena.slice());
                assert_eq!(arena.read(&maps[1]), expected, "{weights:?}, {}", kernels.isa());
            }
        }
    }
}
