//! Errors: every complaint about an input at once, each with its place.

use std::fmt;

/// What is wrong, where, and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where, if there is a where.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line itself.
    pub text: String,
}

/// All complaints about an input. Never empty when returned as an error.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Report {
    complaints: Vec<Complaint>,
}

/// The result of anything that reads input.
pub type Result<T> = std::result::Result<T, Report>;

impl Complaint {
    /// A complaint without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Complaint { message: message.into(), place: None, help: None }
    }

    /// With a place.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// With a hint.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Report {
    /// No complaints yet.
    pub fn new() -> Self {
        Report::default()
    }

    /// Adds one.
    pub fn push(&mut self, complaint: Complaint) {
        self.complaints.push(complaint);
    }

    /// Takes over the complaints of a failed result, and gives the value of a good one.
    pub fn absorb<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(report) => {
                self.complaints.extend(report.complaints);
                None
            }
        }
    }

    /// The complaints, in the order in which they were made.
    pub fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    /// The same complaints, with one name of a file in place of another.
    pub fn renamed(self, from: &str, to: &str) -> Report {
        let rename = |text: String| text.replace(from, to);
        let renamed = |Complaint { message, place, help }| Complaint {
            message: rename(message),
            place: place.map(|place| Place { file: rename(place.file), ..place }),
            help: help.map(rename),
        };
        Report { complaints: self.complaints.into_iter().map(renamed).collect() }
    }

    /// `value` if there is nothing to complain about.
    pub fn into_result<T>(self, value: T) -> Result<T> {
        if self.complaints.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Complaint> for Report {
    fn from(complaint: Complaint) -> Self {
        Report { complaints: vec![complaint] }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => write!(f, "{}", self.message)?,
            Some(Place { file, line, column, text }) => {
                let margin = line.to_string().len();
                writeln!(f, "{file}:{line}:{column}: {}", self.message)?;
                let (text, column) = excerpt(text, *column);
                writeln!(f, "{line} | {}", text.replace('\t', " "))?;
                write!(f, "{:margin$} | {:>column$}", "", "^")?;
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// What is shown of a line, and the column in it: lines that no screen is wide enough for are cut around the place.
fn excerpt(text: &str, column: usize) -> (String, usize) {
    const WIDEST: usize = 160;
    if text.len() <= WIDEST {
        return (text.to_string(), column);
    }
    let first = column.saturating_sub(WIDEST / 2);
    (text.chars().skip(first).take(WIDEST).collect(), column - first)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, complaint) in self.complaints.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{complaint}")?;
        }
        Ok(())
    }
}

/// As [`Display`](fmt::Display), because a build script whose `main` returns an error prints this.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_cut_around_the_place() {
        let text = format!("{}here{}", "-".repeat(500), "-".repeat(500));
        let place = Place { file: "a.yaml".into(), line: 1, column: 501, text };
        let shown = Complaint::new("no").at(place).to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!((lines[0], lines[1].len()), ("a.yaml:1:501: no", 4 + 160));
        assert_eq!(&lines[1][lines[2].find('^').unwrap()..][..4], "here");
    }
}
