//! The chain of nodes: cards in one column or several, with arrows and shapes between them.

use mobilenet_compiler::cost::{self, Cost};
use mobilenet_compiler::ir::{Graph, Node, Shape};
use svg::node::element::{Group, Path, Title};

use super::style::{Words, polygon, rectangle, round};
use super::words::{Kind, detail, operation, shape};

/// Between two cards, where arrow and shape are.
pub(super) const GAP: f64 = 26.0;
const LINES: [f64; 2] = [28.0, 44.0];
const PADDING: f64 = 12.0;
/// Of the coloured edge of a card.
const EDGE: f64 = 5.0;
/// From the left of a card to the arrows.
const ARROW: f64 = 26.0;
const BAR: f64 = 40.0;
const BARS: f64 = BAR + 52.0;
/// Between columns, where the way leads from the foot of one to the head of the next.
const COLUMNS: f64 = 56.0;
/// Nodes that stand in one column.
const TALL: usize = 26;
/// Names and details that are wider are cut.
const WIDEST: f64 = 330.0;

/// A card.
pub(super) struct Card {
    /// Shown by browsers where the pointer is: everything, uncut.
    title: String,
    name: Words,
    operation: Words,
    detail: Option<Words>,
    kind: Kind,
    cost: Cost,
    output: Shape,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) height: f64,
}

/// All cards, laid out from (0, 0).
pub(super) struct Chain {
    pub(super) cards: Vec<Card>,
    pub(super) width: f64,
    pub(super) height: f64,
    card_width: f64,
    text_width: f64,
    total: Cost,
    /// The largest share of multiply-adds and of parameters.
    longest: [f64; 2],
}

impl Card {
    fn new(node: &Node, input: Shape) -> Card {
        let detail = detail(node, input).map(|text| Words::new(text, 10.5).class("quiet").fit(WIDEST));
        Card {
            title: Words::new(format!("{}: {}", node.name, node.op), 1.0).text,
            name: Words::new(&node.name, 12.5).bold().fit(WIDEST * 0.8),
            operation: Words::new(operation(node), 10.5).fit(WIDEST * 0.4),
            kind: Kind::of(&node.op),
            cost: cost::node(node, input),
            output: node.shape,
            height: LINES[usize::from(detail.is_some())],
            detail,
            x: 0.0,
            y: 0.0,
        }
    }

    /// Width of its text, which ends where the bars begin if there are any.
    fn text_width(&self) -> f64 {
        let first = self.name.width() + 14.0 + self.operation.width();
        let room = if self.has_cost() { 0.0 } else { BARS };
        (first - room).max(self.detail.as_ref().map_or(0.0, Words::width))
    }

    fn has_cost(&self) -> bool {
        self.cost.macs + self.cost.params > 0
    }

    /// Shares of the network's multiply-adds and parameters.
    fn shares(&self, total: Cost) -> [f64; 2] {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        [share(self.cost.macs, total.macs), share(self.cost.params, total.params)]
    }
}

impl Chain {
    /// The nodes of a graph: in one column, or folded where that would be too tall and `fold` allows it.
    pub(super) fn new(graph: &Graph, total: Cost, fold: bool) -> Chain {
        let card = |id| {
            let node = graph.node(id);
            let input = graph.operand(id).map_or(node.shape, |operand| graph.node(operand).shape);
            Card::new(node, input)
        };
        let cards: Vec<Card> = graph.ids().map(card).collect();
        let text_width = cards.iter().map(Card::text_width).fold(150.0, f64::max);
        let card_width = EDGE + PADDING + text_width + PADDING + BARS;
        let largest =
            |of: usize| cards.iter().map(|card| card.shares(total)[of]).fold(f64::MIN_POSITIVE, f64::max);
        let longest = [largest(0), largest(1)];
        let mut chain =
            Chain { cards, width: card_width, height: 0.0, card_width, text_width, total, longest };
        let columns = if fold && chain.cards.len() > TALL { chain.columns() } else { 1 };
        chain.lay_out(columns);
        chain
    }

    /// As many columns as make it a little wider than tall.
    fn columns(&self) -> usize {
        let tall: f64 = self.cards.iter().map(|card| card.height + GAP).sum();
        (1.2 * tall / (self.card_width + COLUMNS)).sqrt().round().max(1.0) as usize
    }

