//! A roofline: what each layer reaches, over its multiply-adds per byte, below what processor and memory allow
//! (Williams, Waterman, Patterson: Roofline, 2009).

use std::hint::black_box;
use std::time::Instant;

use svg::Document;
use svg::node::element::{Circle, Group};

use super::layers::Layer;
use super::{milliseconds, percent};
use crate::graph::style::{Words, line, patterns, rectangle, round, style};

/// The plot, without axes' labels and list.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 380.0;
const MARGIN: f64 = 28.0;
const HEADING: f64 = 62.0;
/// Left of the plot, for the labels of its axis.
const AXIS: f64 = 52.0;
/// Between the entries of the list.
const LEADING: f64 = 17.0;
/// From the plot to the list, and its width.
const GAP: f64 = 30.0;
const LIST: f64 = 370.0;

/// Bytes a second that one thread reads and writes: where a second-level cache holds them, and where no cache does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bandwidth {
    cache: f64,
    memory: f64,
}

impl Bandwidth {
    /// Measures it, in some tens of milliseconds.
    pub(super) fn measure() -> Self {
        Bandwidth { cache: copy(256 << 10, 400), memory: copy(256 << 20, 3) }
    }
}

/// The fastest of some copies of one half of so many bytes to the other, in bytes a second.
fn copy(bytes: usize, times: usize) -> f64 {
    let (from, mut to) = (vec![1u8; bytes / 2], vec![0u8; bytes / 2]);
    let once = |_| {
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        start.elapsed().as_secs_f64()
    };
    bytes as f64 / (0..times).map(once).fold(f64::INFINITY, f64::min)
}

/// What is drawn.
pub(super) struct Roofline<'p> {
    pub(super) title: &'p str,
    pub(super) layers: &'p [Layer],
    /// Multiply-adds a second that all threads can do at most.
    pub(super) peak: f64,
    pub(super) threads: usize,
    pub(super) bandwidth: Bandwidth,
}

/// Powers of ten between which an axis runs.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// One that has room for values from the least to the greatest.
    fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.fold(0.0, f64::max);
        Axis { low: (least * 0.7).log10().floor(), high: (greatest * 1.3).log10().ceil() }
    }

    /// Where a value is, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        (value.log10() - self.low) / (self.high - self.low)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|power| 10f64.powi(power))
    }
}

