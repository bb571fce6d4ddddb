//! All photos of a folder on all processors: one model for all threads, one scratch for each.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mobilenet_runtime::{Photo, mobilenet};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: folder FOLDER")?;
    let mut photos: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    photos.sort();
    let model =
        mobilenet!("0.25_MobileNet_tiny", weights = "model/tiny.safetensors", labels = "model/labels.txt",);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let mut scratch = model.scratch();
                while let Some(path) = photos.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scores = Photo::open(path).and_then(|photo| model.classify(&photo, &mut scratch));
                    match scores {
                        Ok(scores) => println!("{}: {}", path.display(), model.top(&scores, 1)[0].label),
                        Err(error) => eprintln!("{error}"),
                    }
                }
            });
        }
    });
    Ok(())
}
