//! Text as the name of a model, as alpha and as rho.
#![no_main]

use std::sync::LazyLock;

use mobilenet_compiler::names::{self, Catalogue};
use mobilenet_fuzz::one_in;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().expect("sound specs"));

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(model) = CATALOGUE.get(text) {
        // A model's own name is one of its spellings.
        let again = CATALOGUE.get(&model.name()).expect("a name that is shown is understood");
        assert_eq!((again.alpha, again.resolution), (model.alpha, model.resolution), "{text}");
    } else if one_in(512, text.as_bytes()) {
        // What was meant by a name that there is not takes a hundred times as long to find out.
        let _ = CATALOGUE.find(text);
    }
    let _ = names::alpha(text);
    // So does what was meant by a text that is no resolution, nor looks like one.
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric || one_in(64, text.as_bytes()) {
        for spec in CATALOGUE.specs() {
            let _ = names::rho(spec, text);
        }
    }
});
