//! What each step of the compiler brings, on the average; the steps are described in [`mobilenet_benches::ablation`]. On a
//! machine that does other things too, `--example ablation` says more.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mobilenet_benches::Subject;
use mobilenet_benches::ablation::{MODELS, Step, steps};
use mobilenet_compiler::error::Result;

fn model(criterion: &mut Criterion, name: &str) -> Result<()> {
    let subject = Subject::named(name)?;
    let mut group = criterion.benchmark_group(format!("ablation of {name}"));
    group.throughput(Throughput::Elements(subject.compiled.cost.macs));
    for Step { name, mut engine, .. } in steps(&subject)? {
        subject.check(name, engine.as_mut())?;
        group.bench_function(name, |bencher| {
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
