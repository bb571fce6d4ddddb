//! The same in the instructions that there are for it: one by one, or blocks of them where their order keeps operands in registers.

use core::arch::asm;

use super::*;
use crate::quantised::layout::POWER;

#[inline(always)]
pub(crate) fn signed(quad: u32) -> Quad {
    let (even, odd);
    // SAFETY: instructions that the target has, on registers; so below.
    unsafe {
        asm!("sxtb16 {}, {}", out(reg) even, in(reg) quad, options(pure, nomem, nostack, preserves_flags));
        asm!("sxtb16 {}, {}, ror #8", out(reg) odd, in(reg) quad, options(pure, nomem, nostack, preserves_flags));
    }
    [even, odd]
}

#[inline(always)]
pub(crate) fn add_products(mut sum: i32, a: u32, b: u32) -> i32 {
    // SAFETY: as above.
    unsafe {
        asm!("smlad {0}, {1}, {2}, {0}", inout(reg) sum, in(reg) a, in(reg) b, options(pure, nomem, nostack));
    }
    sum
}

/// One quad: `$at` bytes further on for pixels, `$first` and `$second` for weights.
#[rustfmt::skip]
macro_rules! quad {
    ($at:literal, $first:literal, $second:literal) => {
        concat!(
            "ldrd {a0}, {a1}, [{pixels}, #", $at, "]\n",
            "ldrd {b0}, {b1}, [{pixels}, #", $at, " + 8]\n",
            "ldr {w1}, [{panel}, #", $first, "]\n",
            "sxtb16 {w0}, {w1}\n",
            "sxtb16 {w1}, {w1}, ror #8\n",
            "smlad {aa}, {a0}, {w0}, {aa}\n",
            "smlad {ba}, {b0}, {w0}, {ba}\n",
            "smlad {aa}, {a1}, {w1}, {aa}\n",
            "smlad {ba}, {b1}, {w1}, {ba}\n",
            "ldr {w1}, [{panel}, #", $second, "]\n",
            "sxtb16 {w0}, {w1}\n",
            "sxtb16 {w1}, {w1}, ror #8\n",
            "smlad {ab}, {a0}, {w0}, {ab}\n",
            "smlad {bb}, {b0}, {w0}, {bb}\n",
            "smlad {ab}, {a1}, {w1}, {ab}\n",
            "smlad {bb}, {b1}, {w1}, {bb}\n",
        )
    };
}

