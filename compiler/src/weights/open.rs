//! Opening: which format a file is of, and what lies beside it.

use std::fs;
use std::path::{Path, PathBuf};

use super::Weights;
use crate::error::{Complaint, Report, Result};
use crate::files;

/// Larger than any MobileNet, with what an optimiser keeps beside it: what exceeds it is not read into memory.
const LARGEST: u64 = 256 << 20;

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Safetensors,
    Tflite,
    Keras,
    Onnx,
    Checkpoint,
}

/// Reads a weights file, or a folder that holds one.
///
/// The format follows from the content, or else from the extension. A safetensors file is read together with the
/// `config.json` beside it, a TensorFlow checkpoint is named by its prefix or one of its files.
///
/// # Errors
/// The file cannot be read, is of no known format, is damaged, or its format is not compiled in.
pub fn open(path: &Path) -> Result<Weights> {
    let path = resolve(path)?;
    let name = path.display().to_string();
    let bytes = read_file(&path)?;
    all_named(&name, read_at(&bytes, &name, Some(&path)))
}

/// The files that weights are read from, so that a build can watch them: the file itself, and what lies beside it.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = resolve(path) else { return vec![path.to_owned()] };
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let mut files = vec![path.clone()];
    let settings = ["config.json", "preprocessor_config.json"].map(|file| folder.join(file));
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        files.extend(settings.into_iter().filter(|file| file.is_file()));
    }
    // The values of a checkpoint lie beside its index, and large ones of an ONNX graph beside the graph.
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut data: Vec<_> = beside
        .filter(|file| {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.strip_prefix(&stem).is_some_and(|rest| rest.starts_with(".data") || rest == ".onnx.data")
        })
        .collect();
    data.sort();
    files.extend(data);
    files
}

/// Reads a weights file that is in memory; `name` is what messages call it, its extension a hint.
///
/// # Errors
/// The bytes are of no known format, are damaged, or their format is not compiled in.
pub fn read(bytes: &[u8], name: &str) -> Result<Weights> {
    all_named(name, read_at(bytes, name, None))
}

/// [`named`], what is wrong with integers alone included.
fn all_named(name: &str, weights: Result<Weights>) -> Result<Weights> {
    let weights = named(name, weights)?;
    let quantised = weights.quantised.map(|quantised| named(name, quantised));
    Ok(Weights { quantised, ..weights })
}

fn read_at(bytes: &[u8], name: &str, path: Option<&Path>) -> Result<Weights> {
    match recognise(bytes, name)? {
        #[cfg(feature = "safetensors")]
        Format::Safetensors => {
            let mut weights = super::safetensors::read(bytes)?;
            if let Some(folder) = path.and_then(Path::parent) {
                settings_beside(&mut weights, folder)?;
            }
            Ok(weights)
        }
        #[cfg(feature = "tflite")]
        Format::Tflite => super::tflite::read(bytes),
        #[cfg(feature = "keras")]
        Format::Keras => super::keras::read(bytes),
        #[cfg(feature = "onnx")]
        Format::Onnx => super::onnx::read(bytes, path.and_then(Path::parent)),
        #[cfg(feature = "tf-checkpoint")]
        Format::Checkpoint => super::checkpoint::read(bytes, path),
        #[allow(unreachable_patterns, reason = "unreachable where every format is compiled in")]
        format => Err(not_compiled_in(format)),
    }
}

/// Messages say which file they are about.
fn named<T>(name: &str, result: Result<T>) -> Result<T> {
    result.map_err(|report| {
        let mut named = Report::new();
        for complaint in report.complaints() {
            let message = format!("{name}: {}", complaint.message);
            named.push(Complaint { message, ..complaint.clone() });
        }
        named
    })
}

/// The format of a file.
fn recognise(bytes: &[u8], name: &str) -> Result<Format> {
    const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or("");
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if bytes.is_empty() {
        return Err(Complaint::new("the file is empty").into());
    }
    if at(4, b"TFL3") {
        return Ok(Format::Tflite);
    }
    // A block of the user's own may precede HDF5; its length is a power of two from 512 on.
    if at(0, HDF5) || (9..20).any(|power| at(1 << power, HDF5)) {
        return Ok(Format::Keras);
    }
    if at(0, b"PK\x03\x04") {
        let contains = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
        return match contains(b"model.weights.h5") {
            true => Ok(Format::Keras),
            false if contains(b"data.pkl") => Err(pickle()),
            false => Err(unknown("a zip archive that holds no model.weights.h5")),
        };
    }
    if bytes.len() > 8 && bytes[8] == b'{' && bytes[5..8] == [0; 3] {
        return Ok(Format::Safetensors);
    }
    // The end of a table of TensorFlow's, a leveldb-like file.
    if bytes.ends_with(&0xdb47_7524_8b80_fb57_u64.to_le_bytes()) {
        return Ok(Format::Checkpoint);
    }
    match extension {
        "safetensors" => Ok(Format::Safetensors),
        "tflite" => Ok(Format::Tflite),
        "h5" | "hdf5" | "keras" => Ok(Format::Keras),
        "onnx" => Ok(Format::Onnx),
        "index" => Ok(Format::Checkpoint),
        "pt" | "pth" | "bin" | "ckpt" if at(0, b"\x80\x02") => Err(pickle()),
        // An ONNX model begins with its version, field 1.
        _ if at(0, &[8]) && bytes.get(1).is_some_and(|version| (1..32).contains(version)) => Ok(Format::Onnx),
        _ => Err(unknown("neither its content nor its extension is that of a known format")),
    }
}

