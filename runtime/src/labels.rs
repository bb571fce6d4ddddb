//! Class names, and the most probable ones.

/// A text that is part of the executable, or came with a file.
#[cfg(feature = "std")]
type Text = std::borrow::Cow<'static, str>;
#[cfg(not(feature = "std"))]
type Text = &'static str;

/// Class names, by index: a text, one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Text);

/// One class and how probable it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess<'l> {
    /// The class.
    pub index: usize,
    /// Its name; empty where there are no labels.
    pub label: &'l str,
    /// Between 0 and 1.
    pub probability: f32,
}

impl Labels {
    /// Names from a text, one a line.
    #[cfg(feature = "std")]
    pub fn parse(text: &str) -> Self {
        Labels(text.to_string().into())
    }

    /// Names from a text that is there for good, one a line.
    pub const fn from_static(text: &'static str) -> Self {
        #[cfg(feature = "std")]
        return Labels(Text::Borrowed(text));
        #[cfg(not(feature = "std"))]
        return Labels(text);
    }

    /// The same names for `classes` classes: where a list has one name too many and begins with `background`, that one
    /// is dropped; a list of any other length does not fit.
    #[cfg(feature = "std")]
    pub fn fit(self, classes: usize) -> Option<Self> {
        let count = self.names().count();
        if count == classes {
            return Some(self);
        }
        let (first, rest) = self.0.split_once('\n')?;
        (first.trim() == "background" && count == classes + 1).then(|| Labels::parse(rest))
    }

    /// The name of a class; empty where there is none.
    pub fn name(&self, index: usize) -> &str {
        self.names().nth(index).unwrap_or_default()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.lines().map(str::trim)
    }

    /// The `count` most probable classes, best first; equal ones by index.
    #[cfg(feature = "std")]
    pub fn top(&self, probabilities: &[f32], count: usize) -> Vec<Guess<'_>> {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
        order.truncate(count);
        let names: Vec<&str> = self.names().collect();
        let label = |index: usize| names.get(index).copied().unwrap_or_default();
        let guess = |index| Guess { index, label: label(index), probability: probabilities[index] };
        order.into_iter().map(guess).collect()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_dropped_where_it_is_one_too_many() {
        let labels = Labels::parse("background\ntench \r\ngoldfish\n");
        assert_eq!(labels.clone().fit(3).map(|l| l.name(0).to_string()), Some("background".into()));
        assert_eq!(labels.clone().fit(2).map(|l| l.name(0).to_string()), Some("tench".into()));
        assert_eq!(labels.clone().fit(1), None);
        assert_eq!(Labels::parse("tench\ngoldfish").fit(1), None);
        assert_eq!([labels.name(2), labels.name(3)], ["goldfish", ""]);
    }

    #[test]
    fn the_best_come_first_and_ties_by_index() {
        let labels = Labels::from_static("a\nb\nc\nd");
        let top = |probabilities: &[f32], count| -> Vec<usize> {
            labels.top(probabilities, count).iter().map(|guess| guess.index).collect()
        };
        assert_eq!(top(&[0.1, 0.4, 0.4, 0.1], 3), [1, 2, 0]);
        assert_eq!(top(&[0.1, 0.9], 7), [1, 0]);
        assert!(top(&[], 5).is_empty());
        assert_eq!(labels.top(&[0.0, 0.0, 0.0, 0.1], 1)[0].label, "d");
    }
}
