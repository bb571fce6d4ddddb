//! Families: what published weights of one origin have in common, and what they do not say themselves.
//!
//! MobileNet v1 weights from TensorFlow, Keras, Hugging Face and timm differ in epsilon, padding, activation, class
//! count and normalisation. Mixing them gives wrong answers silently, so the family is detected from the file and
//! checked against the spec.

use std::fmt;

use mobilenet_kernels::image::{Filter, Framing, Normalise, Preprocess};

/// The clamp after a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// No clamp.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// Any other clamp; some quantised models clamp by the range of their output.
    Clamp(f32, f32),
}

impl Activation {
    /// What specs call them.
    pub const WORDS: [(&'static str, Activation); 3] =
        [("none", Activation::Linear), ("relu", Activation::Relu), ("relu6", Activation::Relu6)];

    /// Lower and upper bound.
    pub fn bounds(self) -> [f32; 2] {
        match self {
            Activation::Linear => [f32::NEG_INFINITY, f32::INFINITY],
            Activation::Relu => [0.0, f32::INFINITY],
            Activation::Relu6 => [0.0, 6.0],
            Activation::Clamp(low, high) => [low, high],
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match word(&Activation::WORDS, self) {
            Some(word) => f.write_str(word),
            None => {
                let [low, high] = self.bounds();
                write!(f, "a clamp to {low}..{high}")
            }
        }
    }
}

/// The word for a value.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> Option<&'static str> {
    words.iter().find(|(_, candidate)| candidate == value).map(|(word, _)| *word)
}

/// Zero padding around a 3x3 window at stride 2; at stride 1 all agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// TensorFlow's SAME: output = ceil(input / stride), the odd row or column goes after.
    Same,
    /// `size / 2` on both sides (PyTorch, Caffe).
    Symmetric,
    /// As Keras does depthwise convolutions at stride 2: one row and column after, none before; output =
    /// floor(input / stride). Equal to SAME where the input is even.
    After,
    /// None (TensorFlow's VALID).
    Valid,
}

impl Padding {
    /// What specs call them.
    pub const WORDS: [(&'static str, Padding); 4] = [
        ("same", Padding::Same),
        ("symmetric", Padding::Symmetric),
        ("after", Padding::After),
        ("valid", Padding::Valid),
    ];
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Padding::WORDS, self).unwrap_or_default())
    }
}

/// How channel counts are rounded after multiplying with alpha. All agree for the paper's alphas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// `max(floor(c * alpha), 8)`: TF-slim, Hugging Face.
    FloorAtLeast8,
    /// `floor(c * alpha)`: Keras.
    Floor,
    /// The nearest multiple of 8, at least 8, never below 0.9 of the product: timm.
    MultipleOf8,
}

impl Rounding {
    /// What specs call them.
    pub const WORDS: [(&'static str, Rounding); 3] = [
        ("floor_at_least_8", Rounding::FloorAtLeast8),
        ("floor", Rounding::Floor),
        ("multiple_of_8", Rounding::MultipleOf8),
    ];

    /// Channels of a layer that has `base` of them at alpha 1. Exact in decimal: 100 channels at alpha 0.29 are 29,
    /// though the f64 nearest to 0.29 is a little less.
    pub fn channels(self, base: usize, alpha: f64) -> usize {
        match self {
            Rounding::FloorAtLeast8 => floor_of_product(base, alpha).max(8),
            Rounding::Floor => floor_of_product(base, alpha),
            Rounding::MultipleOf8 => {
                let exact = base as f64 * alpha;
                let nearest = ((exact + 4.0) as usize / 8 * 8).max(8);
                if (nearest as f64) < 0.9 * exact { nearest + 8 } else { nearest }
            }
        }
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Rounding::WORDS, self).unwrap_or_default())
    }
}

/// The product of a number and the shortest decimal that reads as `factor`, rounded down; 0 for a factor that is none.
fn floor_of_product(base: usize, factor: f64) -> usize {
    let decimal = format!("{factor:e}");
    let parts = decimal.split_once('e').and_then(|(digits, exponent)| {
        let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits: u128 = digits.replace('.', "").parse().ok()?;
        Some((digits, exponent.parse::<i32>().ok()? - i32::try_from(fraction).ok()?))
    });
    let Some((digits, exponent)) = parts else { return 0 };
    let product = digits.saturating_mul(base as u128);
    let power = 10u128.checked_pow(exponent.unsigned_abs());
    let floor = match power {
        Some(power) if exponent < 0 => product / power,
        Some(power) => product.saturating_mul(power),
        None if exponent < 0 => 0,
        None => u128::MAX,
    };
    usize::try_from(floor).unwrap_or(usize::MAX)
}

