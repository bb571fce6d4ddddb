//! Strict reading of a tree: every complaint is kept, and reading goes on.
//!
//! The functions give `None` where they have complained, so that the caller can carry on with anything: the spec that
//! he builds is thrown away.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::source::{At, Located, Source};
use super::yaml::{Tree, Value};
use crate::error::{Complaint, Report, Result};
use crate::nearest::suggestion;

/// Complaints kept; a file of nothing but mistakes does not fill the memory.
const MAX_COMPLAINTS: usize = 50;

/// Reads trees and keeps complaints.
pub(super) struct Reader<'s> {
    source: &'s Source,
    complaints: Vec<(At, Complaint)>,
    dropped: usize,
}

/// The fields of a map, each known to its reader and there once.
pub(super) struct Fields<'t> {
    /// Where the map begins, or the word that it belongs to.
    pub(super) at: At,
    entries: Vec<(&'t str, At, &'t Tree)>,
}

impl<'t> Fields<'t> {
    /// A map without fields.
    pub(super) fn none(at: At) -> Self {
        Fields { at, entries: Vec::new() }
    }

    /// The same fields, belonging to a word at `at`.
    pub(super) fn at(self, at: At) -> Self {
        Fields { at, ..self }
    }

    /// A field's value.
    pub(super) fn get(&self, name: &str) -> Option<&'t Tree> {
        self.entries.iter().find(|(key, ..)| *key == name).map(|(.., tree)| *tree)
    }

    /// Where a field's name is.
    pub(super) fn key(&self, name: &str) -> Option<At> {
        self.entries.iter().find(|(key, ..)| *key == name).map(|(_, at, _)| *at)
    }
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        Reader { source, complaints: Vec::new(), dropped: 0 }
    }

    /// The value, if there was nothing to complain about. There may be no value only where there was.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T> {
        self.complaints.sort_by_key(|(at, _)| *at);
        let mut report = Report::new();
        for (_, complaint) in self.complaints {
            report.push(complaint);
        }
        if self.dropped > 0 {
            report
                .push(Complaint::new(format!("{}: and {} more complaints", self.source.file, self.dropped)));
        }
        match value {
            Some(value) => report.into_result(value),
            None => Err(report),
        }
    }

    /// Whether all is well so far.
    pub(super) fn is_content(&self) -> bool {
        self.complaints.is_empty()
    }

    /// Complains.
    pub(super) fn complain(&mut self, at: At, message: impl Into<String>) {
        self.complain_with(at, || (message.into(), None));
    }

    /// Complains and helps.
    pub(super) fn complain_help(&mut self, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.complain_with(at, || (message.into(), Some(help.into())));
    }

    fn complain_with(&mut self, at: At, text: impl FnOnce() -> (String, Option<String>)) {
        if self.complaints.len() >= MAX_COMPLAINTS {
            self.dropped += 1;
            return;
        }
        let (message, help) = text();
        let complaint = self.source.complaint(at, message);
        let complaint = match help {
            Some(help) => complaint.help(help),
            None => complaint,
        };
        self.complaints.push((at, complaint));
    }

    /// The fields of a map, all of them among `known`.
    pub(super) fn fields<'t>(&mut self, tree: &'t Tree, what: &str, known: &[&str]) -> Option<Fields<'t>> {
        let entries = self.entries(tree, &format!("{what} is a map"))?;
        let mut fields = Fields::none(tree.at);
        for (key, value) in entries {
            let name = key.value.as_str();
            if !known.contains(&name) {
                let (message, known) = (format!("{what} has no field `{}`", clip(name)), known.to_vec());
                self.complain_with(key.at, || (message, Some(suggestion(name, &known))));
            } else if let Some(first) = fields.key(name) {
                self.complain(key.at, format!("`{name}` is stated twice, first on line {}", first.line));
            } else {
                fields.entries.push((name, key.at, value));
            }
        }
        Some(fields)
    }

    /// The entries of a map whose keys are the user's own.
    pub(super) fn entries<'t>(
        &mut self,
        tree: &'t Tree,
        rule: &str,
    ) -> Option<&'t [(Located<String>, Tree)]> {
        match &tree.value {
            Value::Map(entries) => Some(entries),
            _ => self.wrong(tree, rule),
        }
    }

    /// The elements of a list.
    pub(super) fn list<'t>(&mut self, tree: &'t Tree, what: &str) -> Option<&'t [Tree]> {
        match &tree.value {
            Value::List(values) => Some(values),
            _ => self.wrong(tree, &format!("{what} is a list")),
        }
    }

    /// A text on one line that is not empty.
    pub(super) fn text(&mut self, tree: &Tree, what: &str) -> Option<String> {
        match &tree.value {
            Value::Text(text) if !text.trim().is_empty() && !text.contains(char::is_control) => {
                Some(text.trim().to_string())
            }
            _ => self.wrong(tree, &format!("{what} is a line of text")),
        }
    }

    /// A name that can be part of an identifier: words of lower-case letters and digits, joined by underscores.
    pub(super) fn name(&mut self, tree: &Tree) -> Option<String> {
        match &tree.value {
            Value::Text(name) if is_name(name) => Some(name.clone()),
            _ => self.wrong(
                tree,
                "a name is up to 48 lower-case letters and digits, joined by single underscores, a letter first",
            ),
        }
    }

    /// Yes or no.
    pub(super) fn truth(&mut self, tree: &Tree, what: &str) -> Option<bool> {
        match tree.value {
            Value::Bool(value) => Some(value),
            _ => self.wrong(tree, &format!("{what} is `true` or `false`")),
        }
    }

    /// A whole number within bounds.
    pub(super) fn count(&mut self, tree: &Tree, what: &str, range: RangeInclusive<usize>) -> Option<usize> {
        match tree.value {
            Value::Integer(value) => match usize::try_from(value) {
                Ok(value) if range.contains(&value) => Some(value),
                _ => self.out_of_range(tree, what, &range),
            },
            Value::Real(value) if value.fract() == 0.0 && value > *range.end() as f64 => {
                self.out_of_range(tree, what, &range)
            }
            _ => self.wrong(tree, &format!("{what} is a whole number")),
        }
    }

    /// A number within bounds.
    pub(super) fn number(&mut self, tree: &Tree, what: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = match &tree.value {
            Value::Integer(value) => *value as f64,
            Value::Real(value) => *value,
            Value::Text(text) => match fraction(text) {
                Some(value) => value,
                None => return self.wrong(tree, &format!("{what} is a number")),
            },
            _ => return self.wrong(tree, &format!("{what} is a number")),
        };
        if range.contains(&value) { Some(value) } else { self.out_of_range(tree, what, &range) }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, tree: &Tree, what: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        if let Value::Text(text) = &tree.value {
            if let Some((_, value)) = words.iter().find(|(name, _)| name == text) {
                return Some(*value);
            }
            let message = format!("`{}` is no {what}", clip(text));
            self.complain_help(tree.at, message, suggestion(text, &names));
            return None;
        }
        let message = format!("{what} cannot be {}", tree.value.describe());
        self.complain_help(tree.at, message, suggestion("", &names));
        None
    }

    /// Complains that a value is of another kind than `rule` says.
    pub(super) fn wrong<T>(&mut self, tree: &Tree, rule: &str) -> Option<T> {
        self.complain(tree.at, format!("{rule}, not {}", tree.value.describe()));
        None
    }

    fn out_of_range<T, N: Display>(
        &mut self,
        tree: &Tree,
        what: &str,
        range: &RangeInclusive<N>,
    ) -> Option<T> {
        let (from, to) = (range.start(), range.end());
        self.complain(tree.at, format!("{what} is {from} to {to}, not {}", tree.value.describe()));
        None
    }
}

/// Where a value is stated.
pub(super) fn located<T>(tree: &Tree, value: Option<T>) -> Option<Located<T>> {
    value.map(|value| Located { value, at: tree.at })
}

/// `1/127.5`.
fn fraction(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let (above, below): (f64, f64) = (above.trim().parse().ok()?, below.trim().parse().ok()?);
    (below != 0.0).then_some(above / below)
}

/// Whether a text can be part of an identifier, and two such texts never make the same one.
fn is_name(name: &str) -> bool {
    name.len() <= 48
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('_').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// A user's text, short enough for a message.
pub(super) fn clip(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut clipped: String = text.chars().take(LONGEST).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped.escape_debug().to_string()
}
