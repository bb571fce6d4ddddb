//! Outputs that somebody else has computed: a folder of one JSON a model, each with a folder of `PHOTO.logits.npy`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Failure;
use crate::tensor::{Tensor, read_row};

/// A photo, as a tensor, and the logits that are expected of it.
pub(super) struct Case {
    pub(super) photo: String,
    pub(super) input: Tensor,
    pub(super) logits: Vec<f32>,
}

/// What is expected of a model.
pub(super) struct Expected {
    pub(super) cases: Vec<Case>,
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
        Ok(Expected { cases })
    }

    /// Height, width and channels of the inputs, where they say so.
    pub(super) fn input(&self) -> Option<[usize; 3]> {
        match self.cases.first()?.input {
            Tensor::Floats(_, shape) => Some(shape),
            Tensor::Bytes(_) => None,
        }
    }
}

/// The cases of a JSON file. Its paths start at the folder above its own.
fn from_json(json: &Path, inputs: Option<&Path>) -> Result<Vec<Case>, Failure> {
    let text = std::fs::read_to_string(json).map_err(|error| failed(json, &error))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| failed(json, &error))?;
    let data = json.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let cases = document["cases"].as_array().ok_or_else(|| failed(json, &"it has no list `cases`"))?;
    cases.iter().map(|case| one(case, json, data, inputs)).collect()
}

fn one(case: &Value, json: &Path, data: &Path, inputs: Option<&Path>) -> Result<Case, Failure> {
    let text = |key: &str| case[key].as_str().ok_or_else(|| failed(json, &format!("a case has no `{key}`")));
    if case.get("layers").is_some() {
        return Err(failed(
            json,
            &"these are outputs of a quantised model, and 8-bit arithmetic is not built yet",
        ));
    }
    let input = Path::new(text("input_file")?);
    let input = match (inputs, input.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => data.join(input),
    };
    Ok(Case {
        photo: text("photo")?.to_string(),
        input: Tensor::read(&input)?,
        logits: read_row(&data.join(text("logits_file")?))?,
    })
}

/// The cases of a folder of `PHOTO.logits.npy`: the input of each is the file of the other folder that starts with its name.
fn from_files(folder: &Path, inputs: &Path) -> Result<Vec<Case>, Failure> {
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
    Ok(cases)
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
