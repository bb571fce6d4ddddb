//! A compiled model as a C library: `include/mobilenet.h`, `libmobilenet.a`, `libmobilenet.so`. For another model, change
//! [`Net`] and the constants, which are checked against it.
//!
//! This file is the boundary to C, and the only one outside of mobilenet-kernels with `unsafe`: each function turns pointers
//! and lengths into slices and leaves the rest to safe code. Nothing is allocated, and no state is kept.

use core::ffi::c_char;
use core::ptr::NonNull;
use core::slice;

use mobilenet_runtime::kernels::image::Image;
use mobilenet_runtime::kernels::network::{Array, Line, floats_mut};
use mobilenet_runtime::kernels::{Kernels, softmax};
use mobilenet_runtime::{Embedded, Network, mobilenet};

mobilenet! {
    /// The model.
    pub struct Net = "0.25_MobileNet_tiny", weights = "model/tiny.safetensors", labels = "model/labels.txt"
}

/// Bytes of an image: rows of pixels of red, green and blue.
pub const MOBILENET_IMAGE_LEN: usize = 49152;
/// Rows of an image.
pub const MOBILENET_IMAGE_HEIGHT: usize = 128;
/// Pixels of a row.
pub const MOBILENET_IMAGE_WIDTH: usize = 128;
/// Classes: the length of scores.
pub const MOBILENET_CLASSES: usize = 1000;
/// Length of an embedding.
pub const MOBILENET_EMBEDDING_LEN: usize = 256;
/// Bytes of working memory.
pub const MOBILENET_SCRATCH_LEN: usize = 167552;
/// Alignment of working memory.
pub const MOBILENET_SCRATCH_ALIGN: usize = 64;

const _: () = {
    assert!(MOBILENET_IMAGE_LEN == <Net as Network>::Pixels::LEN);
    assert!(MOBILENET_IMAGE_HEIGHT == Net::INPUT[0] && MOBILENET_IMAGE_WIDTH == Net::INPUT[1]);
    assert!(MOBILENET_CLASSES == Net::CLASSES && MOBILENET_EMBEDDING_LEN == Net::EMBEDDING);
    assert!(MOBILENET_SCRATCH_LEN == Net::ARENA_BYTES && MOBILENET_SCRATCH_ALIGN == align_of::<Line>());
};

/// What became of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MobilenetStatus {
    /// All is well.
    Ok = 0,
    /// A pointer is null.
    Null = 1,
    /// The image has another length than `MOBILENET_IMAGE_LEN`.
    ImageLength = 2,
    /// The working memory is shorter than `MOBILENET_SCRATCH_LEN`.
    ScratchLength = 3,
    /// The working memory is not aligned to `MOBILENET_SCRATCH_ALIGN`.
    ScratchAlignment = 4,
    /// The output has another length than the function gives.
    OutputLength = 5,
}

/// Puts the probability of each class into `scores`.
///
/// # Safety
///
/// `image` must be readable for `image_len` bytes, `scratch` and `scores` writable for `scratch_len` bytes and `scores_len`
/// floats; the three must not overlap, and no other thread may use `scratch` or `scores` during the call. Contents of
/// `scratch` do not matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_classify(
    image: *const u8,
    image_len: usize,
    scratch: *mut u8,
    scratch_len: usize,
    scores: *mut f32,
    scores_len: usize,
) -> MobilenetStatus {
    // SAFETY: passed on to the caller.
    let memory = unsafe { Memory::new((image, image_len), (scratch, scratch_len), (scores, scores_len)) };
    memory.and_then(|memory| run(memory, true, true)).err().unwrap_or(MobilenetStatus::Ok)
}

/// Puts the score of each class, before softmax, into `scores`.
///
/// # Safety
///
/// As `mobilenet_classify`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_logits(
    image: *const u8,
    image_len: usize,
    scratch: *mut u8,
    scratch_len: usize,
    scores: *mut f32,
    scores_len: usize,
) -> MobilenetStatus {
    // SAFETY: passed on to the caller.
    let memory = unsafe { Memory::new((image, image_len), (scratch, scratch_len), (scores, scores_len)) };
    memory.and_then(|memory| run(memory, true, false)).err().unwrap_or(MobilenetStatus::Ok)
}

