//! Random networks through every way of running them: equal to the reference, or refused with a message.
//!
//! `MOBILENET_NETWORKS=N` draws more than the few that a test run has time for, `MOBILENET_SEED=N` others, or one again.

#[path = "random/bytes.rs"]
mod bytes;
#[path = "random/engines.rs"]
mod engines;
mod random;

use engines::Outcome;
use mobilenet_compiler::settings::Precision;
use mobilenet_compiler::weights::Integers;

/// Networks of an ordinary run.
const NETWORKS: usize = 200;
/// Multiply-adds of a network that is run, in debug builds by a slow reference.
const MOST: u64 = 8_000_000;

/// SplitMix64.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % bound as u64) as usize
    }
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Checks random networks, and counts what became of them.
fn all_agree(most: usize, check: impl Fn(&random::Network, u64) -> Result<Outcome, String>) {
    let (first, count) = (number("MOBILENET_SEED", 1), number("MOBILENET_NETWORKS", most));
    let mut outcomes = [(Outcome::Agreed, 0), (Outcome::Refused, 0), (Outcome::TooLarge, 0)];
    for seed in first as u64..(first + count) as u64 {
        let mut random = Seeded(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let network = random::network(&mut |below| random.below(below));
        let outcome = match check(&network, seed) {
            Ok(outcome) => outcome,
            Err(why) => {
                panic!("seed {seed}: {why}\nalpha {}\n{}", network.alpha, network.yaml)
            }
        };
        outcomes.iter_mut().filter(|(kind, _)| *kind == outcome).for_each(|(_, count)| *count += 1);
    }
    eprintln!("{count} networks: {outcomes:?}");
    // A generator that draws only what is refused would test nothing.
    let agreed = outcomes[0].1;
    assert!(count < most || agreed * 3 > count, "{outcomes:?}");
}

#[test]
fn all_engines_agree_on_random_networks() {
    all_agree(NETWORKS, |network, seed| engines::check(network, Precision::F32, seed, MOST));
}

#[test]
fn all_engines_agree_on_random_networks_of_16_bits() {
    all_agree(NETWORKS, |network, seed| engines::check(network, Precision::Bf16, seed, MOST));
}

#[test]
fn all_engines_agree_on_random_networks_of_bytes() {
    all_agree(NETWORKS, |network, seed| {
        let integers = if seed % 2 == 0 { Integers::U8 } else { Integers::I8 };
        bytes::check(network, integers, seed, MOST)
    });
}

/// What there is not is refused, by name.
#[test]
fn what_is_not_supported_is_refused() {
    let spec = |input: &str, layer: &str| {
        let yaml = format!(
            "name: random\ninput: {input}\nlayers:\n  - conv: {{filters: 8}}\n  - {layer}\n  - global_average_pool\n  - fully_connected: {{classes: 3}}\n"
        );
        random::Network { yaml, alpha: 1.0 }
    };
    let rgb = "{channels: 3, resolution: 16}";
    let cases = [
        ("{channels: 2, resolution: 16}", "relu", "channels are 1 (grey) or 3 (RGB), not `2`"),
        ("{channels: 4, resolution: 16}", "relu", "channels"),
        ("{channels: 3, resolution: 0}", "relu", "a resolution"),
        (rgb, "conv: {filters: 8, kernel: 8}", "kernel"),
        (rgb, "conv: {filters: 8, stride: 5}", "stride"),
        (rgb, "depthwise: {stride: 3}", "stride"),
        (rgb, "depthwise: {kernel: 5}", "kernel"),
        (rgb, "conv: {filters: 8, kernel: 3, padding: 3}", "padding"),
        (rgb, "conv: {filters: 0}", "filters"),
        (rgb, "conv: {filters: 1000000000}", "filters"),
    ];
    for (input, layer, expected) in cases {
        let network = spec(input, layer);
        let message = engines::message(&network).unwrap_or_default();
        assert!(message.contains(expected), "{input}, {layer}: `{message}`");
    }
}
