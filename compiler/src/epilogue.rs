//! Epilogues of quantised layers: from a sum to a byte, in as few instructions as can be shown to be exact.
//!
//! What the reference does to a sum (two roundings in fixed point, or one from a double; a zero point; a clamp) is a
//! monotone step function with at most 255 steps. So is `floor(sum * scale + shift)`, rounded once as processors with a
//! fused multiply-add do it. Two such functions are equal for *every* sum in a range if they are equal on both sides of
//! each step, and at the ends of the range. That is a few hundred evaluations a channel, at compile time:
//! [`Epilogue::of`] looks for a scale and a shift that pass in f32; tries those that follow from the fixed-point form, the scale
//! as a pair of f32s or in f64; and falls back to that form.
//!
//! One f32 often has too few bits for a scale. Two have more than the fixed-point form, and what their multiply-adds lose is what
//! rounding loses: the inner one next to nothing, because its product is small, and the outer one nothing, if it is rounded
//! down, because the floor is what is wanted.

use mobilenet_kernels::fixed::Factor;
use mobilenet_kernels::quantised::{layout, pack};

use crate::bind::expected;
use crate::ir::Graph;
use crate::quantised::Quantised;

use crate::weights::{Integers, QuantisedLayer};

/// How a channel's sums become bytes; bytes are counted from the least of the network's type, so that they are unsigned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Epilogue {
    /// `floor(sum * scale + shift)` in f32, clamped: exact for every sum that can occur.
    F32 {
        /// The factor.
        scale: f32,
        /// The summand.
        shift: f32,
    },
    /// `floor(sum * scale + (sum * rest + shift))` in f32, the outer one rounded down; see [`Kind::Pair`](layout::Kind::Pair).
    Pair {
        /// The factor.
        scale: f32,
        /// What that lacks.
        rest: f32,
        /// The summand.
        shift: f32,
    },
    /// The first again, in f64, with what follows from the factor: see [`Kind::Double`](layout::Kind::Double).
    F64 {
        /// The factor.
        scale: f64,
        /// The summand.
        shift: f64,
    },
    /// As the reference does it.
    Integer,
}

/// The step function of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// What sums are multiplied with.
    pub factor: Factor,
    /// The unsigned byte that stands for 0.
    pub zero: i32,
    /// Least and greatest unsigned byte of the output.
    pub clamp: [i32; 2],
    /// Least and greatest sum that can occur.
    pub sums: [i32; 2],
}

/// Sums on either side of a step: at the first the byte is `byte` or more, at the second less.
struct Steps {
    reached: Vec<(i32, i32)>,
    not_reached: Vec<(i32, i32)>,
}

// The processors' ways from a sum to a number, whose floor is the byte. Conversions of large sums are rounded, as they are there.

/// A multiply-add, rounded to the nearest.
fn nearest(sum: i32, scale: f32, shift: f32) -> f64 {
    f64::from((sum as f32).mul_add(scale, shift))
}

/// One whose floor is that of the exact number: all bits fit into an f64, as long as both have none below 2^-44 and the result is
/// below 512.
fn down(sum: i32, scale: f32, shift: f32) -> f64 {
    f64::from(sum as f32).mul_add(f64::from(scale), f64::from(shift))
}

impl Channel {
    /// The unsigned byte of a sum, as the reference gives it.
    pub fn byte(&self, sum: i32) -> i32 {
        let [low, high] = self.clamp;
        self.factor.apply(sum).saturating_add(self.zero).max(low).min(high)
    }

    /// The factor as a real number.
    fn real(&self) -> f64 {
        match self.factor {
            Factor::Fixed(multiplier) => f64::from(multiplier.factor) * 2f64.powi(multiplier.exponent - 31),
            Factor::Double(factor) => factor,
        }
    }

    /// The halves of the scale that follows from a factor in fixed point, and the shift.
    fn halves(&self) -> Option<([f32; 2], f64)> {
        let Factor::Fixed(multiplier) = self.factor else { return None };
        let halves = pack::halves(multiplier)?;
        Some((halves, layout::shift(halves[0], self.zero)))
    }

    /// Scale and shift in f64 that follow from a factor in fixed point, if they make every step where it is, whether
    /// multiplication and addition are fused or not.
    fn double(&self, steps: &Steps) -> Option<(f64, f64)> {
        let (halves, shift) = self.halves()?;
        let scale = halves.map(f64::from).iter().sum();
        let fused = steps.hold(|sum| f64::from(sum).mul_add(scale, shift));
        (fused && steps.hold(|sum| f64::from(sum) * scale + shift)).then_some((scale, shift))
    }

    /// The same as a pair of f32s.
    fn pair(&self, steps: &Steps) -> Option<[f32; 3]> {
        /// Smaller scales have bits below 2^-44.
        const LEAST: f32 = 1.0 / (1 << 21) as f32;
        let ([scale, rest], shift) = self.halves()?;
        let shift = shift as f32;
        let holds = || steps.hold(|sum| down(sum, scale, nearest(sum, rest, shift) as f32));
        (scale >= LEAST && holds()).then_some([scale, rest, shift])
    }

