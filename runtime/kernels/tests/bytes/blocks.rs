//! Separable blocks, in place and streamed.

use mobilenet_kernels::image::Image;
use mobilenet_kernels::layout::{ByteMap, Order, Window};
use mobilenet_kernels::network::{Line, floats};
use mobilenet_kernels::quantised::layer::{Separable, Stage, Stem};
use mobilenet_kernels::quantised::layout::Kind;
use mobilenet_kernels::reference::Sizes;

use crate::support::{Arena, KINDS, Layer, NORMALISE, ONE, Random, Weights, each, len, plane};

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
    for (height, width, channels) in
        [(6, 8, 16), (7, 12, 8), (10, 30, 24), (5, 17, 40), (9, 21, 64), (14, 14, 128), (6, 50, 192)]
    {
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
            let stages = [Stage::Stem(stem), Stage::Separable(second), Stage::Separable(third)];
            let len = stem.arena_end().max(second.arena_end()).max(third.arena_end());
            each(|kernels, name| {
                let mut arena = Arena::of(len);
                kernels.bytes().stream(
                    &stages,
                    Image::Pixels(&pixels, &NORMALISE),
                    floats(&weights),
                    arena.slice(),
                );
                assert_eq!(arena.read(&maps[2]), expected, "{size}, strip {strip}, {name}");
            });
        }
    }
}
