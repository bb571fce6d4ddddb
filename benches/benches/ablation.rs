//! What each step of the compiler brings: the same network, the same weights, the same kernels, run after each of them.
//!
//! | step | what runs |
//! |---|---|
//! | `lowered` | every layer of the spec on its own: convolution, batch normalisation, clamp |
//! | `remove-identity` | without dropout |
//! | `fold-batchnorm` | batch normalisation in the kernels' weights |
//! | `fuse-activation` | clamps in the kernels' epilogues |
//! | `fuse-separable` | depthwise and pointwise as one, through a strip that stays in the cache |
//! | `streamed` | the first layers row by row together |
//! | `compiled` | the same as code, its shapes known |
//!
//! The memory that each needs is printed beside.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mobilenet_benches::{Engine, Subject};
use mobilenet_compiler::error::Result;
use mobilenet_compiler::passes::{self, PASSES};
use mobilenet_compiler::plan::{Options, Plan};

/// Large, middling, small.
const MODELS: [&str; 3] = ["1.0_MobileNet_baseline", "0.5_MobileNet_small", "0.25_MobileNet_tiny"];

/// A step of the compiler, what runs after it, and the bytes of its arena.
type Step = (&'static str, Box<dyn Engine>, usize);

fn steps(subject: &Subject) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut step = |name, plan: Plan| -> Result<()> {
        let bytes = plan.arena_bytes();
        steps.push((name, subject.interpreter(plan)?, bytes));
        Ok(())
    };
    let mut graph = subject.compiled.raw.clone();
    passes::remove_softmax(&mut graph);
    step("lowered", Plan::new(&graph, Options { stream: false })?)?;
    for pass in &PASSES {
        let mut after = graph.clone();
        passes::run(&mut after, Some(pass.name), |_, _, _| ())?;
        step(pass.name, Plan::new(&after, Options { stream: false })?)?;
    }
    step("streamed", subject.compiled.plan.clone())?;
    steps.push(("compiled", subject.compiled()?, subject.compiled.plan.arena_bytes()));
    Ok(steps)
}

fn model(criterion: &mut Criterion, name: &str) -> Result<()> {
    let subject = Subject::named(name)?;
    let mut group = criterion.benchmark_group(format!("ablation of {name}"));
    group.throughput(Throughput::Elements(subject.compiled.cost.macs));
    for (step, mut engine, bytes) in steps(&subject)? {
        eprintln!("{name}, {step}: an arena of {} KiB", bytes / 1024);
        subject.check(step, engine.as_mut())?;
        group.bench_function(step, |bencher| {
            bencher.iter(|| engine.logits(black_box(&subject.image)).map(|logits| logits[0]));
        });
    }
    group.finish();
    Ok(())
}

fn ablation(criterion: &mut Criterion) {
    for name in MODELS {
        model(criterion, name).unwrap_or_else(|report| panic!("{report}"));
    }
}

fn bounded() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = bounded(); targets = ablation);
criterion_main!(benches);