fn unknown(why: &str) -> Report {
    Complaint::new(format!("no weights file: {why}"))
        .help("readable are .safetensors, .tflite, .h5, .keras, .onnx and TensorFlow checkpoints (.index)")
        .into()
}

fn pickle() -> Report {
    Complaint::new("a PyTorch pickle, which may run code when read; it is not supported")
        .help("save it with safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")")
        .into()
}

fn not_compiled_in(format: Format) -> Report {
    let (name, feature) = match format {
        Format::Safetensors => ("a safetensors file", "safetensors"),
        Format::Tflite => ("a TensorFlow Lite file", "tflite"),
        Format::Keras => ("a Keras file", "keras"),
        Format::Onnx => ("an ONNX file", "onnx"),
        Format::Checkpoint => ("a TensorFlow checkpoint", "tf-checkpoint"),
    };
    Complaint::new(format!("{name}, which this build does not read"))
        .help(format!("enable feature `{feature}` of mobilenet-compiler"))
        .into()
}

/// The file meant by a path: itself, the index of a checkpoint, or the one weights file in a folder.
fn resolve(path: &Path) -> Result<PathBuf> {
    let with_suffix = |path: &Path, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    if path.is_dir() {
        return in_folder(path);
    }
    let index = with_suffix(path, ".index");
    if !path.exists() && index.is_file() {
        return Ok(index);
    }
    if let Some((prefix, _)) = path.to_str().and_then(|path| path.rsplit_once(".data-")) {
        return Ok(with_suffix(Path::new(prefix), ".index"));
    }
    Ok(path.to_owned())
}

/// The weights file in a folder, such as a download from Hugging Face's hub.
fn in_folder(folder: &Path) -> Result<PathBuf> {
    let usual = folder.join("model.safetensors");
    if usual.is_file() {
        return Ok(usual);
    }
    let failed = |error| Complaint::new(format!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("safetensors" | "tflite" | "h5" | "keras" | "onnx" | "index"))
            && path.is_file()
        {
            found.push(path);
        }
    }
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Complaint::new(format!("{}: a folder without weights files", folder.display())).into()),
        several => {
            let names: Vec<_> = several.iter().filter_map(|path| path.file_name()?.to_str()).collect();
            Err(Complaint::new(format!("{}: a folder with several weights files", folder.display()))
                .help(format!("name one of {}", names.join(", ")))
                .into())
        }
    }
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| Complaint::new(format!("{}: {error}", path.display()));
    let metadata = fs::metadata(path).map_err(|error| failed(&error))?;
    if !metadata.is_file() {
        return Err(failed(&"not a regular file").into());
    }
    if metadata.len() > LARGEST {
        return Err(failed(&"larger than any MobileNet").into());
    }
    files::read_file(path, LARGEST)
}

/// Applies the settings that lie beside a safetensors file.
#[cfg(feature = "safetensors")]
fn settings_beside(weights: &mut Weights, folder: &Path) -> Result<()> {
    use super::{Scheme, settings};
    // Files of other families have no such settings; a config.json there is about something else.
    if !weights
        .naming
        .as_ref()
        .is_some_and(|naming| matches!(naming.scheme, Scheme::HuggingFace | Scheme::Timm))
    {
        return Ok(());
    }
    for (file, apply) in [
        ("config.json", settings::apply_config as fn(&mut Weights, &str) -> Result<()>),
        ("preprocessor_config.json", settings::apply_preprocessor),
    ] {
        let path = folder.join(file);
        if path.is_file() {
            let text = String::from_utf8(read_file(&path)?);
            let text = text.map_err(|_| Complaint::new(format!("{file} is not UTF-8")))?;
            apply(weights, &text)?;
        }
    }
    Ok(())
}
