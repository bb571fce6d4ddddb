//! Fixed-point arithmetic as TensorFlow Lite's reference kernels do it, bit for bit.
//!
//! A real factor becomes a 31-bit integer and a power of two ([`Multiplier`]); a product is rounded twice, first to 32
//! bits ([`high_multiply`]), then by the power of two ([`shift_right`]). So convolutions do it; dense layers multiply
//! doubles and round once ([`Factor`] is either). Softmax computes its exponentials and its
//! quotient with these alone, so that its bytes are the same on every machine.

/// A real factor: `factor * 2^(exponent - 31)`, with `factor` in `2^30..2^31`, or 0 for one that is negligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Multiplier {
    /// The significand.
    pub factor: i32,
    /// The power of two; -31 to 30.
    pub exponent: i32,
}

impl Multiplier {
    /// No factor at all.
    pub const ZERO: Multiplier = Multiplier { factor: 0, exponent: 0 };

    /// A factor from 0 up to 2^30, rounded to 31 bits; to 0 below 2^-32, where sums of 32 bits cannot reach 1.
    pub fn new(real: f64) -> Option<Multiplier> {
        if !(real >= 0.0 && real < (1u64 << 30) as f64) {
            return None;
        }
        // A significand in 0.5..1 and the exponent that belongs to it.
        let bits = real.to_bits();
        let exponent = (bits >> 52) as i32 - 1022;
        let significand = f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52);
        let factor = (significand * (1u64 << 31) as f64 + 0.5) as i64;
        let multiplier = match i32::try_from(factor) {
            Ok(factor) => Multiplier { factor, exponent },
            // Rounded up to 2^31.
            Err(_) => Multiplier { factor: 1 << 30, exponent: exponent + 1 },
        };
        Some(if multiplier.exponent < -31 { Multiplier::ZERO } else { multiplier })
    }

    /// The product with a sum, rounded twice.
    pub const fn apply(self, sum: i32) -> i32 {
        let left = if self.exponent > 0 { self.exponent } else { 0 };
        let product = high_multiply(sum.wrapping_shl(left as u32), self.factor);
        shift_right(product, left - self.exponent)
    }
}

/// What sums are multiplied with, and how the product is rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Factor {
    /// As convolutions do it: twice, in fixed point.
    Fixed(Multiplier),
    /// As dense layers do it: once, from a double to the nearest integer, ties away from zero.
    Double(f64),
}

impl Factor {
    /// The product with a sum, rounded.
    pub fn apply(self, sum: i32) -> i32 {
        match self {
            Factor::Fixed(multiplier) => multiplier.apply(sum),
            Factor::Double(factor) => {
                let product = f64::from(sum) * factor;
                let whole = product as i32;
                let rest = product - f64::from(whole);
                whole.saturating_add(i32::from(rest >= 0.5) - i32::from(rest <= -0.5))
            }
        }
    }
}

/// The upper half of twice the product, rounded to the nearest, ties away from zero upwards and towards zero downwards.
pub const fn high_multiply(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = a as i64 * b as i64;
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    ((product + nudge) / (1 << 31)) as i32
}

/// Division by 2^`exponent`, 0 to 31, rounded to the nearest, ties away from zero.
pub const fn shift_right(value: i32, exponent: i32) -> i32 {
    let mask = ((1i64 << exponent) - 1) as i32;
    let threshold = (mask >> 1) + (value < 0) as i32;
    (value >> exponent) + (value & mask > threshold) as i32
}

/// Multiplication by 2^`exponent`, saturating.
const fn shift_left(value: i32, exponent: u32) -> i32 {
    let wide = (value as i64) << exponent;
    if wide > i32::MAX as i64 {
        i32::MAX
    } else if wide < i32::MIN as i64 {
        i32::MIN
    } else {
        wide as i32
    }
}

/// `exp(x)` of x in -1/4..0, both with 31 fractional bits: four terms of the Taylor series around -1/8.
const fn exp_of_quarter(x: i32) -> i32 {
    const EXP_MINUS_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = x + (1 << 28);
    let x2 = high_multiply(x, x);
    let x3 = high_multiply(x2, x);
    let x4 = high_multiply(x2, x2);
    let higher = shift_right(high_multiply(shift_right(x4, 2) + x3, THIRD) + x2, 1);
    EXP_MINUS_EIGHTH + high_multiply(EXP_MINUS_EIGHTH, x + higher)
}

