//! Text as the name of a model, as alpha and as rho.
#![no_main]

use std::sync::LazyLock;

use mobilenet_compiler::names::{self, Catalogue};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().expect("sound specs"));

libfuzzer_sys::fuzz_target!(|text: &str| {
    // What was meant by a name that there is not takes a hundred times as long to find out: now and then.
    let found = if text.len() % 8 == 7 { CATALOGUE.find(text).ok() } else { CATALOGUE.get(text).ok() };
    if let Some(model) = found {
        // A model's own name is one of its spellings.
        let again = CATALOGUE.find(&model.name()).expect("a name that is shown is understood");
        assert_eq!((again.alpha, again.resolution), (model.alpha, model.resolution), "{text}");
    }
    let _ = names::alpha(text);
    for spec in CATALOGUE.specs() {
        let _ = names::rho(spec, text);
    }
});
