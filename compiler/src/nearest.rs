//! What a misspelt name may have meant.

/// The candidate that looks most like `word`, if one looks like it at all.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Longer than any name, and the comparison takes the product of both lengths.
    if word.len() > 100 {
        return None;
    }
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase()), candidate)
        })
        .filter(|(similarity, _)| *similarity >= 0.5)
        // Of equals the first, so that lists can be ordered by preference.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", or else the candidates.
pub fn suggestion(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("one of {}", list(candidates)),
    }
}

/// "`a`, `b`, `c`".
pub fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (word, expected) in [
            ("filter", Some("filters")),
            ("Strid", Some("stride")),
            ("fliters", Some("filters")),
            ("kernel_size", Some("kernel")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, ["filters", "kernel", "stride"]), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), ["x"]), None);
    }

    #[test]
    fn suggestions() {
        assert_eq!(suggestion("strides", &["kernel", "stride"]), "did you mean `stride`?");
        assert_eq!(suggestion("?", &["kernel", "stride"]), "one of `kernel`, `stride`");
    }
}
