//! Every kernel of every instruction set of this machine against the obvious loops: below, at and above each tile, odd
//! sizes, borders, strides, channel counts that leave half blocks, both arrangements of maps, in place, streamed.

use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::layer::{
    Activation, BatchNorm, Conv, Depthwise, FullyConnected, Pointwise, Pool, Separable, Softmax, Stage, Stem,
};
use mobilenet_kernels::layout::{Map, Order, Section, Storage, Window, aligned, padded};
use mobilenet_kernels::reference::{self, Sizes};
use mobilenet_kernels::{Isa, Kernels, pack};

const RELU6: [f32; 2] = [0.0, 6.0];

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
}

fn kernels() -> impl Iterator<Item = Kernels<'static>> {
    Isa::available().filter_map(Kernels::new)
}

fn assert_close(what: &str, isa: Isa, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(
            error <= 1e-5 + 1e-5 * expected.abs(),
            "{what}, {isa}: [{i}] is {found}, should be {expected}"
        );
    }
}

fn plane(shape: [usize; 3], offset: usize) -> Map {
    Map { height: shape[0], width: shape[1], channels: shape[2], offset, order: Order::Plane }
}

fn rows(shape: [usize; 3], offset: usize) -> Map {
    let order = Order::Rows { slots: shape[0], first: 0 };
    Map { order, ..plane(shape, offset) }
}

fn len(shape: [usize; 3]) -> usize {
    aligned(shape[0] * shape[1] * padded(shape[2]))
}

fn out_size(input: usize, before: usize, after: usize, window: &Window) -> usize {
    (input + before + after - window.size) / window.stride + 1
}

/// `kernel (K x N)` and bias of a product, and their section.
fn product(random: &mut Random, inputs: usize, outputs: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let scale = 2.0 / (inputs as f32).sqrt();
    let kernel: Vec<f32> = random.values(inputs * outputs).iter().map(|w| w * scale).collect();
    let bias = random.values(outputs);
    let mut section = vec![f32::NAN; Section::panels(inputs, outputs).len];
    pack::panels(&kernel, &bias, RELU6, inputs, outputs, &mut section);
    (kernel, bias, section)
}

fn depthwise_weights(random: &mut Random, channels: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (kernel, bias) = (random.values(9 * channels), random.values(channels));
    let mut section = vec![f32::NAN; Section::depthwise(channels, 9).len];
    pack::depthwise(&kernel, &bias, RELU6, channels, 9, &mut section);
    (kernel, bias, section)
}

fn spread(bias: &[f32], pixels: usize) -> Vec<f64> {
    (0..pixels).flat_map(|_| bias.iter().map(|&b| f64::from(b))).collect()
}

fn reference_conv(sizes: &Sizes, window: &Window, input: &[f32], kernel: &[f32], bias: &[f32]) -> Vec<f32> {
    let mut sums = spread(bias, sizes.output[0] * sizes.output[1]);
    reference::conv(sizes, window, input, kernel, &mut sums);
    let mut out = vec![0.0; sums.len()];
    reference::clamp(&sums, RELU6, &mut out);
    out
}

fn reference_depthwise(
    sizes: &Sizes,
    window: &Window,
    input: &[f32],
    kernel: &[f32],
    bias: &[f32],
) -> Vec<f32> {
    let mut sums = spread(bias, sizes.output[0] * sizes.output[1]);
    reference::depthwise(sizes, window, input, kernel, &mut sums);
    let mut out = vec![0.0; sums.len()];
    reference::clamp(&sums, RELU6, &mut out);
    out
}

const ONE: Window = Window { size: 1, stride: 1, top: 0, left: 0 };

/// An arena whose every value is NaN until it is written.
fn arena(len: usize) -> Vec<f32> {
    vec![f32::NAN; len]
}

fn read(map: &Map, arena: &[f32]) -> Vec<f32> {
    let mut values = vec![0.0; map.height * map.width * map.channels];
    pack::from_map(map, arena, &mut values);
    values
}

