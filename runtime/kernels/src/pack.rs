//! Bringing weights and maps into the layouts of [`layout`](crate::layout).

use crate::layout::{BLOCK, EPILOGUE, Map, PANEL, Section, Storage, padded, panel_width};
use crate::narrow::{Bf16, F16};

/// Writes epilogue and bias, and zero everywhere else.
fn begin(section: Section, bias: &[f32], bounds: [f32; 2], out: &mut [f32]) {
    out[..section.len].fill(0.0);
    out[..2].copy_from_slice(&bounds);
    out[section.bias..section.bias + bias.len()].copy_from_slice(bias);
}

/// Packs a matrix product, [`Section::panels`]: `kernel` is `inputs` rows of `outputs` values.
///
/// # Panics
///
/// Where a slice is shorter than `inputs`, `outputs` and the section ask for.
pub fn panels(
    kernel: &[f32],
    bias: &[f32],
    bounds: [f32; 2],
    inputs: usize,
    outputs: usize,
    out: &mut [f32],
) {
    product(Storage::F32, kernel, bias, bounds, inputs, outputs, out);
}

/// Packs a matrix product, [`Section::product`]: `kernel` is `inputs` rows of `outputs` values.
///
/// # Panics
///
/// Where a slice is shorter than `inputs`, `outputs` and the section ask for.
pub fn product(
    storage: Storage,
    kernel: &[f32],
    bias: &[f32],
    bounds: [f32; 2],
    inputs: usize,
    outputs: usize,
    out: &mut [f32],
) {
    let section = Section::product(inputs, outputs, storage);
    begin(section, &bias[..outputs], bounds, out);
    let out = &mut out[section.kernel..section.len];
    // Rows of a panel, in inputs; in bf16 two of them share a row of words.
    let stored = if storage == Storage::Bf16 { padded(inputs) } else { inputs };
    for panel in 0..outputs.div_ceil(PANEL) {
        let (first, width) = (panel * PANEL, panel_width(outputs, panel));
        let columns = width.min(outputs - first);
        for k in 0..inputs {
            let row = &kernel[k * outputs + first..][..columns];
            let start = first * stored + k * width;
            match storage {
                Storage::F32 => out[start..][..columns].copy_from_slice(row),
                Storage::F16 => {
                    let halves = row.iter().map(|&weight| F16::from(weight).0);
                    halves.enumerate().for_each(|(lane, half)| put(out, start + lane, half));
                }
                Storage::Bf16 => {
                    let (pair, half) = (first * stored + k / 2 * 2 * width, k % 2);
                    let halves = row.iter().map(|&weight| Bf16::from(weight).0);
                    halves.enumerate().for_each(|(lane, bits)| put(out, pair + lane * 2 + half, bits));
                }
            }
        }
    }
}

/// Writes the half of a word: the lower one comes first.
fn put(words: &mut [f32], at: usize, half: u16) {
    let word = &mut words[at / 2];
    let shift = at % 2 * 16;
    *word = f32::from_bits(word.to_bits() & !(0xffff << shift) | u32::from(half) << shift);
}

/// Packs a depthwise convolution, [`Section::depthwise`]: `kernel` is `taps` rows of `channels` values.
///
/// # Panics
///
/// Where a slice is shorter than `taps`, `channels` and the section ask for.
pub fn depthwise(
    kernel: &[f32],
    bias: &[f32],
    bounds: [f32; 2],
    channels: usize,
    taps: usize,
    out: &mut [f32],
) {
    let section = Section::depthwise(channels, taps);
    begin(section, &bias[..channels], bounds, out);
    for first in (0..channels).step_by(BLOCK) {
        let width = (padded(channels) - first).min(BLOCK);
        let lanes = width.min(channels - first);
        let start = section.kernel + first * taps;
        for tap in 0..taps {
            let row = &kernel[tap * channels + first..][..lanes];
            out[start + tap * width..][..lanes].copy_from_slice(row);
        }
    }
}

/// Packs a batch normalisation on its own, [`Section::batchnorm`].
///
/// # Panics
///
/// Where a slice is shorter than the section asks for.
pub fn batchnorm(scale: &[f32], shift: &[f32], out: &mut [f32]) {
    let section = Section::batchnorm(scale.len());
    begin(section, shift, [f32::NEG_INFINITY, f32::INFINITY], out);
    out[section.kernel..section.kernel + scale.len()].copy_from_slice(scale);
}

