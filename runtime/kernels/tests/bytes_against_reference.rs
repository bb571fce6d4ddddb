//! Every kernel of bytes of every instruction set of this machine against the obvious loops, bit for bit: below, at and above
//! each tile, odd sizes, borders, strides, all epilogues, both types of integers, extremes, in place, streamed, on teams.

use mobilenet_kernels::fixed::{self, Factor, Multiplier};
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::layer::{Checked, Stage};
use mobilenet_kernels::layout::{ByteMap, Order, Window};
use mobilenet_kernels::network::{Line, bytes_mut, floats, floats_mut};
use mobilenet_kernels::quantised::layer::{
    Depthwise, Dequantise, FullyConnected, Pointwise, Pool, Separable, Softmax, Stem,
};
use mobilenet_kernels::quantised::layout::{AFFINE, Kind, SOFTMAX, Section, padded, shift};
use mobilenet_kernels::quantised::pack::{self, Epilogue, Numbers};
use mobilenet_kernels::reference::Sizes;
use mobilenet_kernels::reference::quantised::{self as reference, Bytes};
use mobilenet_kernels::{Isa, Kernels, Team};

const NORMALISE: Normalise = Normalise { scale: [1.0; 4], offset: [0.0; 4] };
const ONE: Window = Window { size: 1, stride: 1, top: 0, left: 0 };
const KINDS: [Kind; 4] = [Kind::Float, Kind::Double, Kind::Fixed, Kind::Dense];

/// Reproducible numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 32) as u32
    }

    fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(end)) >> 32) as u32
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

fn kernels() -> impl Iterator<Item = Kernels<'static>> {
    Isa::available().filter_map(Kernels::new)
}

/// What a network's weights are like.
#[derive(Clone, Copy, Debug)]
enum Weights {
    /// Signed bytes.
    Signed,
    /// Unsigned bytes that, less their zero point, fit into signed ones.
    Narrow,
    /// The same but for one or two.
    Outliers(i32),
    /// Unsigned bytes around a zero point.
    Wide(i32),
    /// The least and the greatest unsigned byte alone.
    Extreme(i32),
}

const WEIGHTS: [Weights; 7] = [
    Weights::Signed,
    Weights::Narrow,
    Weights::Outliers(120),
    Weights::Outliers(0),
    Weights::Wide(101),
    Weights::Extreme(0),
    Weights::Extreme(255),
];

/// A layer as a file has it.
struct Layer {
    weights: Weights,
    kernel: Vec<i16>,
    kernel_zero: i32,
    bias: Vec<i32>,
    epilogues: Vec<Epilogue>,
    input_zero: i32,
    output_zero: i32,
    clamp: [i32; 2],
}

impl Layer {
    /// A layer whose outputs, each the sum of `inputs` products, spread over all bytes.
    fn new(random: &mut Random, weights: Weights, kind: Kind, inputs: usize, outputs: usize) -> Layer {
        let kernel_zero = match weights {
            Weights::Signed => 0,
            Weights::Narrow => 128,
            Weights::Outliers(zero) | Weights::Wide(zero) | Weights::Extreme(zero) => zero,
        };
        let outliers = [random.below((inputs * outputs) as u32), random.below((inputs * outputs) as u32)];
        let kernel = (0..inputs * outputs).map(|i| match weights {
            Weights::Outliers(_) if outliers.contains(&(i as u32)) => 255,
            Weights::Outliers(_) => i16::from(random.next() as u8 >> 1),
            Weights::Signed => i16::from(random.next() as i8),
            Weights::Narrow | Weights::Wide(_) => i16::from(random.next() as u8),
            Weights::Extreme(_) => [0, 255][random.below(2) as usize],
        });
        let kernel = kernel.collect();
        let output_zero = [0, 3, 128, 255][random.below(4) as usize];
        let spread = 6000.0 * (inputs as f64).sqrt();
        let epilogues = (0..outputs).map(|_| {
            let real = f64::from(random.below(1000) + 100) / 550.0 * 128.0 / spread;
            epilogue(kind, real, output_zero)
        });
        Layer {
            weights,
            kernel,
            kernel_zero,
            epilogues: epilogues.collect(),
            bias: (0..outputs).map(|_| (random.next() as i32 >> 8) % (spread as i32)).collect(),
            input_zero: [0, 128, 255, 77][random.below(4) as usize],
            output_zero,
            clamp: [[0, 255], [3, 250], [0, 200]][random.below(3) as usize],
        }
    }

