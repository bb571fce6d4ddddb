//! Text as a spec, and all the way to source.
#![no_main]

use mobilenet_compiler::lower::lower;
use mobilenet_compiler::passes;
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_compiler::settings::{Settings, Wish};
use mobilenet_compiler::spec::Spec;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(spec) = Spec::parse("fuzzed.yaml", text) else { return };
    let wish = Wish { alpha: Some(0.75), ..Wish::default() };
    let Ok(settings) = Settings::new(&spec, &wish, None) else { return };
    let Ok(mut graph) = lower(&spec, &settings, "fuzzed") else { return };
    passes::remove_softmax(&mut graph);
    // A spec that is read and lowered breaks no pass.
    passes::run(&mut graph, None, |_, _, _| ()).expect("passes keep what the verifier asks for");
    let _ = Plan::new(&graph, Options::default());
});
