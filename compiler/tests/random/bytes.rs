//! All ways to run a network in bytes, against the obvious loops over integers: the same bytes.

use std::num::NonZeroUsize;

use mobilenet_compiler::interpret::{Interpreter, QuantisedReference};
use mobilenet_compiler::plan::{Bytes, Numbers, Options, Plan};
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::weights::Integers;
use mobilenet_compiler::{cost, seeded};
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::{Isa, Kernels};

use crate::engines::{Outcome, failed, graphs};
use crate::random::Network;

/// As [`engines::check`](crate::engines::check), for bytes of one type.
pub(crate) fn check(network: &Network, integers: Integers, seed: u64, most: u64) -> Result<Outcome, String> {
    let Ok((raw, graph)) = graphs(network) else { return Ok(Outcome::Refused) };
    if cost::total(&graph).macs > most {
        return Ok(Outcome::TooLarge);
    }
    let quantised = seeded::quantised(&graph, seed, integers);
    let plan = |quantised: &Quantised, stream| {
        Plan::new(&graph, Options { stream, numbers: Numbers::Bytes(Bytes::from(quantised)) })
    };
    // Bytes cannot compute all that floats can.
    let quantised = &match quantised.and_then(|quantised| plan(&quantised, true).map(|_| quantised)) {
        Ok(quantised) => quantised,
        Err(report) if report.to_string().trim().is_empty() => return Err("refused without a message".into()),
        Err(_) => return Ok(Outcome::Refused),
    };
    let shape = graph.input().map(|id| graph.node(id).shape).ok_or("a graph without input")?;
    let [pixels, other] = [seed, seed + 1].map(|seed| quantised.pixels(&seeded::image(shape, seed)));
    let scores = QuantisedReference::new(&raw, quantised).run(&pixels).map_err(failed("reference"))?;
    let expected = [scores.clone(), quantised.probabilities(&scores)];
    let numbers: Vec<f32> = scores.iter().map(|&byte| quantised.scores.number(byte)).collect();
    // Bytes are taken as they are.
    let none = Normalise { scale: [0.0; 4], offset: [0.0; 4] };
    for stream in [true, false] {
        let plan = plan(quantised, stream).map_err(failed("plan"))?;
        // Packed once: proving epilogues takes longer than running such small networks.
        let kernels = Kernels::best(plan.precision());
        let mut engine = Interpreter::new(plan, quantised, kernels).map_err(failed("packing"))?;
        for isa in Isa::available() {
            engine = engine.with_kernels(Kernels::new(isa).ok_or("an available set is not available")?);
            for threads in [1, 2].into_iter().filter_map(NonZeroUsize::new) {
                let what = format!("{}, {isa}, streamed {stream}, {threads} threads", integers.name());
                engine = engine.with_threads(threads);
                // Another picture first: nothing of it may be left in the way.
                engine.run_bytes(Image::Pixels(&other, &none)).map_err(failed(&what))?;
                let found = engine.run_bytes(Image::Pixels(&pixels, &none)).map_err(failed(&what))?;
                if found != expected {
                    return Err(format!("{what}: {found:?}, not {expected:?}"));
                }
                if engine.run(Image::Pixels(&pixels, &none)).map_err(failed(&what))? != numbers {
                    return Err(format!("{what}: scores are not the numbers of their bytes"));
                }
            }
        }
    }
    Ok(Outcome::Agreed)
}
