//! What benchmarks share: a model with seeded weights, and everything that can run it, checked.
#![forbid(unsafe_code)]

pub mod ablation;

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::error::Result;
use mobilenet_compiler::interpret::{Interpreter, Reference};
use mobilenet_compiler::ir::{Graph, Shape};
use mobilenet_compiler::pack::Tensors;
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::seeded;
use mobilenet_generated::for_each_model;
use mobilenet_kernels::Kernels;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::network::Array;
use mobilenet_runtime::{Model, Network, Scratch, Weights};

/// A model with seeded weights, a picture, and what the reference makes of it.
pub struct Subject {
    /// The model.
    pub compiled: Compiled,
    /// Its weights.
    pub tensors: Tensors,
    /// A picture.
    pub image: Vec<f32>,
    expected: Vec<f32>,
}

/// Something that runs a model.
pub trait Engine {
    /// The scores before softmax.
    fn logits(&mut self, image: &[f32]) -> Result<&[f32]>;

    /// Forgets what can be forgotten: the memory of a run is allocated anew.
    fn renew(&mut self);
}

impl Subject {
    /// A named model.
    ///
    /// # Errors
    ///
    /// Where there is none of that name.
    pub fn named(name: &str) -> Result<Self> {
        let mut compiled = compile(&Request { model: Some(name), ..Request::default() })?;
        let tensors = seeded::tensors(&compiled.graph, 1);
        compiled.tensors = Some(tensors.clone());
        let [height, width, channels] = compiled.plan.input;
        let image = seeded::image(Shape::new(height, width, channels), 1);
        let expected = Reference::new(&compiled.graph, &tensors).run(&image)?;
        Ok(Subject { compiled, tensors, image, expected })
    }

    /// Compiled code.
    ///
    /// # Errors
    ///
    /// Where the weights cannot be packed.
    ///
    /// # Panics
    ///
    /// Where the model is none of the sixteen named ones.
    pub fn compiled(&self) -> Result<Box<dyn Engine>> {
        let blob = self.compiled.blob(&[])?;
        let weights = Weights::from_bytes(&blob).unwrap_or_else(|error| panic!("{error}"));
        let fingerprint = self.compiled.plan.fingerprint();
        macro_rules! find {
            ($($root:tt::$network:ident)*) => {$(
                if fingerprint == <$root::$network as Network>::FINGERPRINT {
                    return Ok(Box::new(Native::<$root::$network>::new(weights)));
                }
            )*};
        }
        for_each_model!(find);
        panic!("{} has not been compiled", self.compiled.plan.name)
    }

    /// A plan, walked with the same kernels.
    ///
    /// # Errors
    ///
    /// Where a layer has no weights.
    pub fn interpreter(&self, plan: Plan) -> Result<Box<dyn Engine>> {
        let kernels = Kernels::best(plan.precision());
        Ok(Box::new(Walked(Interpreter::new(plan, &self.tensors, kernels)?)))
    }

    /// The obvious loops.
    pub fn reference(&self) -> Box<dyn Engine + '_> {
        Box::new(Loops { graph: &self.compiled.graph, tensors: &self.tensors, scores: Vec::new() })
    }

    /// Runs an engine and compares what it gives with the reference.
    ///
    /// # Errors
    ///
    /// Where it cannot run.
    ///
    /// # Panics
    ///
    /// Where it gives something else: then there is nothing to measure.
    pub fn check(&self, what: &str, engine: &mut dyn Engine) -> Result<()> {
        let found = engine.logits(&self.image)?;
        assert_eq!(found.len(), self.expected.len(), "{what}");
        let largest = self.expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        for (found, expected) in found.iter().zip(&self.expected) {
            let off = (found - expected).abs();
            assert!(off <= 1e-4 * largest, "{}, {what}: off by {off}", self.compiled.plan.name);
        }
        Ok(())
    }
}

struct Native<N: Network> {
    model: Model<N>,
    scratch: Scratch<N>,
    scores: N::Scores,
}

impl<N: Network> Native<N> {
    fn new(weights: Weights) -> Self {
        let model = Model::<N>::new(weights).unwrap_or_else(|error| panic!("{error}"));
        let scratch = model.scratch();
        Native { model, scratch, scores: N::Scores::filled(0.0) }
    }
}

impl<N: Network> Engine for Native<N> {
    fn logits(&mut self, image: &[f32]) -> Result<&[f32]> {
        let scores = self.model.logits_of(Image::Tensor(image), &mut self.scratch);
        self.scores = scores.unwrap_or_else(|error| panic!("{error}"));
        Ok(self.scores.as_slice())
    }

    fn renew(&mut self) {
        self.scratch = self.model.scratch();
    }
}

struct Walked(Interpreter);

impl Engine for Walked {
    fn logits(&mut self, image: &[f32]) -> Result<&[f32]> {
        self.0.run(Image::Tensor(image))
    }

    fn renew(&mut self) {}
}

struct Loops<'s> {
    graph: &'s Graph,
    tensors: &'s Tensors,
    scores: Vec<f32>,
}

impl Engine for Loops<'_> {
    fn logits(&mut self, image: &[f32]) -> Result<&[f32]> {
        self.scores = Reference::new(self.graph, self.tensors).run(image)?;
        Ok(&self.scores)
    }

    fn renew(&mut self) {}
}