/// Puts the pooled features, what the network sees before it is put into classes, into `embedding`.
///
/// # Safety
///
/// As `mobilenet_classify`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_embedding(
    image: *const u8,
    image_len: usize,
    scratch: *mut u8,
    scratch_len: usize,
    embedding: *mut f32,
    embedding_len: usize,
) -> MobilenetStatus {
    // SAFETY: passed on to the caller.
    let memory =
        unsafe { Memory::new((image, image_len), (scratch, scratch_len), (embedding, embedding_len)) };
    memory.and_then(|memory| run(memory, false, false)).err().unwrap_or(MobilenetStatus::Ok)
}

/// Puts a class's name into `buffer`, cut off where that is too short, and ends it with a zero byte; where there is no such
/// class the name is empty. Returns the length of the whole name.
///
/// # Safety
///
/// `buffer` must be writable for `len` bytes; where `len` is zero it is not used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_label(class_index: usize, buffer: *mut c_char, len: usize) -> usize {
    let name = Net::PACKED.labels().lines().nth(class_index).unwrap_or("").as_bytes();
    if let Some(buffer) = NonNull::new(buffer.cast::<u8>()).filter(|_| len > 0) {
        // SAFETY: not null, and `len` bytes can be written, by this function's contract.
        let buffer = unsafe { slice::from_raw_parts_mut(buffer.as_ptr(), len) };
        let kept = name.len().min(len - 1);
        buffer[..kept].copy_from_slice(&name[..kept]);
        buffer[kept] = 0;
    }
    name.len()
}

/// What a run works on, checked for null, lengths and alignment.
struct Memory<'m> {
    image: &'m [u8],
    arena: &'m mut [f32],
    output: &'m mut [f32],
}

impl<'m> Memory<'m> {
    /// # Safety
    ///
    /// Pointers that are not null must be valid for their lengths, and apart from each other, as `mobilenet_classify` says.
    unsafe fn new(
        image: (*const u8, usize),
        scratch: (*mut u8, usize),
        output: (*mut f32, usize),
    ) -> Result<Self, MobilenetStatus> {
        if image.0.is_null() || scratch.0.is_null() || output.0.is_null() {
            return Err(MobilenetStatus::Null);
        }
        if image.1 != MOBILENET_IMAGE_LEN {
            return Err(MobilenetStatus::ImageLength);
        }
        if scratch.1 < MOBILENET_SCRATCH_LEN {
            return Err(MobilenetStatus::ScratchLength);
        }
        if !scratch.0.addr().is_multiple_of(MOBILENET_SCRATCH_ALIGN) {
            return Err(MobilenetStatus::ScratchAlignment);
        }
        // SAFETY: no pointer is null, and the caller answers for the rest; a Line is any 64 bytes, aligned to 64. Uninitialised
        // memory is none to Rust: what a C caller hands over has bytes, whichever they are.
        unsafe {
            let lines = slice::from_raw_parts_mut(
                scratch.0.cast::<Line>(),
                MOBILENET_SCRATCH_LEN / size_of::<Line>(),
            );
            Ok(Memory {
                image: slice::from_raw_parts(image.0, image.1),
                arena: floats_mut(lines),
                output: slice::from_raw_parts_mut(output.0, output.1),
            })
        }
    }
}

/// Runs the network: its features, or on to scores, or on to probabilities.
fn run(memory: Memory<'_>, scores: bool, probabilities: bool) -> Result<(), MobilenetStatus> {
    let Memory { image, arena, output } = memory;
    let (at, len) = if scores { (Net::SCORES_AT, Net::CLASSES) } else { (Net::FEATURES_AT, Net::EMBEDDING) };
    if output.len() != len {
        return Err(MobilenetStatus::OutputLength);
    }
    let (kernels, weights) = (Kernels::best(Net::PRECISION), Net::PACKED);
    let image = Image::Pixels(image, &weights.header().preprocess.normalise);
    Net::features(kernels, weights.values(), image, arena);
    if scores {
        Net::logits(kernels, weights.values(), arena);
    }
    output.copy_from_slice(&arena[at..at + len]);
    if probabilities {
        softmax(output);
    }
    Ok(())
}