    /// The least sum whose byte is `byte` or more; one must be.
    fn threshold(&self, byte: i32) -> i32 {
        let [least, greatest] = self.sums;
        // Where it is in real numbers, and from there a step or two.
        let guess = (f64::from(byte - self.zero) - 0.5) / self.real();
        let mut sum = (guess as i32).clamp(least, greatest);
        while sum > least && self.byte(sum - 1) >= byte {
            sum -= 1;
        }
        while self.byte(sum) < byte {
            sum += 1;
        }
        sum
    }

    fn steps(&self) -> Steps {
        let ([least, greatest], [low, high]) = (self.sums, self.clamp);
        let (first, last) = (self.byte(least), self.byte(greatest));
        let mut steps = Steps { reached: Vec::new(), not_reached: Vec::new() };
        for byte in first + 1..=last {
            let sum = self.threshold(byte);
            steps.reached.push((sum, byte));
            steps.not_reached.push((sum - 1, byte));
        }
        // Beyond its bounds the clamp makes all alike.
        if first > low {
            steps.reached.push((least, first));
        }
        if last < high {
            steps.not_reached.push((greatest, last + 1));
        }
        steps
    }
}

impl Steps {
    /// Scale and shift with which a multiply-add makes every step where it is.
    fn search(&self, real: f64) -> Option<(f32, f32)> {
        /// How far from the real factor a scale is looked for, in steps between neighbouring floats.
        const NEAR: i64 = 40;
        let near = (0..=NEAR).flat_map(|i| [i, -i]).skip(1);
        let neighbour =
            |steps: i64| f32::from_bits((i64::from((real as f32).to_bits()) + steps).max(0) as u32);
        near.map(neighbour).find_map(|scale| {
            let shift = |(sum, byte): &(i32, i32)| f64::from(*byte) - f64::from(*sum) * f64::from(scale);
            let low = self.reached.iter().map(shift).fold(f64::NEG_INFINITY, f64::max);
            let high = self.not_reached.iter().map(shift).fold(f64::INFINITY, f64::min);
            let middle = match (low.is_finite(), high.is_finite()) {
                (true, true) => (low + high) / 2.0,
                (true, false) => low + 0.5,
                (false, true) => high - 0.5,
                (false, false) => 0.0,
            };
            let shift = middle as f32;
            let holds =
                || self.hold(|sum| nearest(sum, scale, shift)) && self.hold(|sum| down(sum, scale, shift));
            (low <= high && holds()).then_some((scale, shift))
        })
    }

    /// Whether a number that grows with the sum makes every step where it is.
    fn hold(&self, number: impl Fn(i32) -> f64) -> bool {
        let reached = self.reached.iter().all(|&(sum, byte)| number(sum) >= f64::from(byte));
        reached && self.not_reached.iter().all(|&(sum, byte)| number(sum) < f64::from(byte))
    }
}

impl Epilogue {
    /// The cheapest epilogue that gives the reference's byte for every sum that can occur.
    pub fn of(channel: &Channel) -> Epilogue {
        let (steps, real) = (channel.steps(), channel.real());
        if let Some((scale, shift)) = steps.search(real) {
            return Epilogue::F32 { scale, shift };
        }
        if let Some([scale, rest, shift]) = channel.pair(&steps) {
            return Epilogue::Pair { scale, rest, shift };
        }
        match channel.double(&steps) {
            Some((scale, shift)) => Epilogue::F64 { scale, shift },
            None => Epilogue::Integer,
        }
    }

    /// What has been shown of a channel, as kernels want to know it.
    fn packed(channel: &Channel) -> pack::Epilogue {
        let steps = channel.steps();
        pack::Epilogue {
            factor: channel.factor,
            float: steps.search(channel.real()),
            double: channel.double(&steps).is_some(),
            pair: channel.pair(&steps).is_some(),
        }
    }

    /// The unsigned byte of a sum, as a kernel computes it.
    pub fn byte(self, channel: &Channel, sum: i32) -> i32 {
        let value = match self {
            Epilogue::F32 { scale, shift } => nearest(sum, scale, shift),
            Epilogue::Pair { scale, rest, shift } => down(sum, scale, nearest(sum, rest, shift) as f32),
            Epilogue::F64 { scale, shift } => f64::from(sum).mul_add(scale, shift),
            Epilogue::Integer => return channel.byte(sum),
        };
        value.floor().max(f64::from(channel.clamp[0])).min(f64::from(channel.clamp[1])) as i32
    }

    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Epilogue::F32 { .. } => "f32",
            Epilogue::Pair { .. } => "two f32",
            Epilogue::F64 { .. } => "f64",
            Epilogue::Integer => "integer",
        }
    }
}

