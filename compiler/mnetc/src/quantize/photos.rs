//! Photos of a folder, and work on them side by side.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;
use mobilenet_compiler::compile::Compiled;
use mobilenet_runtime::Photo;

use crate::Failure;

/// How files of pictures end.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "bmp", "gif", "webp"];

/// The photos of a folder, by name.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let shown = folder.display();
    if folder.is_file() {
        return Err(Failure::input(format!("{shown}: a file; --calibrate takes a folder of photos")));
    }
    let failed = |error: std::io::Error| Failure::input(format!("{shown}: {error}"));
    let mut photos = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) && path.is_file() {
            photos.push(path);
        }
    }
    if photos.is_empty() {
        let endings = ENDINGS.join(", .");
        return Err(Failure::input(format!("{shown}: there are no photos in it (.{endings})")));
    }
    photos.sort();
    Ok(photos)
}

/// A photo's bytes as the model sees them.
pub(super) fn read(path: &Path, compiled: &Compiled) -> Result<Vec<u8>, Failure> {
    Ok(Photo::open(path)?.prepare(&compiled.settings.family.preprocess, compiled.plan.input)?)
}

/// Does something with each item, on so many threads; the results in order.
pub(super) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    threads: NonZeroUsize,
    bar: &ProgressBar,
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, Failure> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else { return done };
            done.push((i, work(item)));
            bar.inc(1);
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.get().min(items.len())).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for other in others {
            done.extend(other.join().map_err(|_| Failure::input("a thread has died"))?);
        }
        Ok::<_, Failure>(done)
    })?;
    done.sort_by_key(|(i, _)| *i);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
