//! A network with its weights, and the memory of a run.

use core::marker::PhantomData;
#[cfg(feature = "std")]
use std::{num::NonZeroUsize, path::Path};

use mobilenet_kernels::header::Precision;
use mobilenet_kernels::image::Image;
use mobilenet_kernels::network::{Array, Byte, Embedded, Network, Quantised, bytes, floats_mut};
use mobilenet_kernels::{Isa, Kernels, softmax};
#[cfg(feature = "std")]
use mobilenet_kernels::{Team, network::Line};

use crate::{Error, Labels, Weights};

/// The variable that forces an instruction set.
#[cfg(feature = "std")]
const ISA_VARIABLE: &str = "MOBILENET_ISA";

/// A network with its weights. Shared between threads by reference or by clone; a clone shares the weights.
#[derive(Debug)]
pub struct Model<N: Network> {
    weights: Weights,
    labels: Labels,
    kernels: Kernels<'static>,
    network: PhantomData<N>,
}

impl<N: Network> Clone for Model<N> {
    fn clone(&self) -> Self {
        Model {
            weights: self.weights.clone(),
            labels: self.labels.clone(),
            kernels: self.kernels,
            network: PhantomData,
        }
    }
}

/// What one run at a time needs: [`Network::ARENA_BYTES`] of memory, and threads, if it is to have more than the calling one.
#[derive(Debug)]
pub struct Scratch<N: Network> {
    arena: Memory<N::Arena>,
    #[cfg(feature = "std")]
    team: Option<Team>,
}

/// Where an arena is.
#[derive(Debug)]
enum Memory<A: 'static> {
    #[cfg(feature = "std")]
    Heap(Box<A>),
    Static(&'static mut A),
}

impl<N: Network> Scratch<N> {
    /// Allocates it.
    #[cfg(feature = "std")]
    pub fn new() -> Self {
        Scratch { arena: Memory::Heap(N::Arena::boxed(Line::ZERO)), team: None }
    }

    /// Memory that is there for good, where there is no heap: a `static` of type `[Line; ARENA_BYTES / 64]`. What it holds
    /// does not matter.
    pub fn from_static(arena: &'static mut N::Arena) -> Self {
        Scratch {
            arena: Memory::Static(arena),
            #[cfg(feature = "std")]
            team: None,
        }
    }

    /// The same with so many threads, which share the work of each layer: the calling one, and others that are started here
    /// and end with the scratch. They spin between layers and sleep between runs. Results are the same to the bit.
    ///
    /// For many images, a scratch of one thread for each processor is faster than one scratch of many threads.
    ///
    /// ```no_run
    /// # use std::num::NonZeroUsize;
    /// # use mobilenet_runtime::{Model, Network};
    /// # fn run<N: Network>(model: &Model<N>) {
    /// let mut scratch = model.scratch().with_threads(NonZeroUsize::new(2).unwrap());
    /// # }
    /// ```
    #[cfg(feature = "std")]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.team = (threads.get() > 1).then(|| Team::new(threads));
        self
    }

    /// Kernels with the threads of this scratch, and its arena.
    fn parts(&mut self, kernels: Kernels<'static>) -> (Kernels<'_>, &mut [f32]) {
        #[cfg(feature = "std")]
        let kernels = self.team.as_ref().map_or(kernels, |team| kernels.on(team));
        let arena = match &mut self.arena {
            #[cfg(feature = "std")]
            Memory::Heap(arena) => &mut **arena,
            Memory::Static(arena) => arena,
        };
        (kernels, floats_mut(arena.as_mut_slice()))
    }
}

#[cfg(feature = "std")]
impl<N: Network> Default for Scratch<N> {
    fn default() -> Self {
        Scratch::new()
    }
}

/// What a network runs on: its array of bytes, `[u8; H * W * C]`, or of normalised floats, `[f32; H * W * C]`. An array
/// of another length does not compile.
pub trait Input<N: Network>: sealed::Sealed {
    /// The array as the kernels see it.
    #[doc(hidden)]
    fn image<'i>(&'i self, weights: &'i Weights) -> Image<'i>;
}

