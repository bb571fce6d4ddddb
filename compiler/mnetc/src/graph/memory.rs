//! The memory plan, beside the chain of nodes: time runs down as the network does, bytes of the arena from left to right.

use mobilenet_compiler::plan::memory::{Holds, InPlace, Lifetime, Span};
use mobilenet_compiler::plan::{ByteKernel, Kernel, Part, Plan};
use svg::node::element::{Group, Path, Text, Title};

use super::nodes::{Chain, GAP};
use super::style::{Words, line, polygon, rectangle, round};
use super::words::Kind;
use crate::output::bytes;

/// Where the bracket of streamed layers is.
const GUTTER: f64 = 30.0;
/// Above the first row, where the axis is.
const AXIS: f64 = 20.0;
const WIDTH: f64 = 560.0;

/// The panel, with its left edge at `x`.
pub(super) struct Panel<'p> {
    plan: &'p Plan,
    memory: Vec<Lifetime>,
    parts: Vec<&'p Part>,
    /// Top and bottom of each kernel call's row.
    rows: Vec<[f64; 2]>,
    /// Top and bottom of each step.
    steps: Vec<[f64; 2]>,
    x: f64,
}

/// A box that text must not cover.
#[derive(Clone, Copy)]
struct Taken {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Taken {
    fn meets(&self, other: &Taken) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

impl<'p> Panel<'p> {
    /// The panel of a plan, beside the cards of the graph that was planned: all but the first are its kernel calls.
    pub(super) fn new(plan: &'p Plan, chain: &Chain, x: f64) -> Self {
        let cards = chain.cards.iter().skip(1);
        let rows: Vec<_> = cards.map(|card| [card.y - GAP / 2.0, card.y + card.height + GAP / 2.0]).collect();
        let mut steps = Vec::new();
        let mut first = 0;
        for step in &plan.steps {
            let last = first + step.parts.len();
            let end = |at: usize, side: usize| rows.get(at).map_or(0.0, |row: &[f64; 2]| row[side]);
            steps.push([end(first, 0), end(last.saturating_sub(1), 1)]);
            first = last;
        }
        Panel { plan, memory: plan.memory(), parts: plan.parts().collect(), rows, steps, x: x + GUTTER }
    }

    pub(super) fn right(&self) -> f64 {
        self.x + WIDTH
    }

    fn top(&self) -> f64 {
        self.rows.first().map_or(0.0, |row| row[0])
    }

    fn bottom(&self) -> f64 {
        self.rows.last().map_or(0.0, |row| row[1])
    }

    /// Where an arena offset is, in pixels.
    fn at(&self, offset: usize) -> f64 {
        self.x + WIDTH * offset as f64 / self.plan.arena_bytes().max(1) as f64
    }

    pub(super) fn draw(&self) -> Group {
        let mut group = Group::new().add(self.heading());
        let (top, bottom) = (self.top(), self.bottom());
        group = group.add(rectangle(self.x, top, WIDTH, bottom - top, "panel"));
        group = self.axis(group);
        for step in &self.steps[..self.steps.len().saturating_sub(1)] {
            group = group.add(line(self.x, step[1], self.x + WIDTH, step[1], "grid"));
        }
        let mut taken = Vec::new();
        for (i, life) in self.memory.iter().enumerate() {
            for span in &life.spans {
                let shape = self.outline(i, span);
                let bounds = |axis: usize| {
                    let values = shape.iter().map(|point| point[axis]);
                    (values.clone().fold(f64::MAX, f64::min), values.fold(f64::MIN, f64::max))
                };
                let ((left, right), (top, bottom)) = (bounds(0), bounds(1));
                taken.push(Taken { left, right, top, bottom });
                group = group.add(self.block(life, &shape));
            }
        }
        for life in &self.memory {
            if let Some(words) = self.label(life, &mut taken) {
                group = group.add(words);
            }
        }
        group.add(self.bracket())
    }

    fn heading(&self) -> Group {
        let y = self.top() - AXIS;
        let total = format!("{} bytes of arena", crate::output::grouped(self.plan.arena_bytes() as u64));
        Group::new()
            .add(Words::new("Memory plan", 13.0).bold().at(self.x, y - 18.0, "start"))
            .add(Words::new(total, 11.0).class("quiet").at(self.x + WIDTH, y - 18.0, "end"))
    }

