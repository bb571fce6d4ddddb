//! Kernels of 16-bit weights on every instruction set of this machine against the obvious loops, which round where the kernels
//! round.
//!
//! Inputs and taps are sixteenths, so that depthwise sums are exact and all sets round the same numbers: what is left are the
//! sums of the product.

use mobilenet_kernels::layer::{FullyConnected, Separable};
use mobilenet_kernels::layout::{Map, Section, Storage, Window, aligned, padded};
use mobilenet_kernels::narrow::F16;
use mobilenet_kernels::reference::{self, Sizes};
use mobilenet_kernels::{Isa, Kernels, pack};

const RELU6: [f32; 2] = [0.0, 6.0];
const ONE: Window = Window { size: 1, stride: 1, top: 0, left: 0 };
const SAME: Window = Window { size: 3, stride: 1, top: 1, left: 1 };

/// Reproducible values in -1..1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.next()).collect()
    }

    fn sixteenths(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() * 16.0).round() / 16.0).collect()
    }

    /// A kernel whose sums stay small.
    fn kernel(&mut self, inputs: usize, outputs: usize) -> Vec<f32> {
        let scale = 2.0 / (inputs as f32).sqrt();
        self.values(inputs * outputs).iter().map(|w| w * scale).collect()
    }
}

fn kernels() -> impl Iterator<Item = Kernels<'static>> {
    Isa::available().filter_map(Kernels::new)
}

fn assert_close(what: &str, isa: Isa, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= 1e-5 + 1e-5 * expected.abs(), "{what}, {isa}: [{i}] is {found}, not {expected}");
    }
}

fn spread(bias: &[f32], pixels: usize) -> Vec<f64> {
    (0..pixels).flat_map(|_| bias.iter().map(|&b| f64::from(b))).collect()
}

fn clamped(sums: &[f64], bounds: [f32; 2]) -> Vec<f32> {
    let mut out = vec![0.0; sums.len()];
    reference::clamp(sums, bounds, &mut out);
    out
}

/// A block of bf16s, its packed weights, an input, and what comes of it.
struct Block {
    layer: Separable,
    weights: Vec<f32>,
    input: Vec<f32>,
    expected: Vec<f32>,
}

impl Block {
    fn new(
        random: &mut Random,
        [height, width, channels]: [usize; 3],
        outputs: usize,
        window: Window,
        (strip, planes): (usize, bool),
    ) -> Block {
        let from = [height, width, channels];
        let [rows, columns] = [height, width].map(|size| size.div_ceil(window.stride));
        let (middle, to) = ([rows, columns, channels], [rows, columns, outputs]);

        let (taps, bias) = (random.sixteenths(9 * channels), random.sixteenths(channels));
        let mut weights = vec![f32::NAN; Section::depthwise(channels, 9).len];
        pack::depthwise(&taps, &bias, RELU6, channels, 9, &mut weights);
        let pointwise = weights.len();
        let (mut kernel, bias_1x1) = (random.kernel(channels, outputs), random.values(outputs));
        let mut section = vec![f32::NAN; Section::product(channels, outputs, Storage::Bf16).len];
        pack::product(Storage::Bf16, &kernel, &bias_1x1, RELU6, channels, outputs, &mut section);
        weights.extend(section);

        let input = random.sixteenths(height * width * channels);
        let mut sums = spread(&bias, rows * columns);
        reference::depthwise(&Sizes { input: from, output: middle }, &window, &input, &taps, &mut sums);
        let mut strip_values = clamped(&sums, RELU6);
        reference::round(&mut strip_values, Storage::Bf16);
        reference::round(&mut kernel, Storage::Bf16);
        let mut sums = spread(&bias_1x1, rows * columns);
        reference::conv(&Sizes { input: middle, output: to }, &ONE, &strip_values, &kernel, &mut sums);

        let len = |shape: [usize; 3]| aligned(shape[0] * shape[1] * padded(shape[2]));
        let place = |shape: [usize; 3], offset| match planes {
            true => Map::plane(shape, offset),
            false => Map::rows(shape, offset, shape[0], 0),
        };
        let layer = Separable {
            input: place(from, 0),
            window,
            output: place(to, len(from)),
            strip: strip.min(rows),
            scratch: len(from) + len(to),
            depthwise: 0,
            pointwise,
            storage: Storage::Bf16,
        };
        Block { layer, weights, input, expected: clamped(&sums, RELU6) }
    }

