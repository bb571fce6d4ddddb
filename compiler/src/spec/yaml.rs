//! YAML as a tree of values with places: the only module that knows YAML.
//!
//! The tree is read whole before anything is made of it, so that one mistake does not hide the next. What a hostile
//! file can cost is bounded here: its size, its depth, and what its aliases expand to.

use std::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, Options};
use serde_yaml::{MergeKeyPolicy, MessageFormatter, NonFiniteFloatPolicy, Spanned, UserMessageFormatter};

use super::reader::clip;
use super::source::{At, Located, Source};
use crate::error::{Complaint, Result};

/// Bytes of the largest spec. MobileNet v1 takes two thousand.
const MAX_BYTES: usize = 64 * 1024;

/// Values of the largest tree.
const MAX_VALUES: usize = 10_000;

/// Of these, values that aliases repeat. Each may be a text of [`MAX_BYTES`].
const MAX_REPEATED: usize = 1_000;

/// Levels of the deepest tree.
const MAX_DEPTH: usize = 16;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Tree {
    /// Where the value begins; of an alias, where it is used.
    pub(super) at: At,
    /// The value.
    pub(super) value: Value,
}

/// A YAML value.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Real(f64),
    Text(String),
    List(Vec<Tree>),
    /// Entries in the order of the file. Keys may repeat: the reader complains.
    Map(Vec<(Located<String>, Tree)>),
}

impl Value {
    /// What a message calls it.
    pub(super) fn describe(&self) -> String {
        match self {
            Value::Null => "nothing".to_string(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("`{value}`"),
            Value::Real(value) => format!("`{value}`"),
            Value::Text(value) => format!("`{}`", clip(value)),
            Value::List(_) => "a list".to_string(),
            Value::Map(_) => "a map".to_string(),
        }
    }
}

/// The tree of a file.
pub(super) fn parse(source: &Source) -> Result<Tree> {
    if source.text.len() > MAX_BYTES {
        let message = format!("{}: no spec is as large as this, {} bytes", source.file, source.text.len());
        return Err(Complaint::new(message).help(format!("at most {MAX_BYTES} bytes")).into());
    }
    serde_yaml::from_str_with_options(&source.text, options())
        .map_err(|error| complaint(source, &error).into())
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_VALUES,
            max_events: 4 * MAX_VALUES,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_REPEATED },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

fn complaint(source: &Source, error: &serde_yaml::Error) -> Complaint {
    let message = match error {
        serde_yaml::Error::NullIntoString { .. } => "a key is missing".to_string(),
        serde_yaml::Error::Unexpected { expected: "string scalar", .. } => "a key must be a name".to_string(),
        _ => UserMessageFormatter.format_message(error).into_owned(),
    };
    match error.location() {
        Some(location) if location.line() > 0 => source.complaint(at(location), message),
        _ => Complaint::new(format!("{}: {message}", source.file)),
    }
}

fn at(location: serde_yaml::Location) -> At {
    At { line: location.line() as usize, column: location.column() as usize }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Tree { at: at(referenced), value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> std::result::Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> std::result::Result<Value, E> {
        Ok(i128::try_from(value).map_or(Value::Real(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Value::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let mut entries = Vec::new();
        // As text, a key stays as it is written: `1.0` does not become 1.
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push((Located { value: key.value, at: at(key.referenced) }, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}
