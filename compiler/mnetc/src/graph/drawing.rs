//! The drawing: heading, chain of nodes, memory plan, legend.

use svg::Document;
use svg::node::element::Group;

use super::Picture;
use super::memory::Panel;
use super::nodes::Chain;
use super::style::{Words, patterns, rectangle, style};
use super::words::Kind;

const MARGIN: f64 = 28.0;
/// Of the heading.
const HEADING: f64 = 78.0;
/// Between two lines of the legend.
const LEADING: f64 = 20.0;

/// The picture as SVG.
pub(super) fn svg(picture: &Picture<'_>) -> String {
    let chain = Chain::new(picture.graph, picture.total, picture.plan.is_none());
    let panel = picture.plan.map(|plan| Panel::new(plan, &chain, chain.width));
    let heading = heading(picture);
    let content = panel.as_ref().map_or(chain.width, Panel::right);
    let width = content.max(heading.iter().map(Words::width).fold(0.0, f64::max));
    let (legend, legend_height) = legend(&chain, panel.is_some(), width);
    // Arrows from column to column pass above and below the cards.
    let body = HEADING + chain.height + 34.0;
    let (full_width, full_height) =
        ((width + 2.0 * MARGIN).ceil(), (body + legend_height + 2.0 * MARGIN).ceil());

    // Only stretches of memory, and the legend of them, are drawn with patterns.
    let kinds = if panel.is_some() { chain.kinds() } else { Vec::new() };
    let mut drawing = Group::new().set("transform", format!("translate({MARGIN} {MARGIN})"));
    for (words, baseline) in heading.iter().zip([16.0, 36.0, 53.0]) {
        drawing = drawing.add(words.at(0.0, baseline, "start"));
    }
    let mut network = Group::new().set("transform", format!("translate(0 {HEADING})"));
    if let Some(panel) = &panel {
        network = network.add(panel.draw());
    }
    network = network.add(chain.draw());
    drawing = drawing.add(network).add(legend.set("transform", format!("translate(0 {body})")));

    Document::new()
        .set("viewBox", (0, 0, full_width, full_height))
        .set("width", full_width)
        .set("height", full_height)
        .set("role", "img")
        .add(svg::node::element::Title::new(Words::new(&picture.title, 1.0).text))
        .add(style())
        .add(patterns(&kinds))
        .add(rectangle(0.0, 0.0, full_width, full_height, "ground").set("rx", 10))
        .add(drawing)
        .to_string()
        + "\n"
}

fn heading(picture: &Picture<'_>) -> [Words; 3] {
    [
        Words::new(&picture.title, 19.0).bold().fit(900.0),
        Words::new(&picture.subtitle, 12.5),
        Words::new(&picture.stage, 11.5).class("quiet"),
    ]
}

/// What stands before the words of an entry of the legend.
enum Sample {
    /// The colour of a kind of operation.
    Kind(Kind),
    /// A bar of that opacity.
    Bar(f64),
    /// A stretch of memory, drawn with that pattern.
    Memory(Option<&'static str>),
}

impl Sample {
    fn draw(&self, x: f64, y: f64) -> Group {
        match self {
            Sample::Kind(kind) => {
                let class = format!("f-{}", kind.name());
                Group::new().add(rectangle(x, y, 12.0, 10.0, &class).set("rx", 2))
            }
            Sample::Bar(opacity) => {
                Group::new().add(rectangle(x, y + 2.5, 12.0, 5.0, "f-other").set("fill-opacity", *opacity))
            }
            Sample::Memory(pattern) => {
                let frame = rectangle(x, y, 12.0, 10.0, "f-other s-other");
                let opacity = if pattern.is_none() { 0.26 } else { 0.0 };
                let group = Group::new().add(frame.set("fill-opacity", opacity));
                match pattern {
                    Some(pattern) => group
                        .add(rectangle(x, y, 12.0, 10.0, "").set("fill", format!("url(#{pattern}-other)"))),
                    None => group,
                }
            }
        }
    }
}

/// The legend, no wider than that, and its height.
fn legend(chain: &Chain, memory: bool, width: f64) -> (Group, f64) {
    let mut entries: Vec<_> =
        chain.kinds().into_iter().map(|kind| (Sample::Kind(kind), kind.title().to_string())).collect();
    let [macs, params] = chain.longest();
    entries.push((Sample::Bar(1.0), format!("share of multiply-adds (longest bar: {macs})")));
    entries.push((Sample::Bar(0.4), format!("share of parameters (longest bar: {params})")));
    if memory {
        let slant = "feature map; slanted where a layer overwrites its input row by row";
        entries.push((Sample::Memory(None), slant.to_string()));
        entries.push((Sample::Memory(Some("ring")), "ring of a few rows".to_string()));
        entries.push((Sample::Memory(Some("scratch")), "scratch".to_string()));
    }
    let mut group = Group::new();
    let (mut x, mut y) = (0.0, 0.0);
    for (sample, text) in entries {
        let words = Words::new(text, 10.5).class("quiet");
        let advance = 18.0 + words.width();
        if x > 0.0 && x + advance > width {
            (x, y) = (0.0, y + LEADING);
        }
        group = group.add(sample.draw(x, y)).add(words.at(x + 18.0, y + 9.0, "start"));
        x += advance + 16.0;
    }
    (group, y + 12.0)
}
