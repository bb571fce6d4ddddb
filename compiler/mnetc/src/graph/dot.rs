//! A graph for Graphviz.

use std::fmt::Write;

use super::Picture;
use super::words::{Kind, detail, operation, shape};

/// The graph in Graphviz's language.
pub(super) fn dot(picture: &Picture<'_>) -> String {
    let graph = picture.graph;
    let label = quoted(&[&picture.title, &picture.subtitle, &picture.stage]);
    let mut text = format!(
        "digraph {} {{\n  label={label} labelloc=t fontname=\"sans-serif\"\n  \
         node [shape=box style=\"rounded,filled\" fillcolor=white fontname=\"sans-serif\" fontsize=11]\n  \
         edge [fontname=\"sans-serif\" fontsize=10]\n",
        quoted(&[&picture.title]),
    );
    for id in graph.ids() {
        let node = graph.node(id);
        let operands = graph.operands(id);
        let input = operands.first().map_or(node.shape, |&operand| graph.node(operand).shape);
        let first = format!("{} ({})", node.name, operation(node));
        let label = match detail(node, input) {
            Some(detail) => quoted(&[&first, &detail]),
            None => quoted(&[&first]),
        };
        let [colour, _] = Kind::of(&node.op).colours();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {} [label={label} color=\"{colour}\"]", quoted(&[&node.name]));
        for operand in operands {
            let from = graph.node(operand);
            let (name, to) = (quoted(&[&from.name]), quoted(&[&node.name]));
            let _ = writeln!(text, "  {name} -> {to} [label=\" {}\"]", shape(from.shape));
        }
    }
    text + "}\n"
}

/// Lines as one quoted string.
fn quoted(lines: &[&str]) -> String {
    let escaped = lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted(&["a\"b", "c\\"]), r#""a\"b\nc\\""#);
    }
}
