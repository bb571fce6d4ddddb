//! Class names, and the most probable ones.

/// Class names, by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<String>);

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
    pub fn parse(text: &str) -> Self {
        Labels(text.lines().map(|line| line.trim().to_string()).collect())
    }

    /// The same names for `classes` classes: where a list has one name too many and begins with `background`, that one
    /// is dropped; a list of any other length does not fit.
    pub fn fit(mut self, classes: usize) -> Option<Self> {
        if self.0.len() == classes + 1 && self.0[0] == "background" {
            self.0.remove(0);
        }
        (self.0.len() == classes).then_some(self)
    }

    /// The name of a class; empty where there is none.
    pub fn name(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }

    /// All names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The `count` most probable classes, best first; equal ones by index.
    pub fn top(&self, probabilities: &[f32], count: usize) -> Vec<Guess<'_>> {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
        order.truncate(count);
        order
            .into_iter()
            .map(|index| Guess { index, label: self.name(index), probability: probabilities[index] })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_dropped_where_it_is_one_too_many() {
        let labels = Labels::parse("background\ntench\ngoldfish\n");
        assert_eq!(labels.clone().fit(3).map(|l| l.name(0).to_string()), Some("background".into()));
        assert_eq!(labels.clone().fit(2).map(|l| l.name(0).to_string()), Some("tench".into()));
        assert_eq!(labels.fit(1), None);
    }

    #[test]
    fn the_best_come_first_and_ties_by_index() {
        let labels = Labels::parse("a\nb\nc\nd");
        let top = |probabilities: &[f32], count| -> Vec<usize> {
            labels.top(probabilities, count).iter().map(|guess| guess.index).collect()
        };
        assert_eq!(top(&[0.1, 0.4, 0.4, 0.1], 3), [1, 2, 0]);
        assert_eq!(top(&[0.1, 0.9], 7), [1, 0]);
        assert!(top(&[], 5).is_empty());
    }
}
