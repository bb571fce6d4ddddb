//! Reading and writing a name by a pattern such as `{alpha}_MobileNet_{rho}`.
//!
//! Upper and lower case are the same, and so are underscore, dash and blank. A blank of the pattern may be missing from
//! the name.

use crate::spec::Pattern;

/// What a name says.
#[derive(Debug, PartialEq)]
pub(super) struct Spelling<'n> {
    pub(super) alpha: Option<Alpha<'n>>,
    pub(super) rho: Option<&'n str>,
}

/// A width multiplier in a name.
#[derive(Debug, PartialEq)]
pub(super) enum Alpha<'n> {
    /// Digits and a point, not read yet.
    Digits(&'n str),
    /// The value of a spelling of the pattern's own.
    Value(f64),
}

/// What a name says, if it is of this pattern.
pub(super) fn read<'n>(pattern: &Pattern, name: &'n str) -> Option<Spelling<'n>> {
    let mut spelling = Spelling { alpha: None, rho: None };
    let (mut pattern_left, mut name_left) = (pattern.text.as_str(), name);
    while let Some(first) = pattern_left.chars().next() {
        if let Some(after) = pattern_left.strip_prefix("{alpha}") {
            let (alpha, rest) = alpha(pattern, name_left)?;
            spelling.alpha = Some(alpha);
            (pattern_left, name_left) = (after, rest);
        } else if let Some(after) = pattern_left.strip_prefix("{rho}") {
            let (rho, rest) = split(name_left, |c| c.is_ascii_alphanumeric() || c == '.')?;
            spelling.rho = Some(rho);
            (pattern_left, name_left) = (after, rest);
        } else if is_separator(first) {
            let rest = name_left.trim_start_matches(is_separator);
            if rest.len() == name_left.len() && first != ' ' {
                return None;
            }
            (pattern_left, name_left) = (pattern_left.trim_start_matches(is_separator), rest);
        } else {
            let mut chars = name_left.chars();
            if !chars.next()?.eq_ignore_ascii_case(&first) {
                return None;
            }
            (pattern_left, name_left) = (&pattern_left[first.len_utf8()..], chars.as_str());
        }
    }
    name_left.is_empty().then_some(spelling)
}

/// The pattern with both multipliers in their places.
pub(super) fn fill(pattern: &Pattern, alpha: &str, rho: &str) -> String {
    pattern.text.replace("{alpha}", alpha).replace("{rho}", rho)
}

fn alpha<'n>(pattern: &Pattern, name: &'n str) -> Option<(Alpha<'n>, &'n str)> {
    if pattern.alphas.is_empty() {
        let (digits, rest) = split(name, |c| c.is_ascii_digit() || c == '.')?;
        return Some((Alpha::Digits(digits), rest));
    }
    // The longest first: one spelling may begin like another.
    let spellings = pattern.alphas.iter().filter(|(spelling, _)| name.starts_with(spelling.as_str()));
    let (spelling, value) = spellings.max_by_key(|(spelling, _)| spelling.len())?;
    Some((Alpha::Value(*value), &name[spelling.len()..]))
}

/// The longest start of some characters, if there is any, and the rest.
fn split(text: &str, is: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|c| !is(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | ' ')
}
