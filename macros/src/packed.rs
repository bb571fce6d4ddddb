//! Where packed weights wait to be included.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use mobilenet_compiler::error::{Complaint, Result};
use mobilenet_compiler::files::write_file;

/// Writes packed weights where the crate is built, and gives their path. Equal weights go to the same file, so that
/// compilers that run at the same time do not disturb each other.
pub(crate) fn write(bytes: &[u8], sources: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let path = folder().join(format!("mobilenet-{:016x}.mnw", hasher.finish()));
    if fs::read(&path).ok().as_deref() != Some(bytes) {
        write_file(&path, bytes)?;
        age(&path, sources)?;
    }
    Ok(path.display().to_string())
}

/// Makes a file as old as the newest of its sources. Cargo takes what is newer than the beginning of a build for changed
/// since: a file that is written during the build would have the next one compile the crate again.
fn age(path: &Path, sources: &[PathBuf]) -> Result<()> {
    let newest = sources.iter().filter_map(|source| fs::metadata(source).ok()?.modified().ok()).max();
    let Some(newest) = newest else { return Ok(()) };
    let aged = File::options().write(true).open(path).and_then(|file| file.set_modified(newest));
    aged.map_err(|error| Complaint::new(format!("{}: {error}", path.display())).into())
}

/// `OUT_DIR`, where the crate has a build script; else where the compiler that runs the macro puts its output; else
/// (language servers) the system's folder of temporary files.
fn folder() -> PathBuf {
    std::env::var_os("OUT_DIR")
        .or_else(output_folder)
        .map(PathBuf::from)
        .and_then(|folder| folder.canonicalize().ok())
        .unwrap_or_else(std::env::temp_dir)
}

/// `--out-dir` of this process.
fn output_folder() -> Option<OsString> {
    let mut arguments = std::env::args_os();
    arguments.find(|argument| argument == "--out-dir")?;
    arguments.next()
}
