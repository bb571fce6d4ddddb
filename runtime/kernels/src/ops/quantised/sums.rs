//! Row sums: for each pixel of a product, the sum of its inputs, times what weights are stored lower by.

use super::word;
use crate::dot::Dot;
use crate::layout::{BLOCK, ByteMap, Order};
use crate::quantised::layer::Stem;
use crate::quantised::layout::{QUAD, Word};

/// Pixels whose sums are one vector.
const STEP: usize = BLOCK / QUAD;

/// Those of the first rows of a map.
///
/// # Safety
///
/// Map, sums and section must be there.
#[inline(always)]
pub(crate) unsafe fn of_map<D: Dot>(
    map: &ByteMap,
    rows: usize,
    section: *const f32,
    sums: *mut i32,
    arena: *mut u8,
) {
    // SAFETY: passed on.
    let lower = unsafe { word(section, Word::Correction) };
    let (rows, pixels) = match map.order {
        Order::Plane => (1, rows * map.width),
        Order::Rows { .. } => (rows, map.width),
    };
    // Padding lanes hold anything, and do not count.
    let left_over = map.channels - (map.blocks() - 1) * BLOCK;
    let some = core::array::from_fn(|quad| {
        i32::from_le_bytes(core::array::from_fn(|i| u8::from(quad % STEP * QUAD + i < left_over)))
    });
    for y in 0..rows {
        let first = arena.wrapping_add(map.at(y, 0));
        let row = Row { map, first, lower, ones: [[0x0101_0101; BLOCK], some] };
        // SAFETY: a row has so many pixels in each block, and sums; a plane goes on from row to row.
        unsafe { row.sums::<D>(core::slice::from_raw_parts_mut(sums.add(y * map.width), pixels)) }
    }
}

/// A run of pixels.
struct Row<'l> {
    map: &'l ByteMap,
    first: *const u8,
    lower: i32,
    /// Ones for all channels, and for those of the last block.
    ones: [[i32; BLOCK]; 2],
}

impl Row<'_> {
    /// The sums of as many pixels.
    #[inline(always)]
    unsafe fn sums<D: Dot>(&self, sums: &mut [i32]) {
        let whole = sums.len() / STEP * STEP;
        for (i, sums) in sums.get_mut(..whole).unwrap_or_default().chunks_mut(BLOCK).enumerate() {
            // SAFETY: all these pixels are there.
            unsafe {
                let mut four = [D::splat(0); 4];
                for (j, four) in four.iter_mut().enumerate().take(sums.len() / STEP) {
                    *four = self.step::<D>(i * BLOCK + j * STEP);
                }
                let mut totals = [0; BLOCK];
                D::store(totals.as_mut_ptr(), D::totals(four));
                for total in &mut totals {
                    *total = total.wrapping_mul(self.lower);
                }
                match <&mut [i32; BLOCK]>::try_from(&mut *sums) {
                    Ok(sums) => *sums = totals,
                    Err(_) => sums.iter_mut().zip(totals).for_each(|(sum, total)| *sum = total),
                }
            }
        }
        for (x, sum) in sums.iter_mut().enumerate().skip(whole) {
            // SAFETY: as above.
            *sum = unsafe { self.pixel(x) }.wrapping_mul(self.lower);
        }
    }

    /// Four sums each of the four pixels from `x` on.
    #[inline(always)]
    unsafe fn step<D: Dot>(&self, x: usize) -> D::Sums {
        // SAFETY: the pixels are there in all blocks.
        unsafe {
            let [ones, some] = [D::right(self.ones[0].as_ptr()), D::right(self.ones[1].as_ptr())];
            let from = self.first.add(x * BLOCK);
            let mut four = D::splat(0);
            let last = self.map.blocks() - 1;
            for block in 0..last {
                let quads = D::left(from.add(block * self.map.block_stride()));
                four = D::rest(D::dot(four, quads, ones), ones);
            }
            let quads = D::left(from.add(last * self.map.block_stride()));
            D::rest(D::dot(four, quads, some), some)
        }
    }

    /// The sum of one pixel.
    #[inline(always)]
    unsafe fn pixel(&self, x: usize) -> i32 {
        let mut sum = 0;
        for block in 0..self.map.blocks() {
            let left = self.map.channels - block * BLOCK;
            // SAFETY: as in step.
            let channels = unsafe {
                let from = self.first.add(block * self.map.block_stride() + x * BLOCK);
                core::slice::from_raw_parts(from, if left < BLOCK { left } else { BLOCK })
            };
            sum += channels.iter().map(|&x| i32::from(x)).sum::<i32>();
        }
        sum
    }
}

