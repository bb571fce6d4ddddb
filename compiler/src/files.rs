//! Reading and writing files.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use crate::error::{Complaint, Result};

/// Reads a file of at most so many bytes. A device without end, or a file that somebody has blown up, is not read into memory.
///
/// # Errors
///
/// Where it cannot be read, or is larger.
pub fn read_file(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Complaint::new(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let mut bytes =
        Vec::with_capacity(file.metadata().map_or(0, |metadata| metadata.len().min(most)) as usize);
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        let what = format!("{}: larger than {}, the most that is read", path.display(), amount(most));
        return Err(Complaint::new(what).into());
    }
    Ok(bytes)
}

/// `64 KiB`, `16 MiB`.
fn amount(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

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
    fn no_more_is_read_than_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, [7; 2048]).unwrap();
        assert_eq!(read_file(&path, 2048).unwrap(), [7; 2048]);
        let message = read_file(&path, 1024).unwrap_err().to_string();
        assert!(message.ends_with("a.txt: larger than 1 KiB, the most that is read"), "{message}");
        assert!(read_file(&folder.path().join("missing"), 1).is_err());
        #[cfg(unix)]
        assert!(read_file(Path::new("/dev/zero"), 1 << 20).is_err());
    }

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