    fn numbers(&self) -> Numbers<'_> {
        Numbers {
            kernel: &self.kernel,
            kernel_zero: self.kernel_zero,
            signed: self.signed(),
            bias: &self.bias,
            epilogues: &self.epilogues,
            input_scale: 0.5,
            input_zero: self.input_zero,
            output_zero: self.output_zero,
            clamp: self.clamp,
        }
    }

    fn signed(&self) -> bool {
        matches!(self.weights, Weights::Signed)
    }

    fn panels(&self, runs: usize, run: usize) -> Vec<Line> {
        let outputs = self.bias.len();
        packed(Section::panels(runs, run, outputs).len, |out| {
            pack::panels(&self.numbers(), runs, run, outputs, out);
        })
    }

    fn depthwise(&self) -> Vec<Line> {
        let channels = self.bias.len();
        packed(Section::depthwise(channels).len, |out| pack::depthwise(&self.numbers(), channels, out))
    }

    /// Offset of row sums, where there are some.
    fn sums(&self, offset: usize) -> Option<usize> {
        (!self.signed()).then_some(offset)
    }

    fn expected(&self, sizes: &Sizes, window: &Window, input: &[u8], by_channel: bool) -> Vec<u8> {
        let values: Vec<i16> = input.iter().map(|&x| i16::from(x)).collect();
        let input = Bytes { values: &values, zero: self.input_zero };
        let kernel = Bytes { values: &self.kernel, zero: self.kernel_zero };
        let pixels = sizes.output[0] * sizes.output[1];
        let mut sums: Vec<i32> = (0..pixels).flat_map(|_| self.bias.iter().copied()).collect();
        match by_channel {
            true => reference::depthwise(sizes, window, input, kernel, &mut sums),
            false => reference::conv(sizes, window, input, kernel, &mut sums),
        }
        let epilogues = self.epilogues.iter().cycle();
        sums.iter().zip(epilogues).map(|(&sum, epilogue)| self.byte(epilogue, sum)).collect()
    }

    fn byte(&self, epilogue: &Epilogue, sum: i32) -> u8 {
        let value = match (epilogue.float, epilogue.factor) {
            (Some((scale, shift)), _) => (sum as f32).mul_add(scale, shift).floor() as i32,
            (None, Factor::Fixed(multiplier)) if epilogue.double => {
                let scale = f64::from(multiplier.factor) * 2f64.powi(multiplier.exponent - 31);
                let shift = shift(multiplier.exponent) + f64::from(self.output_zero);
                f64::from(sum).mul_add(scale, shift).floor() as i32
            }
            (None, factor) => factor.apply(sum).saturating_add(self.output_zero),
        };
        value.max(self.clamp[0]).min(self.clamp[1]) as u8
    }
}

fn epilogue(kind: Kind, real: f64, zero: i32) -> Epilogue {
    let multiplier = Multiplier::new(real).unwrap();
    Epilogue {
        factor: if kind == Kind::Dense { Factor::Double(real) } else { Factor::Fixed(multiplier) },
        float: (kind == Kind::Float).then_some((real as f32, (zero as f32) + 0.5 + 0.001)),
        double: kind == Kind::Double,
    }
}

fn packed(len: usize, pack: impl FnOnce(&mut [i32])) -> Vec<Line> {
    let mut words = vec![-1i32; len];
    pack(&mut words);
    let mut lines = vec![Line::ZERO; len.div_ceil(16)];
    for (float, word) in floats_mut(&mut lines).iter_mut().zip(words) {
        *float = f32::from_bits(word as u32);
    }
    lines
}

