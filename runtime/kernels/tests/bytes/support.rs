//! Layers as files have them, what they are expected to give, and arenas to run them in.

use mobilenet_kernels::fixed::{Factor, Multiplier};
use mobilenet_kernels::image::Normalise;
use mobilenet_kernels::layer::Checked;
use mobilenet_kernels::layout::{ByteMap, Window};
use mobilenet_kernels::network::{Line, bytes_mut, floats_mut};
use mobilenet_kernels::quantised::layout::{self, Kind, Section, padded};
use mobilenet_kernels::quantised::pack::{self, Epilogue, Numbers};
use mobilenet_kernels::reference::Sizes;
use mobilenet_kernels::reference::quantised::{self as reference, Bytes};
use mobilenet_kernels::{Isa, Kernels, Team};

pub(crate) const NORMALISE: Normalise = Normalise { scale: [1.0; 4], offset: [0.0; 4] };
pub(crate) const ONE: Window = Window { size: 1, stride: 1, top: 0, left: 0 };
pub(crate) const KINDS: [Kind; 5] = [Kind::Float, Kind::Double, Kind::Pair, Kind::Fixed, Kind::Dense];

/// Reproducible numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 32) as u32
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(end)) >> 32) as u32
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

pub(crate) fn kernels() -> impl Iterator<Item = Kernels<'static>> {
    Isa::available().filter_map(Kernels::new)
}

/// What a network's weights are like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights {
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

pub(crate) const WEIGHTS: [Weights; 7] = [
    Weights::Signed,
    Weights::Narrow,
    Weights::Outliers(120),
    Weights::Outliers(0),
    Weights::Wide(101),
    Weights::Extreme(0),
    Weights::Extreme(255),
];

/// A layer as a file has it.
pub(crate) struct Layer {
    pub(crate) weights: Weights,
    pub(crate) kernel: Vec<i16>,
    pub(crate) kernel_zero: i32,
    pub(crate) bias: Vec<i32>,
    pub(crate) epilogues: Vec<Epilogue>,
    pub(crate) input_zero: i32,
    pub(crate) output_zero: i32,
    pub(crate) clamp: [i32; 2],
}

