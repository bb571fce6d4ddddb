//! What the drawing is made of: colours for light and dark ground, shapes, and text that knows how wide it is.

use std::fmt::Write;

use svg::node::element::{Definitions, Line, Path, Pattern, Rectangle, Style, Text};

use super::words::Kind;

const FONTS: &str = "ui-sans-serif,system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,\"Noto Sans\",sans-serif";

/// Colours of everything that has no kind: name, on light ground, on dark ground.
const INKS: [(&str, &str, [&str; 2]); 10] = [
    (".ground", "fill", ["#ffffff", "#0f1521"]),
    (".card", "fill", ["#ffffff", "#182131"]),
    (".card", "stroke", ["#cfd7e3", "#35425a"]),
    (".panel", "fill", ["#f4f6fa", "#141c2a"]),
    (".halo", "stroke", ["#f4f6fa", "#141c2a"]),
    (".grid", "stroke", ["#dde3ec", "#2a364b"]),
    (".edge", "stroke", ["#8693a8", "#70809b"]),
    (".tip", "fill", ["#8693a8", "#70809b"]),
    ("text", "fill", ["#182233", "#e6ebf4"]),
    (".quiet", "fill", ["#5c6a80", "#9dabc2"]),
];

/// The style sheet.
pub(crate) fn style() -> Style {
    let sheet = |ground: usize| {
        let mut sheet = String::new();
        for (what, property, colours) in INKS {
            let _ = write!(sheet, "{what}{{{property}:{}}}", colours[ground]);
        }
        for kind in Kind::ALL {
            let (name, colour) = (kind.name(), kind.colours()[ground]);
            let _ = write!(sheet, ".f-{name}{{fill:{colour}}}.s-{name}{{stroke:{colour}}}");
        }
        sheet
    };
    Style::new(format!(
        "text{{font-family:{FONTS}}}.bold{{font-weight:600}}.halo{{paint-order:stroke;stroke-width:4}}{}@media (prefers-color-scheme:dark){{{}}}",
        sheet(0),
        sheet(1)
    ))
}

/// Patterns of each kind: diagonal for scratch memory, lines for rings of rows.
pub(crate) fn patterns(kinds: &[Kind]) -> Definitions {
    let mut definitions = Definitions::new();
    for kind in kinds {
        let name = kind.name();
        let stripes = |id: &str, turn: &str| {
            Pattern::new()
                .set("id", format!("{id}-{name}"))
                .set("width", 5)
                .set("height", 5)
                .set("patternUnits", "userSpaceOnUse")
                .set("patternTransform", turn)
                .add(line(0.0, 2.5, 5.0, 2.5, &format!("s-{name}")).set("stroke-opacity", 0.45))
        };
        definitions = definitions.add(stripes("ring", "")).add(stripes("scratch", "rotate(-45)"));
    }
    definitions
}

pub(crate) fn rectangle(x: f64, y: f64, width: f64, height: f64, class: &str) -> Rectangle {
    Rectangle::new()
        .set("x", round(x))
        .set("y", round(y))
        .set("width", round(width))
        .set("height", round(height))
        .set("class", class)
}

pub(crate) fn line(x1: f64, y1: f64, x2: f64, y2: f64, class: &str) -> Line {
    Line::new()
        .set("x1", round(x1))
        .set("y1", round(y1))
        .set("x2", round(x2))
        .set("y2", round(y2))
        .set("class", class)
}

pub(crate) fn polygon(points: &[[f64; 2]], class: &str) -> Path {
    let points = points.iter().map(|[x, y]| format!("{} {}", round(*x), round(*y)));
    Path::new().set("d", format!("M{}Z", points.collect::<Vec<_>>().join("L"))).set("class", class)
}

/// A tenth of a pixel is enough.
pub(crate) fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A line of text.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) text: String,
    size: f64,
    bold: bool,
    class: &'static str,
}

impl Words {
    pub(crate) fn new(text: impl Into<String>, size: f64) -> Self {
        // A name may hold what no XML document may.
        let text = text.into().chars().filter(|c| !c.is_control()).collect();
        Words { text, size, bold: false, class: "" }
    }

    pub(crate) fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// In the colour of a class.
    pub(crate) fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    /// How wide it is at most, whichever of the usual fonts draws it.
    pub(crate) fn width(&self) -> f64 {
        let share: f64 = self.text.chars().map(advance).sum();
        share * self.size * if self.bold { 1.14 } else { 1.0 }
    }

    /// Cut off, with an ellipsis, where it is wider than that.
    pub(crate) fn fit(mut self, width: f64) -> Self {
        if self.width() > width {
            let mut kept: Vec<char> = self.text.chars().collect();
            while self.width() > width && kept.pop().is_some() {
                self.text = kept.iter().collect::<String>() + "…";
            }
        }
        self
    }

    /// Drawn with its left end, middle or right end there, on that baseline.
    pub(crate) fn at(&self, x: f64, y: f64, anchor: &str) -> Text {
        let class = if self.bold { format!("bold {}", self.class) } else { self.class.to_string() };
        let text = Text::new(self.text.as_str())
            .set("x", round(x))
            .set("y", round(y))
            .set("font-size", self.size)
            .set("class", class.trim());
        if anchor == "start" { text } else { text.set("text-anchor", anchor) }
    }
}

/// The advance of a character in em, in the wider of the usual fonts.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.28,
        ' ' | '.' | ',' | ':' | ';' | '!' | '·' | 'I' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.41,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.98,
        '+' | '×' | '→' | '=' | '<' | '>' => 0.84,
        '_' => 0.5,
        'A'..='Z' => 0.72,
        _ if c.is_ascii() || c == 'ε' => 0.63,
        // Scripts of other widths.
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_it_does_not_fit() {
        let words = Words::new("a layer with a long name", 10.0);
        let cut = words.clone().fit(60.0);
        assert!(cut.width() <= 60.0 && cut.text.ends_with('…') && cut.text.len() > 5, "{}", cut.text);
        assert_eq!(words.clone().fit(1000.0).text, words.text);
    }

    #[test]
    fn what_xml_forbids_is_left_out() {
        assert_eq!(Words::new("a\u{1}b\n", 10.0).text, "ab");
        assert_eq!(
            Words::new("<&>", 10.0).at(0.0, 0.0, "start").to_string().matches("&lt;&amp;&gt;").count(),
            1
        );
    }
}
