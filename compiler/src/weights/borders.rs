//! Zero borders: which [`Padding`] explains those of a network's convolutions.

use super::Kind;
use crate::family::Padding;

/// Larger than any image that a network looks at.
const LARGEST_SIDE: usize = 1 << 14;
/// In order of preference where several explain all borders.
const PADDINGS: [Padding; 4] = [Padding::Same, Padding::After, Padding::Symmetric, Padding::Valid];

/// The zero border of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    /// TensorFlow's SAME.
    Same,
    /// Rows above, columns before, rows below, columns after.
    Explicit([usize; 4]),
}

impl Border {
    /// Whether there is none.
    pub(super) fn is_none(self) -> bool {
        self == Border::Explicit([0; 4])
    }
}

/// The borders of a network followed up to some point.
#[derive(Clone, Debug)]
pub(super) struct Borders {
    input: Option<[usize; 2]>,
    size: Option<[usize; 2]>,
    paddings: Vec<Padding>,
}

impl Borders {
    /// Those of a network with that input: height and width, where the file says.
    pub(super) fn new(input: Option<[usize; 2]>) -> Borders {
        let input = input.filter(|size| size.iter().all(|side| (1..=LARGEST_SIDE).contains(side)));
        Borders { input, size: input, paddings: PADDINGS.to_vec() }
    }

    /// Height and width of the input.
    pub(super) fn input(&self) -> Option<[usize; 2]> {
        self.input
    }

    /// Height and width of the map reached.
    pub(super) fn size(&self) -> Option<[usize; 2]> {
        self.size
    }

    /// The paddings that explain all borders, the preferred one first; None where all do, as without any stride.
    pub(super) fn paddings(&self) -> Option<&[Padding]> {
        (self.paddings.len() < PADDINGS.len()).then_some(&self.paddings)
    }

    /// Narrows the paddings down to those that explain a window's border, and steps on to the size that it leaves.
    ///
    /// # Errors
    /// What is wrong with the window.
    pub(super) fn slide(
        &mut self,
        kind: Kind,
        window: [usize; 2],
        stride: usize,
        border: Border,
    ) -> Result<(), String> {
        if stride == 0 || stride > 16 || window.iter().any(|&side| side == 0 || side > 16) {
            return Err("not a convolution of a MobileNet".to_owned());
        }
        // Where the size is not known, the usual one stands for it: even at every stride.
        let size = self.size.unwrap_or([224; 2]);
        let expected = |padding: Padding| {
            let [top, bottom] = zeros(padding, kind, window[0], stride, size[0]);
            let [left, right] = zeros(padding, kind, window[1], stride, size[1]);
            [top, left, bottom, right]
        };
        let have = match border {
            Border::Same => expected(Padding::Same),
            Border::Explicit(zeros) => zeros,
        };
        if stride == 1 {
            return match have == expected(Padding::Same) {
                true => Ok(()),
                false => Err(format!("padding {have:?} at stride 1 changes the size")),
            };
        }
        self.paddings.retain(|&padding| expected(padding) == have);
        if self.paddings.is_empty() {
            return Err(format!("padding {have:?} is not that of the layers before"));
        }
        let extent = |axis: usize| {
            let padded = size[axis].checked_add(have[axis])?.checked_add(have[axis + 2])?;
            Some(padded.checked_sub(window[axis])? / stride + 1)
        };
        let next = extent(0).zip(extent(1)).ok_or("a window larger than its input")?;
        self.size = self.size.map(|_| next.into());
        Ok(())
    }
}

/// Zeros before and after `size` pixels under a padding.
fn zeros(padding: Padding, kind: Kind, window: usize, stride: usize, size: usize) -> [usize; 2] {
    match padding {
        Padding::Valid => [0, 0],
        _ if stride == 1 => [(window - 1) / 2, window / 2],
        Padding::Symmetric => [window / 2; 2],
        // Keras pads depthwise convolutions so, and full ones SAME.
        Padding::After if kind == Kind::Depthwise => [0, 1],
        Padding::Same | Padding::After => {
            let total = ((size.div_ceil(stride) - 1) * stride + window).saturating_sub(size);
            [total / 2, total - total / 2]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The padding found, given the borders of a full and some depthwise convolutions at stride 2.
    fn padding(size: Option<usize>, borders: &[Border]) -> Result<Option<Padding>, String> {
        let mut found = Borders::new(size.map(|size| [size; 2]));
        for (i, &border) in borders.iter().enumerate() {
            let kind = if i == 0 { Kind::Conv } else { Kind::Depthwise };
            found.slide(kind, [3; 2], 2, border)?;
        }
        Ok(found.paddings().map(|paddings| paddings[0]))
    }

    #[test]
    fn padding_follows_from_borders_and_sizes() {
        let (after, both) = (Border::Explicit([0, 0, 1, 1]), Border::Explicit([1; 4]));
        assert_eq!(padding(Some(96), &[]), Ok(None));
        assert_eq!(padding(Some(96), &[Border::Same, Border::Same]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(96), &[after, after]), Ok(Some(Padding::Same)));
        assert_eq!(padding(None, &[after, after]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(96), &[both, both]), Ok(Some(Padding::Symmetric)));
        // 97 -> 49 -> 25: odd all the way.
        assert_eq!(padding(Some(97), &[both, both]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(129), &[both, after]), Ok(Some(Padding::After)));
        assert_eq!(padding(Some(98), &[after, both]), Ok(Some(Padding::Same)));
        assert_eq!(padding(Some(96), &[Border::Explicit([0; 4])]), Ok(Some(Padding::Valid)));
        assert!(padding(Some(96), &[after, both]).unwrap_err().contains("not that of the layers before"));
        assert!(padding(Some(1), &[Border::Explicit([0; 4])]).unwrap_err().contains("larger than its input"));
    }
}
