//! 3x3 depthwise convolutions: one row, four pixels, one block of channels at a time.
//!
//! Four neighbouring pixels, transposed, are a vector of quads: the four bytes of each channel. A quad holds two windows'
//! columns of an input row, `(w0, w1, w2, 0)` and `(0, w0, w1, w2)` take their sums. Pixels over the border are what stands for 0:
//! there is no halo in memory.

use core::array::from_fn;

use super::epilogue::{Epilogue, Scale};
use super::word;
use crate::dot::{Dot, Inside};
use crate::layout::{BLOCK, ByteMap, Window};
use crate::ops::{Part, Rows};
use crate::quantised::layout::{Section, Word};

/// Pixels that are computed together: as many as four vectors of sums are packed into bytes.
const STEP: usize = 4;

/// Kernels that a layer's may be the sum of, where weights less their zero point do not fit into a byte.
const MOST_KERNELS: usize = 3;

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
    let Part { from: to, rows, columns: blocks, .. } = part;
    let places = Section::depthwise(input.channels);
    for block in blocks {
        // SAFETY: the section has an epilogue and a kernel for every block; the rest is passed on.
        unsafe {
            let epilogue = Epilogue::new(section, &places, block);
            let kernel = section.add(places.kernel + block * 4 * BLOCK).cast();
            let (kernels, count) = kernels::<D>(kernel);
            let job = Job {
                input,
                window,
                output,
                to,
                block,
                outside: word(section, Word::InputZero) as u8,
                bias: epilogue.bias::<D>(),
                scale: epilogue.scale::<D>(),
                epilogue,
                kernels: &kernels[..count],
                arena,
            };
            match window.stride {
                1 => D::call(
                    #[inline(always)]
                    || job.run::<1>(&rows),
                ),
                _ => D::call(
                    #[inline(always)]
                    || job.run::<2>(&rows),
                ),
            }
        }
    }
}

/// The three rows of a kernel, each for the first and for the second window that a quad holds.
type Kernel<D> = [[<D as Dot>::Right; 2]; 3];

/// The kernels of a block that are to be summed, and how many they are: one, unless weights are stored lower than they are.
#[inline(always)]
unsafe fn kernels<D: Dot>(packed: *const [i32; BLOCK]) -> ([Kernel<D>; MOST_KERNELS], usize) {
    // SAFETY: a block has three rows of quads, and what weights are stored lower by.
    let (rows, lower) = unsafe { (packed.cast::<[[i32; BLOCK]; 3]>().read(), packed.add(3).read()) };
    let byte = lower.map(|c| if c < 127 { c } else { 127 });
    let rest: [i32; BLOCK] = from_fn(|i| lower[i].wrapping_sub(byte[i]));
    let count = match (lower == [0; BLOCK], rest == [0; BLOCK]) {
        (true, _) => 1,
        (_, true) => 2,
        _ => 3,
    };
    let same = |bytes: [i32; BLOCK]| [bytes.map(|c| (c & 0xff).wrapping_mul(0x01_0101)); 3];
    let kernels = [rows, same(byte), same(rest)].map(|rows| {
        // SAFETY: 16 quads are read.
        rows.map(|row| unsafe { [D::right(row.as_ptr()), D::right(row.map(|quad| quad << 8).as_ptr())] })
    });
    (kernels, count)
}

/// One block of channels.
struct Job<'l, D: Dot> {
    input: &'l ByteMap,
    window: &'l Window,
    output: &'l ByteMap,
    to: usize,
    block: usize,
    outside: u8,
    bias: D::Sums,
    scale: Scale<D>,
    epilogue: Epilogue,
    kernels: &'l [Kernel<D>],
    arena: *mut u8,
}

/// The first pixels of three input rows; null where a row is over the border.
type Inputs = [*const u8; 3];

impl<D: Dot> Job<'_, D> {
    #[inline(always)]
    unsafe fn run<const STRIDE: usize>(&self, rows: &Rows) {
        // Columns that a step reads, in whole vectors.
        let columns = if STRIDE == 1 { 6 } else { 10 };
        for y in rows.clone() {
            let inputs = self.inputs(y * STRIDE);
            let whole = inputs.iter().all(|row| !row.is_null());
            let out = self.arena.wrapping_add(self.output.at(y - self.to, self.block));
            for x in (0..self.output.width).step_by(STEP) {
                let column = (x * STRIDE) as isize - self.window.left as isize;
                // SAFETY: the row has `width` pixels; what a step without border reads is inside.
                unsafe {
                    let sums = if whole && column >= 0 && column as usize + columns <= self.input.width {
                        self.sums::<STRIDE, false>(&inputs, column)
                    } else {
                        self.sums::<STRIDE, true>(&inputs, column)
                    };
                    let pixels = (self.output.width - x).min(STEP);
                    self.epilogue.finish::<D>(self.scale, sums, pixels, out.add(x * BLOCK));
                }
            }
        }
    }

    /// The rows of the window whose first is row `top` of the bordered input.
    #[inline(always)]
    fn inputs(&self, top: usize) -> Inputs {
        from_fn(|ky| {
            let row = top + ky;
            if row < self.window.top || row - self.window.top >= self.input.height {
                return core::ptr::null();
            }
            self.arena.wrapping_add(self.input.at(row - self.window.top, self.block)).cast_const()
        })
    }

    /// The sums of four windows, the first of which begins at `column`.
    #[inline(always)]
    unsafe fn sums<const STRIDE: usize, const BORDER: bool>(
        &self,
        inputs: &Inputs,
        column: isize,
    ) -> [D::Sums; STEP] {
        let mut sums = [self.bias; STEP];
        // SAFETY: pixels are read where they are inside; without border all are.
        unsafe {
            for kernel in self.kernels {
                for (&row, &[first, second]) in inputs.iter().zip(kernel) {
                    for i in 0..STEP / (3 - STRIDE) {
                        let column = column + 2 * i as isize;
                        let from = row.wrapping_offset(column * BLOCK as isize);
                        let quads = if BORDER {
                            let width = if row.is_null() { 0 } else { self.input.width };
                            D::window_at_border(from, Inside::new(column, width), self.outside)
                        } else {
                            D::window(from)
                        };
                        if STRIDE == 1 {
                            sums[2 * i] = D::dot(sums[2 * i], quads, first);
                            sums[2 * i + 1] = D::dot(sums[2 * i + 1], quads, second);
                        } else {
                            sums[i] = D::dot(sums[i], quads, first);
                        }
                    }
                }
            }
        }
        sums
    }
}
