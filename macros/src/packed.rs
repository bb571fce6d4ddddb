//! Where packed weights wait to be included.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use mobilenet_compiler::error::Result;
use mobilenet_compiler::files::write_file;

/// Writes packed weights where the crate is built, and gives their path. Equal weights go to the same file, so that
/// compilers that run at the same time do not disturb each other.
pub(crate) fn write(bytes: &[u8]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let path = folder().join(format!("mobilenet-{:016x}.mnw", hasher.finish()));
    if std::fs::read(&path).ok().as_deref() != Some(bytes) {
        write_file(&path, bytes)?;
    }
    Ok(path.display().to_string())
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
