//! What comes after the last block.

use mobilenet_kernels::fixed::{self, Multiplier};
use mobilenet_kernels::network::floats;
use mobilenet_kernels::quantised::layer::{Dequantise, FullyConnected, Pool, Softmax};
use mobilenet_kernels::quantised::layout::{AFFINE, MEAN, SOFTMAX, padded};
use mobilenet_kernels::quantised::pack;
use mobilenet_kernels::reference::Sizes;
use mobilenet_kernels::reference::quantised::{self as reference};

use crate::support::{Arena, KINDS, Layer, ONE, Random, WEIGHTS, each, kernels, len, packed, plane, turned};

#[test]
fn pool() {
    let mut random = Random(6);
    for shape in [[1, 1, 8], [7, 7, 24], [3, 5, 33], [4, 4, 130], [33, 31, 16]] {
        for signed in [false, true] {
            for bytes in [
                random.bytes(shape.iter().product()),
                vec![0; shape.iter().product()],
                vec![255; shape.iter().product()],
            ] {
                let channels = shape[2];
                let least = if signed { 128 } else { 0 };
                let values: Vec<i16> = bytes.iter().map(|&x| i16::from(x) - least).collect();
                let mut expected = vec![0; channels];
                reference::pool(&values, channels, &mut expected);
                let expected: Vec<u8> = expected.iter().map(|&x| (x + least) as u8).collect();
                for input in [plane(shape, 0), turned(shape, 0)] {
                    let layer = Pool { input, output: len(shape), signed, scale: None }.checked();
                    for kernels in kernels() {
                        let mut arena = Arena::new(&layer);
                        arena.write(&input, &bytes);
                        kernels.bytes().pool(&layer, &[], arena.slice());
                        let found = &arena.bytes()[len(shape)..][..channels];
                        assert_eq!(found, expected, "{shape:?}, signed {signed}, {}", kernels.isa());
                    }
                }
            }
        }
    }
}

/// As the reference requantises the sum, less as many zero points.
#[test]
fn means_with_a_scale_of_their_own() {
    let mut random = Random(16);
    for (shape, ratio) in [([7, 7, 24], 1.3), ([3, 5, 33], 0.4), ([1, 1, 8], 250.0)] {
        let [pixels, channels] = [shape[0] * shape[1], shape[2]];
        let zeros = [random.below(256) as i32, random.below(256) as i32];
        let factor = Multiplier::new(ratio / pixels as f64).unwrap();
        let bytes = random.bytes(pixels * channels);
        let sum =
            |c: usize| bytes[c..].iter().step_by(channels).map(|&x| i32::from(x) - zeros[0]).sum::<i32>();
        let mean = |c| (factor.apply(sum(c)) + zeros[1]).clamp(0, 255) as u8;
        let expected: Vec<u8> = (0..channels).map(mean).collect();
        let words = packed(MEAN, |out| pack::mean(factor, zeros, out));
        for input in [plane(shape, 0), turned(shape, 0)] {
            let layer = Pool { input, output: len(shape), signed: true, scale: Some(0) }.checked();
            for kernels in kernels() {
                let mut arena = Arena::new(&layer);
                arena.write(&input, &bytes);
                kernels.bytes().pool(&layer, floats(&words), arena.slice());
                let found = &arena.bytes()[len(shape)..][..channels];
                assert_eq!(found, expected, "{shape:?}, {}", kernels.isa());
            }
        }
    }
}

#[test]
fn classifier() {
    let mut random = Random(7);
    let mut kinds = KINDS.into_iter().cycle();
    for (inputs, outputs) in [(8, 10), (24, 2), (27, 70), (64, 100), (256, 1001), (40, 257), (1024, 1001)] {
        for weights in WEIGHTS {
            let kind = kinds.next().unwrap();
            let layer = Layer::new(&mut random, weights, kind, inputs, outputs);
            let section = layer.panels(1, inputs);
            let input = random.bytes(inputs);
            let sizes = Sizes { input: [1, 1, inputs], output: [1, 1, outputs] };
            let expected = layer.expected(&sizes, &ONE, &input, false);
            let output = padded(inputs);
            let checked = FullyConnected { inputs, outputs, input: 0, output, weights: 0 }.checked();
            each(|kernels, name| {
                let mut arena = Arena::new(&checked);
                arena.bytes()[..inputs].copy_from_slice(&input);
                kernels.bytes().fully_connected(&checked, floats(&section), arena.slice());
                let found = &arena.bytes()[output..][..outputs];
                assert_eq!(found, expected, "{inputs} to {outputs}, {weights:?}, {kind:?}, {name}");
            });
        }
    }
}

#[test]
fn scores_become_probabilities_and_numbers() {
    let mut random = Random(8);
    for len in [1, 2, 1001] {
        let bytes = random.bytes(len);
        let softmax = fixed::Softmax::new(0.1, 1.0).unwrap();
        let mut expected = bytes.clone();
        softmax.apply(&mut expected);
        let table = packed(SOFTMAX, |out| pack::softmax(&softmax, out));
        let affine = packed(AFFINE, |out| pack::affine(0.25, 128, out));
        let (vector, output) = (5, 512);
        let layer = Softmax { len, vector, weights: 0 }.checked();
        let numbers = Dequantise { len, input: vector, output, weights: 0 }.checked();
        for kernels in kernels() {
            let mut arena = Arena::of(output + len);
            arena.bytes()[vector..vector + len].copy_from_slice(&bytes);
            kernels.bytes().dequantise(&numbers, floats(&affine), arena.slice());
            for (found, &byte) in arena.slice()[output..].iter().zip(&bytes) {
                assert_eq!(*found, (f32::from(byte) - 128.0) * 0.25);
            }
            kernels.bytes().softmax(&layer, floats(&table), arena.slice());
            assert_eq!(arena.bytes()[vector..vector + len], expected);
        }
    }
}
