//! A spec's text, and places in it.

use crate::error::{Complaint, Place};

/// A place in a spec: line and column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A value and where it is stated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it is stated.
    pub at: At,
}

/// A spec file: its name and its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The file, as the user named it.
    pub file: String,
    /// Its text, lines ended by `\n`.
    pub(super) text: String,
}

impl Source {
    /// The text of a file, whatever ends its lines.
    pub fn new(file: impl Into<String>, text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        Source { file: file.into(), text }
    }

    /// A place as it is shown: with its file and its line, on which nothing can upset a terminal.
    pub fn place(&self, at: At) -> Place {
        let text = self.text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Place { file: self.file.clone(), line: at.line, column: at.column, text }
    }

    /// A complaint about this place.
    pub fn complaint(&self, at: At, message: impl Into<String>) -> Complaint {
        Complaint::new(message).at(self.place(at))
    }
}
