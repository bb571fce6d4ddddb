//! Integers that a graph computes from constants.
//!
//! PyTorch's TorchScript exporter writes the zeros of a padding as a little calculation: it concatenates them with
//! more zeros, reshapes to pairs, turns their order around. [`fold`] computes whatever follows from constants alone.

use std::collections::HashMap;

use super::proto::Node;
use super::values::{Values, integers};

/// Paddings, shapes and axes are short.
const LONGEST: usize = 64;

/// A tensor of integers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Integers {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<i64>,
}

impl Integers {
    fn new(shape: Vec<usize>, data: Vec<i64>) -> Option<Integers> {
        let volume = shape.iter().try_fold(1usize, |volume, &extent| volume.checked_mul(extent))?;
        (volume == data.len() && volume <= LONGEST && shape.len() <= 4).then_some(Integers { shape, data })
    }

    fn vector(data: Vec<i64>) -> Option<Integers> {
        Integers::new(vec![data.len()], data)
    }
}

/// The integers known by name: constants and what is computed from them. Nodes are in topological order.
pub(super) fn fold<'a>(nodes: &'a [Node], values: &Values<'a>) -> HashMap<&'a str, Integers> {
    let mut known: HashMap<&str, Integers> = HashMap::new();
    for node in nodes {
        for name in &node.input {
            if let Some(tensor) = values.get(name)
                && let Some(data) = integers(tensor)
            {
                let shape =
                    tensor.dims.iter().map(|&extent| usize::try_from(extent).unwrap_or(usize::MAX)).collect();
                known.extend(Integers::new(shape, data).map(|value| (name.as_str(), value)));
            }
        }
        if let Some(output) = node.output.first()
            && let Some(value) = evaluate(node, &known)
        {
            known.insert(output, value);
        }
    }
    known
}

fn evaluate(node: &Node, known: &HashMap<&str, Integers>) -> Option<Integers> {
    let operand = |i: usize| known.get(node.operand(i)?);
    match node.op_type.as_str() {
        "Identity" | "Cast" => operand(0).cloned(),
        "Shape" => Integers::vector(operand(0)?.shape.iter().map(|&extent| extent as i64).collect()),
        "ConstantOfShape" => {
            let shape: Option<Vec<_>> =
                operand(0)?.data.iter().map(|&extent| usize::try_from(extent).ok()).collect();
            let value = node.tensor("value").map_or(Some(0), |value| integers(value)?.first().copied())?;
            let volume =
                shape.as_ref()?.iter().try_fold(1usize, |volume, &extent| volume.checked_mul(extent))?;
            Integers::new(shape?, vec![value; volume.min(LONGEST + 1)])
        }
        "Concat" => {
            let parts: Option<Vec<_>> = (0..node.input.len()).map(operand).collect();
            let parts = parts?;
            parts.iter().all(|part| part.shape.len() == 1).then_some(())?;
            Integers::vector(
                parts.iter().flat_map(|part| part.data.iter().copied()).take(LONGEST + 1).collect(),
            )
        }
        "Reshape" => reshape(operand(0)?, &operand(1)?.data),
        "Transpose" => match operand(0)?.shape.as_slice() {
            &[rows, columns] => {
                let data = &operand(0)?.data;
                let turned =
                    (0..columns).flat_map(|column| (0..rows).map(move |row| data[row * columns + column]));
                Integers::new(vec![columns, rows], turned.collect())
            }
            _ => None,
        },
        "Slice" => {
            turn_rows_around(operand(0)?, [1, 2, 3, 4].map(|i| operand(i).map(|value| value.data.as_slice())))
        }
        "Gather" => match (operand(0)?, operand(1)?.data.as_slice(), operand(1)?.shape.as_slice()) {
            (Integers { shape, data }, &[index], indices) if shape.len() == 1 => {
                let value = *data.get(usize::try_from(index).ok()?)?;
                Integers::new(indices.to_vec(), vec![value])
            }
            _ => None,
        },
        "Add" => both(operand(0)?, operand(1)?, i64::checked_add),
        "Sub" => both(operand(0)?, operand(1)?, i64::checked_sub),
        "Mul" => both(operand(0)?, operand(1)?, i64::checked_mul),
        _ => None,
    }
}

