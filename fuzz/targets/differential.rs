//! A random network with random weights, in floats of 32 or 16 bits or in bytes: its plan on every instruction set that there is,
//! on one thread and on two, against the reference.
#![no_main]

#[path = "../../compiler/tests/random/bytes.rs"]
mod bytes;
#[path = "../../compiler/tests/random/engines.rs"]
mod engines;
#[path = "../../compiler/tests/random/mod.rs"]
mod random;

use mobilenet_compiler::settings::Precision;
use mobilenet_compiler::weights::Integers;

/// Multiply-adds of a network that is run, some fifty times.
const MOST: u64 = 300_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut input = bytes.iter();
    // Two bytes a choice; when they are used up, always the first.
    let mut choose = |below: usize| {
        let number = [0; 2].map(|_: u8| input.next().copied().unwrap_or(0));
        usize::from(u16::from_le_bytes(number)) % below
    };
    let seed = choose(1 << 16) as u64;
    let network = random::network(&mut choose);
    let outcome = match seed % 4 {
        0 => bytes::check(&network, Integers::I8, seed, MOST),
        1 => bytes::check(&network, Integers::U8, seed, MOST),
        2 => engines::check(&network, Precision::Bf16, seed, MOST),
        _ => engines::check(&network, Precision::F32, seed, MOST),
    };
    if let Err(why) = outcome {
        panic!("{why}\nalpha {}\n{}", network.alpha, network.yaml);
    }
});
