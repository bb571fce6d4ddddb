//! What a processor makes of it that has no instructions for pairs.

use super::*;

/// The integers of a pair.
#[inline(always)]
fn integers(pair: u32) -> [i32; 2] {
    [i32::from(pair as i16), pair.cast_signed() >> 16]
}

/// A quad of signed bytes.
#[inline(always)]
pub(crate) fn signed(quad: u32) -> Quad {
    let pair = |low: i8, high: i8| (low as u32 & 0xffff) | ((high as u32) << 16);
    let [a, b, c, d] = quad.to_le_bytes().map(u8::cast_signed);
    [pair(a, c), pair(b, d)]
}

/// Adds both products of two pairs to a sum.
#[inline(always)]
pub(crate) fn add_products(sum: i32, a: u32, b: u32) -> i32 {
    let ([a, c], [b, d]) = (integers(a), integers(b));
    sum.wrapping_add(a * b).wrapping_add(c * d)
}

/// Adds the products of some quads of two pixels with as many of two outputs, which are one after the other in each row of a
/// panel that is WIDTH outputs wide.
///
/// # Safety
///
/// Rows must be there.
#[inline(always)]
pub(crate) unsafe fn add_run<const WIDTH: usize>(
    sums: &mut [[i32; 2]; 2],
    pixels: &[[Quad; 2]; RUN],
    panel: *const u8,
) {
    for (k, pixels) in pixels.iter().enumerate() {
        for (j, output) in [0, 1].into_iter().enumerate() {
            // SAFETY: passed on.
            let w = signed(unsafe { read(panel.add((k * WIDTH + output) * QUAD)) });
            for (sums, x) in sums.iter_mut().zip(pixels) {
                sums[j] = add_products(add_products(sums[j], x[0], w[0]), x[1], w[1]);
            }
        }
    }
}

/// Adds a window of four channels, each tap times its weight, to the sums of channels 0, 2, 1 and 3. Pixels are a block apart.
///
/// # Safety
///
/// Three pixels must be there in each row.
#[inline(always)]
pub(crate) unsafe fn add_window(sums: &mut [i32; 4], rows: [*const u8; 3], weights: &[[Quad; 3]; 3]) {
    for (row, weights) in rows.into_iter().zip(weights) {
        for (column, weights) in weights.iter().enumerate() {
            // SAFETY: passed on.
            let pixel = unsafe { unsigned(read(row.add(column * BLOCK))) };
            for (sums, (x, w)) in sums.as_chunks_mut::<2>().0.iter_mut().zip(pixel.into_iter().zip(weights)) {
                let ([a, b], [c, d]) = (integers(x), integers(*w));
                *sums = [sums[0].wrapping_add(a * c), sums[1].wrapping_add(b * d)];
            }
        }
    }
}

/// Whether multiply-adds can be rounded down.
pub(crate) const DOWN: bool = false;

/// Scales the sums of pixels, and writes the nearest bytes between `low` and `high`.
///
/// # Safety
///
/// The factors must be there, and the pixels, a block each.
#[inline(always)]
pub(crate) unsafe fn finish(to: *mut u8, sums: &[[i32; BLOCK]], factors: &Factors, [low, high]: [u8; 2]) {
    // SAFETY: passed on; so below.
    let [scale, shift] = unsafe { factors.words.read() };
    for (pixel, sums) in sums.iter().enumerate() {
        let bytes: [u8; BLOCK] = core::array::from_fn(|i| {
            // Exact, where it matters, until it is rounded.
            let scaled = f64::from(sums[i] as f32) * f64::from(scale[i]) + f64::from(shift[i]);
            (scaled as f32 as i32).max(i32::from(low)).min(i32::from(high)) as u8
        });
        // SAFETY: passed on.
        unsafe { to.add(pixel * BLOCK).cast::<[u8; BLOCK]>().write(bytes) }
    }
}
