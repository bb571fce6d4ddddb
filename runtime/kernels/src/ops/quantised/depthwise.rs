//! 3x3 depthwise convolutions: one or two rows, four pixels, one block of channels at a time.
//!
//! Four neighbouring pixels, transposed, are a vector of quads: the four bytes of each channel. A quad holds two windows'
//! columns of an input row, `(w0, w1, w2, 0)` and `(0, w0, w1, w2)` take their sums; two output rows share it. Pixels over the
//! border are what stands for 0: there is no halo in memory.

use super::epilogue::{Doubles, Epilogue};
use super::{strip, taps, word};
use crate::dot::{Dot, Inside};
use crate::layout::{BLOCK, ByteMap, Window};
use crate::ops::{Part, Rows};
use crate::quantised::layout::{Section, Word};

/// Pixels that are computed together: as many as four vectors of sums are packed into bytes.
const STEP: usize = 4;

/// Rows and blocks of the output; row `part.from` is written to row 0.
///
/// # Safety
///
/// Both maps and the section at `section` must be inside arena and weights, and the window one that
/// [`Depthwise`](crate::quantised::layer::Depthwise) allows.
#[inline(always)]
pub(crate) unsafe fn depthwise<D: Dot>(
    input: &ByteMap,
    window: &Window,
    output: &ByteMap,
    part: Part,
    section: *const f32,
    arena: *mut u8,
) {
    if const { !D::VECTORS } {
        // SAFETY: passed on.
        return unsafe { taps::depthwise::<D>(input, window, output, part, section, arena) };
    }
    let layer = Layer::<false> { input, window, output, to: part.from, section, arena };
    // SAFETY: passed on.
    unsafe { layer.blocks::<D>(part) }
}

/// The same; the output is a [strip].
///
/// # Safety
///
/// As above.
#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
#[inline(always)]
pub(crate) unsafe fn to_strip<D: Dot>(
    input: &ByteMap,
    window: &Window,
    output: &ByteMap,
    part: Part,
    section: *const f32,
    arena: *mut u8,
) {
    let layer = Layer::<true> { input, window, output, to: part.from, section, arena };
    // SAFETY: passed on.
    unsafe { layer.blocks::<D>(part) }
}

/// A layer, whose output may be a strip.
struct Layer<'l, const STRIP: bool> {
    input: &'l ByteMap,
    window: &'l Window,
    output: &'l ByteMap,
    to: usize,
    section: *const f32,
    arena: *mut u8,
}

/// The rows of a kernel, each for the first and for the second window that a quad holds.
type Kernel<D> = [[<D as Dot>::Right; 2]; 3];

/// A kernel that is the same in all its taps.
#[inline(always)]
unsafe fn even<D: Dot>(bytes: &[i32; BLOCK]) -> Kernel<D> {
    let mut quads = *bytes;
    for quad in &mut quads {
        *quad = (*quad & 0xff) * 0x01_0101;
    }
    // SAFETY: passed on.
    unsafe { [both::<D>(&quads); 3] }
}

/// Quads for the first and for the second window.
#[inline(always)]
unsafe fn both<D: Dot>(quads: &[i32; BLOCK]) -> [D::Right; 2] {
    let mut later = *quads;
    for quad in &mut later {
        *quad <<= 8;
    }
    // SAFETY: 16 quads are read.
    unsafe { [D::right(quads.as_ptr()), D::right(later.as_ptr())] }
}

/// One block of channels.
struct Block<'l, D: Dot, const STRIP: bool> {
    layer: &'l Layer<'l, STRIP>,
    block: usize,
    outside: u8,
    bias: D::Sums,
    epilogue: Epilogue,
    bounds: [D::Bytes; 2],
    /// What sums are scaled with in single precision, if they are.
    factors: D::Factors,
    /// What they are scaled with in double precision, if they are.
    doubles: Option<Doubles>,
    kernel: Kernel<D>,
    /// What weights are stored lower by, as one or two bytes; none of them where that is nothing.
    lower: &'l [[i32; BLOCK]],
}

/// An input row: its first pixel, and all bits where it is inside the map.
#[derive(Clone, Copy)]
struct Input {
    from: *const u8,
    inside: Inside,
}

