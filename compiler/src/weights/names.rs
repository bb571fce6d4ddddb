//! Naming schemes: which layer of MobileNet v1, and which of its tensors, a name means.
//!
//! | scheme | first convolution | its batch norm |
//! |---|---|---|
//! | keras | `conv1/kernel` | `conv1_bn/gamma` |
//! | tf-slim | `MobilenetV1/Conv2d_0/weights` | `MobilenetV1/Conv2d_0/BatchNorm/gamma` |
//! | huggingface | `mobilenet_v1.conv_stem.convolution.weight` | `mobilenet_v1.conv_stem.normalization.weight` |
//! | timm | `conv_stem.weight` | `bn1.weight` |
//!
//! Each may stand below a prefix of its own (`module.`, `model_weights/`).

use std::collections::BTreeMap;

use super::{Half, Role, Slot};
use crate::family::Family;

/// A naming scheme, and the prefix before all its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The scheme.
    pub scheme: Scheme,
    /// What stands before every name.
    pub prefix: String,
}

/// A naming scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Keras applications.
    Keras,
    /// TensorFlow's slim library.
    TfSlim,
    /// Hugging Face transformers.
    HuggingFace,
    /// timm.
    Timm,
}

/// The order of a kernel's extents in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Height, width, inputs, outputs (TensorFlow).
    Hwio,
    /// Outputs, inputs, height, width (PyTorch).
    Oihw,
}

const SCHEMES: [Scheme; 4] = [Scheme::Keras, Scheme::TfSlim, Scheme::HuggingFace, Scheme::Timm];

const TENSORFLOW: [(Role, &str); 4] = [
    (Role::Gamma, "gamma"),
    (Role::Beta, "beta"),
    (Role::Mean, "moving_mean"),
    (Role::Variance, "moving_variance"),
];
const PYTORCH: [(Role, &str); 4] = [
    (Role::Gamma, "weight"),
    (Role::Beta, "bias"),
    (Role::Mean, "running_mean"),
    (Role::Variance, "running_var"),
];

impl Naming {
    /// The scheme and prefix under which most names mean something, if it is more than half of them.
    pub(super) fn detect<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Naming> {
        let mut votes: BTreeMap<(Scheme, &str), usize> = BTreeMap::new();
        for name in names.clone() {
            for scheme in SCHEMES {
                if let Some(prefix) =
                    prefixes(name).find(|prefix| scheme.parse(&name[prefix.len()..]).is_some())
                {
                    *votes.entry((scheme, prefix)).or_default() += 1;
                }
            }
        }
        let (&(scheme, prefix), &count) = votes.iter().max_by_key(|(_, count)| **count)?;
        (2 * count > names.count()).then(|| Naming { scheme, prefix: prefix.to_owned() })
    }

    /// What a name means.
    pub(super) fn parse(&self, name: &str) -> Option<(Slot, Role)> {
        self.scheme.parse(name.strip_prefix(self.prefix.as_str())?)
    }

    /// The name of a tensor: the reverse of reading one.
    pub fn name(&self, slot: Slot, role: Role) -> String {
        format!("{}{}", self.prefix, self.scheme.name(slot, role))
    }
}

impl Scheme {
    /// The family whose scheme this is.
    pub(super) fn family(self) -> Family {
        match self {
            Scheme::Keras => Family::KERAS,
            Scheme::TfSlim => Family::TF_SLIM,
            Scheme::HuggingFace => Family::HUGGING_FACE,
            Scheme::Timm => Family::TIMM,
        }
    }

    pub(super) fn layout(self) -> Layout {
        match self {
            Scheme::Keras | Scheme::TfSlim => Layout::Hwio,
            Scheme::HuggingFace | Scheme::Timm => Layout::Oihw,
        }
    }

    fn parse(self, name: &str) -> Option<(Slot, Role)> {
        match self {
            Scheme::Keras => keras(name),
            Scheme::TfSlim => tf_slim(name),
            Scheme::HuggingFace => hugging_face(name),
            Scheme::Timm => timm(name),
        }
    }

