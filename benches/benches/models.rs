//! The sixteen named models: compiled code, the same plan walked with the same kernels, and the reference; and the first
//! call of a model against those that follow.
//!
//! The reference is measured where a model is small, with few samples: its loops are there to be right.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use mobilenet_benches::{Engine, Subject};
use mobilenet_compiler::error::Result;
use mobilenet_compiler::names::Catalogue;

/// Models of more multiply-adds are not measured with the reference.
const SMALL: u64 = 25_000_000;

/// Larger than the caches that keep weights from one run to the next.
const CACHES: usize = 64 << 20;

fn engine(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, subject: &Subject, engine: &mut dyn Engine) {
    subject.check(name, engine).unwrap_or_else(|report| panic!("{report}"));
    group.bench_function(name, |bencher| {
        bencher.iter(|| engine.logits(black_box(&subject.image)).map(|logits| logits[0]));
    });
}

fn model(criterion: &mut Criterion, name: &str) -> Result<()> {
    let subject = Subject::named(name)?;
    let macs = subject.compiled.cost.macs;
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(macs));
    engine(&mut group, "compiled", &subject, subject.compiled()?.as_mut());
    let plan = subject.compiled.plan.clone();
    engine(&mut group, "interpreter", &subject, subject.interpreter(plan)?.as_mut());
    if macs <= SMALL {
        group.sample_size(10);
        engine(&mut group, "reference", &subject, subject.reference().as_mut());
    }
    group.finish();
    Ok(())
}

/// Everybody's turn.
fn models(criterion: &mut Criterion) {
    let catalogue = Catalogue::built_in().unwrap_or_else(|report| panic!("{report}"));
    for named in catalogue.models() {
        model(criterion, &named.name()).unwrap_or_else(|report| panic!("{report}"));
    }
}

/// The first call: memory that nobody has touched, weights and code that are in no cache.
fn first_call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first call");
    group.sample_size(10);
    let mut caches = vec![0u8; CACHES];
    for name in ["1.0_MobileNet_baseline", "0.5_MobileNet_small", "0.25_MobileNet_tiny"] {
        let subject = Subject::named(name).unwrap_or_else(|report| panic!("{report}"));
        let mut engine = subject.compiled().unwrap_or_else(|report| panic!("{report}"));
        subject.check(name, engine.as_mut()).unwrap_or_else(|report| panic!("{report}"));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || caches.iter_mut().for_each(|byte| *byte = black_box(byte.wrapping_add(1))),
                |()| {
                    engine.renew();
                    engine.logits(black_box(&subject.image)).map(|logits| logits[0])
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn bounded() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = bounded(); targets = models, first_call);
criterion_main!(benches);