    fn run(&self, kernels: Kernels<'_>) -> Vec<f32> {
        let layer = self.layer.checked();
        let mut arena = vec![f32::NAN; layer.arena_end()];
        pack::to_map(&self.input, &self.layer.input, &mut arena);
        kernels.separable(&layer, &self.weights, &mut arena);
        let mut found = vec![0.0; self.expected.len()];
        pack::from_map(&self.layer.output, &arena, &mut found);
        found
    }
}

#[test]
fn blocks_of_bf16() {
    let mut random = Random(1);
    // Heights of tiles: one by one, the least, the most, one more, and splits into unequal ones.
    for (height, width) in [(3, 3), (3, 5), (7, 7), (6, 8), (3, 14), (5, 15), (2, 16), (3, 29), (4, 33)] {
        for (inputs, outputs) in
            [(1, 1), (3, 40), (8, 16), (16, 32), (24, 48), (31, 33), (32, 64), (48, 24), (64, 96), (72, 130)]
        {
            let halve = Window { stride: 2, top: height % 2, left: width % 2, ..SAME };
            for window in [SAME, halve] {
                for (strip, planes) in [(height, true), (2, false), (1, true)] {
                    let shape = [height, width, inputs];
                    let block = Block::new(&mut random, shape, outputs, window, (strip, planes));
                    let what = format!("{:?}", block.layer);
                    for kernels in kernels() {
                        assert_close(&what, kernels.isa(), &block.run(kernels), &block.expected);
                    }
                }
            }
        }
    }
}

#[test]
fn threads_give_the_same_bits() {
    let team = mobilenet_kernels::Team::new(std::num::NonZeroUsize::new(2).unwrap());
    let mut random = Random(2);
    for (shape, outputs, strip, planes) in
        [([14, 14, 128], 128, 14, true), ([28, 28, 64], 128, 4, false), ([56, 56, 16], 32, 8, false)]
    {
        let block = Block::new(&mut random, shape, outputs, SAME, (strip, planes));
        for kernels in kernels() {
            assert_eq!(block.run(kernels.on(&team)), block.run(kernels), "{}", kernels.isa());
        }
    }
}

#[test]
fn classifiers_of_f16() {
    let mut random = Random(3);
    for (inputs, outputs) in [(1, 1), (8, 10), (24, 2), (27, 70), (64, 100), (256, 1001), (1024, 1000)] {
        let (mut kernel, bias) = (random.kernel(inputs, outputs), random.values(outputs));
        // Halves that are no normal numbers, and the largest.
        for (weight, value) in kernel.iter_mut().zip([3e-5, -6e-8, 1e-9, -0.0, F16::MAX]) {
            *weight = value;
        }
        let mut weights = vec![f32::NAN; Section::product(inputs, outputs, Storage::F16).len];
        let unbounded = [f32::NEG_INFINITY, f32::INFINITY];
        pack::product(Storage::F16, &kernel, &bias, unbounded, inputs, outputs, &mut weights);
        let input = random.sixteenths(inputs);
        reference::round(&mut kernel, Storage::F16);
        let mut sums = spread(&bias, 1);
        let sizes = Sizes { input: [1, 1, inputs], output: [1, 1, outputs] };
        reference::conv(&sizes, &ONE, &input, &kernel, &mut sums);
        let layer = FullyConnected {
            inputs,
            outputs,
            input: 0,
            output: aligned(padded(inputs)),
            weights: 0,
            storage: Storage::F16,
        };
        let layer = layer.checked();
        for kernels in kernels() {
            let mut arena = vec![f32::NAN; layer.arena_end()];
            arena[..inputs].copy_from_slice(&input);
            kernels.fully_connected(&layer, &weights, &mut arena);
            let found = &arena[layer.layer().output..][..outputs];
            assert_close(&format!("{inputs} to {outputs}"), kernels.isa(), found, &clamped(&sums, unbounded));
        }
    }
}

#[test]
fn storage_that_no_kernel_knows_is_refused() {
    let mut random = Random(4);
    let Block { layer, .. } = Block::new(&mut random, [4, 4, 8], 8, SAME, (4, true));
    assert!(layer.check().is_ok());
    assert!(Separable { storage: Storage::F16, ..layer }.check().is_err());
    let layer =
        FullyConnected { inputs: 8, outputs: 8, input: 0, output: 16, weights: 0, storage: Storage::F16 };
    assert!(layer.check().is_ok());
    assert!(FullyConnected { storage: Storage::Bf16, ..layer }.check().is_err());
}
