//! Nothing is allocated while a network runs, be it compiled or interpreted, on one thread or on several.

use std::alloc::System;
use std::num::NonZeroUsize;

use mobilenet_benches::Subject;
use mobilenet_compiler::interpret::Interpreter;
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_generated::MobileNetV1_0_25_128;
use mobilenet_kernels::Kernels;
use mobilenet_kernels::image::Image;
use mobilenet_runtime::{Model, Weights};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// Counts what all threads allocate.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of a run: the fewest of several, because a thread that has just been started allocates on its own account.
fn allocations(mut run: impl FnMut() -> f32) -> usize {
    let counts = (0..10).map(|_| {
        let region = Region::new(ALLOCATOR);
        assert!(run().is_finite());
        let change = region.change();
        change.allocations + change.reallocations
    });
    counts.min().unwrap_or(usize::MAX)
}

#[test]
fn a_run_allocates_nothing() {
    assert_eq!(allocations(|| *std::hint::black_box(Box::new(1.0))), 1, "the counter counts");

    let subject = Subject::named("0.25_MobileNet_tiny").unwrap();
    let image = Image::Tensor(&subject.image);
    let weights = Weights::from_bytes(&subject.compiled.blob(&[]).unwrap()).unwrap();
    let model: Model<MobileNetV1_0_25_128> = Model::new(weights).unwrap();
    let unstreamed =
        Plan::new(&subject.compiled.graph, Options { stream: false, ..Options::default() }).unwrap();
    for threads in [1, 2].map(|threads| NonZeroUsize::new(threads).unwrap()) {
        let mut scratch = model.scratch().with_threads(threads);
        let count = allocations(|| model.logits_of(image, &mut scratch).unwrap()[0]);
        assert_eq!(count, 0, "compiled, {threads} threads");

        for plan in [&subject.compiled.plan, &unstreamed] {
            let kernels = Kernels::best(plan.precision());
            let interpreter = Interpreter::new(plan.clone(), &subject.tensors, kernels).unwrap();
            let mut interpreter = interpreter.with_threads(threads);
            let count = allocations(|| interpreter.run(image).unwrap()[0]);
            assert_eq!(count, 0, "interpreted, {threads} threads");
        }
    }
}