    /// Ticks at a round number of bytes.
    fn axis(&self, mut group: Group) -> Group {
        let total = self.plan.arena_bytes();
        let mut step = 256;
        while total / step > 8 {
            step *= 2;
        }
        let (unit, name) = if total < 1 << 20 { (1024.0, "KiB") } else { (f64::from(1 << 20), "MiB") };
        let baseline = self.top() - 6.0;
        let end = Words::new(bytes(total), 10.5).bold();
        let clear = self.x + WIDTH - end.width() - 34.0;
        for tick in (0..total).step_by(step) {
            let x = self.at(tick);
            group = group.add(line(x, self.top(), x, self.bottom(), "grid"));
            let (text, anchor) = match tick {
                0 => ("0".to_string(), "start"),
                _ => (format!("{} {name}", tick as f64 / unit), "middle"),
            };
            if x < clear {
                group = group.add(Words::new(text, 10.5).class("quiet").at(x, baseline, anchor));
            }
        }
        group.add(end.at(self.x + WIDTH, baseline, "end"))
    }

    /// The outline of what lies in a span: over time it comes as its layer runs and goes as the next one does.
    fn outline(&self, i: usize, span: &Span) -> [[f64; 2]; 4] {
        let life = &self.memory[i];
        let next =
            self.memory[i + 1..].iter().find(|next| next.in_place.is_some() && next.part == life.part + 1);
        let replaced = next.filter(|_| life.holds == Holds::Map).and_then(|next| next.in_place);
        let [begin, end] = match life.holds {
            // Streamed layers take turns with it.
            Holds::Scratch | Holds::Sums => self.rows[life.part],
            _ => [self.steps[*life.steps.start()][0], self.steps[*life.steps.end()][1]],
        };
        let moment = |part: usize, how: InPlace, row: usize| {
            let [top, bottom] = self.rows[part];
            let progress = match how {
                InPlace::Rows => row as f64 / life.rows as f64,
                InPlace::Whole => 0.5,
            };
            top + (bottom - top) * progress
        };
        let from = |row| life.in_place.map_or(begin, |how| moment(life.part, how, row));
        let to = |row| replaced.map_or(end, |how| moment(life.part + 1, how, row));
        let (left, right) =
            (self.at(span.offset), self.at(span.offset + span.len).max(self.at(span.offset) + 1.5));
        let (first, last) = (span.row, span.row + span.rows);
        [[left, from(first)], [right, from(last)], [right, to(last)], [left, to(first)]]
    }

    fn block(&self, life: &Lifetime, shape: &[[f64; 2]]) -> Group {
        let name = kind(&self.parts[life.part].kernel).name();
        let [label, ..] = self.labels(life);
        // Shown by browsers where the pointer is.
        let title = Title::new(format!("{}: {label}", self.parts[life.part].name));
        let ground = polygon(shape, "panel");
        let frame = polygon(shape, &format!("f-{name} s-{name}"));
        let (fill, opacity) = match life.holds {
            Holds::Map | Holds::Features | Holds::Output => (None, 0.26),
            Holds::Ring => (Some("ring"), 0.1),
            Holds::Scratch | Holds::Sums => (Some("scratch"), 0.0),
        };
        let group = Group::new()
            .add(title)
            .add(ground)
            .add(frame.set("fill-opacity", opacity).set("stroke-width", 1));
        match fill {
            Some(pattern) => group.add(polygon(shape, "").set("fill", format!("url(#{pattern}-{name})"))),
            None => group,
        }
    }

    /// What it is and how large, as far as there is room: inside, upright if need be, or else beside it.
    fn label(&self, life: &Lifetime, taken: &mut Vec<Taken>) -> Option<Text> {
        let span = life.spans.iter().max_by_key(|span| span.len)?;
        let (left, right) = (self.at(span.offset), self.at(span.offset + span.len));
        let [top, bottom] = self.rows[life.part];
        // What comes row by row is whole only when its layer is done.
        let middle = if life.in_place.is_some() { bottom } else { (top + bottom) / 2.0 };
        let [born, dead] = self.steps[*life.steps.start()];
        let streamed = self.plan.steps[*life.steps.start()].parts.len() > 1;
        let labels = self.labels(life).map(|text| Words::new(text, 10.0));
        for words in &labels {
            let width = words.width();
            if width + 8.0 <= right - left {
                return Some(words.at((left + right) / 2.0, middle + 3.5, "middle"));
            }
            // What is streamed lives for more than its own row.
            if streamed && right - left > 13.0 && width + 8.0 <= dead - born {
                return Some(upright(words, (left + right) / 2.0, (born + dead) / 2.0));
            }
        }
        for words in labels {
            let width = words.width();
            for x in [right + 5.0, left - 5.0 - width] {
                let place = Taken { left: x, right: x + width, top: middle - 7.0, bottom: middle + 7.0 };
                let inside = x >= self.x + 2.0 && x + width <= self.x + WIDTH - 2.0;
                if inside && !taken.iter().any(|taken| taken.meets(&place)) {
                    taken.push(place);
                    return Some(words.class("quiet halo").at(x, middle + 3.5, "start"));
                }
            }
        }
        None
    }

