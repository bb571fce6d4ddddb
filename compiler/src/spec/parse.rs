//! The top level of a spec.

use super::naming::{self, Naming};
use super::reader::{Fields, Reader, located};
use super::source::{At, Source};
use super::yaml::{self, Tree, Value};
use super::{Input, MAX_RESOLUTION, Spec, Statements, check, layers, statements};
use crate::error::Result;
use crate::ir::Pad;

/// Reads a spec.
pub(super) fn spec(source: Source) -> Result<Spec> {
    let tree = yaml::parse(&source)?;
    let mut reader = Reader::new(&source);
    let fields = match &tree.value {
        Value::Null => {
            reader.complain(At { line: 1, column: 1 }, "the spec is empty");
            None
        }
        _ => reader.fields(&tree, "a spec", &known()),
    };
    let spec = fields.map(|fields| body(&mut reader, &fields));
    let spec = reader.finish(spec)?;
    Ok(Spec { source, ..spec })
}

fn known() -> Vec<&'static str> {
    let mut known =
        vec!["name", "title", "input", "resolutions", "budget", "defaults", "layers", "names", "models"];
    known.extend(statements::KNOWN);
    known
}

fn body(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Spec {
    let name = required(reader, fields, "name").and_then(|tree| reader.name(tree));
    let title = fields.get("title").and_then(|tree| reader.text(tree, "a title"));
    let naming = naming::read(reader, fields);
    let input = input(reader, fields, &naming);
    let budget = fields.get("budget").and_then(|tree| located(tree, bytes(reader, tree)));
    let stated = statements::read(reader, fields, input.channels);
    let defaults = fields.get("defaults").map(|tree| defaults(reader, tree, input.channels));
    let defaults = defaults.unwrap_or_default();
    let batchnorm = stated.batchnorm.or(defaults.batchnorm).unwrap_or(true);
    let layers = required(reader, fields, "layers").map(|tree| layers::read(reader, tree, batchnorm));
    let layers = layers.unwrap_or_default();
    if let Some(at) = fields.key("layers")
        && reader.is_content()
    {
        check::layers(reader, at, &layers);
    }
    Spec {
        name: name.unwrap_or_default(),
        title,
        input,
        budget,
        defaults,
        stated,
        layers,
        naming,
        source: Source::new("", ""),
    }
}

fn required<'t>(reader: &mut Reader<'_>, fields: &Fields<'t>, name: &str) -> Option<&'t Tree> {
    let tree = fields.get(name);
    if tree.is_none() {
        reader.complain(fields.at, format!("a spec needs a field `{name}`"));
    }
    tree
}

fn defaults(reader: &mut Reader<'_>, tree: &Tree, channels: usize) -> Statements {
    match reader.fields(tree, "`defaults`", statements::KNOWN) {
        Some(fields) => statements::read(reader, &fields, channels),
        None => Statements::default(),
    }
}

/// The input; its resolution is stated, or the first of those that have a name.
fn input(reader: &mut Reader<'_>, fields: &Fields<'_>, naming: &Naming) -> Input {
    const RGB: usize = 3;
    let tree = fields.get("input");
    let own = tree.and_then(|tree| reader.fields(tree, "`input`", &["channels", "resolution"]));
    let own = own.unwrap_or(Fields::none(fields.at));
    let channels = own.get("channels").and_then(|tree| match reader.count(tree, "channels", 1..=3)? {
        2 => reader.wrong(tree, "channels are 1 (grey) or 3 (RGB)"),
        channels => Some(channels),
    });
    let resolution = own.get("resolution").and_then(|tree| resolution(reader, tree));
    let resolution = resolution.or(naming.resolutions.first().map(|first| first.pixels));
    if resolution.is_none() && own.get("resolution").is_none() && fields.get("resolutions").is_none() {
        let example = "for example `input: {channels: 1, resolution: 96}`";
        reader.complain_help(own.at, "the input has no resolution", example);
    }
    Input { channels: channels.unwrap_or(RGB), resolution: resolution.unwrap_or(1) }
}

pub(super) fn resolution(reader: &mut Reader<'_>, tree: &Tree) -> Option<usize> {
    reader.count(tree, "a resolution", 1..=MAX_RESOLUTION)
}

/// `2 MiB`, `512 KiB` or a number of bytes.
fn bytes(reader: &mut Reader<'_>, tree: &Tree) -> Option<usize> {
    const RULE: &str = "a budget is a number of bytes, such as `2 MiB`, `512 KiB` or `400000`";
    let value = match &tree.value {
        Value::Integer(value) => usize::try_from(*value).ok(),
        Value::Text(text) => {
            [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)].iter().find_map(|(unit, factor)| {
                let count: usize = text.strip_suffix(unit)?.trim().parse().ok()?;
                count.checked_mul(*factor)
            })
        }
        _ => None,
    };
    if value.is_none() { reader.wrong(tree, RULE) } else { value }
}

/// Zero pixels at the borders: one number, or top, left, bottom, right.
pub(super) fn pixels(reader: &mut Reader<'_>, tree: &Tree) -> Option<Pad> {
    const MOST: usize = 6;
    match &tree.value {
        Value::List(sides) if sides.len() == 4 => {
            let sides: Vec<_> = sides.iter().map(|side| reader.count(side, "padding", 0..=MOST)).collect();
            match sides[..] {
                [Some(top), Some(left), Some(bottom), Some(right)] => Some(Pad { top, left, bottom, right }),
                _ => None,
            }
        }
        Value::List(_) => {
            reader.wrong(tree, "padding by number is one number, or [top, left, bottom, right]")
        }
        _ => {
            let all = reader.count(tree, "padding", 0..=MOST)?;
            Some(Pad::all(all))
        }
    }
}