#[test]
fn pointwise() {
    let mut random = Random(1);
    // Heights of tiles: one by one, the least, the most, one more, and splits into unequal ones.
    for (height, width) in
        [(1, 1), (1, 5), (2, 3), (1, 7), (1, 9), (2, 7), (7, 7), (3, 13), (1, 15), (5, 6), (2, 29)]
    {
        for (inputs, outputs) in
            [(1, 1), (8, 8), (3, 40), (16, 16), (24, 48), (31, 33), (48, 24), (40, 72), (96, 130)]
        {
            let (from, to) = ([height, width, inputs], [height, width, outputs]);
            let input = random.values(height * width * inputs);
            let (kernel, bias, weights) = product(&mut random, inputs, outputs);
            let sizes = Sizes { input: from, output: to };
            let expected = reference_conv(&sizes, &ONE, &input, &kernel, &bias);
            for (place_in, place_out) in
                [(plane as fn(_, _) -> _, plane as fn(_, _) -> _), (rows, rows), (plane, rows)]
            {
                let layer =
                    Pointwise { input: place_in(from, 0), output: place_out(to, len(from)), weights: 0 };
                let layer = layer.checked();
                for kernels in kernels() {
                    let mut arena = arena(layer.arena_end());
                    pack::to_map(&input, &layer.layer().input, &mut arena);
                    kernels.pointwise(&layer, &weights, &mut arena);
                    let found = read(&layer.layer().output, &arena);
                    assert_close(&format!("{from:?} to {to:?}"), kernels.isa(), &found, &expected);
                }
            }
        }
    }
}

