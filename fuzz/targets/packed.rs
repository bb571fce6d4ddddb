//! Bytes as packed weights, and a network that is given them. The checksum of files of even length is set right: no fuzzer
//! guesses it.
#![no_main]

use mobilenet_kernels::Isa;
use mobilenet_kernels::header::{Header, LEN};
use mobilenet_runtime::{Model, Weights, mobilenet};
use xxhash_rust::xxh3::xxh3_64;

mobilenet! { struct Tiny = "tiny.yaml" }

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = bytes.to_vec();
    if file.len() >= LEN && file.len().is_multiple_of(2) {
        let checksum = xxh3_64(&file[LEN..]);
        file[32..40].copy_from_slice(&checksum.to_le_bytes());
    }
    let Ok(weights) = Weights::from_bytes(&file) else { return };
    let header = Header::parse(&file).expect("what weights are made of has a header");
    assert_eq!(header.encode().len(), LEN);
    // Whatever the weights are, NaN and infinity included, a run stays inside its memory.
    let Ok(model) = Model::<Tiny>::new(weights) else { return };
    let mut scratch = model.scratch();
    for isa in Isa::available() {
        let model = model.clone().with_isa(isa).expect("it is available");
        let scores = model.probabilities(&[7u8; 64], &mut scratch);
        let _ = model.top(&scores, 5);
    }
});