mod sealed {
    pub trait Sealed {}
    impl<const L: usize> Sealed for [u8; L] {}
    impl<const L: usize> Sealed for [f32; L] {}
}

/// That two types are one. Said as a bound and not as an equation, because a bound can explain itself.
#[diagnostic::on_unimplemented(message = "the network takes `{Self}`, not `{T}`", label = "another length")]
trait Is<T> {}

impl<T> Is<T> for T {}

#[allow(private_bounds, reason = "nobody else implements or calls it")]
impl<N: Network<Pixels: Is<[u8; L]>>, const L: usize> Input<N> for [u8; L] {
    fn image<'i>(&'i self, weights: &'i Weights) -> Image<'i> {
        Image::Pixels(self, &weights.preprocess().normalise)
    }
}

#[allow(private_bounds, reason = "nobody else implements or calls it")]
impl<N: Network<Tensor: Is<[f32; L]>>, const L: usize> Input<N> for [f32; L] {
    fn image<'i>(&'i self, _: &'i Weights) -> Image<'i> {
        Image::Tensor(self)
    }
}

impl<N: Network> Model<N> {
    /// The model's name.
    pub const NAME: &'static str = N::NAME;
    /// Height, width and channels of the input.
    pub const INPUT: [usize; 3] = N::INPUT;
    /// Classes.
    pub const CLASSES: usize = N::CLASSES;
    /// Length of the embedding.
    pub const EMBEDDING: usize = N::EMBEDDING;
    /// Bytes that a [`Scratch`] takes.
    pub const ARENA_BYTES: usize = N::ARENA_BYTES;
    /// Bytes of the packed weights.
    pub const WEIGHT_BYTES: usize = N::WEIGHT_BYTES;
    /// Multiply-adds of one run.
    pub const MACS: u64 = N::MACS;
    /// Parameters.
    pub const PARAMS: u64 = N::PARAMS;

    /// A network with weights packed for it. The best instruction set of this processor is used, or the one that the
    /// variable `MOBILENET_ISA` names.
    ///
    /// # Errors
    ///
    /// Where the weights belong to another network, or the variable names no available instruction set.
    pub fn new(weights: Weights) -> Result<Self, Error> {
        weights.check::<N>()?;
        Ok(Model::with_kernels(weights, kernels_by_variable(N::PRECISION)?))
    }

    /// A network with the weights that it was compiled with. The best instruction set of this processor is used, or the
    /// one that the variable `MOBILENET_ISA` names; a variable that names none is passed over, with a line on standard
    /// error.
    pub fn embedded() -> Self
    where
        N: Embedded,
    {
        let kernels = kernels_by_variable(N::PRECISION).unwrap_or_else(|_error| {
            #[cfg(feature = "std")]
            eprintln!("{_error}; the best is used");
            Kernels::best(N::PRECISION)
        });
        Model::with_kernels(Weights::embedded::<N>(), kernels)
    }

    fn with_kernels(weights: Weights, kernels: Kernels<'static>) -> Self {
        let labels = weights.labels().clone();
        Model { weights, labels, kernels, network: PhantomData }
    }