/// An arena that holds what others have left there, and a line more than it must.
struct Arena(Vec<Line>);

impl Arena {
    fn new<L>(layer: &Checked<L>) -> Arena {
        Arena::of(layer.arena_end())
    }

    fn of(len: usize) -> Arena {
        let mut lines = vec![Line::ZERO; len.div_ceil(16) + 1];
        bytes_mut(&mut lines).iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 181 + 13) as u8);
        Arena(lines)
    }

    /// Writes a map, all but its padding lanes.
    fn write(&mut self, map: &ByteMap, values: &[u8]) {
        let bytes = bytes_mut(&mut self.0);
        for (i, &value) in values.iter().enumerate() {
            bytes[at(map, i)] = value;
        }
    }

    fn read(&mut self, map: &ByteMap) -> Vec<u8> {
        let bytes = bytes_mut(&mut self.0);
        (0..map.height * map.width * map.channels).map(|i| bytes[at(map, i)]).collect()
    }

    fn slice(&mut self) -> &mut [f32] {
        floats_mut(&mut self.0)
    }

    fn bytes(&mut self) -> &mut [u8] {
        bytes_mut(&mut self.0)
    }
}

/// Where value `i` of an interleaved map is.
fn at(map: &ByteMap, i: usize) -> usize {
    let (pixel, channel) = (i / map.channels, i % map.channels);
    map.at(pixel / map.width, channel / 16) + pixel % map.width * 16 + channel % 16
}

fn plane(shape: [usize; 3], offset: usize) -> ByteMap {
    ByteMap::plane(shape, offset)
}

fn rows(shape: [usize; 3], offset: usize) -> ByteMap {
    ByteMap::rows(shape, offset, shape[0], 0)
}

/// A ring as large as the map, turned.
fn turned(shape: [usize; 3], offset: usize) -> ByteMap {
    ByteMap::rows(shape, offset, shape[0] + 1, shape[0] / 2)
}

fn len(shape: [usize; 3]) -> usize {
    (shape[0] + 1) * shape[1] * padded(shape[2]).next_multiple_of(64)
}

fn out_size(input: usize, before: usize, after: usize, window: &Window) -> usize {
    (input + before + after - window.size) / window.stride + 1
}

