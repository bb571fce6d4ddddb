//! The configuration of a Keras model: a JSON list of layers with their settings.

use std::collections::HashMap;

use mobilenet_kernels::image::Normalise;
use serde_json::Value;

use super::layers::Numbering;
use crate::error::{Complaint, Report, Result};
use crate::family::Activation;
use crate::weights::borders::{Border, Borders};
use crate::weights::{Kind, Role, Weights};

/// Larger than any image that a network looks at.
const LARGEST_SIDE: u64 = 8192;

/// What computes nothing that matters here: it shapes, or does its work in training only.
const NEUTRAL: [&str; 9] = [
    "input_layer",
    "dropout",
    "spatial_dropout2d",
    "gaussian_noise",
    "flatten",
    "reshape",
    "global_average_pooling2d",
    "average_pooling2d",
    "softmax",
];

/// A model's configuration.
#[derive(Debug)]
pub(super) struct Config {
    layers: Vec<Layer>,
}

/// A layer of it; submodels are replaced by their layers.
#[derive(Debug)]
struct Layer {
    /// The group that its variables have in a `.weights.h5`.
    group: String,
    /// Its class as groups are named: `depthwise_conv2d`.
    class: String,
    name: String,
    settings: Value,
}

impl Config {
    /// Reads JSON.
    pub(super) fn parse(text: &str) -> Result<Config> {
        let model: Value = serde_json::from_str(text)
            .map_err(|error| Complaint::new(format!("the model's configuration: {error}")))?;
        let mut layers = Vec::new();
        collect(&model, "layers/", &mut layers);
        Ok(Config { layers })
    }

    /// Names of layers by the groups that their variables have in a `.weights.h5`.
    pub(super) fn names(&self) -> HashMap<String, String> {
        self.layers.iter().map(|layer| (layer.group.clone(), layer.name.clone())).collect()
    }

    /// Applies what it says to weights.
    ///
    /// # Errors
    /// Every layer that a MobileNet v1 does not have.
    pub(super) fn apply(&self, weights: &mut Weights) -> Result<()> {
        let input = self.layers.iter().find_map(Layer::input);
        let mut walk = Walk::new(input.map(|[height, width, _]| [height, width]));
        let mut report = Report::new();
        for layer in &self.layers {
            if let Err(what) = walk.layer(layer) {
                report.push(Complaint::new(format!("layer `{}` of the model: {what}", layer.name)));
            }
        }
        weights.input = input;
        if let Some(activation) = walk.activation {
            weights.family.activation = activation;
        }
        if let Some(normalise) = walk.normalise {
            weights.family.preprocess.normalise = normalise;
        }
        // Where the input is even, several explain all borders; then the family's own will do.
        let usual = weights.family.padding;
        let found = walk.borders.paddings().unwrap_or_default();
        weights.padding = if found.contains(&usual) { Some(usual) } else { found.first().copied() };
        weights.family.padding = weights.padding.unwrap_or(usual);
        self.set_epsilons(weights);
        report.into_result(())
    }

    fn set_epsilons(&self, weights: &mut Weights) {
        let epsilons: HashMap<&str, f64> = (self.layers.iter())
            .filter(|layer| layer.class == "batch_normalization")
            .filter_map(|layer| Some((layer.name.as_str(), layer.settings["epsilon"].as_f64()?)))
            .filter(|(_, epsilon)| (0.0..1.0).contains(epsilon))
            .collect();
        for layer in &mut weights.layers {
            let norm = layer.tensor(Role::Gamma).and_then(|name| name.rsplit_once('/'));
            let epsilon = norm.and_then(|(name, _)| epsilons.get(name)).copied();
            if let (Some(norm), Some(epsilon)) = (&mut layer.batchnorm, epsilon) {
                norm.epsilon = Some(epsilon);
            }
        }
        let first = weights.layers.iter().find_map(|layer| layer.batchnorm.as_ref()?.epsilon);
        weights.family.epsilon = first.unwrap_or(weights.family.epsilon);
    }
}