impl<const STRIP: bool> Layer<'_, STRIP> {
    /// Rows and blocks.
    #[inline(always)]
    unsafe fn blocks<D: Dot>(&self, part: Part) {
        let Part { rows, columns: blocks, .. } = part;
        for block in blocks {
            // SAFETY: passed on.
            unsafe {
                match self.window.stride {
                    1 => D::call(
                        #[inline(always)]
                        || self.block::<D, 1>(block, &rows),
                    ),
                    _ => D::call(
                        #[inline(always)]
                        || self.block::<D, 2>(block, &rows),
                    ),
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn block<D: Dot, const STRIDE: usize>(&self, block: usize, rows: &Rows) {
        let places = Section::depthwise(self.input.channels);
        // SAFETY: the section has an epilogue and four rows of words for every block.
        unsafe {
            let epilogue = Epilogue::new(self.section, &places, block);
            let words = &*self.section.add(places.kernel + block * 4 * BLOCK).cast::<[[i32; BLOCK]; 4]>();
            let mut lower = [words[3], [0; BLOCK]];
            for i in 0..BLOCK {
                let byte = if words[3][i] < 127 { words[3][i] } else { 127 };
                lower[0][i] = byte;
                lower[1][i] = words[3][i].wrapping_sub(byte);
            }
            let kernels = if lower[1] != [0; BLOCK] { 2 } else { usize::from(lower[0] != [0; BLOCK]) };
            let kernel = [both::<D>(&words[0]), both::<D>(&words[1]), both::<D>(&words[2])];
            let mut bias = epilogue.bias::<D>();
            for [quads, _] in kernel {
                bias = D::rest(bias, quads);
            }
            for lower in lower.iter().take(kernels) {
                for [quads, _] in even::<D>(lower) {
                    bias = D::rest(bias, quads);
                }
            }
            let block = Block::<D, STRIP> {
                layer: self,
                block,
                outside: word(self.section, Word::InputZero) as u8,
                bias,
                epilogue,
                bounds: epilogue.bounds::<D>(),
                factors: epilogue.factors::<D>(),
                doubles: if epilogue.is_single::<D>() { None } else { epilogue.doubles() },
                kernel,
                lower: &lower[..kernels],
            };
            if epilogue.is_single::<D>() || block.doubles.is_some() {
                block.all::<STRIDE>(rows);
            } else {
                block.all_spilled::<STRIDE>(rows);
            }
        }
    }

    /// Input row `row` of those with border, in a block. A row over the border is another, of which nothing is inside.
    #[inline(always)]
    fn input(&self, row: usize, block: usize) -> Input {
        let row = row.wrapping_sub(self.window.top);
        let inside = row < self.input.height;
        let from = self.arena.wrapping_add(self.input.at(if inside { row } else { 0 }, block));
        Input { from, inside: if inside { Inside::ALL } else { Inside::NONE } }
    }
}

impl<D: Dot, const STRIP: bool> Block<'_, D, STRIP> {
    /// Rows of the output.
    #[inline(always)]
    unsafe fn all<const STRIDE: usize>(&self, rows: &Rows) {
        let mut y = rows.start;
        while y < rows.end {
            // SAFETY: passed on.
            unsafe {
                if const { STRIDE == 1 && D::ROWS == 2 } && y + 1 < rows.end {
                    self.rows::<STRIDE, 2>(y);
                    y += 2;
                } else {
                    self.rows::<STRIDE, 1>(y);
                    y += 1;
                }
            }
        }
    }

    /// ROWS rows of the output from `y` on.
    #[inline(always)]
    unsafe fn rows<const STRIDE: usize, const ROWS: usize>(&self, y: usize) {
        let (inputs, out) = (self.inputs(y * STRIDE), [self.out(y), self.out(y + ROWS - 1)]);
        let whole = inputs.iter().take(2 + ROWS).all(|input| input.inside == Inside::ALL);
        // Columns that a step reads, in whole vectors.
        let columns = if STRIDE == 1 { 6 } else { 10 };
        let Layer { input, window, output, .. } = self.layer;
        for x in (0..output.width).step_by(STEP) {
            let column = (x * STRIDE) as isize - window.left as isize;
            let pixels = (output.width - x).min(STEP);
            // SAFETY: a row has `width` pixels; what a step without border reads is inside.
            unsafe {
                let sums = if whole && column >= 0 && column as usize + columns <= input.width {
                    self.sums::<STRIDE, ROWS, false>(&inputs, column)
                } else {
                    self.sums::<STRIDE, ROWS, true>(&inputs, column)
                };
                for (&sums, out) in sums.iter().zip(out) {
                    self.write(out, x, pixels, |to| match &self.doubles {
                        None => Epilogue::finish::<D>(self.factors, sums, self.bounds, pixels, to),
                        Some(doubles) => Epilogue::finish_double::<D>(doubles, sums, self.bounds, pixels, to),
                    });
                }
            }
        }
    }

    /// Rows of the output, whose sums go over memory: epilogues that are rare.
    #[inline(always)]
    unsafe fn all_spilled<const STRIDE: usize>(&self, rows: &Rows) {
        let Layer { window, output, .. } = self.layer;
        for y in rows.clone() {
            let (inputs, out) = (self.inputs(y * STRIDE), self.out(y));
            for x in (0..output.width).step_by(STEP) {
                let column = (x * STRIDE) as isize - window.left as isize;
                let mut spilled = [[0; BLOCK]; STEP];
                // SAFETY: a row has `width` pixels; blocks of sums are written.
                unsafe {
                    let [sums] = self.sums::<STRIDE, 1, true>(&inputs, column);
                    for (spilled, sums) in spilled.iter_mut().zip(sums) {
                        D::store(spilled.as_mut_ptr(), sums);
                    }
                    let pixels = (output.width - x).min(STEP);
                    self.write(out, x, pixels, |to| {
                        self.epilogue.finish_spilled::<D>(&mut [spilled], pixels, to);
                    });
                }
            }
        }
    }

    /// The input rows that output rows read whose first is row `top` of those with border.
    #[inline(always)]
    fn inputs(&self, top: usize) -> [Input; 4] {
        let row = |i: usize| self.layer.input(top + i, self.block);
        [row(0), row(1), row(2), row(3)]
    }

    /// The first pixel of an output row.
    #[inline(always)]
    fn out(&self, y: usize) -> *mut u8 {
        let Layer { output, to, arena, .. } = self.layer;
        let at = if STRIP { strip::at(output, y - to, self.block) } else { output.at(y - to, self.block) };
        arena.wrapping_add(at)
    }

    /// Has the bytes of `pixels` pixels from `x` on written to an output row: one pixel after the other, or apart.
    #[inline(always)]
    unsafe fn write(&self, row: *mut u8, x: usize, pixels: usize, bytes: impl FnOnce(*mut u8)) {
        if !STRIP {
            return bytes(row.wrapping_add(x * BLOCK));
        }
        let mut together = [[0; BLOCK]; STEP];
        bytes(together.as_mut_ptr().cast());
        for (i, bytes) in together.iter().enumerate().take(pixels) {
            // SAFETY: the row has the pixel.
            unsafe { row.add((x + i) * strip::GROUP).cast::<[u8; BLOCK]>().write(*bytes) }
        }
    }

    /// The sums of four windows, the first of which begins at `column`, in each row.
    #[inline(always)]
    unsafe fn sums<const STRIDE: usize, const ROWS: usize, const BORDER: bool>(
        &self,
        inputs: &[Input; 4],
        column: isize,
    ) -> [[D::Sums; STEP]; ROWS] {
        let inside = |i: isize| Inside::new(column + 2 * i, self.layer.input.width);
        let inside = [inside(0), inside(1), inside(2), inside(3)];
        let mut sums = [[self.bias; STEP]; ROWS];
        // SAFETY: passed on.
        unsafe {
            self.add::<STRIDE, ROWS, BORDER>(&mut sums, &self.kernel, inputs, column, &inside);
            for lower in self.lower {
                self.add::<STRIDE, ROWS, BORDER>(&mut sums, &even::<D>(lower), inputs, column, &inside);
            }
        }
        sums
    }

    /// Adds a kernel's products.
    #[inline(always)]
    unsafe fn add<const STRIDE: usize, const ROWS: usize, const BORDER: bool>(
        &self,
        sums: &mut [[D::Sums; STEP]; ROWS],
        kernel: &Kernel<D>,
        inputs: &[Input; 4],
        column: isize,
        inside: &[Inside; STEP],
    ) {
        // Written out, because LLVM leaves nests like this one rolled and then spills.
        macro_rules! windows {
            ($row:literal: $($i:literal)*) => {$(
                if $row < 2 + ROWS && $i < STEP / (3 - STRIDE) {
                    let from = inputs[$row].from.wrapping_offset((column + 2 * $i) * BLOCK as isize);
                    // SAFETY: pixels are read where they are inside; without border all are.
                    unsafe {
                        let quads = if BORDER {
                            D::window_at_border(from, inside[$i].and(inputs[$row].inside), self.outside)
                        } else {
                            D::window(from)
                        };
                        for i in 0..ROWS {
                            if $row >= i && $row - i < 3 {
                                let ([first, second], sums) = (kernel[$row - i], &mut sums[i]);
                                let pixel = 2 / STRIDE * $i % STEP;
                                sums[pixel] = D::dot(sums[pixel], quads, first);
                                if STRIDE == 1 {
                                    let pixel = (pixel + 1) % STEP;
                                    sums[pixel] = D::dot(sums[pixel], quads, second);
                                }
                            }
                        }
                    }
                }
            )*};
        }
        windows!(0: 0 1 2 3);
        windows!(1: 0 1 2 3);
        windows!(2: 0 1 2 3);
        windows!(3: 0 1 2 3);
    }
}