#[test]
fn depthwise() {
    let mut random = Random(2);
    for (height, width) in [(1, 1), (2, 2), (6, 4), (3, 5), (7, 7), (8, 16), (4, 17), (5, 24), (9, 33)] {
        for channels in [1, 8, 11, 16, 24, 40, 67] {
            for (stride, before, after) in [(1, 1, 1), (2, 0, 1), (2, 1, 1), (2, 1, 0), (1, 0, 1), (1, 1, 0)]
            {
                if height + before + after < 3 || width + before + after < 3 {
                    continue;
                }
                let window = Window { size: 3, stride, top: before, left: before };
                let from = [height, width, channels];
                let to = [
                    out_size(height, before, after, &window),
                    out_size(width, before, after, &window),
                    channels,
                ];
                let input = random.values(height * width * channels);
                let (kernel, bias, weights) = depthwise_weights(&mut random, channels);
                let sizes = Sizes { input: from, output: to };
                let expected = reference_depthwise(&sizes, &window, &input, &kernel, &bias);
                for place in [plane, rows] {
                    let layer =
                        Depthwise { input: place(from, 0), window, output: place(to, len(from)), weights: 0 };
                    let layer = layer.checked();
                    for kernels in kernels() {
                        let mut arena = arena(layer.arena_end());
                        pack::to_map(&input, &layer.layer().input, &mut arena);
                        kernels.depthwise(&layer, &weights, &mut arena);
                        let found = read(&layer.layer().output, &arena);
                        assert_close(
                            &format!("{from:?} to {to:?}, {window:?}"),
                            kernels.isa(),
                            &found,
                            &expected,
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn stem_and_conv() {
    let mut random = Random(3);
    for (height, width) in [(3, 3), (8, 8), (9, 31), (12, 30), (5, 1)] {
        for (inputs, outputs) in [(1, 8), (3, 32), (3, 11), (2, 24), (4, 40)] {
            for (size, stride, before, after) in
                [(3, 2, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (1, 1, 0, 0), (5, 2, 2, 2)]
            {
                if height + before + after < size || width + before + after < size {
                    continue;
                }
                let window = Window { size, stride, top: before, left: before };
                let from = [height, width, inputs];
                let to = [
                    out_size(height, before, after, &window),
                    out_size(width, before, after, &window),
                    outputs,
                ];
                let (kernel, bias, weights) = product(&mut random, size * size * inputs, outputs);
                let sizes = Sizes { input: from, output: to };
                let pixels: Vec<u8> = (0..height * width * inputs).map(|i| (i * 37 % 256) as u8).collect();
                let scale = [0.01, 0.02, 0.03, 0.04];
                let normalise = Normalise { scale, offset: [-1.0, -0.5, 0.0, 0.5] };
                let input: Vec<f32> = pixels
                    .iter()
                    .enumerate()
                    .map(|(i, &p)| f32::from(p) * scale[i % inputs] + normalise.offset[i % inputs])
                    .collect();
                let expected = reference_conv(&sizes, &window, &input, &kernel, &bias);
                let what = format!("{from:?} to {to:?}, {window:?}");
                for strip in [1, to[0].min(3), to[0]] {
                    for place in [plane, rows] {
                        let output = place(to, 0);
                        let stem =
                            Stem { image: from, window, output, strip, lines: len(to), weights: 0 }.checked();
                        let conv = Conv {
                            input: place(from, len(to)),
                            window,
                            output,
                            strip,
                            lines: len(to) + len(from),
                            weights: 0,
                        };
                        let conv = conv.checked();
                        for kernels in kernels() {
                            for image in [Image::Tensor(&input), Image::Pixels(&pixels, &normalise)] {
                                let mut arena = arena(stem.arena_end());
                                kernels.stem(&stem, image, &weights, &mut arena);
                                assert_close(&what, kernels.isa(), &read(&output, &arena), &expected);
                            }
                            let mut arena = arena(conv.arena_end());
                            pack::to_map(&input, &conv.layer().input, &mut arena);
                            kernels.conv(&conv, &weights, &mut arena);
                            assert_close(&what, kernels.isa(), &read(&output, &arena), &expected);
                        }
                    }
                }
            }
        }
    }
}

/// Weights of a separable block, the depthwise ones first.
struct Block {
    depthwise: (Vec<f32>, Vec<f32>),
    pointwise: (Vec<f32>, Vec<f32>),
    weights: Vec<f32>,
    split: usize,
}

impl Block {
    fn new(random: &mut Random, inputs: usize, outputs: usize) -> Block {
        let (kernel, bias, mut weights) = depthwise_weights(random, inputs);
        let split = weights.len();
        let (kernel_1x1, bias_1x1, section) = product(random, inputs, outputs);
        weights.extend(section);
        Block { depthwise: (kernel, bias), pointwise: (kernel_1x1, bias_1x1), weights, split }
    }

    fn reference(&self, from: [usize; 3], window: &Window, to: [usize; 3], input: &[f32]) -> Vec<f32> {
        let middle = [to[0], to[1], from[2]];
        let sizes = Sizes { input: from, output: middle };
        let values = reference_depthwise(&sizes, window, input, &self.depthwise.0, &self.depthwise.1);
        let sizes = Sizes { input: middle, output: to };
        reference_conv(&sizes, &ONE, &values, &self.pointwise.0, &self.pointwise.1)
    }
}

#[test]
fn separable_blocks_in_place() {
    let mut random = Random(4);
    let same = Window { size: 3, stride: 1, top: 1, left: 1 };
    let halve = Window { size: 3, stride: 2, top: 0, left: 0 };
    for (height, width, channels) in [(6, 8, 16), (7, 12, 8), (10, 30, 24), (5, 17, 40)] {
        for strip in [1, 2, 5] {
            // Stride 1: row r goes into the slot of row r - 1.
            let from = [height, width, channels];
            let slots = height + 1;
            let input = Map { order: Order::Rows { slots, first: 0 }, ..plane(from, 0) };
            let shifted = Map { order: Order::Rows { slots, first: slots - 1 }, ..input };
            let scratch = aligned(input.len());
            let block = Block::new(&mut random, channels, channels);
            let layer = Separable {
                input,
                window: same,
                output: shifted,
                strip,
                scratch,
                depthwise: 0,
                pointwise: block.split,
                storage: Storage::F32,
            };
            check_block(&mut random, &block, layer);
            // Stride 2 and twice the channels: row r goes into the slot of row r.
            if width % 2 == 0 && height % 2 == 0 {
                let to = [height / 2, width / 2, channels * 2];
                let output = Map { order: Order::Rows { slots, first: 0 }, ..plane(to, 0) };
                let block = Block::new(&mut random, channels, channels * 2);
                let strip = strip.min(height / 2);
                let layer = Separable {
                    input,
                    window: halve,
                    output,
                    strip,
                    scratch,
                    depthwise: 0,
                    pointwise: block.split,
                    storage: Storage::F32,
                };
                check_block(&mut random, &block, layer);
            }
            // The whole map at once, over itself.
            let block = Block::new(&mut random, channels, channels + 9);
            let to = [height, width, channels + 9];
            let layer = Separable {
                input: plane(from, 0),
                window: same,
                output: plane(to, 0),
                strip: height,
                scratch: len(to),
                depthwise: 0,
                pointwise: block.split,
                storage: Storage::F32,
            };
            check_block(&mut random, &block, layer);
        }
    }
}

fn check_block(random: &mut Random, block: &Block, layer: Separable) {
    let shape = |map: &Map| [map.height, map.width, map.channels];
    let (from, to) = (shape(&layer.input), shape(&layer.output));
    let input = random.values(from.iter().product());
    let expected = block.reference(from, &layer.window, to, &input);
    let layer = layer.checked();
    for kernels in kernels() {
        let mut arena = arena(layer.arena_end());
        pack::to_map(&input, &layer.layer().input, &mut arena);
        kernels.separable(&layer, &block.weights, &mut arena);
        let found = read(&layer.layer().output, &arena);
        assert_close(&format!("{:?}", layer.layer()), kernels.isa(), &found, &expected);
    }
}

#[test]
fn a_stream_needs_a_few_rows_of_each_map() {
    let mut random = Random(5);
    let halve = Window { size: 3, stride: 2, top: 0, left: 0 };
    let same = Window { size: 3, stride: 1, top: 1, left: 1 };
    for size in [8, 20, 36] {
        let shapes =
            [[size, size, 3], [size / 2, size / 2, 8], [size / 2, size / 2, 16], [size / 4, size / 4, 32]];
        let (kernel, bias, mut weights) = product(&mut random, 27, 8);
        let blocks = [Block::new(&mut random, 8, 16), Block::new(&mut random, 16, 32)];
        let first = weights.len();
        weights.extend(&blocks[0].weights);
        let second = weights.len();
        weights.extend(&blocks[1].weights);

        let input = random.values(size * size * 3);
        let sizes = Sizes { input: shapes[0], output: shapes[1] };
        let mut expected = reference_conv(&sizes, &halve, &input, &kernel, &bias);
        expected = blocks[0].reference(shapes[1], &same, shapes[2], &expected);
        expected = blocks[1].reference(shapes[2], &halve, shapes[3], &expected);

        let ring = |shape: [usize; 3], slots: usize, offset| Map {
            order: Order::Rows { slots: slots.min(shape[0]), first: 0 },
            ..plane(shape, offset)
        };
        let stem_out = ring(shapes[1], 5, 0);
        let middle = ring(shapes[2], 4, aligned(stem_out.len()));
        let output = rows(shapes[3], middle.offset + aligned(middle.len()));
        let scratch = output.offset + aligned(output.len());
        let stem =
            Stem { image: shapes[0], window: halve, output: stem_out, strip: 2, lines: scratch, weights: 0 };
        let one = Separable {
            input: stem_out,
            window: same,
            output: middle,
            strip: 2,
            scratch,
            depthwise: first,
            pointwise: first + blocks[0].split,
            storage: Storage::F32,
        };
        let two = Separable {
            input: middle,
            window: halve,
            output,
            strip: 1,
            scratch,
            depthwise: second,
            pointwise: second + blocks[1].split,
            storage: Storage::F32,
        };
        let stages =
            [Stage::Stem(stem.checked()), Stage::Separable(one.checked()), Stage::Separable(two.checked())];
        for kernels in kernels() {
            let mut arena = arena(scratch + 4096);
            kernels.stream(&stages, Image::Tensor(&input), &weights, &mut arena);
            assert_close(&format!("{size}"), kernels.isa(), &read(&output, &arena), &expected);
        }
    }
}

#[test]
fn pool_and_classifier() {
    let mut random = Random(6);
    for (height, width) in [(1, 1), (7, 7), (3, 5)] {
        for (channels, classes) in [(8, 10), (24, 2), (27, 70), (64, 100), (256, 1001), (40, 257)] {
            let shape = [height, width, channels];
            let input = random.values(height * width * channels);
            let (kernel, bias, mut weights) = product(&mut random, channels, classes);
            weights[..2].copy_from_slice(&[f32::NEG_INFINITY, f32::INFINITY]);
            let mut features = vec![0.0; channels];
            reference::pool(&input, channels, &mut features);
            let mut sums = spread(&bias, 1);
            let sizes = Sizes { input: [1, 1, channels], output: [1, 1, classes] };
            reference::conv(&sizes, &ONE, &features, &kernel, &mut sums);
            let mut expected = vec![0.0; classes];
            reference::clamp(&sums, [f32::NEG_INFINITY, f32::INFINITY], &mut expected);
            for map in [plane(shape, 0), rows(shape, 0)] {
                let pooled = len(shape);
                let logits = pooled + aligned(padded(channels));
                let pool = Pool { input: map, output: pooled }.checked();
                let layer = FullyConnected {
                    inputs: channels,
                    outputs: classes,
                    input: pooled,
                    output: logits,
                    weights: 0,
                    storage: Storage::F32,
                };
                let layer = layer.checked();
                for kernels in kernels() {
                    let mut arena = arena(layer.arena_end().max(pool.arena_end()));
                    pack::to_map(&input, &map, &mut arena);
                    kernels.pool(&pool, &[], &mut arena);
                    assert_close("pool", kernels.isa(), &arena[pooled..pooled + channels], &features);
                    kernels.fully_connected(&layer, &weights, &mut arena);
                    assert_close("classifier", kernels.isa(), &arena[logits..logits + classes], &expected);
                    kernels.softmax(&Softmax { len: classes, vector: logits }.checked(), &mut arena);
                    let sum: f32 = arena[logits..logits + classes].iter().sum();
                    assert!((sum - 1.0).abs() < 1e-4);
                }
            }
        }
    }
}

#[test]
fn elementwise() {
    let mut random = Random(7);
    for shape in [[1, 1, 8], [3, 5, 16], [2, 7, 24], [4, 3, 41]] {
        let channels = shape[2];
        let input = random.values(shape.iter().product());
        let (scale, shift) = (random.values(channels), random.values(channels));
        let mut expected = input.clone();
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        reference::batchnorm(&mut expected, &wide(&scale), &wide(&shift));
        for value in &mut expected {
            *value = value.clamp(0.0, 0.5);
        }
        let section = Section::batchnorm(channels).len;
        let mut weights = vec![0.0; section + 16];
        pack::batchnorm(&scale, &shift, &mut weights);
        weights[section + 1] = 0.5;
        for map in [plane(shape, 0), rows(shape, 0)] {
            for kernels in kernels() {
                let mut arena = arena(map.end().unwrap());
                pack::to_map(&input, &map, &mut arena);
                kernels.batchnorm(&BatchNorm { map, weights: 0 }.checked(), &weights, &mut arena);
                kernels.activation(&Activation { map, weights: section }.checked(), &weights, &mut arena);
                assert_close(&format!("{shape:?}"), kernels.isa(), &read(&map, &arena), &expected);
            }
        }
    }
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let map = plane([4, 4, 8], 0);
    let wide = plane([4, 4, 16], 0);
    let window = Window { size: 3, stride: 1, top: 1, left: 1 };
    let pointwise = |input, output| Pointwise { input, output, weights: 0 }.check();
    let depthwise = |input, window, output| Depthwise { input, window, output, weights: 0 }.check();
    assert!(pointwise(map, plane([4, 3, 8], 0)).is_err());
    assert!(pointwise(map, plane([0, 4, 8], 0)).is_err());
    assert!(pointwise(map, plane([4, 4, usize::MAX], 0)).is_err());
    assert!(pointwise(map, Map { offset: usize::MAX - 8, ..map }).is_err());
    assert!(pointwise(Map { order: Order::Rows { slots: 3, first: 0 }, ..map }, map).is_err());
    assert!(pointwise(Map { order: Order::Rows { slots: 4, first: 4 }, ..map }, map).is_err());
    assert!(depthwise(map, window, wide).is_err());
    assert!(depthwise(map, window, map).is_ok());
    // Threads of a team would read what others write; one thread may.
    assert!(!depthwise(map, window, map).unwrap().is_apart());
    assert!(depthwise(map, window, Map { offset: 128, ..map }).unwrap().is_apart());
    assert!(depthwise(map, window, plane([5, 4, 8], 0)).is_err());
    assert!(depthwise(map, Window { size: 5, ..window }, map).is_err());
    assert!(depthwise(map, Window { top: 2, ..window }, map).is_err());
}
