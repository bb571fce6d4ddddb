//! Runs compiled networks without std, and with a panic handler that calls a function which does not exist. The linker only
//! looks for that function if the optimiser has left a way to it: that this links proves that there is none, in any kernel
//! of any instruction set that the target has.
#![no_std]
#![no_main]

use core::hint::black_box;

use mobilenet_generated::MobileNetV1_0_25_128;
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::network::{Array, Embedded, Line, Network, Quantised, bytes, floats, floats_mut};
use mobilenet_kernels::{Isa, Kernels, softmax};

// Compiled networks look for their kernels in the runtime, which needs std; for those here it is this crate.
extern crate self as mobilenet_runtime;
pub use mobilenet_kernels as kernels;

include!(concat!(env!("OUT_DIR"), "/signed.rs"));
include!(concat!(env!("OUT_DIR"), "/unsigned.rs"));

type Floats = MobileNetV1_0_25_128<1000>;

const LINES: usize = Floats::WEIGHTS / 16;
const NORMALISE: Normalise = Normalise { scale: [1.0 / 127.5; 4], offset: [-1.0; 4] };

// Where memory is copied and filled by the system's library.
#[cfg(not(target_os = "none"))]
#[link(name = "c")]
unsafe extern "C" {}

/// Memory that one run has.
macro_rules! memory {
    ($name:ident: $type:ty = $value:expr) => {{
        static mut $name: $type = $value;
        // SAFETY: there is one thread, and `entry`, which alone says this, is called once.
        black_box(unsafe { &mut *&raw mut $name })
    }};
}

/// One run up to the scores, on the instruction set of a number, which the optimiser does not know. Inlined, because lengths are
/// compared here, and known where it is called.
#[inline(always)]
fn scores<N: Network>(
    isa: usize,
    weights: &[f32],
    pixels: &[u8],
    arena: &mut [f32],
) -> Option<Kernels<'static>> {
    let kernels = Kernels::new(*Isa::ALL.get(isa)?)?;
    N::features(kernels, weights, Image::Pixels(pixels, &NORMALISE), arena);
    N::logits(kernels, weights, arena);
    Some(kernels)
}

/// A network of floats: the first probability.
fn float(isa: usize, weights: &[Line; LINES]) -> Option<f32> {
    let arena = memory!(ARENA: <Floats as Network>::Arena = [Line::ZERO; Floats::ARENA_BYTES / 64]);
    let pixels =
        memory!(PIXELS: <Floats as Network>::Pixels = [7; <<Floats as Network>::Pixels as Array<u8>>::LEN]);
    scores::<Floats>(isa, floats(weights), pixels, floats_mut(arena))?;
    let scores = floats_mut(arena).get_mut(Floats::SCORES_AT..Floats::SCORES_AT + Floats::CLASSES)?;
    softmax(scores);
    scores.first().copied()
}

/// A network of bytes: the first byte of the output.
macro_rules! byte {
    ($isa:expr, $network:ident) => {{
        let arena = memory!(ARENA: <$network as Network>::Arena = [Line::ZERO; $network::ARENA_BYTES / 64]);
        let pixels = memory!(PIXELS: <$network as Network>::Pixels = [7; <<$network as Network>::Pixels as Array<u8>>::LEN]);
        // Of the length that the type knows, values that the optimiser does not know.
        let weights: Option<&[f32; $network::WEIGHTS]> = $network::PACKED.values().try_into().ok();
        let arena = floats_mut(arena);
        weights.map(|weights| black_box(weights)).and_then(|weights| {
            let kernels = scores::<$network>($isa, weights, pixels, arena)?;
            $network::output(kernels, weights, arena);
            bytes(arena).get($network::OUTPUT_AT).copied()
        })
    }};
}

fn entry() -> i32 {
    let weights = memory!(WEIGHTS: [Line; LINES] = [Line::ZERO; LINES]);
    #[cfg(may_panic)]
    black_box(weights[black_box(LINES)]);
    let isa = black_box(0);
    let ran = [float(isa, weights).is_some(), byte!(isa, Signed).is_some(), byte!(isa, Unsigned).is_some()];
    i32::from(ran != [true; 3])
}

#[cfg(not(target_os = "none"))]
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    entry()
}

#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    black_box(entry());
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_compiled_network_may_panic() -> !;
    }
    // SAFETY: it is never called, because it does not exist.
    unsafe { a_compiled_network_may_panic() }
}
