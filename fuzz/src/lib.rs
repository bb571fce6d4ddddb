//! What the targets share.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use mobilenet_compiler::bind;
use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::error::Result;
use mobilenet_compiler::weights::{self, Expected, Weights};

/// Reads a weights file and does with it what the command line would: guess the model, compare it with one, compile it.
pub fn read(bytes: &[u8], name: &str) {
    used(weights::read(bytes, name));
}

/// Does what follows reading.
pub fn used(weights: Result<Weights>) {
    let weights = match weights {
        Ok(weights) => weights,
        // A report without complaints would be a failure without a message.
        Err(report) => return assert!(!report.complaints().is_empty()),
    };
    let _ = weights.guess();
    let _ = weights.compare(&EXPECTED);
    let _ = compile(&Request { weights: Some(&weights), ..Request::default() });
}

/// A model to compare weights with.
static EXPECTED: LazyLock<Vec<Expected>> = LazyLock::new(|| {
    let request = Request { model: Some("0.25_MobileNet_tiny"), classes: Some(10), ..Request::default() };
    bind::expected(&compile(&request).expect("a named model compiles").graph)
});
