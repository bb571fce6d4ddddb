//! Runs a compiled network without std, and with a panic handler that calls a function which does not exist. The linker only
//! looks for that function if the optimiser has left a way to it: that this links proves that there is none, in any kernel
//! of any instruction set that the target has.
#![no_std]
#![no_main]

use core::hint::black_box;

use mobilenet_generated::MobileNetV1_0_25_128 as Generic;
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::network::{Array, Line, Network, floats, floats_mut};
use mobilenet_kernels::{Isa, Kernels, softmax};

type Net = Generic<1000>;

const LINES: usize = Net::WEIGHTS / 16;

static mut WEIGHTS: [Line; LINES] = [Line::ZERO; LINES];
static mut ARENA: <Net as Network>::Arena = [Line::ZERO; Net::ARENA_BYTES / 64];
static PIXELS: <Net as Network>::Pixels = [7; <<Net as Network>::Pixels as Array<u8>>::LEN];

// Where memory is copied and filled by the system's library.
#[cfg(not(target_os = "none"))]
#[link(name = "c")]
unsafe extern "C" {}

/// One run on the instruction set of a number, which the optimiser does not know.
fn run(isa: usize, weights: &[Line; LINES], image: &<Net as Network>::Pixels) -> f32 {
    // SAFETY: there is one thread, and this function is called once.
    let arena = unsafe { &mut *&raw mut ARENA };
    let Some(kernels) = Isa::ALL.get(isa).copied().and_then(Kernels::new) else { return 0.0 };
    let normalise = Normalise { scale: [1.0 / 127.5; 4], offset: [-1.0; 4] };
    let (weights, arena) = (floats(weights), floats_mut(arena));
    Net::features(kernels, weights, Image::Pixels(image, &normalise), arena);
    Net::logits(kernels, weights, arena);
    let Some(scores) = arena.get_mut(Net::SCORES_AT..Net::SCORES_AT + Net::CLASSES) else { return 0.0 };
    softmax(scores);
    scores[0]
}

fn entry() -> i32 {
    // SAFETY: as in `run`.
    let weights = black_box(unsafe { &*&raw const WEIGHTS });
    #[cfg(may_panic)]
    black_box(weights[black_box(LINES)]);
    i32::from(run(black_box(0), weights, black_box(&PIXELS)) > 1.0)
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
    loop {}
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_compiled_network_may_panic() -> !;
    }
    // SAFETY: it is never called, because it does not exist.
    unsafe { a_compiled_network_may_panic() }
}