impl Roofline<'_> {
    /// As SVG.
    pub(super) fn svg(&self) -> String {
        let layers: Vec<&Layer> = self.layers.iter().filter(|layer| layer.macs > 0).collect();
        let (memory, cache) =
            (self.bandwidth.memory * self.threads as f64, self.bandwidth.cache * self.threads as f64);
        let ridge = self.peak / memory;
        let x = Axis::around(layers.iter().map(|layer| layer.intensity()).chain([ridge]));
        let y = Axis::around(layers.iter().map(|layer| layer.rate()).chain([self.peak]));
        let place = |intensity: f64, rate: f64| [x.at(intensity) * WIDTH, (1.0 - y.at(rate)) * HEIGHT];

        let mut plot = Group::new().add(rectangle(0.0, 0.0, WIDTH, HEIGHT, "panel").set("rx", 6));
        for power in x.powers() {
            let at = x.at(power) * WIDTH;
            plot = plot.add(line(at, 0.0, at, HEIGHT, "grid"));
            plot =
                plot.add(Words::new(power.to_string(), 10.5).class("quiet").at(at, HEIGHT + 16.0, "middle"));
        }
        for power in y.powers() {
            let at = (1.0 - y.at(power)) * HEIGHT;
            plot = plot.add(line(0.0, at, WIDTH, at, "grid"));
            let label = Words::new((power / 1e9).to_string(), 10.5).class("quiet");
            plot = plot.add(label.at(-8.0, at + 3.5, "end"));
        }
        plot = plot
            .add(Words::new("multiply-adds per byte touched", 11.0).at(WIDTH / 2.0, HEIGHT + 34.0, "middle"))
            .add(Words::new("GMAC/s", 11.0).at(-8.0, -8.0, "end"));
        for (bandwidth, name) in [(memory, "memory"), (cache, "cache")] {
            plot = roof(plot, &x, &y, bandwidth, self.peak, name);
        }
        let [_, peak] = place(1.0, self.peak);
        let words = format!("peak {:.1} GMAC/s", self.peak / 1e9);
        plot = plot
            .add(line(0.0, peak, WIDTH, peak, "edge").set("stroke-width", 1.5))
            .add(Words::new(words, 10.5).class("halo").at(WIDTH - 6.0, peak - 6.0, "end"));

        let all: f64 = layers.iter().map(|layer| layer.times.min_ms()).sum();
        let mut list = Group::new();
        for (i, layer) in layers.iter().enumerate() {
            let [cx, cy] = place(layer.intensity(), layer.rate());
            let share = layer.times.min_ms() / all;
            // The area is the share of the time.
            let radius = 3.0 + 26.0 * share.sqrt();
            let class = format!("f-{0} s-{0}", layer.kind.name());
            plot = plot.add(circle(cx, cy, radius, &class).set("fill-opacity", 0.35));
            let baseline = 12.0 + i as f64 * LEADING;
            let columns = [milliseconds(layer.times.min_ms()), percent(layer.rate() / self.peak)];
            list = list
                .add(circle(6.0, baseline - 4.0, 5.0, &class).set("fill-opacity", 0.35))
                .add(Words::new(&layer.name, 11.0).fit(215.0).at(18.0, baseline, "start"))
                .add(Words::new(&columns[0], 11.0).at(300.0, baseline, "end"))
                .add(Words::new(&columns[1], 11.0).at(LIST, baseline, "end"));
        }
        let height = (HEIGHT + 44.0).max(layers.len() as f64 * LEADING + 20.0);
        self.document(plot, list, height, memory, cache)
    }

    fn document(&self, plot: Group, list: Group, height: f64, memory: f64, cache: f64) -> String {
        let title = format!("{} · roofline", self.title);
        let subtitle = format!(
            "{} · moves {:.0} GB/s in a cache, {:.0} GB/s in memory, measured · areas are shares of the time",
            if self.threads == 1 { "one thread".to_string() } else { format!("{} threads", self.threads) },
            cache / 1e9,
            memory / 1e9,
        );
        let full_width = (AXIS + WIDTH + GAP + LIST + 2.0 * MARGIN).ceil();
        let full_height = (HEADING + height + 2.0 * MARGIN).ceil();
        let moved = |group: Group, x: f64, y: f64| group.set("transform", format!("translate({x} {y})"));
        let drawing = Group::new()
            .add(Words::new(&title, 19.0).bold().fit(900.0).at(0.0, 16.0, "start"))
            .add(Words::new(subtitle, 12.0).class("quiet").at(0.0, 36.0, "start"))
            .add(moved(plot, AXIS, HEADING))
            .add(moved(list, AXIS + WIDTH + GAP, HEADING));
        Document::new()
            .set("viewBox", (0, 0, full_width, full_height))
            .set("width", full_width)
            .set("height", full_height)
            .set("role", "img")
            .add(svg::node::element::Title::new(title))
            .add(style())
            .add(patterns(&[]))
            .add(rectangle(0.0, 0.0, full_width, full_height, "ground").set("rx", 10))
            .add(moved(drawing, MARGIN, MARGIN))
            .to_string()
            + "\n"
    }
}

/// The slope that a bandwidth sets, up to the peak.
fn roof(plot: Group, x: &Axis, y: &Axis, bandwidth: f64, peak: f64, name: &str) -> Group {
    let corner = |value: f64, axis: &Axis, len: f64| axis.at(value).clamp(0.0, 1.0) * len;
    // Where the slope enters the plot: at its left or at its lower border.
    let first = 10f64.powf(x.low).max(10f64.powf(y.low) / bandwidth);
    let ridge = peak / bandwidth;
    let points = [first, ridge].map(|at| [corner(at, x, WIDTH), HEIGHT - corner(at * bandwidth, y, HEIGHT)]);
    if first >= ridge {
        return plot;
    }
    let [from, to] = points;
    let words = Words::new(name, 10.5).class("quiet halo");
    plot.add(line(from[0], from[1], to[0], to[1], "edge").set("stroke-width", 1.5)).add(words.at(
        from[0] + 8.0,
        from[1] - 2.0,
        "start",
    ))
}

fn circle(cx: f64, cy: f64, radius: f64, class: &str) -> Circle {
    Circle::new().set("cx", round(cx)).set("cy", round(cy)).set("r", round(radius)).set("class", class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_room_for_what_is_on_them() {
        let axis = Axis::around([3.0, 250.0].into_iter());
        assert_eq!((axis.low, axis.high), (0.0, 3.0));
        assert_eq!([1.0, 1000.0].map(|value| axis.at(value)), [0.0, 1.0]);
        assert_eq!(axis.powers().collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn memory_is_moved() {
        assert!(copy(1 << 16, 3) > 1e6);
    }
}
