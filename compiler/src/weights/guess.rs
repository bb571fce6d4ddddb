//! Which MobileNet v1 a weights file holds.

use super::{Half, Slot, Weights};
use crate::error::{Complaint, Report, Result};
use crate::family::Rounding;

/// The MobileNet v1 that a weights file holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The width multiplier.
    pub alpha: f64,
    /// Classes.
    pub classes: usize,
    /// Channels of the input image.
    pub input_channels: usize,
    /// Height and width of the input, where the file says.
    pub resolution: Option<[usize; 2]>,
}

/// Output channels of the first convolution at alpha 1 (Howard et al. 2017, Table 1).
const STEM: usize = 32;
/// Output channels of the thirteen blocks at alpha 1.
const BLOCKS: [usize; 13] = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
/// Blocks before each stage, where blocks are numbered by stage.
const STAGES: [usize; 5] = [0, 1, 3, 5, 11];
/// Layers of the body: all but the classifier.
const BODY: usize = 1 + 2 * BLOCKS.len();

impl Weights {
    /// Width, classes and input of the MobileNet v1 that the file holds. Layers may be missing or misshapen as long as
    /// most are sound: [`Weights::bind`] says which.
    ///
    /// # Errors
    /// The file holds no MobileNet v1.
    pub fn guess(&self) -> Result<Guess> {
        let slot = |slot| self.layers.iter().find(move |layer| layer.slot == Some(slot));
        let stem = slot(Slot::Stem).ok_or_else(|| no_mobilenet("it has no first convolution"))?;
        let classifier = slot(Slot::Classifier).ok_or_else(|| no_mobilenet("it has no classifier"))?;
        let widths: Vec<_> = self
            .layers
            .iter()
            .filter_map(|layer| Some((base_width(layer.slot?)?, layer.outputs())))
            .collect();
        if 2 * widths.len() <= BODY || self.ordered && self.layers.len() != BODY + 1 {
            return Err(no_mobilenet(&format!("it has {} layers, not {}", self.layers.len(), BODY + 1)));
        }
        let alpha = alpha(&widths, self.family.rounding)
            .ok_or_else(|| no_mobilenet("its channels do not follow from one width multiplier"))?;
        Ok(Guess {
            alpha,
            classes: classifier.outputs(),
            input_channels: stem.inputs(),
            resolution: self.input.map(|[height, width, _]| [height, width]),
        })
    }
}

fn no_mobilenet(why: &str) -> Report {
    Complaint::new(format!("the weights are no MobileNet v1: {why}"))
        .help("name the spec that they belong to")
        .into()
}

/// Output channels at alpha 1 of a layer of the body.
fn base_width(slot: Slot) -> Option<usize> {
    let Slot::Block { stage, index, half } = slot else {
        return (slot == Slot::Stem).then_some(STEM);
    };
    let block = match stage {
        Some(stage) => STAGES.get(stage)?.checked_add(index)?,
        None => index.checked_sub(1)?,
    };
    match (half, block) {
        (Half::Pointwise, _) => BLOCKS.get(block).copied(),
        (Half::Depthwise, 0) => Some(STEM),
        (Half::Depthwise, _) => BLOCKS.get(block - 1).copied(),
    }
}

/// The width multiplier that explains most layers, given as (channels at alpha 1, channels); the one with the fewest
/// digits where several do.
fn alpha(widths: &[(usize, usize)], rounding: Rounding) -> Option<f64> {
    let explained =
        |alpha| widths.iter().filter(|&&(base, width)| rounding.channels(base, alpha) == width).count();
    let best = (widths.iter())
        .filter_map(|&(base, width)| candidate(base, width, rounding))
        .map(|(digits, alpha)| (explained(alpha), digits, alpha))
        .reduce(|a, b| if (b.0, a.1) > (a.0, b.1) { b } else { a });
    best.filter(|&(count, _, _)| 2 * count > widths.len()).map(|(_, _, alpha)| alpha)
}

/// The shortest decimal that makes `width` channels of `base`, and its digits after the point.
fn candidate(base: usize, width: usize, rounding: Rounding) -> Option<(u32, f64)> {
    let (below, above) = if rounding == Rounding::MultipleOf8 { (4.0, 4.0) } else { (0.0, 1.0) };
    let low = (width as f64 - below) / base as f64;
    let high = (width as f64 + above) / base as f64;
    (0..=6).find_map(|digits| {
        let unit = 10f64.powi(-(digits as i32));
        let alpha = (low / unit - 1e-9).ceil() / 10f64.powi(digits as i32);
        (alpha > 0.0 && alpha < high).then_some((digits, alpha))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(alpha: f64, rounding: Rounding) -> Vec<(usize, usize)> {
        let bases = std::iter::once(STEM).chain(BLOCKS);
        bases.map(|base| (base, rounding.channels(base, alpha))).collect()
    }

    #[test]
    fn alpha_from_widths() {
        use Rounding::*;
        for rounding in [FloorAtLeast8, Floor, MultipleOf8] {
            for expected in [0.25, 0.35, 0.5, 0.75, 1.0, 1.25, 1.4, 2.0] {
                assert_eq!(alpha(&widths(expected, rounding), rounding), Some(expected), "{rounding:?}");
            }
        }
    }

    #[test]
    fn alpha_despite_a_misshapen_layer_but_not_without_rule() {
        let mut wrong = widths(0.5, Rounding::Floor);
        wrong[3].1 = 7;
        assert_eq!(alpha(&wrong, Rounding::Floor), Some(0.5));
        let mut none = widths(0.5, Rounding::Floor);
        for (i, width) in none.iter_mut().enumerate() {
            width.1 = i + 1;
        }
        assert_eq!(alpha(&none, Rounding::Floor), None);
    }

    #[test]
    fn base_widths_in_both_numberings() {
        let block = |stage, index, half| base_width(Slot::Block { stage, index, half });
        assert_eq!(base_width(Slot::Stem), Some(32));
        assert_eq!(block(None, 1, Half::Depthwise), Some(32));
        assert_eq!(block(None, 12, Half::Pointwise), Some(1024));
        assert_eq!(block(Some(4), 0, Half::Pointwise), Some(1024));
        assert_eq!(block(Some(4), 0, Half::Depthwise), Some(512));
        assert_eq!(block(None, 0, Half::Depthwise), None);
        assert_eq!(block(Some(4), usize::MAX, Half::Depthwise), None);
        assert_eq!(block(Some(9), 0, Half::Depthwise), None);
        assert_eq!(base_width(Slot::Classifier), None);
    }
}