    fn name(self, slot: Slot, role: Role) -> String {
        let depthwise = matches!(slot, Slot::Block { half: Half::Depthwise, .. });
        match self {
            Scheme::Keras => {
                let layer = match slot {
                    Slot::Stem => "conv1".to_owned(),
                    Slot::Block { index, half: Half::Depthwise, .. } => format!("conv_dw_{index}"),
                    Slot::Block { index, half: Half::Pointwise, .. } => format!("conv_pw_{index}"),
                    Slot::Head => "conv_head".to_owned(),
                    Slot::Classifier => "conv_preds".to_owned(),
                };
                match role {
                    Role::Kernel if depthwise => format!("{layer}/depthwise_kernel"),
                    Role::Kernel => format!("{layer}/kernel"),
                    Role::Bias => format!("{layer}/bias"),
                    _ => format!("{layer}_bn/{}", spelled(role, TENSORFLOW)),
                }
            }
            Scheme::TfSlim => {
                let layer = match slot {
                    Slot::Stem => "Conv2d_0".to_owned(),
                    Slot::Block { index, half: Half::Depthwise, .. } => format!("Conv2d_{index}_depthwise"),
                    Slot::Block { index, half: Half::Pointwise, .. } => format!("Conv2d_{index}_pointwise"),
                    Slot::Head => "Conv2d_head".to_owned(),
                    Slot::Classifier => "Logits/Conv2d_1c_1x1".to_owned(),
                };
                match role {
                    Role::Kernel if depthwise => format!("MobilenetV1/{layer}/depthwise_weights"),
                    Role::Kernel => format!("MobilenetV1/{layer}/weights"),
                    Role::Bias => format!("MobilenetV1/{layer}/biases"),
                    _ => format!("MobilenetV1/{layer}/BatchNorm/{}", spelled(role, TENSORFLOW)),
                }
            }
            Scheme::HuggingFace => {
                let layer = match slot {
                    Slot::Stem => "mobilenet_v1.conv_stem".to_owned(),
                    Slot::Block { index, half, .. } => {
                        let layer = 2 * index.saturating_sub(1) + usize::from(half == Half::Pointwise);
                        format!("mobilenet_v1.layer.{layer}")
                    }
                    Slot::Head => "mobilenet_v1.conv_head".to_owned(),
                    Slot::Classifier => {
                        return format!(
                            "classifier.{}",
                            if role == Role::Kernel { "weight" } else { "bias" }
                        );
                    }
                };
                match role {
                    Role::Kernel => format!("{layer}.convolution.weight"),
                    Role::Bias => format!("{layer}.convolution.bias"),
                    _ => format!("{layer}.normalization.{}", spelled(role, PYTORCH)),
                }
            }
            Scheme::Timm => {
                let (conv, norm) = match slot {
                    Slot::Stem => ("conv_stem".to_owned(), "bn1".to_owned()),
                    Slot::Block { stage, index, half } => {
                        let block = format!("blocks.{}.{index}", stage.unwrap_or(0));
                        match half {
                            Half::Depthwise => (format!("{block}.conv_dw"), format!("{block}.bn1")),
                            Half::Pointwise => (format!("{block}.conv_pw"), format!("{block}.bn2")),
                        }
                    }
                    Slot::Head => ("conv_head".to_owned(), "bn2".to_owned()),
                    Slot::Classifier => ("classifier".to_owned(), "classifier_bn".to_owned()),
                };
                match role {
                    Role::Kernel => format!("{conv}.weight"),
                    Role::Bias => format!("{conv}.bias"),
                    _ => format!("{norm}.{}", spelled(role, PYTORCH)),
                }
            }
        }
    }
}

/// Everything up to one of the first separators, the empty prefix first.
fn prefixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(name.match_indices(['.', '/']).take(8).map(move |(at, _)| &name[..=at]))
}

