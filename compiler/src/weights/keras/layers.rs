//! Which layer and variable a dataset is, by its path. Whatever the layout, the result is `conv1/kernel`.
//!
//! | layout | path |
//! |---|---|
//! | `.h5` of Keras 2 | `conv1/conv1/kernel:0`, in whole models below `model_weights/` |
//! | `.h5` of Keras 3 | `model_weights/conv1/conv1/kernel`, `model_weights/conv1/sequential/conv1/kernel` |
//! | `.weights.h5` of Keras 3 | `layers/conv2d_3/vars/0`; attribute `name` of `vars` is the layer's name |
//! | `.weights.h5` of Keras 2 | the same without that attribute |
//!
//! Where no attribute names a layer, its class and number do: those that config.json lists, or else those of the
//! layers of a MobileNet in the order in which Keras builds it.

use std::collections::{HashMap, HashSet};

use super::config::Config;
use crate::weights::assemble::Named;

/// The variables of a batch norm, by number.
const STATISTICS: [&str; 4] = ["gamma", "beta", "moving_mean", "moving_variance"];

/// Gives tensors the names of their layers. `noted` are the names that attributes note, by path of the group. What is
/// of no known layout keeps its path.
pub(super) fn name(
    mut tensors: Vec<Named>,
    noted: &HashMap<String, String>,
    config: Option<&Config>,
) -> Vec<Named> {
    let ranks: HashMap<String, usize> =
        tensors.iter().map(|tensor| (tensor.info.name.clone(), tensor.info.shape.len())).collect();
    let counted = config.map_or_else(|| as_keras_builds(&ranks), Config::names);
    let submodels = submodels(ranks.keys());
    for tensor in &mut tensors {
        let path = &tensor.info.name;
        let named = match path.rsplit_once("/vars/") {
            Some((group, number)) => {
                let layer = noted.get(&format!("{group}/vars")).or_else(|| counted.get(group));
                layer.zip(variable(group, number, &ranks)).map(|(layer, name)| format!("{layer}/{name}"))
            }
            None => grouped(path, &submodels),
        };
        tensor.info.name = named.unwrap_or_else(|| path.clone());
    }
    tensors
}

/// The name of a numbered variable of the layer that is kept in a group.
fn variable(group: &str, number: &str, ranks: &HashMap<String, usize>) -> Option<&'static str> {
    let rank = |number: &str| ranks.get(&format!("{group}/vars/{number}")).copied();
    let depthwise = group.rsplit('/').next()?.starts_with("depthwise_conv2d");
    match (number, rank("0")?, rank(number)?) {
        ("0", 2.., _) if depthwise => Some("depthwise_kernel"),
        ("0", 2.., _) => Some("kernel"),
        ("1", 2.., 1) => Some("bias"),
        // A batch norm without scale or shift has fewer variables, and does not say which.
        (_, 1, 1) if rank("3").is_some() => STATISTICS.get(number.parse::<usize>().ok()?).copied(),
        _ => None,
    }
}

/// The name of a variable kept in a group of its layer's name. Its own path below that may name the layer otherwise
/// (`conv1_1` for the second one made), so the group's name counts, unless it is that of a submodel.
fn grouped(path: &str, submodels: &HashSet<&str>) -> Option<String> {
    let (group, rest) = split(path)?;
    let variable = path.rsplit('/').next()?;
    let variable = variable.strip_suffix(":0").unwrap_or(variable);
    let layer = if submodels.contains(group) { rest.rsplit('/').nth(1)? } else { group };
    Some(format!("{layer}/{variable}"))
}

/// The group of a layer, and the rest of a path.
fn split(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("model_weights/").unwrap_or(path).split_once('/')
}

/// The groups that hold variables of more than one layer.
fn submodels<'p>(paths: impl Iterator<Item = &'p String>) -> HashSet<&'p str> {
    let mut layers: HashMap<&str, &str> = HashMap::new();
    let mut submodels = HashSet::new();
    for (group, rest) in paths.filter_map(|path| split(path)) {
        let layer = rest.rsplit_once('/').map_or("", |(layer, _)| layer);
        if *layers.entry(group).or_insert(layer) != layer {
            submodels.insert(group);
        }
    }
    submodels
}

/// Names by group of the layers of a MobileNet that are kept in a file of these paths.
fn as_keras_builds(paths: &HashMap<String, usize>) -> HashMap<String, String> {
    let blocks = paths.keys().filter(|path| path.starts_with("layers/depthwise_conv2d")).count();
    let mut layers = vec![("conv2d", "conv1".to_owned()), ("batch_normalization", "conv1_bn".to_owned())];
    for block in 1..=blocks {
        for (class, half) in [("depthwise_conv2d", "dw"), ("conv2d", "pw")] {
            layers.push((class, format!("conv_{half}_{block}")));
            layers.push(("batch_normalization", format!("conv_{half}_{block}_bn")));
        }
    }
    layers.push(("conv2d", "conv_preds".to_owned()));
    layers.push(("dense", "conv_preds".to_owned()));
    let mut numbering = Numbering::default();
    layers.into_iter().map(|(class, name)| (format!("layers/{}", numbering.next(class)), name)).collect()
}

/// How Keras numbers layers of one class: `conv2d`, `conv2d_1`, `conv2d_2`.
#[derive(Default)]
pub(super) struct Numbering<'c>(HashMap<&'c str, usize>);

impl<'c> Numbering<'c> {
    /// What the next layer of a class is called.
    pub(super) fn next(&mut self, class: &'c str) -> String {
        let count = self.0.entry(class).or_default();
        let name = if *count == 0 { class.to_owned() } else { format!("{class}_{count}") };
        *count += 1;
        name
    }
}