#[inline(always)]
pub(crate) unsafe fn add_run<const WIDTH: usize>(
    sums: &mut [[i32; 2]; 2],
    pixels: &[[Quad; 2]; RUN],
    panel: *const u8,
) {
    let [[aa, ab], [ba, bb]] = sums;
    // SAFETY: as above; four quads of pixels are read, and of the weights of two outputs.
    unsafe {
        asm!(
            quad!("0", "0", "4"),
            quad!("16", "{row}", "{row} + 4"),
            quad!("32", "2 * {row}", "2 * {row} + 4"),
            quad!("48", "3 * {row}", "3 * {row} + 4"),
            row = const WIDTH * QUAD,
            aa = inout(reg) *aa, ab = inout(reg) *ab, ba = inout(reg) *ba, bb = inout(reg) *bb,
            pixels = in(reg) pixels, panel = in(reg) panel,
            a0 = out(reg) _, a1 = out(reg) _, b0 = out(reg) _, b1 = out(reg) _,
            w0 = out(reg) _, w1 = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
}

/// One pixel of a window, `$at` bytes into a row.
#[rustfmt::skip]
macro_rules! tap {
    ($row:literal, $at:literal) => {
        concat!(
            "ldr {x1}, [{", $row, "}, #", $at, "]\n",
            "ldrd {w0}, {w1}, [{weights}], #8\n",
            "uxtb16 {x0}, {x1}\n",
            "uxtb16 {x1}, {x1}, ror #8\n",
            "smlabb {a}, {x0}, {w0}, {a}\n",
            "smlatt {c}, {x0}, {w0}, {c}\n",
            "smlabb {b}, {x1}, {w1}, {b}\n",
            "smlatt {d}, {x1}, {w1}, {d}\n",
        )
    };
}

#[inline(always)]
pub(crate) unsafe fn add_window(sums: &mut [i32; 4], rows: [*const u8; 3], weights: &[[Quad; 3]; 3]) {
    let [a, c, b, d] = sums;
    // SAFETY: as above; three pixels are read of each row, and all weights.
    unsafe {
        asm!(
            tap!("first", "0"), tap!("first", "16"), tap!("first", "32"),
            tap!("second", "0"), tap!("second", "16"), tap!("second", "32"),
            tap!("third", "0"), tap!("third", "16"), tap!("third", "32"),
            a = inout(reg) *a, b = inout(reg) *b, c = inout(reg) *c, d = inout(reg) *d,
            first = in(reg) rows[0], second = in(reg) rows[1], third = in(reg) rows[2],
            weights = inout(reg) weights => _,
            x0 = out(reg) _, x1 = out(reg) _, w0 = out(reg) _, w1 = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
}

pub(crate) const DOWN: bool = true;

#[inline(never)]
pub(crate) unsafe fn finish(to: *mut u8, sums: &[[i32; BLOCK]], factors: &Factors, bounds: [u8; 2]) {
    static NOTHING: [f32; BLOCK] = [0.0; BLOCK];
    // SAFETY: passed on.
    let [scale, second] = unsafe { &*factors.words };
    let mut shifts = [0.0; BLOCK];
    let (rest, shift) = match factors.zero {
        None => (&NOTHING, second),
        Some(zero) => {
            for (shift, scale) in shifts.iter_mut().zip(scale) {
                *shift = zero + 0.5 + f32::from_bits(scale.to_bits() & POWER);
            }
            (second, &shifts)
        }
    };
    let [low, high] = bounds.map(|byte| u32::from_ne_bytes([byte; 4]));
    for (pixel, sums) in sums.iter().enumerate() {
        for first in (0..BLOCK).step_by(4) {
            // SAFETY: passed on; there are four of each from the first on.
            unsafe {
                let factors = [scale, rest, shift].map(|factors| factors.as_ptr().add(first));
                let bytes = finish_four(sums.as_ptr().add(first), factors, low, high);
                to.add(pixel * BLOCK + first).cast::<u32>().write_unaligned(bytes);
            }
        }
    }
}

/// Four outputs of a pixel; `low` and `high` are four times the same.
///
/// # Safety
///
/// They must be there.
#[inline(always)]
unsafe fn finish_four(sums: *const i32, [scale, rest, shift]: [*const f32; 3], low: u32, high: u32) -> u32 {
    let bytes;
    // SAFETY: as above; four numbers are read from each of four places. Floating-point registers have their names here, because
    // the compiler does not give those of processors that have single precision only.
    unsafe {
        asm!(
            "vldmia {sums}, {{s0-s3}}",
            "vldmia {rest}, {{s4-s7}}",
            "vldmia {shift}, {{s8-s11}}",
            "vldmia {scale}, {{s12-s15}}",
            "vcvt.f32.s32 s0, s0",
            "vcvt.f32.s32 s1, s1",
            "vcvt.f32.s32 s2, s2",
            "vcvt.f32.s32 s3, s3",
            "vfma.f32 s8, s0, s4",
            "vfma.f32 s9, s1, s5",
            "vfma.f32 s10, s2, s6",
            "vfma.f32 s11, s3, s7",
            // The second multiply-add is rounded down.
            "vmrs {a}, fpscr",
            "orr {b}, {a}, #{down}",
            "vmsr fpscr, {b}",
            "vfma.f32 s8, s0, s12",
            "vfma.f32 s9, s1, s13",
            "vfma.f32 s10, s2, s14",
            "vfma.f32 s11, s3, s15",
            "vmsr fpscr, {a}",
            "vcvt.s32.f32 s8, s8",
            "vcvt.s32.f32 s9, s9",
            "vcvt.s32.f32 s10, s10",
            "vcvt.s32.f32 s11, s11",
            "vmov {a}, {b}, s8, s9",
            "vmov {c}, {d}, s10, s11",
            "usat {a}, #8, {a}",
            "usat {b}, #8, {b}",
            "usat {c}, #8, {c}",
            "usat {d}, #8, {d}",
            "orr {a}, {a}, {b}, lsl #8",
            "orr {c}, {c}, {d}, lsl #8",
            "orr {a}, {a}, {c}, lsl #16",
            // What is above low, and low; less what is above high. Byte by byte.
            "uqsub8 {a}, {a}, {low}",
            "uqadd8 {a}, {a}, {low}",
            "uqsub8 {b}, {a}, {high}",
            "usub8 {a}, {a}, {b}",
            down = const 0b10 << 22,
            sums = in(reg) sums, scale = in(reg) scale, rest = in(reg) rest, shift = in(reg) shift,
            low = in(reg) low, high = in(reg) high,
            a = out(reg) bytes, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _,
            out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _,
            out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            options(pure, readonly, nostack),
        );
    }
    bytes
}