/// Kernels on teams and alone.
fn each(mut visit: impl FnMut(Kernels<'_>, String)) {
    for threads in [1, 3] {
        let team = Team::new(threads.try_into().unwrap());
        for kernels in kernels() {
            visit(kernels.on(&team), format!("{} on {threads}", kernels.isa()));
        }
    }
}

#[test]
fn pointwise() {
    let mut random = Random(1);
    let mut kinds = KINDS.into_iter().cycle();
    for (height, width) in
        [(1, 1), (1, 5), (2, 3), (1, 7), (1, 9), (2, 7), (7, 7), (3, 13), (1, 15), (5, 6), (2, 29)]
    {
        for (inputs, outputs) in
            [(1, 1), (8, 8), (3, 40), (16, 16), (24, 48), (31, 33), (48, 24), (40, 72), (96, 130)]
        {
            for weights in WEIGHTS {
                let (from, to) = ([height, width, inputs], [height, width, outputs]);
                let kind = kinds.next().unwrap();
                let layer = Layer::new(&mut random, weights, kind, inputs, outputs);
                let section = layer.panels(1, inputs);
                let input = random.bytes(from.iter().product());
                let sizes = Sizes { input: from, output: to };
                let expected = layer.expected(&sizes, &ONE, &input, false);
                for (place_in, place_out) in [
                    (plane as fn(_, _) -> _, plane as fn(_, _) -> _),
                    (rows, rows),
                    (plane, turned),
                    (turned, plane),
                ] {
                    let checked = Pointwise {
                        input: place_in(from, 0),
                        output: place_out(to, len(from)),
                        sums: layer.sums(len(from) + len(to)),
                        weights: 0,
                    };
                    let checked = checked.checked();
                    for kernels in kernels() {
                        let mut arena = Arena::new(&checked);
                        arena.write(&checked.layer().input, &input);
                        kernels.bytes().pointwise(&checked, floats(&section), arena.slice());
                        let found = arena.read(&checked.layer().output);
                        assert_eq!(
                            found,
                            expected,
                            "{from:?} to {to:?}, {weights:?}, {kind:?}, {}",
                            kernels.isa()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn depthwise() {
    let mut random = Random(2);
    let mut kinds = KINDS.into_iter().cycle();
    for (height, width) in [(1, 1), (2, 2), (6, 4), (3, 5), (7, 7), (8, 16), (4, 17), (5, 11), (9, 33)] {
        for channels in [1, 8, 16, 19, 40] {
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
                let sizes = Sizes { input: from, output: to };
                for weights in WEIGHTS {
                    let kind = kinds.next().unwrap();
                    let layer = Layer::new(&mut random, weights, kind, 9, channels);
                    let section = layer.depthwise();
                    let input = random.bytes(from.iter().product());
                    let expected = layer.expected(&sizes, &window, &input, true);
                    for place in [plane, rows, turned] {
                        let checked = Depthwise {
                            input: place(from, 0),
                            window,
                            output: place(to, len(from)),
                            weights: 0,
                        };
                        let checked = checked.checked();
                        for kernels in kernels() {
                            let mut arena = Arena::new(&checked);
                            arena.write(&checked.layer().input, &input);
                            kernels.bytes().depthwise(&checked, floats(&section), arena.slice());
                            let found = arena.read(&checked.layer().output);
                            let isa = kernels.isa();
                            assert_eq!(found, expected, "{from:?}, {window:?}, {weights:?}, {kind:?}, {isa}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn stem() {
    let mut random = Random(3);
    let mut kinds = KINDS.into_iter().cycle();
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
                let sizes = Sizes { input: from, output: to };
                for weights in WEIGHTS {
                    let kind = kinds.next().unwrap();
                    let layer = Layer::new(&mut random, weights, kind, size * size * inputs, outputs);
                    let section = layer.panels(size, size * inputs);
                    let pixels = random.bytes(from.iter().product());
                    let zero = layer.input_zero as f32;
                    let values: Vec<f32> =
                        pixels.iter().map(|&x| (f32::from(x) - zero) * 0.5 + 0.2).collect();
                    let expected = layer.expected(&sizes, &window, &pixels, false);
                    for (strip, place) in [(1, plane as fn(_, _) -> _), (to[0].min(3), turned), (to[0], rows)]
                    {
                        let checked = Stem {
                            image: from,
                            window,
                            output: place(to, 0),
                            strip,
                            lines: len(to),
                            sums: layer.sums(len(to) + 8192),
                            weights: 0,
                        };
                        let checked = checked.checked();
                        for kernels in kernels() {
                            for image in [Image::Pixels(&pixels, &NORMALISE), Image::Tensor(&values)] {
                                let mut arena = Arena::new(&checked);
                                kernels.bytes().stem(&checked, image, floats(&section), arena.slice());
                                let found = arena.read(&checked.layer().output);
                                let isa = kernels.isa();
                                assert_eq!(
                                    found, expected,
                                    "{from:?}, {window:?}, {weights:?}, {kind:?}, {isa}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Both halves of a separable block, and their sections, the depthwise one first.
struct Block {
    depthwise: Layer,
    pointwise: Layer,
    weights: Vec<Line>,
    split: usize,
}

impl Block {
    fn new(random: &mut Random, weights: Weights, kinds: [Kind; 2], inputs: usize, outputs: usize) -> Block {
        let depthwise = Layer::new(random, weights, kinds[0], 9, inputs);
        let mut pointwise = Layer::new(random, weights, kinds[1], inputs, outputs);
        pointwise.input_zero = depthwise.output_zero;
        let mut lines = depthwise.depthwise();
        let split = lines.len() * 16;
        lines.extend(pointwise.panels(1, inputs));
        Block { depthwise, pointwise, weights: lines, split }
    }

    fn expected(&self, from: [usize; 3], window: &Window, to: [usize; 3], input: &[u8]) -> Vec<u8> {
        let middle = [to[0], to[1], from[2]];
        let values = self.depthwise.expected(&Sizes { input: from, output: middle }, window, input, true);
        self.pointwise.expected(&Sizes { input: middle, output: to }, &ONE, &values, false)
    }
}

fn shape(map: &ByteMap) -> [usize; 3] {
    [map.height, map.width, map.channels]
}

#[test]
fn separable_blocks_in_place_and_on_teams() {
    let mut random = Random(4);
    let same = Window { size: 3, stride: 1, top: 1, left: 1 };
    let halve = Window { size: 3, stride: 2, top: 0, left: 0 };
    for (height, width, channels) in [(6, 8, 16), (7, 12, 8), (10, 30, 24), (5, 17, 40), (14, 14, 128)] {
        for (strip, weights) in [(1, Weights::Signed), (2, Weights::Wide(90)), (5, Weights::Outliers(99))] {
            let kinds = [KINDS[strip % 4], KINDS[channels / 8 % 4]];
            // Stride 1: row r goes into the slot of row r - 1.
            let from = [height, width, channels];
            let slots = height + 1;
            let input = ByteMap { order: Order::Rows { slots, first: 0 }, ..plane(from, 0) };
            let shifted = ByteMap { order: Order::Rows { slots, first: slots - 1 }, ..input };
            let block = Block::new(&mut random, weights, kinds, channels, channels);
            check_block(&mut random, &block, (input, same, shifted), strip);
            // Stride 2 and twice the channels: row r goes into the slot of row r.
            if width % 2 == 0 && height % 2 == 0 && channels % 16 == 0 {
                let to = [height / 2, width / 2, channels * 2];
                let output = ByteMap { order: Order::Rows { slots, first: 0 }, ..plane(to, 0) };
                let block = Block::new(&mut random, weights, kinds, channels, channels * 2);
                check_block(&mut random, &block, (input, halve, output), strip.min(height / 2));
            }
            // The whole map at once, over itself.
            let block = Block::new(&mut random, weights, kinds, channels, channels + 9);
            let maps = (plane(from, 0), same, plane([height, width, channels + 9], 0));
            check_block(&mut random, &block, maps, height);
        }
    }
}

fn check_block(random: &mut Random, block: &Block, maps: (ByteMap, Window, ByteMap), strip: usize) {
    let (input, window, output) = maps;
    let (from, to) = (shape(&input), shape(&output));
    let values = random.bytes(from.iter().product());
    let expected = block.expected(from, &window, to, &values);
    let scratch = len(from).max(len(to));
    let layer = Separable {
        input,
        window,
        output,
        strip,
        scratch,
        sums: block.pointwise.sums(scratch + len([strip, to[1], from[2]])),
        depthwise: 0,
        pointwise: block.split,
    };
    let layer = layer.checked();
    each(|kernels, name| {
        let mut arena = Arena::new(&layer);
        arena.write(&input, &values);
        kernels.bytes().separable(&layer, floats(&block.weights), arena.slice());
        assert_eq!(arena.read(&output), expected, "{from:?} to {to:?}, strip {strip}, {name}");
    });
}

#[test]
fn streams_are_the_same_as_layers_one_by_one() {
    let mut random = Random(5);
    let halve = Window { size: 3, stride: 2, top: 0, left: 0 };
    let same = Window { size: 3, stride: 1, top: 1, left: 1 };
    for (size, weights) in [(16usize, Weights::Signed), (24, Weights::Wide(150)), (42, Weights::Wide(99))] {
        let (half, quarter) = (size / 2, size.div_ceil(4));
        let shapes = [[size, size, 3], [half, half, 24], [half, half, 40], [quarter, quarter, 70]];
        let mut first = Layer::new(&mut random, weights, Kind::Float, 27, 24);
        first.input_zero = 128;
        let second = Block::new(&mut random, weights, [Kind::Float, Kind::Double], 24, 40);
        let halve_again = if half % 2 == 0 { halve } else { Window { top: 1, left: 1, ..halve } };
        let third = Block::new(&mut random, weights, [Kind::Double, Kind::Fixed], 40, 70);
        let pixels = random.bytes(size * size * 3);
        let after = first.expected(&Sizes { input: shapes[0], output: shapes[1] }, &halve, &pixels, false);
        let after = second.expected(shapes[1], &same, shapes[2], &after);
        let expected = third.expected(shapes[2], &halve_again, shapes[3], &after);
        let mut weights = first.panels(3, 9);
        let starts = [weights.len() * 16, weights.len() * 16 + second.split];
        weights.extend(&second.weights);
        let ends = [weights.len() * 16, weights.len() * 16 + third.split];
        weights.extend(&third.weights);
        for strip in [1, 2, 3] {
            // Rings of as many rows as a strip writes and the next one reads.
            let mut offset = 0;
            let mut place = |len: usize| {
                offset += len.next_multiple_of(64);
                offset - len.next_multiple_of(64)
            };
            let mut ring = |shape: [usize; 3], slots: usize, first| {
                let map = ByteMap::rows(shape, 0, slots, first);
                ByteMap { offset: place(map.len()), ..map }
            };
            let maps = [
                ring(shapes[1], 2 * strip + 3, 1),
                ring(shapes[2], 3 * strip + 3, 0),
                ring(shapes[3], quarter, 0),
            ];
            let scratch = offset;
            let sums = |layer: &Layer| layer.sums(scratch + 16384);
            let separable = |input: ByteMap, window, output, starts: [usize; 2], block: &Block| Separable {
                input,
                window,
                output,
                strip,
                scratch,
                sums: sums(&block.pointwise),
                depthwise: starts[0],
                pointwise: starts[1],
            };
            let stem = Stem {
                image: shapes[0],
                window: halve,
                output: maps[0],
                strip,
                lines: scratch,
                sums: sums(&first),
                weights: 0,
            };
            let second = separable(maps[0], same, maps[1], starts, &second);
            let third = separable(maps[1], halve_again, maps[2], ends, &third);
            let (stem, second, third) = (stem.checked(), second.checked(), third.checked());
            let stages = [Stage::ByteStem(stem), Stage::ByteSeparable(second), Stage::ByteSeparable(third)];
            let len = stem.arena_end().max(second.arena_end()).max(third.arena_end());
            each(|kernels, name| {
                let mut arena = Arena::of(len);
                kernels.stream(&stages, Image::Pixels(&pixels, &NORMALISE), floats(&weights), arena.slice());
                assert_eq!(arena.read(&maps[2]), expected, "{size}, strip {strip}, {name}");
            });
        }
    }
}

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

/// All sums on both sides of each step, and far beyond: inputs that are 0 leave the bias alone.
#[test]
fn epilogues_are_exact_at_every_step() {
    let mut random = Random(9);
    for kind in KINDS {
        for round in 0..60 {
            let exponent = -f64::from(random.below(if kind == Kind::Float { 20 } else { 13 }));
            let real = (f64::from(random.next()) / 2f64.powi(33) + 0.5) * exponent.exp2() * 0.99;
            let zero = [0, 128, 255, 7][round % 4];
            let one = epilogue(kind, real, zero);
            let mut bias = vec![0, 1, -1, i32::MAX, i32::MIN, i32::MAX / 2, i32::MIN / 2];
            for byte in 0..=256 {
                let step = (f64::from(byte - zero) - 0.5) / real;
                bias.extend((-3..=3).map(|i| step as i32 + i));
            }
            let layer = Layer {
                weights: Weights::Signed,
                kernel: vec![0; bias.len()],
                kernel_zero: 0,
                epilogues: vec![one; bias.len()],
                input_zero: 0,
                output_zero: zero,
                clamp: [[0, 255], [1, 254]][round % 2],
                bias,
            };
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
