//! What comes after the last block.

use mobilenet_kernels::fixed;
use mobilenet_kernels::network::floats;
use mobilenet_kernels::quantised::layer::{Dequantise, FullyConnected, Pool, Softmax};
use mobilenet_kernels::quantised::layout::{AFFINE, SOFTMAX, padded};
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
                    let layer = Pool { input, output: len(shape), signed }.checked();
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