fn reshape(value: &Integers, to: &[i64]) -> Option<Integers> {
    let known: i64 = to
        .iter()
        .filter(|&&extent| extent != -1)
        .try_fold(1, |known: i64, &extent| known.checked_mul(extent))?;
    let inferred = if known > 0 { value.data.len() as i64 / known } else { 0 };
    let shape: Option<Vec<_>> =
        to.iter().map(|&extent| usize::try_from(if extent == -1 { inferred } else { extent }).ok()).collect();
    Integers::new(shape?, value.data.clone())
}

/// The one slice that occurs: all rows, from the last to the first.
fn turn_rows_around(value: &Integers, [starts, ends, axes, steps]: [Option<&[i64]>; 4]) -> Option<Integers> {
    let backwards = starts == Some(&[-1]) && steps == Some(&[-1]) && axes.is_none_or(|axes| axes == [0]);
    let to_the_first = matches!(ends, Some(&[end]) if end < -(LONGEST as i64));
    let row = value.data.len().checked_div(*value.shape.first()?)?;
    if !backwards || !to_the_first || row == 0 {
        return None;
    }
    let data = value.data.rchunks(row).flatten().copied().collect();
    Integers::new(value.shape.clone(), data)
}

/// Element by element, one of them possibly a single value.
fn both(a: &Integers, b: &Integers, op: fn(i64, i64) -> Option<i64>) -> Option<Integers> {
    let longer = if a.data.len() >= b.data.len() { a } else { b };
    if a.data.len() != b.data.len() && a.data.len().min(b.data.len()) != 1 {
        return None;
    }
    let at = |value: &Integers, i: usize| value.data[if value.data.len() == 1 { 0 } else { i }];
    let data: Option<Vec<_>> = (0..longer.data.len()).map(|i| op(at(a, i), at(b, i))).collect();
    Integers::new(longer.shape.clone(), data?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op: &str, inputs: &[&str], output: &str) -> Node {
        let input = inputs.iter().map(|&name| name.to_owned()).collect();
        Node { op_type: op.to_owned(), input, output: vec![output.to_owned()], ..Node::default() }
    }

    fn vector(data: &[i64]) -> Integers {
        Integers::vector(data.to_vec()).unwrap()
    }

    #[test]
    fn the_padding_of_pytorch() {
        // left, right, top, bottom become begins of all axes, then ends.
        let known = HashMap::from([
            ("pad", vector(&[0, 1, 2, 3])),
            ("four", vector(&[4])),
            ("pairs", vector(&[-1, 2])),
            ("start", vector(&[-1])),
            ("end", vector(&[-i64::MAX])),
            ("zero", vector(&[0])),
        ]);
        let mut known = known;
        let nodes = [
            node("ConstantOfShape", &["four"], "zeros"),
            node("Concat", &["pad", "zeros"], "all"),
            node("Reshape", &["all", "pairs"], "rows"),
            node("Slice", &["rows", "start", "end", "zero", "start"], "around"),
            node("Transpose", &["around"], "turned"),
            node("Reshape", &["turned", "start"], "flat"),
            node("Cast", &["flat"], "pads"),
        ];
        for node in &nodes {
            let value = evaluate(node, &known).unwrap();
            known.insert(&node.output[0], value);
        }
        assert_eq!(known["pads"].data, [0, 0, 2, 0, 0, 0, 3, 1]);
    }

    #[test]
    fn what_is_unknown_or_absurd_stays_unknown() {
        let known = HashMap::from([
            ("a", vector(&[1, 2, 3])),
            ("huge", vector(&[i64::MAX, 2])),
            ("negative", vector(&[-3])),
            ("empty", vector(&[])),
        ]);
        let cases = [
            node("Add", &["a", "other"], "x"),
            node("Add", &["a", "huge"], "x"),
            node("Mul", &["huge", "huge"], "x"),
            node("ConstantOfShape", &["huge"], "x"),
            node("ConstantOfShape", &["negative"], "x"),
            node("Reshape", &["a", "huge"], "x"),
            node("Reshape", &["a", "negative"], "x"),
            node("Gather", &["a", "negative"], "x"),
            node("Slice", &["empty", "a"], "x"),
            node("Transpose", &["a"], "x"),
            node("Conv", &["a"], "x"),
        ];
        for node in cases {
            assert_eq!(evaluate(&node, &known), None, "{}", node.op_type);
        }
    }
}
