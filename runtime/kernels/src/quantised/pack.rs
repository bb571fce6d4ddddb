//! Bringing the weights of networks of bytes into the layouts of [`layout`](super::layout).

use super::layout::{
    AFFINE, HEAD, Kind, MEAN, OUTLIERS, Outlier, QUAD, SOFTMAX, Section, Word, panel_width, quads,
};
use crate::fixed::{self, Factor};
use crate::layout::{BLOCK, PANEL};

/// How an output's sums become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue {
    /// As the reference does it.
    pub factor: Factor,
    /// Scale and shift of a multiply-add that has been shown to give the same bytes.
    pub float: Option<(f32, f32)>,
    /// Whether [`Kind::Double`] has been shown to give the same bytes.
    pub double: bool,
    /// Whether [`Kind::Pair`] has, too.
    pub pair: bool,
}

/// The scale of [`Kind::Double`] in two parts: as an `f32`, and what that lacks. None where [`shift`](super::layout::shift) does
/// not follow from it.
pub fn halves(multiplier: fixed::Multiplier) -> Option<[f32; 2]> {
    let fixed::Multiplier { factor, exponent } = multiplier;
    let power = |exponent: i32| f64::from_bits(((1023 + exponent) as u64) << 52);
    if factor < 1 << 30 || !(-64..0).contains(&exponent) {
        return None;
    }
    let scale = f64::from(factor) * power(exponent - 31);
    let first = scale as f32;
    (f64::from(first) < power(exponent)).then_some([first, (scale - f64::from(first)) as f32])
}

impl Epilogue {
    /// The multiply-add, if all kernels compute it alike.
    ///
    /// Some have no fused multiply-add and use `f64`s: products are exact, and below 512 so are sums, if neither operand has
    /// bits below 2^-44. Beyond, rounding keeps them on the same side of all bytes. A scale below 1 keeps the sum within
    /// 32 bits.
    fn float(&self) -> Option<(f32, f32)> {
        const LEAST: f32 = 1.0 / (1 << 21) as f32;
        let sound = |x: f32, greatest: f32| x == 0.0 || (x.abs() >= LEAST && x.abs() < greatest);
        self.float.filter(|&(scale, shift)| sound(scale, 0.999) && sound(shift, 65536.0))
    }

    /// The halves of [`Kind::Double`], where it has been shown to do.
    fn double(&self) -> Option<[f32; 2]> {
        match self.factor {
            Factor::Fixed(multiplier) if self.double => halves(multiplier),
            _ => None,
        }
    }
}

/// The numbers of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'n> {
    /// Kernel, as the network's own bytes, the output innermost.
    pub kernel: &'n [i16],
    /// What stands for 0 in the kernel; of a signed network 0.
    pub kernel_zero: i32,
    /// Whether the network's bytes are signed.
    pub signed: bool,
    /// One an output.
    pub bias: &'n [i32],
    /// One an output.
    pub epilogues: &'n [Epilogue],
    /// Distance between the numbers of two neighbouring bytes of the input.
    pub input_scale: f32,
    /// The unsigned byte that stands for 0 in the input.
    pub input_zero: i32,
    /// The unsigned byte that stands for 0 in the output.
    pub output_zero: i32,
    /// Least and greatest unsigned byte of the output.
    pub clamp: [i32; 2],
}

impl Numbers<'_> {
    /// What weight `i` counts: it less the zero point.
    fn weight(&self, i: usize) -> i32 {
        i32::from(self.kernel[i]) - self.kernel_zero
    }

    /// Writes head and epilogues, and 0 everywhere else. Each output has a weight every `outputs`.
    fn begin(&self, section: &Section, outputs: usize, out: &mut [i32]) {
        out[..section.len].fill(0);
        out[Word::InputZero as usize] = self.input_zero;
        out[Word::Low as usize] = self.clamp[0];
        out[Word::High as usize] = self.clamp[1];
        out[Word::OutputZero as usize] = self.output_zero;
        out[Word::InputScale as usize] = self.input_scale.to_bits() as i32;
        for (block, epilogues) in self.epilogues[..outputs].chunks(BLOCK).enumerate() {
            let kind = kind(epilogues);
            out[HEAD + block] = kind as i32;
            let words = &mut out[section.epilogue + block * 3 * BLOCK..][..3 * BLOCK];
            for (lane, epilogue) in epilogues.iter().enumerate() {
                let output = block * BLOCK + lane;
                // What does not depend on the input: the inputs' zero point, in every window all of it.
                let weights = (output..self.kernel.len()).step_by(outputs).map(|i| self.weight(i));
                let sum = weights.fold(0, i32::wrapping_add);
                words[lane] = self.bias[output].wrapping_sub(sum.wrapping_mul(self.input_zero));
                [words[BLOCK + lane], words[2 * BLOCK + lane]] = scale(kind, epilogue);
            }
        }
    }

    /// What all weights at these indices are stored lower by, so that each fits into a byte.
    fn lower(&self, indices: impl Iterator<Item = usize>) -> i32 {
        let (least, greatest) =
            indices.map(|i| self.weight(i)).fold((0, 0), |(a, b), w| (a.min(w), b.max(w)));
        (greatest - 127).max(0) + (least + 128).min(0)
    }

    /// A weight that is stored lower.
    fn byte(&self, i: usize, lower: i32) -> u8 {
        (self.weight(i) - lower) as u8
    }
}

/// The quickest epilogue that is exact for all outputs of a block.
fn kind(epilogues: &[Epilogue]) -> Kind {
    if epilogues.iter().all(|epilogue| epilogue.float().is_some()) {
        Kind::Float
    } else if epilogues.iter().all(|epilogue| epilogue.double().is_some()) {
        if epilogues.iter().all(|epilogue| epilogue.pair) { Kind::Pair } else { Kind::Double }
    } else if epilogues.iter().all(|epilogue| matches!(epilogue.factor, Factor::Fixed(_))) {
        Kind::Fixed
    } else {
        Kind::Dense
    }
}

