//! Values of options: what is out of range is wrong usage, and the message says what is in range.

use std::num::NonZeroUsize;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mobilenet_compiler::names;
use mobilenet_compiler::settings::{self, Precision};
use mobilenet_compiler::spec::MAX_CHANNELS;
use mobilenet_kernels::Isa;
use mobilenet_kernels::layout::Storage;

/// A width multiplier.
pub(super) fn alpha(text: &str) -> Result<f64, String> {
    names::alpha(text).map_err(|report| report.to_string())
}

/// A number of classes.
pub(super) fn classes(text: &str) -> Result<usize, String> {
    let classes = text.parse().ok().filter(|classes| (1..=MAX_CHANNELS).contains(classes));
    classes.ok_or_else(|| format!("classes are a number from 1 to {MAX_CHANNELS}"))
}

/// A number of things, one at least.
pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "a number from 1 on".to_string())
}

/// What weights are stored as, by name.
pub(super) fn classifier() -> impl TypedValueParser<Value = Storage> {
    PossibleValuesParser::new(["f32", "f16"])
        .try_map(|name| settings::classifier(&name).map_err(|report| report.to_string()))
}

/// An instruction set, by name.
pub(super) fn isa() -> impl TypedValueParser<Value = Isa> {
    PossibleValuesParser::new(Isa::ALL.map(Isa::name)).try_map(|name| name.parse::<Isa>())
}

/// Numbers to compute with, by name.
pub(super) fn precision() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::ALL.map(Precision::name)).try_map(|name| name.parse::<Precision>())
}
