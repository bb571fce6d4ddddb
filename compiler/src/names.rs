//! Names of models: every spelling in, one spelling and one identifier out.

mod pattern;

use std::path::Path;
use std::sync::Arc;

use crate::error::{Complaint, Report, Result};
use crate::nearest::{list, nearest};
use crate::settings::{self, Wish};
use crate::spec::Spec;

/// A spec at a width and a resolution.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The spec.
    pub spec: Arc<Spec>,
    /// Width multiplier.
    pub alpha: f64,
    /// Pixels along a side of the input.
    pub resolution: usize,
}

impl Model {
    /// A spec as it stands: alpha 1, its own resolution.
    pub fn of(spec: Arc<Spec>) -> Self {
        Model { alpha: 1.0, resolution: spec.input.resolution, spec }
    }

    /// A name, or a path to a spec (which ends in `.yaml` or `.yml`).
    ///
    /// # Errors
    ///
    /// There is no such model or file, or the spec is faulty.
    pub fn open(name: &str) -> Result<Self> {
        match is_path(name) {
            true => Ok(Model::of(Arc::new(Spec::load(Path::new(name))?))),
            false => Catalogue::built_in()?.find(name),
        }
    }

    /// Its name as it is shown: `0.75_MobileNet_medium`.
    pub fn name(&self) -> String {
        let word = self.word();
        match self.spec.naming.patterns.first() {
            Some(pattern) => pattern::fill(pattern, &decimal(self.alpha), &word),
            None => format!("{}_{}_{word}", decimal(self.alpha), self.spec.name),
        }
    }

    /// The resolution as its name has it: `medium`, or `96` where there is no word.
    fn word(&self) -> String {
        let mut words = self.spec.naming.resolutions.iter();
        match words.find(|resolution| resolution.pixels == self.resolution) {
            Some(resolution) => resolution.word.clone(),
            None => self.resolution.to_string(),
        }
    }

    /// The name of its Rust type: `MobileNetV1_0_75_192`.
    pub fn type_name(&self) -> String {
        // Words that the shown name spells in its own way keep it: `mobilenet` becomes `MobileNet`.
        let shown = self.spec.naming.patterns.first().map_or("", |pattern| &pattern.text);
        let words = self.spec.name.split('_').map(|word| {
            let own = shown.to_ascii_lowercase().find(word).map(|at| &shown[at..at + word.len()]);
            let own = own.filter(|own| own.starts_with(|c: char| c.is_ascii_uppercase()));
            own.map_or_else(|| capitalised(word), str::to_string)
        });
        format!("{}_{}", words.collect::<String>(), self.digits())
    }

    /// The name of its Rust module and source file: `mobilenet_v1_0_75_192`.
    pub fn module(&self) -> String {
        format!("{}_{}", self.spec.name, self.digits())
    }

    /// `0_75_192`.
    fn digits(&self) -> String {
        format!("{}_{}", decimal(self.alpha).replace('.', "_"), self.resolution)
    }

    /// Published accuracy on ImageNet, top-1 and top-5, in percent.
    pub fn accuracy(&self) -> Option<[f64; 2]> {
        let mut models = self.spec.naming.models.iter();
        models.find(|model| model.alpha == self.alpha && model.resolution == self.resolution)?.accuracy
    }
}

impl From<&Model> for Wish {
    fn from(model: &Model) -> Self {
        Wish { alpha: Some(model.alpha), resolution: Some(model.resolution), classes: None }
    }
}

/// Specs whose models can be called by name.
#[derive(Clone, Debug)]
pub struct Catalogue {
    specs: Vec<Arc<Spec>>,
}

impl Catalogue {
    /// The specs of the crate `mobilenet-specs`.
    ///
    /// # Errors
    ///
    /// A spec is faulty.
    pub fn built_in() -> Result<Self> {
        let parse = |file: &mobilenet_specs::File| Spec::parse(file.name, file.text).map(Arc::new);
        Ok(Catalogue { specs: mobilenet_specs::ALL.iter().map(parse).collect::<Result<_>>()? })
    }

    /// The specs.
    pub fn specs(&self) -> &[Arc<Spec>] {
        &self.specs
    }

    /// The models that have a name, the largest first.
    pub fn models(&self) -> Vec<Model> {
        let models = |spec: &Arc<Spec>| {
            let spec = spec.clone();
            let named = spec.naming.models.clone().into_iter();
            named.map(move |named| Model {
                spec: spec.clone(),
                alpha: named.alpha,
                resolution: named.resolution,
            })
        };
        self.specs.iter().flat_map(models).collect()
    }

    /// The model of a name, in any of its spellings; a spec's own name is that of its model at alpha 1.
    ///
    /// # Errors
    ///
    /// There is none: the error lists the names and offers the nearest.
    pub fn find(&self, name: &str) -> Result<Model> {
        let name = name.trim();
        self.get(name).map_err(|why| {
            let reason = why.as_ref().and_then(|report| report.complaints().first());
            let reason = reason.map_or(String::new(), |complaint| format!(": {}", complaint.message));
            let name: String = name.chars().take(100).collect();
            Complaint::new(format!("there is no model `{name}`{reason}")).help(self.help(&name)).into()
        })
    }

