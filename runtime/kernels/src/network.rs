//! What generated code implements, and memory of the right alignment.

use crate::header::{self, Header, Precision};
use crate::layout::{Section, Storage};
#[cfg(feature = "simd")]
use crate::{Kernels, image::Image};

/// 64 aligned bytes: a cache line, one vector of the widest instruction set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Line(pub [f32; 16]);

impl Line {
    /// All zero.
    pub const ZERO: Line = Line([0.0; 16]);
}

/// Lines as one run of values.
pub fn floats(lines: &[Line]) -> &[f32] {
    // SAFETY: a Line is 16 f32s without padding (64 bytes, asserted below), and alignment only falls.
    unsafe { core::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * 16) }
}

/// Lines as one run of values, to change.
pub fn floats_mut(lines: &mut [Line]) -> &mut [f32] {
    // SAFETY: as in `floats`; the borrow is exclusive.
    unsafe { core::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 16) }
}

/// Lines as bytes, to change: any bytes make floats.
pub fn bytes_mut(lines: &mut [Line]) -> &mut [u8] {
    // SAFETY: as in `floats`; every bit pattern is a valid f32 and a valid u8.
    unsafe { core::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines)) }
}

/// Values as the bytes that they are in memory.
pub fn bytes(values: &[f32]) -> &[u8] {
    // SAFETY: every byte of an f32 is a valid u8, and alignment only falls.
    unsafe { core::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

const _: () = assert!(size_of::<Line>() == 64);

/// Bytes of a file, embedded with the alignment that kernels want.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Aligned<T: ?Sized>(pub T);

/// Packed weights that are part of the executable, and are used where they are.
///
/// A constant made from a file that does not belong to its network does not compile:
///
/// ```ignore
/// static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("model.mnw"));
/// const WEIGHTS: Packed = Packed::new::<MyNetwork>(FILE);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    header: Header,
    values: &'static [f32],
    labels: &'static str,
}

impl Packed {
    /// The weights of a network, from a packed file. The checksum is not computed: they are as good as the code beside
    /// them.
    ///
    /// # Panics
    ///
    /// Where the file is no packed file, or that of another network: meant for constants.
    pub const fn new<N: Network>(file: &'static Aligned<[u8]>) -> Packed {
        let Ok(header) = Header::parse(&file.0) else { panic!("these are no packed weights") };
        assert!(header.fingerprint == N::FINGERPRINT, "the packed weights belong to another network");
        assert!(
            header.classes == N::CLASSES && header.payload == N::WEIGHTS * size_of::<f32>(),
            "the packed weights have another number of classes"
        );
        let (payload, labels) = file.0.split_at(header::LEN + header.payload);
        let Ok(labels) = core::str::from_utf8(labels) else { panic!("the labels are not UTF-8") };
        const { assert!(cfg!(target_endian = "little"), "packed weights are little-endian") };
        // SAFETY: `payload` ends `header.payload` bytes after the header. The file is aligned to 64 bytes and the header's
        // length is a multiple of that, so the values are aligned; every bit pattern is a valid f32.
        let values = unsafe {
            let start = payload.as_ptr().add(header::LEN).cast::<f32>();
            core::slice::from_raw_parts(start, header.payload / size_of::<f32>())
        };
        Packed { header, values, labels }
    }

    /// What the file says about itself.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The packed values.
    pub const fn values(&self) -> &'static [f32] {
        self.values
    }

    /// Class names, one a line; empty where there are none.
    pub const fn labels(&self) -> &'static str {
        self.labels
    }
}

const _: () = assert!(header::LEN.is_multiple_of(64));

/// Bytes as little-endian `f32`s, if they are aligned and whole, and the processor is little-endian too.
pub fn as_floats(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: every bit pattern is a valid f32; align_to keeps to alignment and length.
    let (before, floats, after) = unsafe { bytes.align_to::<f32>() };
    (cfg!(target_endian = "little") && before.is_empty() && after.is_empty()).then_some(floats)
}

/// An array of a length that its type knows.
pub trait Array<T: Copy>: Sized + Clone + Send + Sync + 'static {
    /// Its length.
    const LEN: usize;

    /// All elements the same.
    fn filled(value: T) -> Self;

    /// As a slice.
    fn as_slice(&self) -> &[T];

    /// As a slice, to change.
    fn as_mut_slice(&mut self) -> &mut [T];

    /// A slice of exactly this length as an array.
    fn from_slice(slice: &[T]) -> Option<&Self>;

    /// On the heap, all elements the same, without a detour over the stack.
    #[cfg(feature = "alloc")]
    fn boxed(value: T) -> alloc::boxed::Box<Self>;
}

impl<T: Copy + Send + Sync + 'static, const N: usize> Array<T> for [T; N] {
    const LEN: usize = N;

    fn filled(value: T) -> Self {
        [value; N]
    }

    fn as_slice(&self) -> &[T] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }

    fn from_slice(slice: &[T]) -> Option<&Self> {
        slice.try_into().ok()
    }

    #[cfg(feature = "alloc")]
    fn boxed(value: T) -> alloc::boxed::Box<Self> {
        match alloc::vec![value; N].into_boxed_slice().try_into() {
            Ok(boxed) => boxed,
            Err(_) => unreachable!("a vector of N elements is an array of N elements"),
        }
    }
}