impl Layer {
    /// A layer whose outputs, each the sum of `inputs` products, spread over all bytes.
    pub(crate) fn new(
        random: &mut Random,
        weights: Weights,
        kind: Kind,
        inputs: usize,
        outputs: usize,
    ) -> Layer {
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
        // A pair's bits suffice for numbers that are small where they are halfway between bytes.
        let output_zero = if kind == Kind::Pair { 0 } else { output_zero };
        let spread = 6000.0 * (inputs as f64).sqrt();
        let epilogues = (0..outputs).map(|_| {
            let real = f64::from(random.below(1000) + 100) / 550.0 * 128.0 / spread;
            // Of a few bits, so that it does not matter how kernels round.
            let real = if kind == Kind::Float { (real * 65536.0).ceil() / 65536.0 } else { real };
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

    pub(crate) fn numbers(&self) -> Numbers<'_> {
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

    pub(crate) fn signed(&self) -> bool {
        matches!(self.weights, Weights::Signed)
    }

    pub(crate) fn panels(&self, runs: usize, run: usize) -> Vec<Line> {
        let outputs = self.bias.len();
        packed(Section::panels(runs, run, outputs).len, |out| {
            pack::panels(&self.numbers(), runs, run, outputs, out);
        })
    }

    pub(crate) fn depthwise(&self) -> Vec<Line> {
        let channels = self.bias.len();
        packed(Section::depthwise(channels).len, |out| pack::depthwise(&self.numbers(), channels, out))
    }

    /// Offset of row sums, where there are some.
    pub(crate) fn sums(&self, offset: usize) -> Option<usize> {
        (!self.signed()).then_some(offset)
    }

    pub(crate) fn expected(&self, sizes: &Sizes, window: &Window, input: &[u8], by_channel: bool) -> Vec<u8> {
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

    /// Whether an epilogue gives the same however multiply-adds are rounded, as one that is proved does for all sums.
    pub(crate) fn is_proved(&self, epilogue: &Epilogue, sum: i32) -> bool {
        let byte = |value: f64| value.floor().clamp(0.0, 255.0) as u8;
        let down = |scale: f32, shift: f32| f64::from(sum as f32).mul_add(f64::from(scale), f64::from(shift));
        match (epilogue.float, epilogue.factor) {
            (Some((scale, shift)), _) => {
                byte(down(scale, shift)) == byte(f64::from((sum as f32).mul_add(scale, shift)))
            }
            (None, Factor::Fixed(multiplier)) if epilogue.pair && pack::halves(multiplier).is_some() => {
                let [scale, rest] = pack::halves(multiplier).unwrap();
                let shift = layout::shift(scale, self.output_zero);
                let pair = down(scale, (sum as f32).mul_add(rest, shift as f32));
                byte(pair) == byte(f64::from(sum).mul_add(f64::from(scale) + f64::from(rest), shift))
            }
            _ => true,
        }
    }

    pub(crate) fn byte(&self, epilogue: &Epilogue, sum: i32) -> u8 {
        let value = match (epilogue.float, epilogue.factor) {
            (Some((scale, shift)), _) => (sum as f32).mul_add(scale, shift).floor() as i32,
            (None, Factor::Fixed(multiplier)) if epilogue.double && pack::halves(multiplier).is_some() => {
                let [scale, rest] = pack::halves(multiplier).unwrap();
                let shift = layout::shift(scale, self.output_zero);
                f64::from(sum).mul_add(f64::from(scale) + f64::from(rest), shift).floor() as i32
            }
            (None, factor) => factor.apply(sum).saturating_add(self.output_zero),
        };
        value.max(self.clamp[0]).min(self.clamp[1]) as u8
    }
}

pub(crate) fn epilogue(kind: Kind, real: f64, zero: i32) -> Epilogue {
    let multiplier = Multiplier::new(real).unwrap();
    Epilogue {
        factor: if kind == Kind::Dense { Factor::Double(real) } else { Factor::Fixed(multiplier) },
        float: (kind == Kind::Float).then_some((real as f32, (zero as f32) + 0.5 + 1.0 / 1024.0)),
        double: matches!(kind, Kind::Double | Kind::Pair),
        pair: kind == Kind::Pair,
    }
}

pub(crate) fn packed(len: usize, pack: impl FnOnce(&mut [i32])) -> Vec<Line> {
    let mut words = vec![-1i32; len];
    pack(&mut words);
    let mut lines = vec![Line::ZERO; len.div_ceil(16)];
    for (float, word) in floats_mut(&mut lines).iter_mut().zip(words) {
        *float = f32::from_bits(word as u32);
    }
    lines
}

/// An arena that holds what others have left there, and a line more than it must.
pub(crate) struct Arena(Vec<Line>);

impl Arena {
    pub(crate) fn new<L>(layer: &Checked<L>) -> Arena {
        Arena::of(layer.arena_end())
    }

    pub(crate) fn of(len: usize) -> Arena {
        let mut lines = vec![Line::ZERO; len.div_ceil(16) + 1];
        bytes_mut(&mut lines).iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 181 + 13) as u8);
        Arena(lines)
    }

    /// Writes a map, all but its padding lanes.
    pub(crate) fn write(&mut self, map: &ByteMap, values: &[u8]) {
        let bytes = bytes_mut(&mut self.0);
        for (i, &value) in values.iter().enumerate() {
            bytes[at(map, i)] = value;
        }
    }

    pub(crate) fn read(&mut self, map: &ByteMap) -> Vec<u8> {
        let bytes = bytes_mut(&mut self.0);
        (0..map.height * map.width * map.channels).map(|i| bytes[at(map, i)]).collect()
    }

    pub(crate) fn slice(&mut self) -> &mut [f32] {
        floats_mut(&mut self.0)
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        bytes_mut(&mut self.0)
    }
}

/// Where value `i` of an interleaved map is.
pub(crate) fn at(map: &ByteMap, i: usize) -> usize {
    let (pixel, channel) = (i / map.channels, i % map.channels);
    map.at(pixel / map.width, channel / 16) + pixel % map.width * 16 + channel % 16
}

pub(crate) fn plane(shape: [usize; 3], offset: usize) -> ByteMap {
    ByteMap::plane(shape, offset)
}

pub(crate) fn rows(shape: [usize; 3], offset: usize) -> ByteMap {
    ByteMap::rows(shape, offset, shape[0], 0)
}

/// A ring as large as the map, turned.
pub(crate) fn turned(shape: [usize; 3], offset: usize) -> ByteMap {
    ByteMap::rows(shape, offset, shape[0] + 1, shape[0] / 2)
}

pub(crate) fn len(shape: [usize; 3]) -> usize {
    (shape[0] + 1) * shape[1] * padded(shape[2]).next_multiple_of(64)
}

pub(crate) fn out_size(input: usize, before: usize, after: usize, window: &Window) -> usize {
    (input + before + after - window.size) / window.stride + 1
}

/// Kernels on teams and alone.
pub(crate) fn each(mut visit: impl FnMut(Kernels<'_>, String)) {
    for threads in [1, 3] {
        let team = Team::new(threads.try_into().unwrap());
        for kernels in kernels() {
            visit(kernels.on(&team), format!("{} on {threads}", kernels.isa()));
        }
    }
}