/// `exp(x)` of x from -32 to 0: x with 26 fractional bits, the result with 31.
const fn exp(x: i32) -> i32 {
    /// `exp(-2^i)` for i from -2 on.
    const POWERS: [i32; 7] =
        [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    if x == 0 {
        return i32::MAX;
    }
    let quarter = 1 << 24;
    let fraction = (x & (quarter - 1)) - quarter;
    let mut result = exp_of_quarter(shift_left(fraction, 5));
    let remainder = fraction.wrapping_sub(x);
    let mut i = 0;
    while i < POWERS.len() {
        if remainder & (quarter << i) != 0 {
            result = high_multiply(result, POWERS[i]);
        }
        i += 1;
    }
    result
}

/// `1 / (1 + x)` of x in 0..1, both with 31 fractional bits: three steps of Newton's method.
const fn reciprocal_of_one_plus(x: i32) -> i32 {
    const FORTY_EIGHT_SEVENTEENTHS: i32 = 1_515_870_810;
    const MINUS_THIRTY_TWO_SEVENTEENTHS: i32 = -1_010_580_540;
    let half_denominator = ((x as i64 + i32::MAX as i64 + 1) / 2) as i32;
    // With 29 fractional bits.
    let mut y = FORTY_EIGHT_SEVENTEENTHS + high_multiply(half_denominator, MINUS_THIRTY_TWO_SEVENTEENTHS);
    let mut i = 0;
    while i < 3 {
        let error = (1 << 29) - high_multiply(half_denominator, y);
        y += shift_left(high_multiply(y, error), 2);
        i += 1;
    }
    shift_left(y, 1)
}

/// Softmax over bytes: exponentials of all differences that two bytes can have, and a rounded quotient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// `exp(-difference * scale)` with 31 fractional bits, 0 from where it is negligible.
    exponentials: [i32; 256],
}