    /// A network with weights from a file that `mnetc pack` has written.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or used; as [`new`](Self::new).
    #[cfg(feature = "std")]
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Model::new(Weights::read(path)?)
    }

    /// The same model with these class names.
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// The same model on this instruction set.
    ///
    /// # Errors
    ///
    /// Where this processor lacks it.
    #[cfg(feature = "std")]
    pub fn with_isa(mut self, isa: Isa) -> Result<Self, Error> {
        self.kernels = Kernels::new(isa).ok_or_else(|| Error::Isa(isa.to_string()))?;
        Ok(self)
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.kernels.isa()
    }

    /// The weights.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The class names.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The memory that a run needs; one a thread.
    #[cfg(feature = "std")]
    pub fn scratch(&self) -> Scratch<N> {
        Scratch::new()
    }

    /// The scores before softmax.
    pub fn logits(&self, input: &impl Input<N>, scratch: &mut Scratch<N>) -> N::Scores {
        self.run(input.image(&self.weights), scratch)
    }

    /// The probability of each class.
    pub fn probabilities(&self, input: &impl Input<N>, scratch: &mut Scratch<N>) -> N::Scores {
        let mut scores = self.logits(input, scratch);
        softmax(scores.as_mut_slice());
        scores
    }

    /// The output of a network of bytes, in its own type: to the byte what TensorFlow Lite's reference kernels give of the
    /// file that it was compiled from. Where that ends in a softmax, a byte counts 256ths, signed ones from -128 on.
    ///
    /// ```no_run
    /// # use mobilenet_runtime::{Model, Network, Quantised};
    /// # fn run<N: Quantised<Pixels = [u8; 96 * 96], Output = [i8; 2]>>(model: &Model<N>, photo: &[u8; 96 * 96]) {
    /// // mobilenet! { struct PersonDetector = weights = "person_detect.tflite" }
    /// // let model = Model::<PersonDetector>::embedded();
    /// let [no_person, person] = model.output(photo, &mut model.scratch());
    /// if person > no_person {
    ///     println!("somebody is there");
    /// }
    /// # }
    /// ```
    pub fn output(&self, input: &impl Input<N>, scratch: &mut Scratch<N>) -> N::Output
    where
        N: Quantised,
    {
        let (kernels, arena) = scratch.parts(self.kernels);
        N::features(kernels, self.weights.values(), input.image(&self.weights), arena);
        N::logits(kernels, self.weights.values(), arena);
        N::output(kernels, self.weights.values(), arena);
        let mut output = N::Output::filled(N::Byte::from_unsigned(0));
        let unsigned = &bytes(arena)[N::OUTPUT_AT..N::OUTPUT_AT + N::Output::LEN];
        for (to, &byte) in output.as_mut_slice().iter_mut().zip(unsigned) {
            *to = N::Byte::from_unsigned(byte);
        }
        output
    }

    /// The pooled features: what the network sees, before it is put into classes.
    pub fn embedding(&self, input: &impl Input<N>, scratch: &mut Scratch<N>) -> N::Features {
        self.features(input.image(&self.weights), scratch)
    }

    fn features(&self, image: Image<'_>, scratch: &mut Scratch<N>) -> N::Features {
        let (kernels, arena) = scratch.parts(self.kernels);
        N::features(kernels, self.weights.values(), image, arena);
        let mut features = N::Features::filled(0.0);
        features.as_mut_slice().copy_from_slice(&arena[N::FEATURES_AT..N::FEATURES_AT + N::EMBEDDING]);
        features
    }

    /// The scores before softmax of an image whose length is only known at run time.
    ///
    /// # Errors
    ///
    /// Where it is not `H * W * C` values long.
    pub fn logits_of(&self, image: Image<'_>, scratch: &mut Scratch<N>) -> Result<N::Scores, Error> {
        check_length::<N>(image)?;
        Ok(self.run(image, scratch))
    }

    /// The pooled features of an image whose length is only known at run time.
    ///
    /// # Errors
    ///
    /// Where it is not `H * W * C` values long.
    pub fn embedding_of(&self, image: Image<'_>, scratch: &mut Scratch<N>) -> Result<N::Features, Error> {
        check_length::<N>(image)?;
        Ok(self.features(image, scratch))
    }

    /// The probability of each class of a photo, cropped, resized and normalised as the weights' family does it.
    ///
    /// # Errors
    ///
    /// Where the photo cannot be resized.
    #[cfg(feature = "resize")]
    pub fn classify(&self, photo: &crate::Photo, scratch: &mut Scratch<N>) -> Result<N::Scores, Error> {
        let preprocess = self.weights.preprocess();
        let pixels = photo.prepare(preprocess, N::INPUT)?;
        let mut scores = self.logits_of(Image::Pixels(&pixels, &preprocess.normalise), scratch)?;
        softmax(scores.as_mut_slice());
        Ok(scores)
    }

    /// The pooled features of a photo, cropped, resized and normalised as the weights' family does it.
    ///
    /// # Errors
    ///
    /// Where the photo cannot be resized.
    #[cfg(feature = "resize")]
    pub fn embed(&self, photo: &crate::Photo, scratch: &mut Scratch<N>) -> Result<N::Features, Error> {
        let preprocess = self.weights.preprocess();
        let pixels = photo.prepare(preprocess, N::INPUT)?;
        Ok(self.features(Image::Pixels(&pixels, &preprocess.normalise), scratch))
    }

    /// The `count` most probable classes, best first.
    #[cfg(feature = "std")]
    pub fn top(&self, probabilities: &N::Scores, count: usize) -> Vec<crate::Guess<'_>> {
        self.labels.top(probabilities.as_slice(), count)
    }

    fn run(&self, image: Image<'_>, scratch: &mut Scratch<N>) -> N::Scores {
        let (kernels, arena) = scratch.parts(self.kernels);
        N::features(kernels, self.weights.values(), image, arena);
        N::logits(kernels, self.weights.values(), arena);
        let mut scores = N::Scores::filled(0.0);
        scores.as_mut_slice().copy_from_slice(&arena[N::SCORES_AT..N::SCORES_AT + N::CLASSES]);
        scores
    }
}

