//! How much stack a run takes: the smallest thread in which the largest and the smallest model still run, scores included. Each
//! size is tried in a process of its own, because a stack that overflows ends it.

use std::process::{Command, Stdio};
use std::thread;

use mobilenet_benches::Subject;
use mobilenet_generated::{MobileNetV1_0_25_128, MobileNetV1_1_0_224};
use mobilenet_kernels::image::Image;
use mobilenet_runtime::{Isa, Model, Network, Weights};

const SIZE: &str = "MOBILENET_STACK_KIB";
/// What a run may take at most, what the system puts on a thread's stack included.
const MOST_KIB: usize = 64;

/// Runs a model on every instruction set, in threads of that size.
fn run<N: Network>(kib: usize) {
    let subject = Subject::named(N::NAME).unwrap();
    let model: Model<N> =
        Model::new(Weights::from_bytes(&subject.compiled.blob(&[]).unwrap()).unwrap()).unwrap();
    for isa in Isa::available() {
        let model = model.clone().with_isa(isa).unwrap();
        let mut scratch = model.scratch();
        let image = &subject.image;
        thread::scope(|scope| {
            let run = || assert!(model.logits_of(Image::Tensor(image), &mut scratch).is_ok());
            thread::Builder::new().stack_size(kib << 10).spawn_scoped(scope, run).unwrap().join().unwrap();
        });
    }
}

/// Not a test by itself: what the test below starts.
#[test]
fn in_a_thread_of_some_size() {
    if let Some(kib) = std::env::var(SIZE).ok().and_then(|kib| kib.parse().ok()) {
        run::<MobileNetV1_0_25_128>(kib);
        run::<MobileNetV1_1_0_224>(kib);
    }
}

#[test]
fn a_run_takes_little_stack() {
    let fits = |kib: usize| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "in_a_thread_of_some_size"]).env(SIZE, kib.to_string());
        child.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    let least = [16, 20, 24, 32, 40, 48, MOST_KIB].into_iter().find(|&kib| fits(kib));
    let Some(least) = least else { panic!("a run takes more than {MOST_KIB} KiB of stack") };
    println!("a run fits into a stack of {least} KiB");
}