/// The words a and b of an output.
fn scale(kind: Kind, epilogue: &Epilogue) -> [i32; 2] {
    let bits = |[a, b]: [f32; 2]| [a.to_bits() as i32, b.to_bits() as i32];
    match (kind, epilogue.factor) {
        (Kind::Float, _) => bits(epilogue.float.unwrap_or_default().into()),
        (Kind::Double | Kind::Pair, _) => bits(epilogue.double().unwrap_or_default()),
        (_, Factor::Fixed(multiplier)) => [multiplier.factor, multiplier.exponent],
        (_, Factor::Double(factor)) => [factor.to_bits() as i32, (factor.to_bits() >> 32) as i32],
    }
}

/// Packs a matrix product, [`Section::panels`]: the kernel is `runs * run` rows of `outputs` bytes.
///
/// # Panics
///
/// Where a slice is shorter than `runs`, `run`, `outputs` and the section ask for.
pub fn panels(numbers: &Numbers<'_>, runs: usize, run: usize, outputs: usize, out: &mut [i32]) {
    let section = Section::panels(runs, run, outputs);
    numbers.begin(&section, outputs, out);
    let rows = runs * quads(run);
    // Weights of a quad, 0 where it reaches beyond its run.
    let quad = |row: usize, output: usize| -> [i32; QUAD] {
        core::array::from_fn(|i| {
            let (from, input) = (row / quads(run) * run, row % quads(run) * QUAD + i);
            if input < run { numbers.weight((from + input) * outputs + output) } else { 0 }
        })
    };
    let all = || (0..outputs).flat_map(move |output| (0..rows).map(move |row| (row, output)));
    let outliers = || all().flat_map(|(row, output)| outliers(row, output, quad(row, output)));
    let few = outliers().nth(OUTLIERS).is_none();
    let lower = if few { 0 } else { numbers.lower(0..runs * run * outputs) };
    if few {
        out[Word::Outliers as usize] = outliers().count() as i32;
        for (out, outlier) in out[section.outliers..].chunks_exact_mut(3).zip(outliers()) {
            out.copy_from_slice(&[outlier.row, outlier.output, outlier.quad]);
        }
    }
    out[Word::Correction as usize] = lower;
    for (row, output) in all() {
        let (panel, column) = (output / PANEL, output % PANEL);
        let mut quad = quad(row, output);
        for (i, weight) in quad.iter_mut().enumerate() {
            *weight = if row % quads(run) * QUAD + i < run { *weight - lower } else { 0 };
        }
        let at = section.kernel + panel * PANEL * rows + row * panel_width(outputs, panel) + column;
        out[at] = i32::from_le_bytes(quad.map(cut));
    }
}

/// A weight as far as it fits into a byte.
fn cut(weight: i32) -> u8 {
    weight.clamp(-128, 127) as u8
}

/// What a quad's weights are more than fits into a byte: up to 128, for which it takes another.
fn outliers(row: usize, output: usize, quad: [i32; QUAD]) -> impl Iterator<Item = Outlier> {
    let rest = |quad: [i32; QUAD]| quad.map(|weight| weight - weight.clamp(-128, 127));
    let first = rest(quad);
    [first, rest(first)].into_iter().filter(|rest| *rest != [0; QUAD]).map(move |rest| Outlier {
        row: row as i32,
        output: output as i32,
        quad: i32::from_le_bytes(rest.map(cut)),
    })
}

/// Packs a 3x3 depthwise convolution, [`Section::depthwise`]: the kernel is nine rows of `channels` bytes.
///
/// # Panics
///
/// Where a slice is shorter than `channels` and the section ask for.
pub fn depthwise(numbers: &Numbers<'_>, channels: usize, out: &mut [i32]) {
    let section = Section::depthwise(channels);
    numbers.begin(&section, channels, out);
    for channel in 0..channels {
        let lower = numbers.lower((0..9).map(|tap| tap * channels + channel));
        let start = section.kernel + channel / BLOCK * 4 * BLOCK + channel % BLOCK;
        for row in 0..3 {
            let byte = |column: usize| numbers.byte((row * 3 + column) * channels + channel, lower);
            out[start + row * BLOCK] = i32::from_le_bytes([byte(0), byte(1), byte(2), 0]);
        }
        out[start + 3 * BLOCK] = lower;
    }
}

/// Packs the table of a softmax, [`SOFTMAX`] words.
///
/// # Panics
///
/// Where `out` is shorter.
pub fn softmax(softmax: &fixed::Softmax, out: &mut [i32]) {
    out[..SOFTMAX].copy_from_slice(softmax.exponentials());
}

/// Packs how a mean is scaled, [`MEAN`] words: what the sum is multiplied with, and the unsigned bytes that stand for 0 in input
/// and output.
///
/// # Panics
///
/// Where `out` is shorter.
pub fn mean(factor: fixed::Multiplier, zeros: [i32; 2], out: &mut [i32]) {
    out[..MEAN].fill(0);
    out[..4].copy_from_slice(&[factor.factor, factor.exponent, zeros[0], zeros[1]]);
}

/// Packs what bytes stand for, [`AFFINE`] words: the distance between two neighbouring ones, and the unsigned byte that
/// stands for 0.
///
/// # Panics
///
/// Where `out` is shorter.
pub fn affine(scale: f32, zero: i32, out: &mut [i32]) {
    out[..AFFINE].fill(0);
    out[..2].copy_from_slice(&[scale.to_bits() as i32, zero]);
}
