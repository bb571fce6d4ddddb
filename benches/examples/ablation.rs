//! What each step of the compiler brings: all steps run in turn, again and again, and the fastest run of each counts, so
//! that whatever else the machine does hits all alike. The steps are described in [`mobilenet_benches::ablation`].

use std::time::{Duration, Instant};

use mobilenet_benches::Subject;
use mobilenet_benches::ablation::{MODELS, steps};
use mobilenet_compiler::error::Result;

/// Turns of each step, and runs in a turn; the first run of a turn warms the caches.
const TURNS: usize = 60;
const RUNS: usize = 6;

fn main() -> Result<()> {
    for name in MODELS {
        ablation(name)?;
    }
    Ok(())
}

fn ablation(name: &str) -> Result<()> {
    let subject = Subject::named(name)?;
    let mut steps = steps(&subject)?;
    let mut fastest = vec![Duration::MAX; steps.len()];
    for step in &mut steps {
        subject.check(step.name, step.engine.as_mut())?;
    }
    for _ in 0..TURNS {
        for (step, fastest) in steps.iter_mut().zip(&mut fastest) {
            step.engine.logits(&subject.image)?;
            for _ in 1..RUNS {
                let start = Instant::now();
                step.engine.logits(&subject.image)?;
                *fastest = start.elapsed().min(*fastest);
            }
        }
    }
    println!("{name}\n  {:16} {:>10} {:>10} {:>12}", "after", "fastest", "gain", "arena");
    let mut before = fastest[0];
    for (step, fastest) in steps.iter().zip(fastest) {
        let (ms, gain) = (fastest.as_secs_f64() * 1e3, before.as_secs_f64() / fastest.as_secs_f64());
        println!("  {:16} {ms:>7.3} ms {gain:>9.2}x {:>8} KiB", step.name, step.arena / 1024);
        before = fastest;
    }
    Ok(())
}
