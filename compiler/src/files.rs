//! Writing files.

use std::io::Write;
use std::path::Path;

use crate::error::{Complaint, Result};

/// Writes a file beside its place and renames it, so that it is never seen half-written.
///
/// # Errors
///
/// Where it cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| Complaint::new(format!("{}: {error}", path.display()));
    let folder = folder_of(path)?;
    let mut file = tempfile::Builder::new().prefix(".mnetc-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    readable(file.as_file()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The folder that a file is to lie in. What lasts looks for it before it begins.
///
/// # Errors
///
/// There is none.
pub fn folder_of(path: &Path) -> Result<&Path> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(folder);
    }
    let what = format!("{}: there is no folder {}", path.display(), folder.display());
    Err(Complaint::new(what).help("make it first").into())
}

/// Temporary files are private; results are for whom the folder is for.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_file(&path, b"one").unwrap();
        write_file(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let message = write_file(&folder.path().join("missing/a.txt"), b"").unwrap_err().to_string();
        assert!(message.contains("missing"), "{message}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left beside it");
    }
}
