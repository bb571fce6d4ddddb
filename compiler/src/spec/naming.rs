//! How the models of a spec are named: words for resolutions, patterns of names, the models that have one.

use super::parse;
use super::reader::{Fields, Reader, clip};
use super::source::At;
use super::yaml::{Tree, Value};

/// The models of a spec and their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Naming {
    /// Words for resolutions. Ratios are to the first.
    pub resolutions: Vec<Resolution>,
    /// Spellings of a model's name, the canonical one first.
    pub patterns: Vec<Pattern>,
    /// The models that are listed.
    pub models: Vec<NamedModel>,
}

/// A word for a resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The word.
    pub word: String,
    /// Pixels along a side.
    pub pixels: usize,
}

/// A spelling of a model's name, such as `mobilenet_v1_{alpha}_{rho}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// The spelling: `{alpha}` and `{rho}` stand for the multipliers.
    pub text: String,
    /// Spellings of alpha; where there are none, alpha is a decimal number.
    pub alphas: Vec<(String, f64)>,
}

/// A model that is listed, with its published accuracy on ImageNet.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedModel {
    /// Width multiplier.
    pub alpha: f64,
    /// Pixels along a side.
    pub resolution: usize,
    /// Share of photos whose label comes first, and among the first five, in percent.
    pub accuracy: Option<[f64; 2]>,
}

/// Reads the fields `resolutions`, `names` and `models` of a spec.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Naming {
    let resolutions = fields.get("resolutions").map(|tree| resolutions(reader, tree)).unwrap_or_default();
    let patterns = fields.get("names").map(|tree| patterns(reader, tree)).unwrap_or_default();
    let models = fields.get("models").map(|tree| models(reader, tree, &resolutions)).unwrap_or_default();
    Naming { resolutions, patterns, models }
}

/// `{baseline: 224, ...}`.
fn resolutions(reader: &mut Reader<'_>, tree: &Tree) -> Vec<Resolution> {
    let mut resolutions: Vec<Resolution> = Vec::new();
    for (word, value) in reader.entries(tree, "`resolutions` is a map").unwrap_or_default() {
        if !word.value.chars().all(|c| c.is_ascii_lowercase()) {
            reader.complain(word.at, format!("`{}` is no word of lower-case letters", clip(&word.value)));
        } else if resolutions.iter().any(|resolution| resolution.word == word.value) {
            reader.complain(word.at, format!("`{}` is stated twice", word.value));
        }
        if let Some(pixels) = parse::resolution(reader, value) {
            resolutions.push(Resolution { word: word.value.clone(), pixels });
        }
    }
    resolutions
}

/// A list of patterns, each a text or a map from the text to spellings of alpha.
fn patterns(reader: &mut Reader<'_>, tree: &Tree) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for item in reader.list(tree, "`names`").unwrap_or_default() {
        match &item.value {
            Value::Map(entries) => {
                for (text, spellings) in entries {
                    let alphas = spellings_of_alpha(reader, spellings);
                    patterns.extend(pattern(reader, text.at, &text.value, alphas));
                }
            }
            Value::Text(text) => patterns.extend(pattern(reader, item.at, text, Vec::new())),
            _ => reader
                .wrong(item, "a name is a text such as `mobilenet_v1_{alpha}_{rho}`")
                .unwrap_or_default(),
        }
    }
    if let Some(first) = patterns.first()
        && !(first.text.contains("{alpha}") && first.text.contains("{rho}") && first.alphas.is_empty())
    {
        reader.complain(tree.at, "the first name holds both `{alpha}` and `{rho}`: models are shown by it");
    }
    patterns
}

fn spellings_of_alpha(reader: &mut Reader<'_>, tree: &Tree) -> Vec<(String, f64)> {
    let entries =
        reader.entries(tree, "spellings of alpha are a map such as `{7_5: 0.75}`").unwrap_or_default();
    let read = |(text, value): &(super::Located<String>, Tree)| {
        Some((text.value.clone(), reader.number(value, "alpha", MIN_ALPHA..=MAX_ALPHA)?))
    };
    entries.iter().filter_map(read).collect()
}

fn pattern(reader: &mut Reader<'_>, at: At, text: &str, alphas: Vec<(String, f64)>) -> Option<Pattern> {
    const RULE: &str =
        "a name is letters, digits, `_`, `-`, `/`, `.` and blanks, with `{alpha}` and `{rho}` at most once";
    let rest = text.replacen("{alpha}", "", 1).replacen("{rho}", "", 1);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-/. ".contains(c);
    if !rest.chars().all(plain) || !rest.contains(|c: char| c.is_ascii_alphabetic()) {
        reader.complain(at, format!("{RULE}, not `{}`", clip(text)));
        return None;
    }
    Some(Pattern { text: text.to_string(), alphas })
}

/// The smallest alpha that is worth a name.
const MIN_ALPHA: f64 = 0.001;

/// The largest alpha.
pub(crate) const MAX_ALPHA: f64 = 2.0;

/// A row for each alpha, in it an entry for each resolution: `1.0: {baseline: [70.9, 89.9]}`.
fn models(reader: &mut Reader<'_>, tree: &Tree, resolutions: &[Resolution]) -> Vec<NamedModel> {
    let words: Vec<&str> = resolutions.iter().map(|resolution| resolution.word.as_str()).collect();
    let mut models = Vec::new();
    for (alpha, row) in reader.entries(tree, "`models` is a map from alpha to a row").unwrap_or_default() {
        let Some(width) = alpha.value.parse().ok().filter(|alpha| (MIN_ALPHA..=MAX_ALPHA).contains(alpha))
        else {
            reader.complain(
                alpha.at,
                format!("alpha is {MIN_ALPHA} to {MAX_ALPHA}, not `{}`", clip(&alpha.value)),
            );
            continue;
        };
        let Some(row) = reader.fields(row, "a row of models", &words) else { continue };
        for Resolution { word, pixels } in resolutions {
            if let Some(tree) = row.get(word) {
                let accuracy = accuracy(reader, tree);
                models.push(NamedModel { alpha: width, resolution: *pixels, accuracy });
            }
        }
    }
    models
}

/// `[top-1, top-5]` in percent, or nothing.
fn accuracy(reader: &mut Reader<'_>, tree: &Tree) -> Option<[f64; 2]> {
    match &tree.value {
        Value::Null => None,
        Value::List(values) if values.len() == 2 => {
            let first = reader.number(&values[0], "top-1", 0.0..=100.0)?;
            let five = reader.number(&values[1], "top-5", first..=100.0)?;
            Some([first, five])
        }
        _ => reader.wrong(tree, "an accuracy is [top-1, top-5] in percent"),
    }
}
