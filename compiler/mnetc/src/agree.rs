//! How far two results may be apart.

use mobilenet_compiler::settings::Stored;
use mobilenet_kernels::layout::Storage;

use crate::Failure;

/// What logits may be off by; they reach about 20.
pub(crate) const TOLERANCE: f32 = 1e-4;

/// What logits may be off by, against those of `f32`s. Measured on all float models and photos at hand: up to 0.34 with bf16,
/// and 3.4e-3 with the classifier alone stored as f16.
pub(crate) const fn logits_tolerance(stored: Stored) -> f32 {
    match (stored.blocks, stored.classifier) {
        (Storage::F32, Storage::F32) => TOLERANCE,
        (Storage::F32, _) => 1e-2,
        _ => 0.5,
    }
}

/// What layers and logits may be off by, against a reference that rounds where plans do, as a share of the largest value. Sums
/// that differ in their last bits may be rounded to different bf16s, which are up to 1/128 of them apart.
pub(crate) const fn tolerance(stored: Stored) -> f32 {
    match stored.blocks {
        Storage::F32 => TOLERANCE,
        _ => 5e-2,
    }
}

/// The largest absolute difference; infinite where lengths differ or something is not a number.
pub(crate) fn difference(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() {
        return f32::INFINITY;
    }
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |largest, d| if d.is_nan() { f32::INFINITY } else { largest.max(d) })
}

/// The largest absolute value, 1 at least: what [`TOLERANCE`] is scaled by where values may be of any size.
pub(crate) fn scale(values: &[f32]) -> f32 {
    values.iter().fold(1.0, |largest, value| largest.max(value.abs()))
}

/// Complains where results are too far apart.
pub(crate) fn assert_close(
    what: &str,
    found: &[f32],
    expected: &[f32],
    tolerance: f32,
) -> Result<(), Failure> {
    let (off, most) = (difference(found, expected), tolerance * scale(expected));
    if off <= most {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{what}: its output is off by {off:.2e}, and {most:.2e} is allowed; `mnetc verify` finds the layer"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_agree_within_the_tolerance() {
        assert_eq!(difference(&[1.0, -2.0], &[1.5, -2.0]), 0.5);
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f32::INFINITY);
        assert_eq!(difference(&[f32::NAN], &[1.0]), f32::INFINITY);
        assert!(assert_close("same", &[20.0, 1.0], &[20.001, 1.0], TOLERANCE).is_ok());
        let failure = assert_close("other", &[20.0, 1.0], &[20.0, 1.1], TOLERANCE).unwrap_err();
        assert!(failure.message.contains("other: its output is off by 1.00e-1"), "{}", failure.message);
    }
}
