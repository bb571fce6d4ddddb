//! Slots: the places of MobileNet v1, by which layers of differently named files correspond.

use super::Kind;

/// A layer's place in MobileNet v1, whatever the file calls it. Sorts in network order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The first convolution.
    Stem,
    /// Half of a depthwise-separable block.
    Block {
        /// The stage, from 0, in files that number blocks by stage; a depthwise layer of stride 2 begins a stage.
        stage: Option<usize>,
        /// The block: from 1, or from 0 within its stage.
        index: usize,
        /// Which half.
        half: Half,
    },
    /// A 1x1 convolution between the last block and the pooling (timm's `mobilenetv1_100h`).
    Head,
    /// The classifier.
    Classifier,
}

/// The two layers of a depthwise-separable block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    /// The depthwise convolution.
    Depthwise,
    /// The 1x1 convolution.
    Pointwise,
}

impl Slot {
    /// A block numbered from 1.
    pub fn numbered(index: usize, half: Half) -> Slot {
        Slot::Block { stage: None, index, half }
    }

    /// The kind of the layer in this place.
    pub fn kind(self) -> Kind {
        match self {
            Slot::Stem => Kind::Conv,
            Slot::Block { half: Half::Depthwise, .. } => Kind::Depthwise,
            Slot::Block { half: Half::Pointwise, .. } | Slot::Head => Kind::Pointwise,
            Slot::Classifier => Kind::Dense,
        }
    }
}

/// A place under both numberings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) numbered: Slot,
    pub(super) staged: Slot,
}

impl Place {
    fn only(slot: Slot) -> Place {
        Place { numbered: slot, staged: slot }
    }

    pub(super) fn is(self, slot: Option<Slot>) -> bool {
        slot == Some(self.numbered) || slot == Some(self.staged)
    }
}

/// The places of layers given in network order by kind and stride; None for a layer that MobileNet v1 has no place for.
pub(super) fn places(layers: &[(Kind, usize)]) -> Vec<Option<Place>> {
    let mut blocks = 0;
    let (mut stage, mut in_stage) = (0, 0);
    let mut before = None;
    let mut result = Vec::with_capacity(layers.len());
    for (i, &(kind, stride)) in layers.iter().enumerate() {
        let block = |half| Place {
            numbered: Slot::numbered(blocks, half),
            staged: Slot::Block { stage: Some(stage), index: in_stage, half },
        };
        result.push(match kind {
            Kind::Conv if i == 0 => Some(Place::only(Slot::Stem)),
            Kind::Conv => None,
            Kind::Depthwise => {
                match (blocks, stride) {
                    (0, 1) => {}
                    (_, 1) => in_stage += 1,
                    _ => (stage, in_stage) = (stage + 1, 0),
                }
                blocks += 1;
                Some(Place {
                    numbered: Slot::numbered(blocks, Half::Depthwise),
                    staged: Slot::Block { stage: Some(stage), index: in_stage, half: Half::Depthwise },
                })
            }
            Kind::Pointwise | Kind::Dense if i > 0 && i + 1 == layers.len() => {
                Some(Place::only(Slot::Classifier))
            }
            Kind::Pointwise if before == Some(Kind::Depthwise) => Some(block(Half::Pointwise)),
            Kind::Pointwise if before == Some(Kind::Pointwise) && i + 2 == layers.len() => {
                Some(Place::only(Slot::Head))
            }
            Kind::Pointwise | Kind::Dense => None,
        });
        before = Some(kind);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRIDES: [usize; 13] = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];

    fn body(strides: &[usize]) -> Vec<(Kind, usize)> {
        let blocks = strides.iter().flat_map(|&stride| [(Kind::Depthwise, stride), (Kind::Pointwise, 1)]);
        std::iter::once((Kind::Conv, 2)).chain(blocks).collect()
    }

    #[test]
    fn the_thirteen_blocks_in_both_numberings() {
        let mut layers = body(&STRIDES);
        layers.push((Kind::Dense, 1));
        let places = places(&layers);
        assert_eq!(places[0].unwrap().numbered, Slot::Stem);
        assert_eq!(places[27].unwrap().numbered, Slot::Classifier);
        let stages = [
            (0, 0),
            (1, 0),
            (1, 1),
            (2, 0),
            (2, 1),
            (3, 0),
            (3, 1),
            (3, 2),
            (3, 3),
            (3, 4),
            (3, 5),
            (4, 0),
            (4, 1),
        ];
        for (i, (stage, index)) in stages.into_iter().enumerate() {
            for (half, at) in [(Half::Depthwise, 2 * i + 1), (Half::Pointwise, 2 * i + 2)] {
                let place = places[at].unwrap();
                assert_eq!(place.numbered, Slot::numbered(i + 1, half));
                assert_eq!(place.staged, Slot::Block { stage: Some(stage), index, half });
            }
        }
    }

    #[test]
    fn a_head_before_the_classifier_and_no_place_for_other_convolutions() {
        let mut layers = body(&[1, 2]);
        layers.extend([(Kind::Pointwise, 1), (Kind::Pointwise, 1)]);
        let found: Vec<_> =
            places(&layers).into_iter().map(|place| place.map(|place| place.numbered)).collect();
        assert_eq!(found[5..], [Some(Slot::Head), Some(Slot::Classifier)]);
        assert_eq!(places(&[(Kind::Conv, 2), (Kind::Conv, 1), (Kind::Dense, 1)])[1], None);
    }

    #[test]
    fn slots_sort_in_network_order() {
        let order = [
            Slot::Stem,
            Slot::numbered(1, Half::Depthwise),
            Slot::numbered(1, Half::Pointwise),
            Slot::numbered(2, Half::Depthwise),
            Slot::Head,
            Slot::Classifier,
        ];
        assert!(order.is_sorted());
    }
}
