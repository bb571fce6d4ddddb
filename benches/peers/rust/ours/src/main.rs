//! Our own worker: compiled code, with the weights folded and packed when it starts.

use std::num::NonZeroUsize;
use std::path::Path;

use common::{Error, Task};
use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::weights;
use mobilenet_generated::for_each_model;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::network::{Array, Network};
use mobilenet_runtime::{Model, Weights};

type Run = Box<dyn FnMut() -> Result<Vec<f32>, Error>>;

fn main() -> Result<(), Error> {
    common::serve(|task| {
        let weights = packed(task)?;
        macro_rules! first_that_fits {
            ($($root:tt::$network:ident)*) => {$(
                if let Ok(model) = Model::<$root::$network<1000>>::new(weights.clone()) {
                    return start(model, task);
                }
            )*};
        }
        for_each_model!(first_that_fits);
        Err("no named model fits these weights".into())
    })
}

/// The weights as compiled code reads them.
fn packed(task: &Task) -> Result<Weights, Error> {
    let weights = weights::open(Path::new(&task.file(".safetensors")))?;
    let rho = task.resolution.to_string();
    let compiled = compile(&Request { rho: Some(&rho), weights: Some(&weights), ..Request::default() })?;
    Ok(Weights::from_bytes(&compiled.blob(&[])?)?)
}

fn start<N: Network + 'static>(model: Model<N>, task: &Task) -> Result<Run, Error> {
    let threads = NonZeroUsize::new(task.threads).ok_or("no threads")?;
    let mut scratch = model.scratch().with_threads(threads);
    let image = task.nhwc()?;
    Ok(Box::new(move || Ok(model.logits_of(Image::Tensor(&image), &mut scratch)?.as_slice().to_vec())))
}