/// What weights of one origin have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Name, as printed.
    pub name: &'static str,
    /// Activation after every layer but the classifier.
    pub activation: Activation,
    /// Added to the variance by batch normalisation.
    pub epsilon: f64,
    /// Padding at stride 2.
    pub padding: Padding,
    /// Channel rounding.
    pub rounding: Rounding,
    /// Whether class 0 of 1001 is the background (ImageNet).
    pub background: bool,
    /// From photo to input.
    pub preprocess: Preprocess,
}

/// `x / 127.5 - 1`.
const PLUS_MINUS_ONE: Normalise = Normalise { scale: [1.0 / 127.5; 4], offset: [-1.0; 4] };
/// `x / 255`.
const ZERO_TO_ONE: Normalise = Normalise { scale: [1.0 / 255.0; 4], offset: [0.0; 4] };

const fn preprocess(framing: Framing, filter: Filter, normalise: Normalise) -> Preprocess {
    Preprocess { framing, filter, bgr: false, normalise }
}

impl Family {
    /// The paper's own settings: what a spec means where nothing else is said.
    pub const PAPER: Family = Family {
        name: "paper",
        activation: Activation::Relu,
        epsilon: 1e-3,
        padding: Padding::Same,
        rounding: Rounding::FloorAtLeast8,
        background: false,
        preprocess: preprocess(Framing::Central { fraction: 0.875 }, Filter::Bilinear, PLUS_MINUS_ONE),
    };

    /// TF-slim checkpoints and the TensorFlow Lite files made from them: 1001 classes.
    pub const TF_SLIM: Family =
        Family { name: "tf-slim", activation: Activation::Relu6, background: true, ..Family::PAPER };

    /// Keras applications: 1000 classes.
    pub const KERAS: Family = Family {
        name: "keras",
        activation: Activation::Relu6,
        padding: Padding::After,
        rounding: Rounding::Floor,
        preprocess: preprocess(Framing::Stretch, Filter::Bilinear, PLUS_MINUS_ONE),
        ..Family::PAPER
    };

    /// Hugging Face transformers (`MobileNetV1ForImageClassification`): 1001 classes.
    pub const HUGGING_FACE: Family = Family {
        name: "huggingface",
        activation: Activation::Relu6,
        background: true,
        preprocess: preprocess(Framing::Square { fraction: 0.875 }, Filter::Bilinear, PLUS_MINUS_ONE),
        ..Family::PAPER
    };

    /// timm (`mobilenetv1_100`): symmetric padding, its own epsilon.
    pub const TIMM: Family = Family {
        name: "timm",
        activation: Activation::Relu6,
        epsilon: 1e-5,
        padding: Padding::Symmetric,
        rounding: Rounding::MultipleOf8,
        preprocess: preprocess(Framing::Square { fraction: 0.875 }, Filter::Bicubic, PLUS_MINUS_ONE),
        ..Family::PAPER
    };

    /// MLPerf Tiny's visual wake words: 96 x 96, two classes, bytes divided by 255.
    pub const MLPERF_TINY: Family = Family {
        name: "mlperf-tiny",
        preprocess: preprocess(Framing::Square { fraction: 1.0 }, Filter::Bilinear, ZERO_TO_ONE),
        ..Family::PAPER
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_rounded() {
        use Rounding::{Floor, FloorAtLeast8, MultipleOf8};
        for (base, alpha, floor_at_least_8, floor, multiple_of_8) in [
            (32, 1.0, 32, 32, 32),
            (32, 0.25, 8, 8, 8),
            (1024, 0.75, 768, 768, 768),
            (32, 0.35, 11, 11, 16),
            (512, 0.35, 179, 179, 176),
            (32, 0.1, 8, 3, 8),
            (100, 0.29, 29, 29, 32),
            (10, 0.7, 8, 7, 8),
            (1000, 1.001, 1001, 1001, 1000),
            (3, 1e-300, 8, 0, 8),
            (32, 2.0, 64, 64, 64),
        ] {
            let found = [FloorAtLeast8, Floor, MultipleOf8].map(|rounding| rounding.channels(base, alpha));
            assert_eq!(found, [floor_at_least_8, floor, multiple_of_8], "{base} * {alpha}");
        }
    }

    #[test]
    fn a_product_with_no_number_is_nothing() {
        for factor in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(Rounding::Floor.channels(32, factor), 0);
        }
    }
}