    fn lay_out(&mut self, columns: usize) {
        let tall: f64 = self.cards.iter().map(|card| card.height + GAP).sum();
        let (mut x, mut y, mut done) = (0.0, 0.0, 0.0);
        let mut column = 1;
        for card in &mut self.cards {
            if y > 0.0 && done + card.height / 2.0 > tall * column as f64 / columns as f64 {
                (x, y) = (x + self.card_width + COLUMNS, 0.0);
                column += 1;
            }
            (card.x, card.y) = (x, y);
            y += card.height + GAP;
            done += card.height + GAP;
            self.height = self.height.max(y - GAP);
        }
        self.width = x + self.card_width;
    }

    /// The kinds of operation that occur.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.cards.iter().any(|card| card.kind == *kind)).collect()
    }

    /// Everything, drawn.
    pub(super) fn draw(&self) -> Group {
        let mut group = Group::new();
        for pair in self.cards.windows(2) {
            group = group.add(self.arrow(&pair[0], &pair[1]));
        }
        for card in &self.cards {
            group = group.add(self.card(card));
        }
        group
    }

    fn card(&self, card: &Card) -> Group {
        let Card { x, y, height, .. } = *card;
        let kind = card.kind.name();
        let frame = rectangle(x, y, self.card_width, height, "card").set("rx", 5);
        let edge = format!(
            "M{} {}a5 5 0 0 0 -5 5v{}a5 5 0 0 0 5 5Z",
            round(x + EDGE),
            round(y),
            round(height - 10.0)
        );
        let edge = Path::new().set("d", edge).set("class", format!("f-{kind}"));
        let (left, right) = (x + EDGE + PADDING, x + EDGE + PADDING + self.text_width);
        let first = y + 18.5;
        let operation_end = if card.has_cost() { right } else { right + BARS };
        let mut group = Group::new()
            .add(Title::new(card.title.as_str()))
            .add(frame)
            .add(edge)
            .add(card.name.at(left, first, "start"))
            .add(card.operation.at(operation_end, first, "end").set("class", format!("f-{kind}")));
        if let Some(detail) = &card.detail {
            group = group.add(detail.at(left, y + 35.0, "start"));
        }
        if card.has_cost() {
            let [macs, params] = card.shares(self.total);
            let x = right + PADDING;
            group = self.bar(group, card, [macs, self.longest[0], 1.0], [x, first]);
            group = self.bar(group, card, [params, self.longest[1], 0.4], [x, y + 35.0]);
        }
        group
    }

    /// A share as a bar and a number.
    fn bar(&self, group: Group, card: &Card, [share, longest, opacity]: [f64; 3], [x, y]: [f64; 2]) -> Group {
        let class = format!("f-{}", card.kind.name());
        let length = (BAR * share / longest).max(1.0);
        let bar = rectangle(x, y - 6.5, length, 5.0, &class).set("fill-opacity", opacity).set("rx", 1);
        let words = Words::new(percent(share), 9.5).class("quiet");
        group.add(bar).add(words.at(x + BARS - PADDING, y - 0.8, "end"))
    }

    /// The arrow from one card to the next, with the shape of what goes along it.
    fn arrow(&self, from: &Card, to: &Card) -> Group {
        let (x, foot) = (from.x + ARROW, from.y + from.height);
        let (into, head) = (to.x + ARROW, to.y);
        let words = Words::new(shape(from.output), 10.5);
        let way = if from.x == to.x {
            format!("M{} {}V{}", round(x), round(foot), round(head - 5.0))
        } else {
            // Down, across to the space between the columns, up, and across to the next.
            let between = from.x + self.card_width + COLUMNS / 2.0;
            format!(
                "M{} {}v15q0 5 5 5H{}q5 0 5 -5V{}q0 -5 5 -5H{}q5 0 5 5V{}",
                round(x),
                round(foot),
                round(between - 5.0),
                round(head - 11.0),
                round(into - 5.0),
                round(head - 5.0)
            )
        };
        let tip = polygon(&[[into - 3.5, head - 6.0], [into + 3.5, head - 6.0], [into, head - 0.5]], "tip");
        let way = Path::new().set("d", way).set("class", "edge").set("fill", "none").set("stroke-width", 1.2);
        // Under an arrow that goes across, beside one that goes down.
        let baseline = if from.x == to.x { foot + 16.5 } else { foot + 14.5 };
        Group::new().add(way).add(tip).add(words.at(x + 10.0, baseline, "start").set("class", "quiet"))
    }

    /// What bars of full length stand for: multiply-adds, parameters.
    pub(super) fn longest(&self) -> [String; 2] {
        self.longest.map(percent)
    }
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent < 0.05 => "<0.1 %".into(),
        percent => format!("{percent:.1} %"),
    }
}
