//! Random networks: specs as text, made of choices. Property tests take the choices from a seed, the fuzz target from its
//! input.

use std::fmt::Write;

/// A spec, and what is asked for beside it.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// The spec.
    pub(crate) yaml: String,
    /// Width multiplier.
    pub(crate) alpha: f64,
}

const ALPHAS: [f64; 8] = [1.0, 0.3, 1.25, 1.4, 0.25, 0.5, 0.75, 2.0];
const ACTIVATIONS: [&str; 3] = ["relu", "relu6", "none"];
const PADDINGS: [&str; 4] = ["same", "symmetric", "after", "valid"];
const ROUNDINGS: [&str; 3] = ["floor_at_least_8", "floor", "multiple_of_8"];

/// Draws a network. `choose` gives a number below its argument. Most networks can be compiled; some ask for what there is not,
/// such as two input channels or a window that is larger than its map.
pub(crate) fn network(choose: &mut dyn FnMut(usize) -> usize) -> Network {
    let mut pick = |list: &[&'static str]| list[choose(list.len())];
    let settings = format!(
        "activation: {}, padding: {}, rounding: {}",
        pick(&ACTIVATIONS),
        pick(&PADDINGS),
        pick(&ROUNDINGS)
    );
    let alpha = ALPHAS[choose(ALPHAS.len())];
    // Grey and colour; now and then a number of channels that no photo has.
    let channels = [3, 1, 3, 1, 3, 1, 2, 4][choose(8)];
    let resolution = 1 + choose(67);
    let mut yaml = format!("name: random\ninput: {{channels: {channels}, resolution: {resolution}}}\n");
    let _ = writeln!(yaml, "defaults: {{{settings}}}\nlayers:");
    let kernel = 1 + choose(7);
    let _ = writeln!(yaml, "  - conv: {{{}, kernel: {kernel}{}}}", filters(choose), common(choose, 4));
    for _ in 0..choose(7) {
        layer(&mut yaml, choose);
    }
    let _ = writeln!(yaml, "  - global_average_pool\n  - fully_connected: {{classes: {}}}", classes(choose));
    if choose(2) == 1 {
        yaml.push_str("  - softmax\n");
    }
    Network { yaml, alpha }
}

fn layer(yaml: &mut String, choose: &mut dyn FnMut(usize) -> usize) {
    let _ = match choose(9) {
        0..=3 => writeln!(yaml, "  - separable: {{{}{}}}", filters(choose), common(choose, 2)),
        4 => writeln!(yaml, "  - depthwise: {{stride: {}{}}}", 1 + choose(2), common(choose, 1)),
        5 => writeln!(yaml, "  - pointwise: {{{}{}}}", filters(choose), common(choose, 1)),
        6 => {
            let kernel = 1 + choose(5);
            writeln!(yaml, "  - conv: {{{}, kernel: {kernel}{}}}", filters(choose), common(choose, 3))
        }
        // A batch normalisation that does not follow its convolution at once cannot be folded.
        7 => {
            let filters = filters(choose);
            writeln!(yaml, "  - pointwise: {{{filters}, batchnorm: false}}\n  - relu6\n  - batchnorm")
        }
        _ => writeln!(yaml, "  - {}", ["relu", "relu6", "dropout"][choose(3)]),
    };
}

/// A stride up to `most`, batch normalisation or none, an activation or none stated.
fn common(choose: &mut dyn FnMut(usize) -> usize, most: usize) -> String {
    let mut text = String::new();
    if most > 1 {
        let _ = write!(text, ", stride: {}", 1 + choose(most));
    }
    if choose(4) == 0 {
        text.push_str(", batchnorm: false");
    }
    if choose(4) == 0 {
        let _ = write!(text, ", activation: {}", ACTIVATIONS[choose(ACTIVATIONS.len())]);
    }
    text
}

/// Channels at the borders of blocks and panels, and any others.
fn filters(choose: &mut dyn FnMut(usize) -> usize) -> String {
    const BORDERS: [usize; 12] = [8, 16, 32, 64, 7, 9, 15, 17, 31, 33, 65, 128];
    let channels = if choose(2) == 0 { BORDERS[choose(BORDERS.len())] } else { 1 + choose(130) };
    format!("filters: {channels}")
}

fn classes(choose: &mut dyn FnMut(usize) -> usize) -> usize {
    match choose(3) {
        0 => 1 + choose(40),
        _ => 1 + choose(1500),
    }
}