    /// As [`find`](Self::find), without looking for what was meant.
    ///
    /// # Errors
    ///
    /// There is none; what is wrong with the numbers of a name that is else sound.
    pub fn get(&self, name: &str) -> std::result::Result<Model, Option<Report>> {
        let name = name.trim();
        let mut why = None;
        for spec in &self.specs {
            if name.eq_ignore_ascii_case(&spec.name) {
                return Ok(Model::of(spec.clone()));
            }
            for spelling in spec.naming.patterns.iter().filter_map(|pattern| pattern::read(pattern, name)) {
                match model(spec, spelling.alpha, spelling.rho) {
                    Ok(model) => return Ok(model),
                    Err(report) => why = why.or(Some(report)),
                }
            }
        }
        Err(why)
    }

    fn help(&self, name: &str) -> String {
        let spellings = self.spellings();
        let guess = nearest(name, spellings.iter().map(String::as_str));
        let guess = guess.map_or(String::new(), |guess| format!("did you mean `{guess}`? "));
        let names: Vec<_> = self.models().iter().map(Model::name).collect();
        format!("{guess}The models are {}; or give the path of a spec, which ends in .yaml", names.join(", "))
    }

    /// Every spelling of every model, the shown ones first.
    fn spellings(&self) -> Vec<String> {
        let models = self.models();
        let mut spellings: Vec<_> = models.iter().map(Model::name).collect();
        for model in &models {
            for pattern in &model.spec.naming.patterns {
                let mut alphas = pattern.alphas.iter();
                let alpha = match alphas.find(|(_, alpha)| *alpha == model.alpha) {
                    Some((spelling, _)) => spelling.clone(),
                    None if pattern.alphas.is_empty() => decimal(model.alpha),
                    None => continue,
                };
                spellings.push(pattern::fill(pattern, &alpha, &model.resolution.to_string()));
            }
        }
        spellings.extend(self.specs.iter().map(|spec| spec.name.clone()));
        spellings
    }
}

fn model(spec: &Arc<Spec>, alpha: Option<pattern::Alpha<'_>>, rho: Option<&str>) -> Result<Model> {
    let alpha = match alpha {
        None => 1.0,
        Some(pattern::Alpha::Value(value)) => value,
        Some(pattern::Alpha::Digits(digits)) => self::alpha(digits)?,
    };
    let resolution = rho.map_or(Ok(spec.input.resolution), |rho| self::rho(spec, rho))?;
    Ok(Model { spec: spec.clone(), alpha, resolution })
}

/// Whether a model is given by the path of its spec: it ends in `.yaml` or `.yml`.
pub fn is_path(model: &str) -> bool {
    let extension = Path::new(model).extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml"))
}

/// A width multiplier as text.
///
/// # Errors
///
/// It is no number, or not above 0 and at most 2.
pub fn alpha(text: &str) -> Result<f64> {
    let number = text.trim().parse().map_err(|_| {
        Complaint::new(format!("alpha, the width multiplier, is a number such as 0.75, not `{text}`"))
    })?;
    settings::alpha(number)
}

/// A resolution multiplier: a word (`medium`), a resolution (`192`) or a ratio (`0.857`).
///
/// A ratio that is rounded is taken for the resolution with a name that it was rounded from: 0.857 and 0.86 are 192 of
/// 224. Up to 2, a number is a ratio.
///
/// # Errors
///
/// It is none of these, or the resolution is absurd; a ratio leaves fewer than 3 pixels.
pub fn rho(spec: &Spec, text: &str) -> Result<usize> {
    let text = text.trim();
    let named = &spec.naming.resolutions;
    if let Some(resolution) = named.iter().find(|resolution| resolution.word.eq_ignore_ascii_case(text)) {
        return Ok(resolution.pixels);
    }
    match text.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio <= 2.0 => match ratio_of(spec, ratio, text) {
            // A name would say 2 of 2 pixels, and is read as twice as many.
            pixels @ ..3 => Err(no_pixels(text, pixels).into()),
            pixels => settings::resolution(pixels),
        },
        Ok(pixels) if pixels > 2.0 && pixels.fract() == 0.0 => settings::resolution(pixels as usize),
        _ => Err(no_rho(spec, text).into()),
    }
}

fn ratio_of(spec: &Spec, ratio: f64, text: &str) -> usize {
    let named = &spec.naming.resolutions;
    let base = named.first().map_or(spec.input.resolution, |first| first.pixels) as f64;
    // Half a unit of the last digit, of the second at least: 0.7 is a ratio of its own.
    let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len()).clamp(2, 9);
    let rounding = 0.5 / 10f64.powi(digits as i32);
    let rounded = |pixels: usize| (pixels as f64 / base - ratio).abs() <= rounding * 1.000_001;
    let exact = (base * ratio).round() as usize;
    named.iter().map(|resolution| resolution.pixels).find(|&pixels| rounded(pixels)).unwrap_or(exact)
}

fn no_pixels(text: &str, pixels: usize) -> Complaint {
    let text: String = text.chars().take(40).collect();
    Complaint::new(format!("a ratio of `{text}` leaves {pixels} pixels along a side: 3 are the least"))
}

fn no_rho(spec: &Spec, text: &str) -> Complaint {
    let words: Vec<_> = spec.naming.resolutions.iter().map(|resolution| resolution.word.as_str()).collect();
    let guess = nearest(text, words.iter().copied());
    let guess = guess.map_or(String::new(), |guess| format!("did you mean `{guess}`? "));
    let words = if words.is_empty() { String::new() } else { format!("one of {}, ", list(&words)) };
    let text: String = text.chars().take(40).collect();
    Complaint::new(format!("`{text}` is no resolution"))
        .help(format!("{guess}A resolution is {words}a number of pixels, or a ratio such as 0.857"))
}

/// A number with at least one digit after the point: `1.0`, `0.75`.
pub fn decimal(number: f64) -> String {
    let text = number.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}
