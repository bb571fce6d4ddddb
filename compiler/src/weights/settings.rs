//! Settings beside the weights: `config.json` and `preprocessor_config.json`, as Hugging Face's hub keeps them for
//! models of transformers and of timm.

use std::collections::BTreeMap;

use mobilenet_kernels::image::{Filter, Framing, Normalise};
use serde::Deserialize;

use super::Weights;
use crate::error::{Complaint, Result};
use crate::family::{Activation, Padding};

/// What `config.json` says: the upper fields in transformers' files, the lower ones in timm's.
#[derive(Deserialize)]
struct Config {
    model_type: Option<String>,
    tf_padding: Option<bool>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    image_size: Option<usize>,
    id2label: Option<BTreeMap<String, String>>,

    architecture: Option<String>,
    pretrained_cfg: Option<Pretrained>,
    label_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Pretrained {
    /// Channels, height, width.
    input_size: Option<[usize; 3]>,
    interpolation: Option<String>,
    crop_pct: Option<f32>,
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
}

/// What `preprocessor_config.json` says.
#[derive(Deserialize)]
struct Preprocessor {
    size: Option<Size>,
    crop_size: Option<Size>,
    do_center_crop: Option<bool>,
    rescale_factor: Option<f32>,
    image_mean: Option<Vec<f32>>,
    image_std: Option<Vec<f32>>,
    /// Pillow's number of the filter.
    resample: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Square(f32),
    Sides { shortest_edge: Option<f32>, height: Option<f32> },
}

impl Size {
    fn side(&self) -> Option<f32> {
        match *self {
            Size::Square(side) => Some(side),
            Size::Sides { shortest_edge, height } => shortest_edge.or(height),
        }
        .filter(|&side| side >= 1.0)
    }
}

/// Applies `config.json`.
pub(super) fn apply_config(weights: &mut Weights, text: &str) -> Result<()> {
    let config: Config = serde_json::from_str(text).map_err(damaged("config.json"))?;
    if let Some(other) = config.model_type.as_ref().filter(|model| *model != "mobilenet_v1") {
        return Err(foreign(other));
    }
    if let Some(other) = config.architecture.as_ref().filter(|model| !model.starts_with("mobilenetv1")) {
        return Err(foreign(other));
    }
    if let Some(tensorflow) = config.tf_padding {
        let padding = if tensorflow { Padding::Same } else { Padding::Symmetric };
        weights.padding = Some(padding);
        weights.family.padding = padding;
    }
    match config.hidden_act.as_deref() {
        None => {}
        Some("relu") => weights.family.activation = Activation::Relu,
        Some("relu6") => weights.family.activation = Activation::Relu6,
        Some(other) => {
            return Err(Complaint::new(format!("config.json: activation `{other}` is not supported"))
                .help("relu and relu6 are")
                .into());
        }
    }
    if let Some(epsilon) = config.layer_norm_eps {
        if !(epsilon > 0.0 && epsilon < 1.0) {
            return Err(Complaint::new(format!("config.json: layer_norm_eps is {epsilon}")).into());
        }
        weights.family.epsilon = epsilon;
        for norm in weights.layers.iter_mut().filter_map(|layer| layer.batchnorm.as_mut()) {
            norm.epsilon = Some(epsilon);
        }
    }
    if let Some(size) = config.image_size {
        set_input(weights, size, size);
        // As the converter of the published weights sets it: the shorter side is 32 more than the crop.
        weights.family.preprocess.framing = Framing::Square { fraction: size as f32 / (size as f32 + 32.0) };
    }
    weights.labels = config.label_names.or_else(|| config.id2label.and_then(in_order));
    if let Some(pretrained) = config.pretrained_cfg {
        apply_pretrained(weights, pretrained);
    }
    Ok(())
}

fn apply_pretrained(weights: &mut Weights, pretrained: Pretrained) {
    if let Some([_, height, width]) = pretrained.input_size {
        set_input(weights, height, width);
    }
    let preprocess = &mut weights.family.preprocess;
    if let Some(fraction) = pretrained.crop_pct.filter(|&fraction| fraction > 0.0 && fraction <= 1.0) {
        preprocess.framing = Framing::Square { fraction };
    }
    match pretrained.interpolation.as_deref() {
        Some("bicubic") => preprocess.filter = Filter::Bicubic,
        Some("bilinear") => preprocess.filter = Filter::Bilinear,
        _ => {}
    }
    let normalise = normalise(1.0 / 255.0, pretrained.mean.as_deref(), pretrained.std.as_deref());
    preprocess.normalise = normalise.unwrap_or(preprocess.normalise);
}

/// Applies `preprocessor_config.json`.
pub(super) fn apply_preprocessor(weights: &mut Weights, text: &str) -> Result<()> {
    let config: Preprocessor = serde_json::from_str(text).map_err(damaged("preprocessor_config.json"))?;
    let preprocess = &mut weights.family.preprocess;
    let side = |size: &Option<Size>| size.as_ref().and_then(Size::side);
    match (config.do_center_crop, side(&config.size), side(&config.crop_size)) {
        (Some(false), _, _) => preprocess.framing = Framing::Stretch,
        (_, Some(edge), Some(crop)) if crop <= edge => {
            preprocess.framing = Framing::Square { fraction: crop / edge }
        }
        _ => {}
    }
    match config.resample {
        Some(2) => preprocess.filter = Filter::Bilinear,
        Some(3) => preprocess.filter = Filter::Bicubic,
        _ => {}
    }
    let scale = config.rescale_factor.unwrap_or(1.0 / 255.0);
    let normalise = normalise(scale, config.image_mean.as_deref(), config.image_std.as_deref());
    preprocess.normalise = normalise.unwrap_or(preprocess.normalise);
    Ok(())
}

fn damaged(file: &str) -> impl Fn(serde_json::Error) -> Complaint {
    move |error| Complaint::new(format!("{file}: {error}"))
}

fn foreign(model: &str) -> crate::error::Report {
    Complaint::new(format!("config.json is that of a {model}, not of a MobileNet v1")).into()
}

fn set_input(weights: &mut Weights, height: usize, width: usize) {
    if (1..=8192).contains(&height) && (1..=8192).contains(&width) {
        weights.input = weights.layers.first().map(|stem| [height, width, stem.inputs()]);
    }
}

/// Labels by index, if every index has one and they are more than the default `LABEL_0`.
fn in_order(labels: BTreeMap<String, String>) -> Option<Vec<String>> {
    if labels.iter().all(|(index, label)| label.strip_prefix("LABEL_") == Some(index)) {
        return None;
    }
    (0..labels.len()).map(|index| labels.get(&index.to_string()).cloned()).collect()
}

/// `(byte * scale - mean) / std` as a factor and a summand.
fn normalise(scale: f32, mean: Option<&[f32]>, std: Option<&[f32]>) -> Option<Normalise> {
    let (mean, std) = (mean?, std?);
    let sound = std.iter().all(|&std| std > 0.0) && mean.iter().all(|mean| mean.is_finite());
    if !(sound && scale > 0.0 && mean.len() == std.len() && (1..=4).contains(&mean.len())) {
        return None;
    }
    let channel = |i: usize| i.min(mean.len() - 1);
    Some(Normalise {
        scale: std::array::from_fn(|i| scale / std[channel(i)]),
        offset: std::array::from_fn(|i| -mean[channel(i)] / std[channel(i)]),
    })
}
