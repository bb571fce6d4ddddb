//! Two threads run mixed models on mixed pictures for so many seconds: `cargo run --release -p mobilenet-benches --example soak
//! -- 1800`. Every output is hashed: the same model and picture must always give the same bits. Memory must not grow.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::error::Result;
use mobilenet_compiler::ir::Shape;
use mobilenet_compiler::seeded;
use mobilenet_generated as models;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::network::Array;
use mobilenet_runtime::{Model, Network, Weights};

/// Pictures of each model.
const PICTURES: usize = 4;
/// Bytes that memory may grow by: what allocators and threads keep for themselves.
const SLACK: usize = 2 << 20;

/// A model that runs one of its pictures, alone or on a team, and gives the hash of what comes out.
type Workload = Box<dyn Fn(usize, bool) -> u64 + Send + Sync>;

fn workload<N: Network>() -> Result<Workload> {
    let mut compiled = compile(&Request { model: Some(N::NAME), ..Request::default() })?;
    compiled.tensors = Some(seeded::tensors(&compiled.graph, 1));
    let weights = Weights::from_bytes(&compiled.blob(&[])?).unwrap_or_else(|error| panic!("{error}"));
    let model: Model<N> = Model::new(weights).unwrap_or_else(|error| panic!("{error}"));
    let [height, width, channels] = N::INPUT;
    let picture = |seed| seeded::image(Shape::new(height, width, channels), seed as u64);
    let pictures: Vec<Vec<f32>> = (0..PICTURES).map(picture).collect();
    let two = NonZeroUsize::MIN.saturating_add(1);
    Ok(Box::new(move |picture, team| {
        let mut scratch = model.scratch();
        if team {
            scratch = scratch.with_threads(two);
        }
        let scores = model.logits_of(Image::Tensor(&pictures[picture]), &mut scratch);
        let scores = scores.unwrap_or_else(|error| panic!("{error}"));
        let mut hasher = DefaultHasher::new();
        scores.as_slice().iter().for_each(|score| score.to_bits().hash(&mut hasher));
        hasher.finish()
    }))
}

/// Bytes of this process that are in memory, where the system says so.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20);
    let workloads = [
        workload::<models::MobileNetV1_0_25_128>(),
        workload::<models::MobileNetV1_0_5_160>(),
        workload::<models::MobileNetV1_0_75_192>(),
        workload::<models::MobileNetV1_1_0_224>(),
    ];
    let workloads: Vec<Workload> =
        workloads.map(|made| made.unwrap_or_else(|error| panic!("{error}"))).into();
    let seen: Mutex<HashMap<(usize, usize), u64>> = Mutex::default();
    let first = |job: usize| (job % workloads.len(), job / workloads.len() % PICTURES);
    let run = |job: usize, team: bool| {
        let (model, picture) = first(job);
        let hash = workloads[model](picture, team);
        let known =
            *seen.lock().unwrap_or_else(|poison| poison.into_inner()).entry((model, picture)).or_insert(hash);
        usize::from(known != hash)
    };
    let jobs = workloads.len() * PICTURES;
    let end = Duration::from_secs(seconds);
    let warm = Barrier::new(2);
    let work = |thread: usize| {
        // All of them once, by each thread, because allocators keep memory for each: it is measured from here on.
        let mut drifts: usize = (0..2 * jobs).map(|job| run(job, job >= jobs)).sum();
        warm.wait();
        let (start, before) = (Instant::now(), resident());
        let (mut runs, mut most) = (0, before);
        while start.elapsed() < end {
            // The second thread's runs are shared by a team now and then.
            drifts += run(runs * 5 + thread * 3, thread == 1 && runs % 8 == 0);
            runs += 1;
            most = most.max(resident());
        }
        (runs, drifts, before, most)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let runs: usize = results.iter().map(|result| result.0).sum();
    let drifts: usize = results.iter().map(|result| result.1).sum();
    let before = results.iter().map(|result| result.2).min().unwrap_or(0);
    let most = results.iter().map(|result| result.3).max().unwrap_or(0);
    let after = resident();
    let kib = |bytes: usize| bytes / 1024;
    println!(
        "{runs} runs in {seconds} s, {jobs} outputs, {drifts} drifted; {} KiB before, {} at most, {} after",
        kib(before),
        kib(most),
        kib(after)
    );
    match results.len() == 2 && drifts == 0 && after <= before + SLACK {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