/// Lists the layers of a model, whose variables lie below a group.
fn collect(model: &Value, below: &str, layers: &mut Vec<Layer>) {
    let config = &model["config"];
    // Sequential models were a mere list once.
    let Some(list) = config["layers"].as_array().or_else(|| config.as_array()) else { return };
    let classes: Vec<String> = list.iter().map(|layer| snake_case(text(&layer["class_name"]))).collect();
    let mut numbering = Numbering::default();
    for (layer, class) in list.iter().zip(&classes) {
        let settings = &layer["config"];
        let group = format!("{below}{}", numbering.next(class));
        if settings["layers"].is_array() || settings.is_array() {
            collect(layer, &format!("{group}/layers/"), layers);
            continue;
        }
        let name = text(&settings["name"]).to_owned();
        layers.push(Layer { group, class: class.clone(), name, settings: settings.clone() });
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// `DepthwiseConv2D` as Keras names groups for it: `depthwise_conv2d`. A package may stand before it (`mine>ReLU`).
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.rsplit('>').next().unwrap_or(class).chars().collect();
    let mut name = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let lower = |at: usize| letters.get(at).is_some_and(|letter| letter.is_lowercase());
        if i > 0 && letter.is_uppercase() && (lower(i - 1) || lower(i + 1)) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

impl Layer {
    /// Height, width and channels of a model that begins with the layer, where it says.
    fn input(&self) -> Option<[usize; 3]> {
        let shape =
            ["batch_shape", "batch_input_shape"].iter().find_map(|key| self.settings[key].as_array())?;
        let [_, height, width, channels] = shape.as_slice() else { return None };
        let within = |value: &Value, most: u64| {
            value.as_u64().filter(|value| (1..=most).contains(value)).map(|value| value as usize)
        };
        Some([within(height, LARGEST_SIDE)?, within(width, LARGEST_SIDE)?, within(channels, 4)?])
    }

    /// A setting that is a pair of numbers, or one for both.
    fn pair(&self, key: &str) -> Option<[usize; 2]> {
        pair(&self.settings[key])
    }
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|value| usize::try_from(value).ok())
}

fn pair(value: &Value) -> Option<[usize; 2]> {
    match value.as_array().map(Vec::as_slice) {
        Some([a, b]) => Some([number(a)?, number(b)?]),
        Some(_) => None,
        None => number(value).map(|value| [value; 2]),
    }
}

/// A model followed layer by layer.
struct Walk {
    borders: Borders,
    /// Zeros that a layer of its own has put around the map.
    zeros: [usize; 4],
    activation: Option<Activation>,
    normalise: Option<Normalise>,
    convolved: bool,
}

impl Walk {
    fn new(input: Option<[usize; 2]>) -> Walk {
        Walk {
            borders: Borders::new(input),
            zeros: [0; 4],
            activation: None,
            normalise: None,
            convolved: false,
        }
    }

    fn layer(&mut self, layer: &Layer) -> std::result::Result<(), String> {
        let settings = &layer.settings;
        match layer.class.as_str() {
            "conv2d" => self.convolution(layer, Kind::Conv),
            "depthwise_conv2d" => self.convolution(layer, Kind::Depthwise),
            "dense" => self.activated(&settings["activation"]),
            "activation" => self.activated(&settings["activation"]),
            "re_lu" => self.rectified(settings),
            "zero_padding2d" => self.padded(&settings["padding"]),
            "batch_normalization" => match settings["epsilon"].as_f64() {
                Some(epsilon) if !(0.0..1.0).contains(&epsilon) => Err(format!("epsilon is {epsilon}")),
                _ => Ok(()),
            },
            "rescaling" => self.rescaled(settings),
            // What comes before the network prepares photos, as is done here too.
            class if NEUTRAL.contains(&class) || !self.convolved => Ok(()),
            class => Err(format!("a MobileNet v1 has no {class}")),
        }
    }

    fn convolution(&mut self, layer: &Layer, kind: Kind) -> std::result::Result<(), String> {
        self.convolved = true;
        for (key, what) in
            [("dilation_rate", "dilated"), ("groups", "grouped"), ("depth_multiplier", "multiplied in depth")]
        {
            if layer.pair(key).is_some_and(|pair| pair != [1; 2]) {
                return Err(format!("its convolution is {what}"));
            }
        }
        let (Some(window), Some([stride, other])) = (layer.pair("kernel_size"), layer.pair("strides")) else {
            return Err("kernel_size and strides are no pairs of numbers".to_owned());
        };
        if stride != other {
            return Err(format!("its strides are {stride} and {other}"));
        }
        let zeros = std::mem::take(&mut self.zeros);
        let border = match text(&layer.settings["padding"]) {
            "same" if zeros == [0; 4] => Border::Same,
            "valid" => Border::Explicit(zeros),
            other => return Err(format!("padding {other:?} with {zeros:?} zeros before it")),
        };
        match window {
            [1, 1] if stride != 1 || zeros != [0; 4] => {
                return Err("a 1x1 convolution with stride or padding".to_owned());
            }
            [1, 1] => {}
            _ => self.borders.slide(kind, window, stride, border)?,
        }
        self.activated(&layer.settings["activation"])
    }

    /// Zeros put around the map: one number, two, or two pairs.
    fn padded(&mut self, padding: &Value) -> std::result::Result<(), String> {
        let sides = match padding.as_array().map(Vec::as_slice) {
            Some([rows, columns]) => pair(rows).zip(pair(columns)),
            _ => pair(padding).map(|[rows, columns]| ([rows; 2], [columns; 2])),
        };
        let Some(([top, bottom], [left, right])) = sides else {
            return Err("its padding is no pairs of numbers".to_owned());
        };
        self.zeros = [top, left, bottom, right];
        Ok(())
    }

    /// An activation by name; what a custom function is called is in its `config`.
    fn activated(&mut self, activation: &Value) -> std::result::Result<(), String> {
        let name = activation.as_str().or_else(|| activation["config"].as_str());
        match name.unwrap_or("linear") {
            "linear" | "softmax" => Ok(()),
            "relu" => self.clamped(Activation::Relu),
            "relu6" => self.clamped(Activation::Relu6),
            other => Err(format!("activation `{other}` is not supported")),
        }
    }

    fn rectified(&mut self, settings: &Value) -> std::result::Result<(), String> {
        let zero = |key: &str| settings[key].as_f64().is_none_or(|value| value == 0.0);
        if !zero("negative_slope") || !zero("threshold") {
            return Err("a ReLU with slope or threshold is not supported".to_owned());
        }
        self.clamped(match settings["max_value"].as_f64() {
            None => Activation::Relu,
            Some(6.0) => Activation::Relu6,
            Some(most) => Activation::Clamp(0.0, most as f32),
        })
    }

    fn clamped(&mut self, activation: Activation) -> std::result::Result<(), String> {
        match *self.activation.get_or_insert(activation) {
            first if first == activation => Ok(()),
            first => Err(format!("its activation is {activation}, that of the layers before {first}")),
        }
    }

    fn rescaled(&mut self, settings: &Value) -> std::result::Result<(), String> {
        let (Some(scale), Some(offset)) = (settings["scale"].as_f64(), settings["offset"].as_f64()) else {
            return Err("scale and offset are no numbers".to_owned());
        };
        if self.convolved || self.normalise.is_some() {
            return Err("it rescales other than once, at the beginning".to_owned());
        }
        self.normalise = Some(Normalise { scale: [scale as f32; 4], offset: [offset as f32; 4] });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_as_groups_are_named() {
        for (class, group) in [
            ("Conv2D", "conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("ReLU", "re_lu"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("mine>InputLayer", "input_layer"),
            ("", ""),
        ] {
            assert_eq!(snake_case(class), group);
        }
    }
}
