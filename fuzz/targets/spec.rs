//! Text as a spec; if it is one, through all passes, and now and then as far as a plan.
#![no_main]

use mobilenet_compiler::lower::lower;
use mobilenet_compiler::passes;
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_compiler::settings::{Settings, Wish};
use mobilenet_compiler::spec::Spec;
use mobilenet_fuzz::one_in;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(spec) = Spec::parse("fuzzed.yaml", text) else { return };
    let wish = Wish { alpha: Some(0.75), ..Wish::default() };
    let Ok(settings) = Settings::new(&spec, &wish, None) else { return };
    // Most texts are read only: their ways through what follows are few, and take much longer.
    if !one_in(8, text.as_bytes()) {
        return;
    }
    let Ok(mut graph) = lower(&spec, &settings, "fuzzed") else { return };
    passes::remove_softmax(&mut graph);
    // A spec that is read and lowered breaks no pass.
    passes::run(&mut graph, None, |_, _, _| ()).expect("passes keep what the verifier asks for");
    let _ = Plan::new(&graph, Options::default());
});
