//! 16-bit floats, which weights and strips may be stored as: half the memory, and pairs that some processors multiply at once.
//!
//! Rounding is to nearest, ties to even, as the processors' own instructions do it. Sums are always kept in `f32`.

/// An `f32` without the lower half of its bits: the same range, 8 significant bits, a relative error of 2^-9 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(pub u16);

/// IEEE half precision: 11 significant bits, a relative error of 2^-12 at most from 6.2e-5 up to [`F16::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct F16(pub u16);

impl From<f32> for Bf16 {
    #[inline(always)]
    fn from(value: f32) -> Self {
        let bits = value.to_bits();
        // Half of the last place, less the least bit where the last place is even. What is no number stays none.
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        Bf16(if value.is_nan() { (bits >> 16) as u16 | 0x40 } else { rounded as u16 })
    }
}

impl From<Bf16> for f32 {
    #[inline(always)]
    fn from(Bf16(bits): Bf16) -> f32 {
        f32::from_bits(u32::from(bits) << 16)
    }
}

impl F16 {
    /// The largest number.
    pub const MAX: f32 = 65504.0;
}

/// What moves a half's exponent to where an `f32` has it: 2^112, the difference of the biases. Multiplying makes normal
/// numbers of subnormal ones.
const REBIAS: f32 = f32::from_bits((127 + 112) << 23);

impl From<f32> for F16 {
    fn from(value: f32) -> Self {
        let sign = (value.to_bits() >> 16) as u16 & 0x8000;
        let magnitude = f32::from_bits(value.to_bits() & 0x7fff_ffff);
        if magnitude.is_nan() {
            return F16(sign | 0x7e00);
        }
        // Subnormal: adding 0.5 leaves a unit of 2^-24 in the last place, and rounds.
        if magnitude < 6.103_515_6e-5 {
            return F16(sign | ((magnitude + 0.5).to_bits() - 0.5f32.to_bits()) as u16);
        }
        // Beyond the largest number: infinite.
        if magnitude >= 65520.0 {
            return F16(sign | 0x7c00);
        }
        let bits = magnitude.to_bits() - (112 << 23);
        F16(sign | ((bits + 0xfff + (bits >> 13 & 1)) >> 13) as u16)
    }
}

impl From<F16> for f32 {
    /// Of infinities and what is no number, it makes large numbers: weights are neither.
    #[inline(always)]
    fn from(F16(bits): F16) -> f32 {
        let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * REBIAS;
        f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_to_nearest_and_even() {
        for (value, expected) in [
            (0.0, 0.0),
            (-1.0, -1.0),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
            (1.0 + 1.01 / 256.0, 1.0 + 2.0 / 256.0),
            (f32::MAX, f32::INFINITY),
        ] {
            assert_eq!(f32::from(Bf16::from(value)), expected, "{value}");
        }
        assert!(f32::from(Bf16::from(f32::from_bits(0x7fff_ffff))).is_nan());
    }

    #[test]
    fn every_half_survives_the_round_trip() {
        for bits in (0..=u16::MAX).filter(|bits| bits & 0x7c00 != 0x7c00) {
            assert_eq!(F16::from(f32::from(F16(bits))), F16(bits));
        }
    }

    #[test]
    fn halves_round_to_nearest_and_even() {
        let ulp = 1.0 / 1024.0;
        for (value, expected) in [
            (1.0 + ulp / 2.0, 0x3c00),
            (1.0 + 1.5 * ulp, 0x3c02),
            (-1.0 - 0.51 * ulp, 0xbc01),
            (65519.0, 0x7bff),
            (65520.0, 0x7c00),
            (f32::NEG_INFINITY, 0xfc00),
            (f32::NAN, 0x7e00),
            // Subnormal: units of 2^-24.
            (2.0f32.powi(-24), 1),
            (2.0f32.powi(-25), 0),
            (1.5 * 2.0f32.powi(-24), 2),
            (2.0f32.powi(-14) - 2.0f32.powi(-26), 0x400),
        ] {
            assert_eq!(F16::from(value), F16(expected), "{value}");
        }
    }
}