fn spelled(role: Role, names: [(Role, &'static str); 4]) -> &'static str {
    names.into_iter().find(|(have, _)| *have == role).map_or("", |(_, name)| name)
}

/// The batch-norm tensor of that name.
fn statistic(name: &str, names: [(Role, &str); 4]) -> Option<Role> {
    names.into_iter().find(|(_, have)| *have == name).map(|(role, _)| role)
}

/// Kernel or bias.
fn weight_or_bias(name: &str) -> Option<Role> {
    match name {
        "weight" => Some(Role::Kernel),
        "bias" => Some(Role::Bias),
        _ => None,
    }
}

/// A block number, from 1.
fn block(number: &str, half: Half) -> Option<Slot> {
    number.parse().ok().filter(|&n| n >= 1).map(|n| Slot::numbered(n, half))
}

/// `conv_dw_3/depthwise_kernel`, also as HDF5 files have it: `conv_dw_3/conv_dw_3/depthwise_kernel:0`.
fn keras(name: &str) -> Option<(Slot, Role)> {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let (path, tensor) = name.rsplit_once(['/', '.'])?;
    let mut parts = path.split(['/', '.']);
    let layer = parts.next()?;
    if parts.any(|part| part != layer) {
        return None;
    }
    let (layer, role) = match layer.strip_suffix("_bn") {
        Some(layer) => (layer, statistic(tensor, TENSORFLOW)?),
        None => match tensor {
            "kernel" | "depthwise_kernel" => (layer, Role::Kernel),
            "bias" => (layer, Role::Bias),
            _ => return None,
        },
    };
    let slot = match layer {
        "conv1" => Slot::Stem,
        "conv_preds" => Slot::Classifier,
        _ => match layer.strip_prefix("conv_dw_") {
            Some(number) => block(number, Half::Depthwise)?,
            None => block(layer.strip_prefix("conv_pw_")?, Half::Pointwise)?,
        },
    };
    Some((slot, role))
}

/// `MobilenetV1/Conv2d_3_depthwise/depthwise_weights`; some files repeat the scope.
fn tf_slim(name: &str) -> Option<(Slot, Role)> {
    let mut name = name.strip_prefix("MobilenetV1/")?;
    while let Some(rest) = name.strip_prefix("MobilenetV1/") {
        name = rest;
    }
    let (slot, tensor) = match name.strip_prefix("Logits/Conv2d_1c_1x1/") {
        Some(tensor) => (Slot::Classifier, tensor),
        None => {
            let (layer, tensor) = name.strip_prefix("Conv2d_")?.split_once('/')?;
            let slot = match layer.split_once('_') {
                None if layer == "0" => Slot::Stem,
                Some((number, "depthwise")) => block(number, Half::Depthwise)?,
                Some((number, "pointwise")) => block(number, Half::Pointwise)?,
                _ => return None,
            };
            (slot, tensor)
        }
    };
    let role = match tensor {
        "weights" | "depthwise_weights" => Role::Kernel,
        "biases" => Role::Bias,
        _ => statistic(tensor.strip_prefix("BatchNorm/")?, TENSORFLOW)?,
    };
    Some((slot, role))
}

/// `mobilenet_v1.layer.4.convolution.weight`: depthwise and pointwise layers numbered through, from 0.
fn hugging_face(name: &str) -> Option<(Slot, Role)> {
    let name = name.strip_prefix("mobilenet_v1.").unwrap_or(name);
    if let Some(tensor) = name.strip_prefix("classifier.") {
        return Some((Slot::Classifier, weight_or_bias(tensor)?));
    }
    let (slot, tensor) = match name.strip_prefix("conv_stem.") {
        Some(tensor) => (Slot::Stem, tensor),
        None => {
            let (number, tensor) = name.strip_prefix("layer.")?.split_once('.')?;
            let number: usize = number.parse().ok()?;
            let half = if number.is_multiple_of(2) { Half::Depthwise } else { Half::Pointwise };
            (Slot::numbered(number / 2 + 1, half), tensor)
        }
    };
    let role = match tensor.split_once('.')? {
        ("convolution", tensor) => weight_or_bias(tensor)?,
        ("normalization", tensor) => statistic(tensor, PYTORCH)?,
        _ => return None,
    };
    Some((slot, role))
}

/// `blocks.3.4.conv_dw.weight`: blocks numbered from 0 within stages numbered from 0.
fn timm(name: &str) -> Option<(Slot, Role)> {
    let (layer, tensor) = name.rsplit_once('.')?;
    match layer {
        "conv_stem" => return Some((Slot::Stem, weight_or_bias(tensor)?)),
        "bn1" => return Some((Slot::Stem, statistic(tensor, PYTORCH)?)),
        "conv_head" => return Some((Slot::Head, weight_or_bias(tensor)?)),
        "bn2" => return Some((Slot::Head, statistic(tensor, PYTORCH)?)),
        "classifier" => return Some((Slot::Classifier, weight_or_bias(tensor)?)),
        _ => {}
    }
    let (stage, rest) = layer.strip_prefix("blocks.")?.split_once('.')?;
    let (index, layer) = rest.split_once('.')?;
    let block =
        |half| Some(Slot::Block { stage: Some(stage.parse().ok()?), index: index.parse().ok()?, half });
    match layer {
        "conv_dw" => Some((block(Half::Depthwise)?, weight_or_bias(tensor)?)),
        "bn1" => Some((block(Half::Depthwise)?, statistic(tensor, PYTORCH)?)),
        "conv_pw" => Some((block(Half::Pointwise)?, weight_or_bias(tensor)?)),
        "bn2" => Some((block(Half::Pointwise)?, statistic(tensor, PYTORCH)?)),
        _ => None,
    }
}

/// What a freely chosen name means: the layer's own name, and which of its tensors, by `rank`.
pub(super) fn plain(name: &str, rank: usize) -> Option<(&str, Role, Layout)> {
    let bare = name.strip_suffix(":0").unwrap_or(name);
    let (layer, tensor) = bare.rsplit_once(['/', '.'])?;
    let norm = ["_bn", "/bn", ".bn", "/BatchNorm"].into_iter().find_map(|suffix| layer.strip_suffix(suffix));
    let of_norm = norm.unwrap_or(layer);
    Some(match tensor {
        "weight" | "bias" if norm.is_some() => (of_norm, statistic(tensor, PYTORCH)?, Layout::Oihw),
        "kernel" | "depthwise_kernel" | "weights" | "depthwise_weights" => {
            (layer, Role::Kernel, Layout::Hwio)
        }
        "weight" if rank > 1 => (layer, Role::Kernel, Layout::Oihw),
        "bias" | "biases" => (layer, Role::Bias, Layout::Hwio),
        "mean" => (of_norm, Role::Mean, Layout::Hwio),
        "variance" => (of_norm, Role::Variance, Layout::Hwio),
        _ => (of_norm, statistic(tensor, TENSORFLOW).or_else(|| statistic(tensor, PYTORCH))?, Layout::Hwio),
    })
}

/// Whether a tensor is no weight at all: counters and the optimiser's state.
pub(super) fn of_training(name: &str) -> bool {
    let last = name.rsplit(['/', '.']).next().unwrap_or(name);
    name.split(['/', '.'])
        .any(|part| matches!(part, "optimizer" | "optimizer_weights" | "save_counter" | "seed_generator"))
        || ["_CHECKPOINTABLE_OBJECT_GRAPH", "metrics/"].iter().any(|begin| name.starts_with(begin))
        || ["num_batches_tracked", "global_step", "ExponentialMovingAverage", "beta1_power", "beta2_power"]
            .contains(&last)
        || ["RMSProp", "Momentum", "Adam"].iter().any(|state| {
            last.strip_prefix(state).is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix('_').is_some_and(|number| number.parse::<u32>().is_ok())
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dw(index: usize) -> Slot {
        Slot::numbered(index, Half::Depthwise)
    }

    fn pw(index: usize) -> Slot {
        Slot::numbered(index, Half::Pointwise)
    }

    fn staged(stage: usize, index: usize, half: Half) -> Slot {
        Slot::Block { stage: Some(stage), index, half }
    }

    #[test]
    fn names_of_every_scheme() {
        let cases = [
            (Scheme::Keras, "conv1/kernel", Some((Slot::Stem, Role::Kernel))),
            (Scheme::Keras, "conv1/conv1/kernel:0", Some((Slot::Stem, Role::Kernel))),
            (Scheme::Keras, "conv_dw_10/conv_dw_10/depthwise_kernel:0", Some((dw(10), Role::Kernel))),
            (Scheme::Keras, "conv_dw_10_bn/conv_dw_10_bn/moving_mean:0", Some((dw(10), Role::Mean))),
            (Scheme::Keras, "conv_pw_3/bias", Some((pw(3), Role::Bias))),
            (Scheme::Keras, "conv_preds.bias", Some((Slot::Classifier, Role::Bias))),
            (Scheme::Keras, "conv_pw_0/kernel", None),
            (Scheme::Keras, "conv1_bn/kernel", None),
            (Scheme::Keras, "model/conv1/kernel", None),
            (Scheme::TfSlim, "MobilenetV1/Conv2d_0/weights", Some((Slot::Stem, Role::Kernel))),
            (
                Scheme::TfSlim,
                "MobilenetV1/MobilenetV1/Conv2d_0/BatchNorm/beta",
                Some((Slot::Stem, Role::Beta)),
            ),
            (
                Scheme::TfSlim,
                "MobilenetV1/Conv2d_13_depthwise/depthwise_weights",
                Some((dw(13), Role::Kernel)),
            ),
            (
                Scheme::TfSlim,
                "MobilenetV1/Conv2d_13_pointwise/BatchNorm/moving_variance",
                Some((pw(13), Role::Variance)),
            ),
            (Scheme::TfSlim, "MobilenetV1/Logits/Conv2d_1c_1x1/biases", Some((Slot::Classifier, Role::Bias))),
            (Scheme::TfSlim, "MobilenetV1/Conv2d_0/weights/RMSProp", None),
            (
                Scheme::HuggingFace,
                "mobilenet_v1.conv_stem.convolution.weight",
                Some((Slot::Stem, Role::Kernel)),
            ),
            (Scheme::HuggingFace, "layer.0.normalization.running_var", Some((dw(1), Role::Variance))),
            (Scheme::HuggingFace, "mobilenet_v1.layer.25.convolution.weight", Some((pw(13), Role::Kernel))),
            (Scheme::HuggingFace, "classifier.bias", Some((Slot::Classifier, Role::Bias))),
            (Scheme::Timm, "conv_stem.weight", Some((Slot::Stem, Role::Kernel))),
            (Scheme::Timm, "bn1.bias", Some((Slot::Stem, Role::Beta))),
            (Scheme::Timm, "blocks.3.5.conv_pw.weight", Some((staged(3, 5, Half::Pointwise), Role::Kernel))),
            (Scheme::Timm, "blocks.0.0.bn1.running_mean", Some((staged(0, 0, Half::Depthwise), Role::Mean))),
            (Scheme::Timm, "bn2.weight", Some((Slot::Head, Role::Gamma))),
            (Scheme::Timm, "blocks.0.0.bn1.num_batches_tracked", None),
        ];
        for (scheme, name, meaning) in cases {
            assert_eq!(scheme.parse(name), meaning, "{name}");
        }
    }

    #[test]
    fn a_name_made_is_a_name_read() {
        let roles = [Role::Kernel, Role::Bias, Role::Gamma, Role::Beta, Role::Mean, Role::Variance];
        for scheme in SCHEMES {
            let block = if scheme == Scheme::Timm { staged(3, 5, Half::Pointwise) } else { pw(7) };
            for role in roles {
                for slot in [Slot::Stem, block] {
                    let name = scheme.name(slot, role);
                    assert_eq!(scheme.parse(&name), Some((slot, role)), "{name}");
                }
            }
            for role in [Role::Kernel, Role::Bias] {
                let name = scheme.name(Slot::Classifier, role);
                assert_eq!(scheme.parse(&name), Some((Slot::Classifier, role)), "{name}");
            }
        }
    }

    #[test]
    fn detects_scheme_and_prefix() {
        type Case = (&'static [&'static str], Option<(Scheme, &'static str)>);
        let cases: [Case; 5] = [
            (&["conv1/kernel", "conv_dw_1/depthwise_kernel", "other"], Some((Scheme::Keras, ""))),
            (&["model_weights/conv1/conv1/kernel:0"], Some((Scheme::Keras, "model_weights/"))),
            (
                &["module.bn1.weight", "module.blocks.0.0.bn1.weight", "module.blocks.0.0.bn2.weight"],
                Some((Scheme::Timm, "module.")),
            ),
            (
                &["mobilenet_v1.conv_stem.convolution.weight", "classifier.weight", "classifier.bias"],
                Some((Scheme::HuggingFace, "")),
            ),
            (&["first/kernel", "second/kernel", "classifier.weight"], None),
        ];
        for (names, expected) in cases {
            let found = Naming::detect(names.iter().copied());
            let found = found.as_ref().map(|naming| (naming.scheme, naming.prefix.as_str()));
            assert_eq!(found, expected, "{names:?}");
        }
    }

    #[test]
    fn plain_names() {
        let cases = [
            ("first/kernel", 4, Some(("first", Role::Kernel, Layout::Hwio))),
            ("first.weight", 4, Some(("first", Role::Kernel, Layout::Oihw))),
            ("first_bn.weight", 1, Some(("first", Role::Gamma, Layout::Oihw))),
            ("first_bn/gamma", 1, Some(("first", Role::Gamma, Layout::Hwio))),
            ("first/bias", 1, Some(("first", Role::Bias, Layout::Hwio))),
            ("first/running_var", 1, Some(("first", Role::Variance, Layout::Hwio))),
            ("kernel", 4, None),
            ("first/other", 4, None),
        ];
        for (name, rank, meaning) in cases {
            assert_eq!(plain(name, rank), meaning, "{name}");
        }
    }

    #[test]
    fn state_of_training_is_no_weight() {
        for name in [
            "bn1.num_batches_tracked",
            "global_step",
            "MobilenetV1/Conv2d_0/weights/RMSProp_1",
            "MobilenetV1/Conv2d_0/weights/ExponentialMovingAverage",
            "optimizer/vars/0",
            "metrics/mean/vars/1",
            "layers/dropout/seed_generator/vars/0",
            "/optimizer_weights/Adam/conv1/kernel/m:0",
        ] {
            assert!(of_training(name), "{name}");
        }
        for name in ["conv1/kernel", "Adamant/kernel", "MobilenetV1/Conv2d_0/weights"] {
            assert!(!of_training(name), "{name}");
        }
    }
}
