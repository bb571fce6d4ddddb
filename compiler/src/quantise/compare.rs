//! Comparison: the network of bytes against that of floats, map by map, on a photo.

use super::{Quantiser, params};
use crate::error::{Complaint, Result};
use crate::interpret::{QuantisedReference, Reference};
use crate::quantised::Quantised;
use crate::weights::Weights;

/// How far numbers are from others that they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deviation {
    count: usize,
    signal: f64,
    noise: f64,
}

/// What one photo shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// How far each map's bytes are from its floats; errors of earlier maps included.
    pub maps: Vec<Deviation>,
    /// The class that floats score best.
    pub floats: usize,
    /// The class that bytes score best.
    pub bytes: usize,
}

impl Deviation {
    /// Of what `values` are taken for.
    pub fn between(values: &[f32], taken: impl Iterator<Item = f32>) -> Deviation {
        values.iter().zip(taken).fold(Deviation::default(), |sum, (&value, taken)| {
            let (value, off) = (f64::from(value), f64::from(value) - f64::from(taken));
            sum.with(Deviation { count: 1, signal: value * value, noise: off * off })
        })
    }

    /// Both together.
    pub fn with(self, other: Deviation) -> Deviation {
        Deviation {
            count: self.count + other.count,
            signal: self.signal + other.signal,
            noise: self.noise + other.noise,
        }
    }

    /// The root of the mean square.
    pub fn rms(self) -> f64 {
        (self.noise / self.count.max(1) as f64).sqrt()
    }

    /// Signal to noise, in decibels; None where there is no noise, or nothing else.
    pub fn decibels(self) -> Option<f64> {
        let ratio = self.signal / self.noise;
        (ratio.is_finite() && ratio > 0.0).then(|| 10.0 * ratio.log10())
    }
}

impl Quantiser<'_> {
    /// The integers of a file that this quantiser has written, bound to its graph.
    ///
    /// # Errors
    ///
    /// It is some other file.
    pub fn bind(&self, written: &Weights) -> Result<Quantised> {
        let floats = || Err(Complaint::new("the weights are floats").into());
        Quantised::bind(&self.graph, written).unwrap_or_else(floats)
    }

    /// Runs both networks on a photo: its bytes, cropped and resized.
    ///
    /// # Errors
    ///
    /// The photo has another size.
    pub fn compare(&self, quantised: &Quantised, pixels: &[u8]) -> Result<Comparison> {
        let floats = Reference::new(&self.graph, self.tensors).values(&self.normalised(pixels))?;
        let bytes = QuantisedReference::new(&self.graph, quantised).values(pixels)?;
        let mut affine = self.input;
        let mut maps = Vec::with_capacity(bytes.len());
        for (id, (floats, bytes)) in self.graph.ids().zip(floats.iter().zip(&bytes)) {
            if let Some(params) = params(&self.graph.node(id).op) {
                affine = quantised.layer(&params.layer)?.output;
            }
            let numbers = bytes.data.iter().map(|&byte| affine.number(byte));
            maps.push(Deviation::between(&floats.data, numbers));
        }
        let floats = floats.last().map_or(0, |scores| best(&scores.data, f32::total_cmp));
        let bytes = bytes.last().map_or(0, |scores| best(&scores.data, i16::cmp));
        Ok(Comparison { maps, floats, bytes })
    }
}

/// The first of the greatest.
fn best<T>(scores: &[T], compare: impl Fn(&T, &T) -> std::cmp::Ordering) -> usize {
    let best = scores.iter().enumerate().rev().max_by(|a, b| compare(a.1, b.1));
    best.map_or(0, |(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_measured() {
        let deviation = Deviation::between(&[3.0, -4.0], [3.0, -4.5].into_iter());
        assert!((deviation.decibels().unwrap() - 20.0).abs() < 1e-9, "25 to 0.25");
        assert!((deviation.rms() - 0.125f64.sqrt()).abs() < 1e-9);
        let twice = deviation.with(deviation);
        assert_eq!((twice.decibels(), twice.rms()), (deviation.decibels(), deviation.rms()));
        for same in [&[][..], &[0.0], &[1.0]] {
            let deviation = Deviation::between(same, same.iter().copied());
            assert_eq!((deviation.decibels(), deviation.rms()), (None, 0.0), "{same:?}");
        }
    }

    #[test]
    fn the_first_of_the_best() {
        assert_eq!(best(&[1i16, 3, -2, 3], i16::cmp), 1);
        assert_eq!(best(&[-1.0, -0.5], f32::total_cmp), 1);
        assert_eq!(best(&[], i16::cmp), 0);
    }
}
