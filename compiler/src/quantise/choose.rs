//! Choice: which numbers the bytes of each map and kernel stand for.
//!
//! A layer multiplies its sums by `input scale * kernel scale / output scale`, one factor a channel. Channels that training
//! has switched off have kernels near 0, or huge ones behind inputs that are always 0; neither kind may make a factor that
//! 31 bits do not hold, or a bias that 32 bits do not.

use super::{Calibration, Deviation, Quantiser, Range};
use crate::error::{Complaint, Report, Result};
use crate::ir::Op;
use crate::pack::{self, Folded};
use crate::weights::{Affine, Integers};

/// Least and greatest byte of a map.
const BYTES: [i32; 2] = Integers::I8.range();
/// Greatest byte of a kernel, whose least is as far from 0.
const KERNEL: f64 = 127.0;
/// What a map spans at least: one that is 0 on every photo has a scale too.
const LEAST_SPAN: f64 = 1e-6;
/// The least scale of a kernel, for channels that are 0 throughout.
const LEAST_SCALE: f64 = 1e-12;
/// The greatest factor. Beyond it the least step of kernel and input moves the output by more than one step: nothing is won by
/// finer kernels, and biases would be coarser than the output.
const GREATEST_FACTOR: f64 = 1.0;

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
    ///
    /// # Errors
    ///
    /// Every layer whose weights, folded, are not finite.
    pub fn network(&self, calibration: &Calibration) -> Result<Network> {
        let mut report = Report::new();
        let mut network = Network { maps: Vec::new(), layers: Vec::new() };
        let mut input = self.input;
        for (id, &range) in self.graph.ids().zip(calibration.ranges()) {
            let node = self.graph.node(id);
            let (params, affine) = match &node.op {
                Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => {
                    (Some(&conv.params), affine(range))
                }
                Op::FullyConnected(params) => (Some(params), affine(range)),
                // The input has its own, and the pool that of what it pools: it adds bytes up.
                _ => (None, input),
            };
            let folded = params.and_then(|params| report.absorb(pack::folded(params, self.tensors)));
            if let Some(Err(complaint)) = folded.as_ref().map(|folded| finite(&node.name, folded)) {
                report.push(complaint);
                continue;
            }
            let (layer, kernel) = folded.map(|folded| layer(&folded, input, affine)).unzip();
            network.maps.push(Map { name: node.name.clone(), op: node.op.name(), range, affine, kernel });
            network.layers.push(layer);
            input = affine;
        }
        report.into_result(network)
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

fn finite(name: &str, folded: &Folded) -> std::result::Result<(), Complaint> {
    let channels = folded.bias.len();
    let sound = |c: usize| folded.channel(c).chain([folded.bias[c]]).all(f32::is_finite);
    match (0..channels).find(|&c| !sound(c)) {
        None => Ok(()),
        Some(c) => Err(Complaint::new(format!(
            "channel {c} of `{name}` is not finite once its batch normalisation is folded in"
        ))
        .help("its variance is 0, or its scale beyond f32")),
    }
}

/// A layer's bytes, and how far its kernel is from its floats.
fn layer(folded: &Folded, input: Affine, output: Affine) -> (Layer, Deviation) {
    let channels = folded.bias.len();
    let (from, to) = (f64::from(input.scale), f64::from(output.scale));
    // What a bias may reach, so that with all products it stays in 32 bits.
    let products = (folded.kernel.len() / channels) as i64 * 255 * KERNEL as i64;
    let most = (i64::from(i32::MAX) - products).max(1 << 24) as f64;
    let scale = |c: usize| {
        let greatest = folded.channel(c).fold(0.0, |greatest: f32, w| greatest.max(w.abs()));
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

impl Folded {
    /// The weights of an output channel, which is the innermost extent of every kernel.
    fn channel(&self, c: usize) -> impl Iterator<Item = f32> + '_ {
        self.kernel.iter().copied().skip(c).step_by(self.bias.len())
    }
}
