//! What the targets share.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use mobilenet_compiler::bind;
use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::error::Result;
use mobilenet_compiler::weights::{self, Expected, Weights};
use xxhash_rust::xxh3::xxh3_64;

/// Reads a weights file and does with it what the command line would: guess the model, compare it with one, compile it.
pub fn read(bytes: &[u8], name: &str) {
    used(bytes, weights::read(bytes, name));
}

/// Does what follows reading those bytes.
pub fn used(bytes: &[u8], weights: Result<Weights>) {
    let weights = match weights {
        Ok(weights) => weights,
        // A report without complaints would be a failure without a message.
        Err(report) => return assert!(!report.complaints().is_empty()),
    };
    let _ = weights.guess();
    if one_in(4, bytes) {
        let _ = weights.compare(&EXPECTED);
    }
    if one_in(32, bytes) {
        let _ = compile(&Request { weights: Some(&weights), ..Request::default() });
    }
}

/// Whether these bytes are among the few with which something is done that takes much longer than reading them; for the same bytes
/// always the same.
pub fn one_in(many: u64, bytes: &[u8]) -> bool {
    xxh3_64(bytes).is_multiple_of(many)
}

/// A model to compare weights with.
static EXPECTED: LazyLock<Vec<Expected>> = LazyLock::new(|| {
    let request = Request { model: Some("0.25_MobileNet_tiny"), classes: Some(10), ..Request::default() };
    bind::expected(&compile(&request).expect("a named model compiles").graph)
});