/// The step functions of a layer's channels; None where sums could overflow 32 bits.
pub fn channels(layer: &QuantisedLayer, integers: Integers) -> Option<Vec<Channel>> {
    let [least, greatest] = integers.range();
    let outputs = layer.factors.len();
    // Least and greatest sum: every input at the end of its range that takes the sum furthest.
    let mut sums: Vec<[i64; 2]> = layer.bias.iter().map(|&bias| [i64::from(bias); 2]).collect();
    for (i, &w) in layer.kernel.data.iter().enumerate() {
        let w = i64::from(w) - i64::from(layer.kernel_zero);
        let products = [least, greatest].map(|x| w * i64::from(x - layer.input.zero));
        let sum = &mut sums[i % outputs];
        sum[0] += products[0].min(products[1]);
        sum[1] += products[0].max(products[1]);
    }
    let channel = |(&factor, sums): (&Factor, [i64; 2])| {
        let [low, high] = sums.map(i32::try_from);
        let (zero, clamp) = (layer.output.zero - least, layer.clamp.map(|bound| bound - least));
        Some(Channel { factor, zero, clamp, sums: [low.ok()?, high.ok()?] })
    };
    layer.factors.iter().zip(sums).map(channel).collect()
}

/// What has been shown of a layer's channels, as kernels want to know it: nothing, where sums could overflow.
pub fn packed(layer: &QuantisedLayer, integers: Integers) -> Vec<pack::Epilogue> {
    match channels(layer, integers) {
        Some(channels) => channels.iter().map(Epilogue::packed).collect(),
        None => {
            let unproven = |&factor| pack::Epilogue { factor, float: None, double: false, pair: false };
            layer.factors.iter().map(unproven).collect()
        }
    }
}

/// How many channels of a layer have which epilogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The layer.
    pub layer: String,
    /// Channels with an f32 multiply-add.
    pub f32: usize,
    /// Channels with two of them, the outer rounded down; or one in f64 where none can be.
    pub pair: usize,
    /// Channels with an f64 multiply-add.
    pub f64: usize,
    /// Channels computed as the reference does it.
    pub integer: usize,
}

/// The epilogues of all layers of a graph, in order.
pub fn tallies(graph: &Graph, quantised: &Quantised) -> Vec<Tally> {
    let tally = |name: String| {
        let layer = quantised.layers.get(&name)?;
        let mut tally = Tally { layer: name, f32: 0, pair: 0, f64: 0, integer: 0 };
        match channels(layer, quantised.integers) {
            Some(channels) => channels.iter().for_each(|channel| match Epilogue::of(channel) {
                Epilogue::F32 { .. } => tally.f32 += 1,
                Epilogue::Pair { .. } => tally.pair += 1,
                Epilogue::F64 { .. } => tally.f64 += 1,
                Epilogue::Integer => tally.integer += 1,
            }),
            None => tally.integer = layer.factors.len(),
        }
        Some(tally)
    };
    expected(graph).into_iter().filter_map(|layer| tally(layer.name)).collect()
}

#[cfg(test)]
mod tests {
    use mobilenet_kernels::fixed::Multiplier;

    use super::*;

    fn fixed(factor: f64) -> Factor {
        Factor::Fixed(Multiplier::new(factor).unwrap())
    }

    /// Every sum in the range, where there are few enough.
    fn check(channel: &Channel) -> Epilogue {
        let epilogue = Epilogue::of(channel);
        for sum in channel.sums[0]..=channel.sums[1] {
            assert_eq!(epilogue.byte(channel, sum), channel.byte(sum), "{channel:?} {epilogue:?} {sum}");
        }
        epilogue
    }

    #[test]
    fn what_is_shown_holds_for_every_sum() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        let mut floats = 0;
        for round in 0..60 {
            let factor = 2f64.powf(-4.0 - 9.0 * random());
            let factor = if round % 5 == 0 { Factor::Double(factor) } else { fixed(factor) };
            let zero = if round % 3 == 0 { 0 } else { (random() * 255.0) as i32 };
            let clamp = if round % 2 == 0 { [zero, 255] } else { [0, 255] };
            let reach = |share: f64| (share * 60_000.0) as i32;
            let channel = Channel { factor, zero, clamp, sums: [-reach(random()), reach(random())] };
            floats += usize::from(check(&channel).name() == "f32");
        }
        assert!(floats > 30, "{floats} of 60");
    }

    #[test]
    fn ranges_that_reach_few_bytes() {
        for (factor, sums) in [
            (fixed(0.01), [-5, 5]),
            (fixed(0.01), [100, 100]),
            (fixed(0.01), [20_000, 30_000]),
            (fixed(0.01), [-30_000, -20_000]),
            (fixed(0.0), [-1000, 1000]),
            (fixed(1e-9), [-100_000, 100_000]),
            (fixed(3.7), [-100, 100]),
            (Factor::Double(0.5), [-300, 300]),
        ] {
            check(&Channel { factor, zero: 100, clamp: [3, 250], sums });
        }
    }

    #[test]
    fn two_roundings_on_both_sides_of_zero_need_more_than_one_line() {
        // Ties go away from zero, so a factor of 1/4 steps at 2, 6, ... and at -2, -6, ...: no floor of a line does.
        let channel = Channel { factor: fixed(0.25), zero: 128, clamp: [0, 255], sums: [-400, 400] };
        assert_eq!(check(&channel), Epilogue::Integer);
        // Above the zero point alone it does.
        let channel = Channel { clamp: [128, 255], ..channel };
        assert_eq!(check(&channel).name(), "f32");
    }
}
