//! Choice: which numbers the bytes of each map and kernel stand for.
//!
//! A layer multiplies its sums by `input scale * kernel scale / output scale`, one factor a channel. Channels that training
//! has switched off have kernels near 0, or huge ones behind inputs that are always 0; neither kind may make a factor that
//! 31 bits do not hold, or a bias that 32 bits do not.

use super::{Calibration, Deviation, Quantiser, Range, channel};
use crate::pack::Folded;
use crate::weights::{Affine, Integers};

/// Least and greatest byte of a map.
const BYTES: [i32; 2] = Integers::I8.range();
/// Greatest byte of a kernel, whose least is as far from 0.
const KERNEL: f64 = 127.0;
/// What a map spans at least: one that is 0 on every photo has a scale too.
const LEAST_SPAN: f64 = 1e-6;
/// The least scale of a kernel, for channels that are 0 throughout.
const LEAST_SCALE: f64 = 1e-12;
/// The greatest factor: kernels beyond it are clipped. There the least step of kernel and input moves the output from one end
/// of its bytes to the other; and what computes with integers takes factors up to 256.
const GREATEST_FACTOR: f64 = 255.0;

/// A network of bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) maps: Vec<Map>,
    /// Kernel and bias of each map that has them.
    pub(super) layers: Vec<Option<Layer>>,
}

/// A map, and how well its bytes do.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The layer's name.
    pub name: String,
    /// Its operation.
    pub op: &'static str,
    /// Between which numbers it lies on the photos.
    pub range: Range,
    /// What its bytes stand for.
    pub affine: Affine,
    /// How far the kernel's bytes are from its floats, where there is one.
    pub kernel: Option<Deviation>,
}

/// Kernel and bias of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    /// As the floats are laid out: the output channel innermost.
    pub(super) kernel: Vec<i8>,
    /// One a channel.
    pub(super) scales: Vec<f32>,
    /// One a channel, in units of input scale * kernel scale.
    pub(super) bias: Vec<i32>,
}

impl Network {
    /// The maps, in order; the first is the input.
    pub fn maps(&self) -> &[Map] {
        &self.maps
    }
}

impl Quantiser<'_> {
    /// The network of bytes, for maps of these ranges.
    pub fn network(&self, calibration: &Calibration) -> Network {
        let mut network = Network { maps: Vec::new(), layers: Vec::new() };
        let mut input = self.input;
        for ((id, folded), &range) in self.graph.ids().zip(&self.folded).zip(calibration.ranges()) {
            let node = self.graph.node(id);
            // The input has its own scale, and the pool that of what it pools: it adds bytes up.
            let affine = if folded.is_some() { affine(range) } else { input };
            let (layer, kernel) = folded.as_ref().map(|folded| layer(folded, input, affine)).unzip();
            network.maps.push(Map { name: node.name.clone(), op: node.op.name(), range, affine, kernel });
            network.layers.push(layer);
            input = affine;
        }
        network
    }
}

/// Scale and zero point of a map: all numbers of the range, and 0 exactly.
pub(super) fn affine(range: Range) -> Affine {
    let (low, high) = (f64::from(range.low.min(0.0)), f64::from(range.high.max(0.0)));
    let [least, greatest] = BYTES.map(f64::from);
    let scale = ((high - low).max(LEAST_SPAN) / (greatest - least)) as f32;
    let zero = (least - low / f64::from(scale)).round().clamp(least, greatest) as i32;
    Affine { scale, zero }
}