impl Softmax {
    /// For scores of that scale, multiplied with `beta` first.
    pub fn new(scale: f32, beta: f32) -> Option<Softmax> {
        /// Integer bits of what is exponentiated.
        const INTEGER_BITS: i32 = 5;
        let real = f64::from(beta) * f64::from(scale) * f64::from(1 << (31 - INTEGER_BITS));
        if !real.is_finite() {
            return None;
        }
        let real = real.min(f64::from(i32::MAX));
        // Beyond what `Multiplier` takes lies only the saturated scale.
        let (multiplier, shift) = match Multiplier::new(real) {
            Some(Multiplier { factor, exponent }) if exponent > 0 => (factor, exponent as u32),
            None if real >= f64::from(1 << 30) => ((real + 0.5) as i64 as i32, 31),
            _ => return None,
        };
        let negligible = (((1i64 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS)) >> shift;
        let exponential = |difference: usize| {
            if difference as i64 > negligible {
                return 0;
            }
            exp(high_multiply(-(difference as i32) << shift, multiplier))
        };
        Some(Softmax { exponentials: core::array::from_fn(exponential) })
    }

    /// `exp(-difference * scale)` of all differences that two bytes can have, with 31 fractional bits.
    pub const fn exponentials(&self) -> &[i32; 256] {
        &self.exponentials
    }

    /// Replaces unsigned bytes by their softmax, in units of 1/256.
    pub fn apply(&self, bytes: &mut [u8]) {
        softmax(&self.exponentials, bytes);
    }
}

/// Replaces unsigned bytes by their softmax, in units of 1/256, given the [exponentials](Softmax::exponentials) of differences.
pub(crate) fn softmax(exponentials: &[i32; 256], bytes: &mut [u8]) {
    /// Integer bits of the sum.
    const INTEGER_BITS: i32 = 12;
    let greatest = bytes.iter().copied().max().unwrap_or(0);
    let exponential = |byte: u8| exponentials[usize::from(greatest - byte)];
    let sum =
        bytes.iter().fold(0i32, |sum, &byte| sum.wrapping_add(shift_right(exponential(byte), INTEGER_BITS)));
    let headroom = sum.leading_zeros();
    let above_one = ((sum as u32).wrapping_shl(headroom)).wrapping_sub(1 << 31) as i32;
    let reciprocal = reciprocal_of_one_plus(above_one);
    let exponent = (INTEGER_BITS - headroom as i32 + 31 - 8).clamp(0, 31);
    for byte in bytes {
        let share = shift_right(high_multiply(reciprocal, exponential(*byte)), exponent);
        *byte = share.clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_normalised() {
        for (real, factor, exponent) in [
            (0.5, 1 << 30, 0),
            (1.0, 1 << 30, 1),
            (0.75, 3 << 29, 0),
            (0.003, 1_649_267_442, -8),
            (1.0 - 1e-12, 1 << 30, 1),
            (2f64.powi(-32), 1 << 30, -31),
            (2f64.powi(-33), 0, 0),
            (0.0, 0, 0),
        ] {
            assert_eq!(Multiplier::new(real), Some(Multiplier { factor, exponent }), "{real}");
        }
        for real in [-1.0, f64::NAN, f64::INFINITY, 1e10] {
            assert_eq!(Multiplier::new(real), None, "{real}");
        }
    }

    #[test]
    fn both_roundings() {
        let half = Multiplier { factor: 1 << 30, exponent: 0 };
        assert_eq!([3, 2, 1, -1, -2, -3].map(|sum| half.apply(sum)), [2, 1, 1, 0, -1, -1]);
        assert_eq!([6, 5, -5, -6, -7].map(|value| shift_right(value, 2)), [2, 1, -1, -2, -2]);
        assert_eq!(shift_right(i32::MIN, 31), -1);
        assert_eq!(high_multiply(i32::MIN, i32::MIN), i32::MAX);
        let double = Multiplier { factor: 1 << 30, exponent: 2 };
        assert_eq!([7, -7].map(|sum| double.apply(sum)), [14, -14]);
    }

    #[test]
    fn doubles_are_rounded_once() {
        for (factor, sum, expected) in [
            (0.5, 3, 2),
            (0.5, -3, -2),
            (0.5, 1, 1),
            (0.499_999_999_999_999_94, 1, 0),
            (0.25, -7, -2),
            (1e-3, 1499, 1),
            (128.0, i32::MIN, i32::MIN),
            (128.0, i32::MAX, i32::MAX),
        ] {
            assert_eq!(Factor::Double(factor).apply(sum), expected, "{sum} * {factor}");
        }
    }

    #[test]
    fn fixed_point_functions_are_what_they_are_called() {
        for i in 0..=320 {
            let x = -f64::from(i) / 10.0;
            let found = f64::from(exp((x * f64::from(1 << 26)) as i32)) / 2f64.powi(31);
            assert!((found - x.exp()).abs() < 1e-6, "exp({x}) = {found}");
        }
        for i in 0..1000 {
            let x = f64::from(i) / 1000.0;
            let found = f64::from(reciprocal_of_one_plus((x * 2f64.powi(31)) as i32)) / 2f64.powi(31);
            assert!((found - 1.0 / (1.0 + x)).abs() < 1e-8, "1 / (1 + {x}) = {found}");
        }
    }

    /// Classes, scale, beta, and the FNV-1a hash of what LiteRT 2.3.0 gives with its reference kernels for eight vectors of
    /// pseudo-random bytes, unsigned and signed alike.
    const PUBLISHED: [(usize, f32, f32, u64); 10] = [
        (1001, 0.1, 1.0, 0xccfd_8a77_a11a_05c8),
        (1001, 0.0625, 1.0, 0xaf28_04fc_0018_d0fe),
        (1001, 0.02, 1.0, 0xc676_c602_e6b0_7823),
        (1001, 0.3, 0.5, 0xc373_f8a6_5994_aeb3),
        (10, 0.05, 1.0, 0x5ac7_c280_1727_ef5d),
        (2, 0.01, 1.0, 0xf5e3_00a4_836f_5629),
        (3, 1.5, 1.0, 0xa73c_0ba9_d9d9_1699),
        (1001, 0.004, 2.0, 0x845e_6c8f_ff26_0892),
        (7, 40.0, 1.0, 0xcf5a_99b4_9407_df91),
        (1000, 0.198_635_46, 1.0, 0xb012_a44c_1557_1db9),
    ];

    #[test]
    fn softmax_as_published() {
        for (classes, scale, beta, expected) in PUBLISHED {
            let softmax = Softmax::new(scale, beta).unwrap();
            let mut hash = 0xcbf2_9ce4_8422_2325u64;
            for seed in 0..8u64 {
                let mut state = seed;
                let mut random = || {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                };
                let mut bytes: Vec<u8> = (0..classes).map(|_| random()).collect();
                softmax.apply(&mut bytes);
                hash = bytes
                    .iter()
                    .fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
            }
            assert_eq!(hash, expected, "{classes} classes, scale {scale}, beta {beta}");
        }
    }

    #[test]
    fn probabilities_of_bytes() {
        let softmax = Softmax::new(0.1, 1.0).unwrap();
        for scores in [&[10u8, 20, 30][..], &[0, 255], &[7], &[5; 100]] {
            let mut bytes = scores.to_vec();
            softmax.apply(&mut bytes);
            let powers: Vec<f64> = scores.iter().map(|&score| (0.1 * f64::from(score)).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (found, power) in bytes.iter().zip(powers) {
                let exact = (256.0 * power / sum).min(255.0);
                assert!((f64::from(*found) - exact).abs() <= 0.5 + 1e-3, "{scores:?}: {found} {exact}");
            }
        }
        assert_eq!(Softmax::new(0.0, 1.0), None);
        assert_eq!(Softmax::new(f32::NAN, 1.0), None);
    }
}
