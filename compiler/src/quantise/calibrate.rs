//! Calibration: between which numbers each map lies, as photos show it.

use super::Quantiser;
use crate::error::{Complaint, Report, Result};
use crate::interpret::Reference;

/// The least and the greatest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub low: f32,
    /// The greatest.
    pub high: f32,
}

/// The range of each map, by the nodes of the quantiser's graph. The order in which photos are merged does not matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration(Vec<Range>);

impl Range {
    /// Of no numbers at all.
    const NONE: Range = Range { low: f32::INFINITY, high: f32::NEG_INFINITY };

    fn of(values: &[f32]) -> Range {
        values.iter().fold(Range::NONE, |range, &x| range.with(Range { low: x, high: x }))
    }

    fn with(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

impl Calibration {
    /// The ranges.
    pub fn ranges(&self) -> &[Range] {
        &self.0
    }

    /// What this one and another photo show together.
    pub fn merged(mut self, other: &Calibration) -> Calibration {
        for (range, other) in self.0.iter_mut().zip(&other.0) {
            *range = range.with(*other);
        }
        self
    }
}

impl Quantiser<'_> {
    /// What one photo shows: its bytes, cropped and resized.
    ///
    /// # Errors
    ///
    /// The photo has another size, or the network computes what is no number.
    pub fn calibrate(&self, pixels: &[u8]) -> Result<Calibration> {
        let values = Reference::new(&self.graph, self.tensors).values(&self.normalised(pixels))?;
        let mut report = Report::new();
        if let Some(value) = values.iter().find(|value| value.data.iter().any(|x| !x.is_finite())) {
            let what = format!("`{}` computes numbers that are not finite", value.name);
            report.push(Complaint::new(what).help("its weights are too large for floats of 32 bits"));
        }
        report.into_result(Calibration(values.iter().map(|value| Range::of(&value.data)).collect()))
    }
}