fn check_length<N: Network>(image: Image<'_>) -> Result<(), Error> {
    let (expected, found) = (N::Pixels::LEN, image.len());
    if expected == found { Ok(()) } else { Err(Error::Length { expected, found }) }
}

/// The instruction set that models of a precision use: the one that the variable `MOBILENET_ISA` names, or the best of this
/// processor.
///
/// # Errors
///
/// Where the variable names none that this processor has.
#[cfg(feature = "std")]
pub fn preferred_isa(precision: Precision) -> Result<Isa, Error> {
    kernels_by_variable(precision).map(|kernels| kernels.isa())
}

/// The kernels that the variable asks for, or the best.
#[cfg(feature = "std")]
fn kernels_by_variable(precision: Precision) -> Result<Kernels<'static>, Error> {
    let Some(name) = std::env::var_os(ISA_VARIABLE) else { return Ok(Kernels::best(precision)) };
    let kernels = name.to_str().and_then(|name| name.parse().ok()).and_then(Kernels::new);
    kernels.ok_or_else(|| Error::Isa(format!("{}, of {ISA_VARIABLE},", name.to_string_lossy())))
}

/// The best kernels: without an operating system there are no variables.
#[cfg(not(feature = "std"))]
fn kernels_by_variable(precision: Precision) -> Result<Kernels<'static>, Error> {
    Ok(Kernels::best(precision))
}

/// A compiled network that has no weights yet: what `mobilenet!("0.75_MobileNet_medium")` gives.
#[derive(Clone, Copy, Debug)]
pub struct Blueprint<N: Network>(PhantomData<N>);

impl<N: Network> Blueprint<N> {
    /// The only value of this type.
    pub const fn new() -> Self {
        Blueprint(PhantomData)
    }

    /// Height, width and channels of the input.
    pub const fn input(self) -> [usize; 3] {
        N::INPUT
    }

    /// The model, with weights from a file that `mnetc pack` has written.
    ///
    /// # Errors
    ///
    /// As [`Model::load`].
    #[cfg(feature = "std")]
    pub fn load(self, path: impl AsRef<Path>) -> Result<Model<N>, Error> {
        Model::load(path)
    }

    /// The model, with these weights.
    ///
    /// # Errors
    ///
    /// As [`Model::new`].
    pub fn with_weights(self, weights: Weights) -> Result<Model<N>, Error> {
        Model::new(weights)
    }
}

impl<N: Network> Default for Blueprint<N> {
    fn default() -> Self {
        Blueprint::new()
    }
}