/// Copies an interleaved map, `(height, width, channels)`, to its place in an arena.
///
/// # Panics
///
/// Where a slice is too short.
pub fn to_map<T: Copy + Default, const G: usize>(interleaved: &[T], map: &Map<G>, arena: &mut [T]) {
    each(map, |at, from| arena[at] = from.map_or(T::default(), |from| interleaved[from]));
}

/// Copies a map from its place in an arena, interleaved.
///
/// # Panics
///
/// Where a slice is too short.
pub fn from_map<T: Copy, const G: usize>(map: &Map<G>, arena: &[T], interleaved: &mut [T]) {
    each(map, |at, to| {
        if let Some(to) = to {
            interleaved[to] = arena[at];
        }
    });
}

/// Arena offset and interleaved index of every value; padding lanes have no index.
fn each<const G: usize>(map: &Map<G>, mut visit: impl FnMut(usize, Option<usize>)) {
    for y in 0..map.height {
        for block in 0..map.blocks() {
            let width = map.block_width(block);
            for x in 0..map.width {
                for lane in 0..width {
                    let channel = block * BLOCK + lane;
                    let index = (y * map.width + x) * map.channels + channel;
                    visit(map.at(y, block) + x * width + lane, (channel < map.channels).then_some(index));
                }
            }
        }
    }
}

const _: () = assert!(EPILOGUE >= 2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Order;

    #[test]
    fn panels_hold_columns_and_pad_with_zero() {
        let (inputs, outputs) = (3, 41);
        let kernel: Vec<f32> = (0..inputs * outputs).map(|i| i as f32 + 1.0).collect();
        let bias = vec![7.0; outputs];
        let section = Section::panels(inputs, outputs);
        let mut out = vec![f32::NAN; section.len];
        panels(&kernel, &bias, [0.0, 6.0], inputs, outputs, &mut out);
        assert_eq!(out[..2], [0.0, 6.0]);
        assert_eq!((out[section.bias + 40], out[section.bias + 41]), (7.0, 0.0));
        // Second row of the first panel; third row of the second, 16 wide.
        assert_eq!(out[section.kernel + 32], kernel[outputs]);
        assert_eq!(out[section.kernel + 3 * 32 + 2 * 16 + 8], kernel[2 * outputs + 40]);
        assert_eq!(out[section.kernel + 3 * 32 + 2 * 16 + 9], 0.0);
    }

    #[test]
    fn two_narrow_numbers_share_a_word() {
        let (inputs, outputs) = (3, 41);
        let kernel: Vec<f32> = (0..inputs * outputs).map(|i| i as f32 + 1.0).collect();
        let bias = vec![7.0; outputs];
        let halves = |storage| {
            let section = Section::product(inputs, outputs, storage);
            let mut out = vec![f32::NAN; section.len];
            product(storage, &kernel, &bias, [0.0, 6.0], inputs, outputs, &mut out);
            assert_eq!((out[1], out[section.bias + 40]), (6.0, 7.0));
            let words = out[section.kernel..].iter().map(|word| word.to_bits());
            words.flat_map(|word| [word as u16, (word >> 16) as u16]).collect::<Vec<_>>()
        };
        let found = halves(Storage::F16);
        // Second row of the first panel; third row of the second, 16 wide.
        assert_eq!(found[32], F16::from(kernel[outputs]).0);
        assert_eq!(found[3 * 32 + 2 * 16 + 8..][..2], [F16::from(kernel[2 * outputs + 40]).0, 0]);
        let found = halves(Storage::Bf16);
        // Two rows of the first panel, the third and its padding, rows of the second panel.
        assert_eq!(found[..2], [0, outputs].map(|at| Bf16::from(kernel[at]).0));
        assert_eq!(found[32 * 2..][..2], [Bf16::from(kernel[2 * outputs]).0, 0]);
        assert_eq!(found[4 * 32 * 2 + 8 * 2..][..2], [40, outputs + 40].map(|at| Bf16::from(kernel[at]).0));
    }

    #[test]
    fn maps_survive_the_round_trip() {
        for order in [Order::Plane, Order::Rows { slots: 5, first: 3 }] {
            let map: Map = Map { height: 4, width: 3, channels: 21, offset: 16, order };
            let values: Vec<f32> = (0..4 * 3 * 21).map(|i| i as f32).collect();
            let mut arena = vec![f32::NAN; map.end().unwrap()];
            to_map(&values, &map, &mut arena);
            let mut back = vec![0.0; values.len()];
            from_map(&map, &arena, &mut back);
            assert_eq!(back, values);
        }
    }
}
