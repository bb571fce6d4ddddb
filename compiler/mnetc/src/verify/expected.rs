//! Outputs that somebody else has computed: a folder of one JSON a model, each with a folder of `PHOTO.logits.npy`.

use std::path::{Path, PathBuf};

use mobilenet_compiler::interpret::ExpectedValue;
use serde_json::Value;

use crate::Failure;
use crate::tensor::{Tensor, read_row};

/// A photo, as a tensor, and the logits that are expected of it.
pub(super) struct Case {
    pub(super) photo: String,
    pub(super) input: Tensor,
    pub(super) logits: Vec<f32>,
}

/// A photo, as a tensor, and the bytes that are expected of each layer of a quantised model.
pub(super) struct ByteCase {
    pub(super) photo: String,
    pub(super) input: Tensor,
    pub(super) layers: Vec<ExpectedValue>,
}

/// What is expected of a model.
pub(super) enum Expected {
    /// Of floats, logits.
    Logits(Vec<Case>),
    /// Of a quantised model, bytes.
    Bytes(Vec<ByteCase>),
}

/// Names under which what is expected of a model may be found: those of its weights file, then its own.
pub(super) fn names(weights: Option<&Path>, model: Option<&str>) -> Vec<String> {
    let file = weights.iter().flat_map(|path| [path.file_stem(), path.file_name()]).flatten();
    let file = file.map(|name| name.to_string_lossy().into_owned());
    file.chain(model.map(str::to_string)).collect()
}

impl Expected {
    /// Reads what is expected of a model of one of these names. `folder` is that of all models or the model's own; inputs
    /// are where the JSON says, from the folder above that of all models on, or in `inputs`.
    pub(super) fn read(folder: &Path, inputs: Option<&Path>, names: &[String]) -> Result<Self, Failure> {
        let folder = folder.canonicalize().map_err(|error| failed(folder, &error))?;
        let of_all = names.iter().map(|name| folder.join(format!("{name}.json")));
        let own =
            folder.file_name().map(|name| folder.with_file_name(format!("{}.json", name.to_string_lossy())));
        let json = of_all.chain(own).find(|path| path.is_file());
        let cases = match (json, inputs) {
            (Some(json), _) => from_json(&json, inputs)?,
            (None, Some(inputs)) => from_files(&folder, inputs)?,
            (None, None) => {
                let tried: Vec<_> = names.iter().map(|name| format!("{name}.json")).collect();
                let tried = tried.join(", ");
                return Err(failed(
                    &folder,
                    &format!(
                        "there is no {tried} here; to use a folder of PHOTO.logits.npy, say --inputs DIR"
                    ),
                ));
            }
        };
        if cases.is_empty() {
            return Err(failed(&folder, &"there are no expected outputs here"));
        }
        Ok(cases)
    }

    fn is_empty(&self) -> bool {
        match self {
            Expected::Logits(cases) => cases.is_empty(),
            Expected::Bytes(cases) => cases.is_empty(),
        }
    }

    /// The first input.
    pub(super) fn first(&self) -> Option<&Tensor> {
        match self {
            Expected::Logits(cases) => cases.first().map(|case| &case.input),
            Expected::Bytes(cases) => cases.first().map(|case| &case.input),
        }
    }

    /// Height, width and channels of the inputs, where they say so.
    pub(super) fn input(&self) -> Option<[usize; 3]> {
        match self.first()? {
            Tensor::Floats(_, shape) => Some(*shape),
            Tensor::Bytes(_) => None,
        }
    }
}

/// The cases of a JSON file. Its paths start at the folder above its own.
fn from_json(json: &Path, inputs: Option<&Path>) -> Result<Expected, Failure> {
    let text = std::fs::read_to_string(json).map_err(|error| failed(json, &error))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| failed(json, &error))?;
    let data = json.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let cases = document["cases"].as_array().ok_or_else(|| failed(json, &"it has no list `cases`"))?;
    let text = |value: &Value, key: &str| {
        let found = value[key].as_str().map(str::to_string);
        found.ok_or_else(|| failed(json, &format!("a case has no `{key}`")))
    };
    let input = |case: &Value| {
        let path = text(case, "input_file")?;
        let path = Path::new(&path);
        match (inputs, path.file_name()) {
            (Some(folder), Some(name)) => Tensor::read(&folder.join(name)),
            _ => Tensor::read(&data.join(path)),
        }
    };
    if cases.iter().all(|case| case["layers"].is_array()) {
        let layer = |layer: &Value| {
            Ok(ExpectedValue { op: text(layer, "op")?, sha256_16: text(layer, "sha256_16")? })
        };
        let case = |case: &Value| {
            let layers = case["layers"].as_array().into_iter().flatten().map(layer);
            let layers = layers.collect::<Result<_, Failure>>()?;
            Ok(ByteCase { photo: text(case, "photo")?, input: input(case)?, layers })
        };
        return Ok(Expected::Bytes(cases.iter().map(case).collect::<Result<_, Failure>>()?));
    }
    let case = |case: &Value| {
        let logits = read_row(&data.join(text(case, "logits_file")?))?;
        Ok(Case { photo: text(case, "photo")?, input: input(case)?, logits })
    };
    Ok(Expected::Logits(cases.iter().map(case).collect::<Result<_, Failure>>()?))
}

/// The cases of a folder of `PHOTO.logits.npy`: the input of each is the file of the other folder that starts with its name.
fn from_files(folder: &Path, inputs: &Path) -> Result<Expected, Failure> {
    let available = files(inputs)?;
    let mut cases = Vec::new();
    for path in files(folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(photo) = name.strip_suffix(".logits.npy") else { continue };
        let starts = |path: &&PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.strip_prefix(photo).is_some_and(|rest| rest.starts_with(['.', '_']))
                && name.ends_with(".npy")
        };
        let input = match available.iter().filter(starts).collect::<Vec<_>>()[..] {
            [input] => input,
            [] => return Err(failed(inputs, &format!("there is no {photo}_*.npy here"))),
            _ => {
                return Err(failed(
                    inputs,
                    &format!("there are several {photo}_*.npy here; keep one a photo"),
                ));
            }
        };
        let (input, logits) = (Tensor::read(input)?, read_row(&path)?);
        cases.push(Case { photo: photo.to_string(), input, logits });
    }
    Ok(Expected::Logits(cases))
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    Ok(files)
}

fn failed(path: &Path, what: &dyn std::fmt::Display) -> Failure {
    Failure::input(format!("{}: {what}", path.display()))
}