/// A layer's bytes, and how far its kernel is from its floats.
fn layer(folded: &Folded, input: Affine, output: Affine) -> (Layer, Deviation) {
    let channels = folded.bias.len();
    let (from, to) = (f64::from(input.scale), f64::from(output.scale));
    // What a bias may reach, so that with all products it stays in 32 bits.
    let products = (folded.kernel.len() / channels) as i64 * 255 * KERNEL as i64;
    let most = (i64::from(i32::MAX) - products).max(1 << 24) as f64;
    let scale = |c: usize| {
        let greatest = channel(folded, c).fold(0.0, |greatest: f32, w| greatest.max(w.abs()));
        let bias = f64::from(folded.bias[c].abs());
        let scale = (f64::from(greatest) / KERNEL).max(bias / (from * most)).max(LEAST_SCALE);
        scale.min(GREATEST_FACTOR * to / from) as f32
    };
    let scales: Vec<f32> = (0..channels).map(scale).collect();
    let byte = |(i, &w): (usize, &f32)| {
        (f64::from(w) / f64::from(scales[i % channels])).round().clamp(-KERNEL, KERNEL) as i8
    };
    let kernel: Vec<i8> = folded.kernel.iter().enumerate().map(byte).collect();
    let bias = |c: usize| {
        (f64::from(folded.bias[c]) / (from * f64::from(scales[c]))).round().clamp(-most, most) as i32
    };
    let bias = (0..channels).map(bias).collect();
    let stands_for = |(i, &byte): (usize, &i8)| f32::from(byte) * scales[i % channels];
    let deviation = Deviation::between(&folded.kernel, kernel.iter().enumerate().map(stands_for));
    (Layer { kernel, scales, bias }, deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_hold_their_range_and_0() {
        for (low, high, scale, zero) in [
            (0.0, 6.0, 6.0 / 255.0, -128),
            (-1.0, 1.0, 2.0 / 255.0, -1),
            (-2.55, 0.0, 0.01, 127),
            // 0 is always among them.
            (1.0, 5.1, 0.02, -128),
            (-5.1, -1.0, 0.02, 127),
            (-1.0, 1.54, 2.54 / 255.0, -28),
            // Always the same.
            (0.0, 0.0, 1e-6 / 255.0, -128),
            (-1e-30, 1e-30, 1e-6 / 255.0, -128),
        ] {
            let found = affine(Range { low, high });
            assert!((found.scale - scale).abs() <= scale * 1e-6, "{low}..{high}: {found:?}");
            assert_eq!(found.zero, zero, "{low}..{high}");
        }
    }

    /// One channel of one weight and a bias; both maps have scale 0.02 and so does a middling kernel.
    #[test]
    fn scales_leave_room_for_biases_and_factors() {
        let map = Affine { scale: 0.02, zero: -128 };
        // Weight, bias, their bytes and units, and the kernel's scale.
        for (weight, bias, byte, units, scale) in [
            (2.54, 0.0, 127, 0, 0.02),
            (-2.54, 1.0, -127, 2500, 0.02),
            // Dead.
            (0.0, 0.0, 0, 0, 1e-12),
            (1e-30, 0.0, 0, 0, 1e-12),
            // The scale is what the bias needs, though the weight gets lost.
            (0.0, 3.0, 0, i32::MAX - 127 * 255, 3.0 / 0.02 / 2_147_451_262.0),
            (-1e-20, -3.0, 0, 127 * 255 - i32::MAX, 3.0 / 0.02 / 2_147_451_262.0),
            // The factor is 255 at most: clipped.
            (1e20, 0.0, 127, 0, 255.0),
            (-1e20, 5.1, -127, 1, 255.0),
            (1e20, 1e30, 127, i32::MAX - 127 * 255, 255.0),
        ] {
            let folded = Folded { kernel: vec![weight], bias: vec![bias] };
            let (layer, _) = layer(&folded, map, map);
            assert_eq!(layer.kernel, [byte], "{weight}, {bias}");
            let off = i64::from(layer.bias[0]) - i64::from(units);
            // A scale is an f32, which has 24 bits.
            assert!(off.abs() <= i64::from(units).abs() >> 22, "{weight}, {bias}: {} units", layer.bias[0]);
            let found = layer.scales[0];
            assert!((found - scale).abs() <= scale * 1e-6, "{weight}, {bias}: scale {found}");
        }
    }

    #[test]
    fn channels_have_scales_of_their_own() {
        let folded = Folded { kernel: vec![1.27, 0.05, -0.64, -12.7], bias: vec![0.0, 1.0] };
        let one = Affine { scale: 1.0, zero: 0 };
        let (layer, deviation) = layer(&folded, one, one);
        assert_eq!(layer.kernel, [127, 1, -64, -127]);
        assert_eq!(layer.bias, [0, 10]);
        assert!((deviation.rms() - 0.025).abs() < 1e-4, "half of 0.1 off, one of four: {}", deviation.rms());
    }
}