/// A compiled network: constants, array types, and two functions that are straight lines of kernel calls.
pub trait Network: Copy + Send + Sync + 'static {
    /// The model's name.
    const NAME: &'static str;
    /// Height, width and channels of the input.
    const INPUT: [usize; 3];
    /// Classes.
    const CLASSES: usize;
    /// Length of the pooled features.
    const EMBEDDING: usize;
    /// `f32`s of packed weights before the classifier's.
    const TRUNK: usize;
    /// Arena offset of the pooled features.
    const FEATURES_AT: usize;
    /// Arena offset of the scores.
    const SCORES_AT: usize;
    /// Multiply-adds of one run.
    const MACS: u64;
    /// Parameters: weights of convolutions and classifier, and the classifier's bias.
    const PARAMS: u64;
    /// Identifies the plan; packed weights of another plan are refused.
    const FINGERPRINT: u64;

    /// Numbers that it computes with.
    const PRECISION: Precision = Precision::F32;
    /// What the classifier's weights are stored as.
    const CLASSIFIER: Storage = Storage::F32;

    /// `f32`s of packed weights.
    const WEIGHTS: usize =
        Self::TRUNK + Section::product(Self::EMBEDDING, Self::CLASSES, Self::CLASSIFIER).len;
    /// Bytes of the packed weights with their header.
    const WEIGHT_BYTES: usize = header::LEN + Self::WEIGHTS * size_of::<f32>();
    /// Bytes of the arena.
    const ARENA_BYTES: usize = size_of::<Self::Arena>();

    /// The input as bytes, `[u8; H * W * C]`.
    type Pixels: Array<u8>;
    /// The input as normalised floats, `[f32; H * W * C]`.
    type Tensor: Array<f32>;
    /// The pooled features, `[f32; EMBEDDING]`.
    type Features: Array<f32>;
    /// One value a class, `[f32; CLASSES]`.
    type Scores: Array<f32>;
    /// Working memory.
    type Arena: Array<Line>;

    /// Runs everything up to the pooled features, and leaves those in the arena.
    #[cfg(feature = "simd")]
    fn features(kernels: Kernels<'_>, weights: &[f32], image: Image<'_>, arena: &mut [f32]);

    /// Runs the classifier on the pooled features in the arena, and leaves the logits there.
    #[cfg(feature = "simd")]
    fn logits(kernels: Kernels<'_>, weights: &[f32], arena: &mut [f32]);
}

/// A byte of a quantised network's own type: `u8` or `i8`.
pub trait Byte: Copy + Send + Sync + 'static {
    /// Whether it is signed.
    const SIGNED: bool;

    /// From the unsigned byte that kernels compute with; those of a signed network are 128 higher than its own.
    fn from_unsigned(byte: u8) -> Self;
}

impl Byte for u8 {
    const SIGNED: bool = false;

    fn from_unsigned(byte: u8) -> u8 {
        byte
    }
}

impl Byte for i8 {
    const SIGNED: bool = true;

    fn from_unsigned(byte: u8) -> i8 {
        byte.wrapping_sub(128).cast_signed()
    }
}

/// A network of bytes: besides features and logits, which are the numbers that its bytes stand for, it has an output of its
/// own type.
pub trait Quantised: Network {
    /// The type of its bytes.
    type Byte: Byte;
    /// Its output, `[u8; CLASSES]` or `[i8; CLASSES]`.
    type Output: Array<Self::Byte>;

    /// Arena offset of the output, in bytes.
    const OUTPUT_AT: usize;

    /// Runs what comes after the logits, a softmax in fixed point where the network ends in one, and leaves the output in
    /// the arena, as unsigned bytes.
    #[cfg(feature = "simd")]
    fn output(kernels: Kernels<'_>, weights: &[f32], arena: &mut [f32]);
}

/// A network whose weights are part of the executable.
pub trait Embedded: Network {
    /// Its weights.
    const PACKED: Packed;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_seen_as_what_it_is() {
        let mut lines = [Line::ZERO; 2];
        bytes_mut(&mut lines)[64..68].copy_from_slice(&1.5f32.to_le_bytes());
        assert_eq!(floats(&lines)[16], 1.5);
        floats_mut(&mut lines)[0] = 2.0;
        assert_eq!(lines[0].0[0], 2.0);
        assert_eq!(bytes(floats(&lines))[64..68], 1.5f32.to_ne_bytes());
        assert_eq!([0, 127, 128, 255].map(i8::from_unsigned), [-128, -1, 0, 127]);
        let aligned = Aligned([0u8; 64]);
        assert_eq!(as_floats(&aligned.0).map(<[f32]>::len), Some(16));
        assert_eq!(as_floats(&aligned.0[1..]), None);
        assert_eq!(as_floats(&aligned.0[..7]), None);
    }

    #[test]
    #[cfg(feature = "alloc")]
    fn large_arrays_go_straight_to_the_heap() {
        // Sixteen times the stack of a test thread.
        let arena = <[Line; 1 << 19]>::boxed(Line::ZERO);
        assert_eq!(arena.as_slice().len(), 1 << 19);
    }
}
