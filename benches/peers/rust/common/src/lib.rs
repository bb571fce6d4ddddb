//! What the workers in Rust share: the answers they give (see worker.py), and the files they read.

use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

mod network;
pub use network::{Convolution, Network};

/// What a worker fails with.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a worker is to open.
pub struct Task {
    /// The common path of a model's files.
    pub stem: String,
    /// How many threads may be used.
    pub threads: usize,
    /// Height and width of the input.
    pub resolution: usize,
    /// The numbers to compute with, as run.py is told them.
    pub precision: String,
}

impl Task {
    /// From the arguments `STEM THREADS`; the name ends in the resolution.
    fn from_arguments() -> Result<Task, Error> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [stem, threads, precision] = &arguments[..] else {
            return Err("usage: WORKER STEM THREADS PRECISION".into());
        };
        let resolution = stem.rsplit('_').next().unwrap_or_default().parse()?;
        Ok(Task { stem: stem.clone(), threads: threads.parse()?, resolution, precision: precision.clone() })
    }

    /// A file of the model.
    pub fn file(&self, ending: &str) -> String {
        format!("{}{ending}", self.stem)
    }

    /// The input, (h, w, c).
    pub fn nhwc(&self) -> Result<Vec<f32>, Error> {
        npy(self.file(".input.npy"))
    }

    /// The input, (c, h, w).
    pub fn nchw(&self) -> Result<Vec<f32>, Error> {
        let pixels = self.nhwc()?;
        Ok((0..3).flat_map(|channel| pixels.iter().skip(channel).step_by(3)).copied().collect())
    }
}

/// Opens what the arguments say, and answers until standard input ends. `open` returns what computes the logits once.
pub fn serve<R>(open: impl FnOnce(&Task) -> Result<R, Error>) -> Result<(), Error>
where
    R: FnMut() -> Result<Vec<f32>, Error>,
{
    let start = Instant::now();
    let mut run = open(&Task::from_arguments()?)?;
    let opened = start.elapsed();
    let logits = run()?;
    let first = start.elapsed() - opened;
    answer(format!("{{\"logits\": {logits:?}, \"open_ms\": {}, \"first_ms\": {}}}", ms(opened), ms(first)))?;
    for line in io::stdin().lines() {
        let times = burst(&mut run, Duration::from_secs_f64(line?.trim().parse()?))?;
        answer(format!(
            "{{\"min_ms\": {}, \"median_ms\": {}, \"iterations\": {}}}",
            ms(times[0]),
            ms(times[times.len() / 2]),
            times.len()
        ))?;
    }
    Ok(())
}

/// Runs for so long, the first fifth unmeasured, and at least three times measured; the times in order.
fn burst(
    run: &mut impl FnMut() -> Result<Vec<f32>, Error>,
    length: Duration,
) -> Result<Vec<Duration>, Error> {
    let start = Instant::now();
    run()?;
    while start.elapsed() < length / 5 {
        run()?;
    }
    let mut times = Vec::new();
    while times.len() < 3 || start.elapsed() < length {
        let before = Instant::now();
        black_box(run()?);
        times.push(before.elapsed());
    }
    times.sort();
    Ok(times)
}

fn answer(line: String) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The values of an .npy file as make.py writes them: little-endian f32, C order.
pub(crate) fn npy(path: impl AsRef<Path>) -> Result<Vec<f32>, Error> {
    let bytes = std::fs::read(path)?;
    let header = bytes.get(8..10).ok_or("no .npy file")?;
    let start = 10 + usize::from(u16::from_le_bytes([header[0], header[1]]));
    let values = bytes.get(start..).ok_or("an .npy file that ends early")?;
    Ok(values.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
}