/// Those of the first rows of a strip of a first convolution, whose lines have been filled.
///
/// # Safety
///
/// The layer must be checked against arena and weights.
#[inline(always)]
pub(crate) unsafe fn of_lines<D: Dot>(
    layer: &Stem,
    rows: usize,
    weights: *const f32,
    sums: *mut i32,
    arena: *mut u8,
) {
    let channels = layer.image[2];
    let (line, size) = (layer.line_pixels() * channels, layer.window.size);
    for y in 0..rows {
        // SAFETY: the line buffer holds the lines of these rows, and there is a sum for each pixel of a strip.
        unsafe {
            let first = arena.add(layer.lines + y * layer.window.stride * line);
            let lines = core::slice::from_raw_parts(first, size * line + QUAD);
            let width = layer.output.width;
            let sums = core::slice::from_raw_parts_mut(sums.add(y * width), width);
            let lower = word(weights.add(layer.weights), Word::Correction);
            let lines = (0..size).map(|i| lines.get(i * line..).unwrap_or_default());
            if const { !D::VECTORS } {
                one_by_one(lines, [size * channels, layer.window.stride * channels], lower, sums);
                continue;
            }
            windows(lines, [size * channels, layer.window.stride * channels], lower, sums);
        }
    }
}

/// As [`windows`], each window on its own: little memory, little code.
#[inline(always)]
fn one_by_one<'l>(
    lines: impl Iterator<Item = &'l [u8]> + Clone,
    [run, step]: [usize; 2],
    lower: i32,
    sums: &mut [i32],
) {
    for (i, sum) in sums.iter_mut().enumerate() {
        let bytes = lines.clone().flat_map(|line| line.iter().skip(i * step).take(run));
        *sum = bytes.map(|&x| i32::from(x)).sum::<i32>().wrapping_mul(lower);
    }
}

/// Bytes whose sums are computed together, whether or not a window begins there: that is what vectors are good at.
const CHUNK: usize = 384;
/// The longest run: 16 pixels of 16 channels.
const RUN: usize = 256;
/// Sums in registers.
const LANES: usize = 32;

/// For each window, the sum of `run` bytes of each line, times `lower`; windows are `step` bytes apart. What follows a line
/// does no harm.
#[inline(always)]
fn windows<'l>(
    lines: impl Iterator<Item = &'l [u8]> + Clone,
    [run, step]: [usize; 2],
    lower: i32,
    sums: &mut [i32],
) {
    // Runs, steps and lines are as they should be: said so that the optimiser need not know; so below.
    let step = step.max(1);
    let each = CHUNK.div_ceil(step).max(1);
    for (i, sums) in sums.chunks_mut(each).enumerate() {
        let start = i * each * step;
        let mut columns = [0u16; CHUNK + RUN];
        let reach = (CHUNK + run).next_multiple_of(LANES);
        for line in lines.clone() {
            for (column, &x) in columns.iter_mut().take(reach).zip(line.get(start..).unwrap_or_default()) {
                *column += u16::from(x);
            }
        }
        let mut all = [0u32; CHUNK];
        for (i, all) in all.chunks_exact_mut(LANES).enumerate() {
            all.copy_from_slice(&runs(columns.get(i * LANES..).unwrap_or_default(), run));
        }
        for (sum, &window) in sums.iter_mut().zip(all.iter().step_by(step)) {
            *sum = (window as i32).wrapping_mul(lower);
        }
    }
}

/// The sums of `run` columns from each of the first on. Columns of at most 16 bytes, 16 at a time, fit into 16 bits.
#[inline(always)]
fn runs(columns: &[u16], run: usize) -> [u32; LANES] {
    let mut sums = [0; LANES];
    for first in (0..run).step_by(16) {
        let mut few = [0u16; LANES];
        for columns in columns.get(first..).unwrap_or_default().windows(LANES).take((run - first).min(16)) {
            for (few, column) in few.iter_mut().zip(columns) {
                *few += column;
            }
        }
        for (sum, few) in sums.iter_mut().zip(few) {
            *sum += u32::from(few);
        }
    }
    sums
}