    /// What it is and how large, the most telling first.
    fn labels(&self, life: &Lifetime) -> [String; 3] {
        let part = self.parts[life.part];
        let (what, short) = match (life.holds, &part.kernel) {
            (Holds::Map, _) if life.in_place.is_some() => (format!("{} in place", part.name), "in place"),
            (Holds::Map, _) => (part.name.clone(), "map"),
            (Holds::Ring, _) => {
                let height = part.output.height;
                (format!("{}: {} of {height} rows", part.name, life.rows), "ring")
            }
            (Holds::Scratch, kernel) => {
                let rows = match kernel.strip() {
                    None | Some(1) => "1 row".to_string(),
                    Some(rows) => format!("{rows} rows"),
                };
                match kernel {
                    Kernel::Separable(_) | Kernel::Bytes(ByteKernel::Separable(_)) => {
                        (format!("depthwise strip, {rows}"), "strip")
                    }
                    _ => (format!("line buffer for {rows}"), "lines"),
                }
            }
            (Holds::Sums, _) => ("row sums".to_string(), "sums"),
            (Holds::Features, _) => ("features".to_string(), "features"),
            (Holds::Output, _) => ("output".to_string(), "output"),
        };
        let size = bytes(life.bytes());
        [format!("{what} · {size}"), format!("{short} · {size}"), size]
    }

    /// The bracket around the layers that are streamed.
    fn bracket(&self) -> Group {
        let (Some(step), Some([top, bottom])) = (self.plan.steps.first(), self.steps.first()) else {
            return Group::new();
        };
        if step.parts.len() < 2 {
            return Group::new();
        }
        let (x, top, bottom) = (self.x - 7.0, top + 3.0, bottom - 3.0);
        let way = format!("M{} {}h-5V{}h5", round(x), round(top), round(bottom));
        let way = Path::new().set("d", way).set("class", "edge").set("fill", "none").set("stroke-width", 1.2);
        let words = Words::new(format!("{} layers, streamed", step.parts.len()), 10.5).class("quiet");
        let (x, middle) = (x - 10.0, (top + bottom) / 2.0);
        Group::new().add(way).add(upright(&words, x - 3.5, middle))
    }
}

/// Text from bottom to top, around a point.
fn upright(words: &Words, x: f64, y: f64) -> Text {
    let (x, y) = (round(x + 3.5), round(y));
    words.at(x, y, "middle").set("transform", format!("rotate(-90 {x} {y})"))
}

/// The kind of operation that a kernel computes.
fn kind(kernel: &Kernel) -> Kind {
    match kernel {
        Kernel::Stem(_) | Kernel::Conv(_) => Kind::Conv,
        Kernel::Depthwise(_) => Kind::Depthwise,
        Kernel::Pointwise(_) => Kind::Pointwise,
        Kernel::Separable(_) => Kind::Separable,
        Kernel::BatchNorm(_) => Kind::BatchNorm,
        Kernel::Activation(_) => Kind::Activation,
        Kernel::Pool(_) => Kind::Pool,
        Kernel::FullyConnected(_) => Kind::Classifier,
        Kernel::Softmax(_) => Kind::Other,
        Kernel::Bytes(ByteKernel::Stem(_)) => Kind::Conv,
        Kernel::Bytes(ByteKernel::Depthwise(_)) => Kind::Depthwise,
        Kernel::Bytes(ByteKernel::Pointwise(_)) => Kind::Pointwise,
        Kernel::Bytes(ByteKernel::Separable(_)) => Kind::Separable,
        Kernel::Bytes(ByteKernel::Pool(..)) => Kind::Pool,
        Kernel::Bytes(ByteKernel::FullyConnected(..)) => Kind::Classifier,
    }
}
