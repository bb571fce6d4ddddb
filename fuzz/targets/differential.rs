//! A random network with random weights: its plan on every instruction set that there is, on one thread and on two, against the
//! reference.
#![no_main]

#[path = "../../compiler/tests/random/engines.rs"]
mod engines;
#[path = "../../compiler/tests/random/mod.rs"]
mod random;

/// Multiply-adds of a network that is run: the reference takes a microsecond for a thousand.
const MOST: u64 = 3_000_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.iter();
    // Two bytes a choice; when they are used up, always the first.
    let mut choose = |below: usize| {
        let number = [0; 2].map(|_: u8| bytes.next().copied().unwrap_or(0));
        usize::from(u16::from_le_bytes(number)) % below
    };
    let seed = choose(1 << 16) as u64;
    let network = random::network(&mut choose);
    if let Err(why) = engines::check(&network, seed, MOST) {
        panic!("{why}\nalpha {}\n{}", network.alpha, network.yaml);
    }
});
