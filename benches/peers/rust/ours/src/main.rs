//! Our own worker, with the weights folded and packed when it starts: compiled code for f32, and for other precisions the
//! compiler's interpreter, which walks the same plan with the same kernels as compiled code would.

use std::num::NonZeroUsize;
use std::path::Path;

use common::{Error, Task};
use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::interpret::Interpreter;
use mobilenet_compiler::settings::Precision;
use mobilenet_compiler::weights;
use mobilenet_generated::for_each_model;
use mobilenet_kernels::Kernels;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::network::{Array, Network};
use mobilenet_runtime::{Model, Weights, preferred_isa};

type Run = Box<dyn FnMut() -> Result<Vec<f32>, Error>>;

fn main() -> Result<(), Error> {
    common::serve(|task| {
        let precision: Precision = task.precision.parse()?;
        let floats = task.file(".safetensors");
        // Published models have the file of bytes alone; its floats are compared with, not raced.
        let own = precision != Precision::Int8 && Path::new(&floats).exists();
        let file = if own { floats } else { task.file(".int8.tflite") };
        let weights = weights::open(Path::new(&file))?;
        let rho = task.resolution.to_string();
        let (rho, weights, precision) = (Some(&rho[..]), Some(&weights), Some(precision));
        let compiled = compile(&Request { rho, weights, precision, ..Request::default() })?;
        if own && compiled.precision == Precision::F32 {
            named(&compiled, task)
        } else {
            interpreted(&compiled, task)
        }
    })
}

/// The compiled code of the named model that these weights fit.
fn named(compiled: &Compiled, task: &Task) -> Result<Run, Error> {
    let weights = Weights::from_bytes(&compiled.blob(&[])?)?;
    macro_rules! first_that_fits {
        ($($root:tt::$network:ident)*) => {$(
            if let Ok(model) = Model::<$root::$network<1000>>::new(weights.clone()) {
                return start(model, task);
            }
        )*};
    }
    for_each_model!(first_that_fits);
    Err("no named model fits these weights".into())
}

fn start<N: Network + 'static>(model: Model<N>, task: &Task) -> Result<Run, Error> {
    let mut scratch = model.scratch().with_threads(threads(task)?);
    let image = task.nhwc()?;
    Ok(Box::new(move || Ok(model.logits_of(Image::Tensor(&image), &mut scratch)?.as_slice().to_vec())))
}

/// The plan, walked. A network of bytes takes those of a photo, and gives numbers all the same.
fn interpreted(compiled: &Compiled, task: &Task) -> Result<Run, Error> {
    // As compiled code chooses them: MOBILENET_ISA is obeyed.
    let isa = preferred_isa(compiled.plan.precision())?;
    let kernels = Kernels::new(isa).ok_or("the processor has not what it is said to have")?;
    let interpreter = Interpreter::new(compiled.plan.clone(), compiled.source()?, kernels)?;
    let mut interpreter = interpreter.with_threads(threads(task)?);
    let image = task.nhwc()?;
    if compiled.precision != Precision::Int8 {
        return Ok(Box::new(move || Ok(interpreter.run(Image::Tensor(&image))?.to_vec())));
    }
    let pixels = compiled.integers()?.pixels(&image);
    let normalise = compiled.settings.family.preprocess.normalise;
    Ok(Box::new(move || Ok(interpreter.run(Image::Pixels(&pixels, &normalise))?.to_vec())))
}

fn threads(task: &Task) -> Result<NonZeroUsize, Error> {
    NonZeroUsize::new(task.threads).ok_or_else(|| "no threads".into())
}
