//! Walking a plan with the kernels that compiled code calls.

use std::num::NonZeroUsize;

use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::network::{Line, bytes, floats, floats_mut};
use mobilenet_kernels::{Kernels, Team};

use super::QuantisedValue;
use crate::error::{Complaint, Result};
use crate::ir::Shape;
use crate::pack::{self, Source};
use crate::plan::{ByteKernel, Kernel, Output, Plan, Step};
use crate::quantised::Quantised;

/// A plan with its packed weights and its arena.
pub struct Interpreter {
    plan: Plan,
    weights: Vec<Line>,
    arena: Vec<Line>,
    kernels: Kernels<'static>,
    team: Option<Team>,
}

/// Lines that hold `len` values.
fn lines(len: usize) -> Vec<Line> {
    vec![Line::ZERO; len.div_ceil(16)]
}

impl Interpreter {
    /// Packs the weights and allocates the arena.
    ///
    /// # Errors
    ///
    /// Where a layer has no weights.
    pub fn new<'s>(plan: Plan, source: impl Into<Source<'s>>, kernels: Kernels<'static>) -> Result<Self> {
        let payload = pack::payload(&plan, source)?;
        let mut weights = lines(payload.len());
        let words = payload.into_iter().map(|word| f32::from_bits(word.cast_unsigned()));
        floats_mut(&mut weights).iter_mut().zip(words).for_each(|(to, word)| *to = word);
        let arena = lines(plan.arena);
        Ok(Interpreter { plan, weights, arena, kernels, team: None })
    }

    /// The same, each layer's work shared by so many threads.
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.team = (threads.get() > 1).then(|| Team::new(threads));
        self
    }

    /// The same, on another instruction set: packed weights are those of all sets.
    pub fn with_kernels(mut self, kernels: Kernels<'static>) -> Self {
        self.kernels = kernels;
        self
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs the network and gives its result, logits or probabilities as the graph ends.
    ///
    /// # Errors
    ///
    /// Where the image has another size.
    pub fn run(&mut self, image: Image<'_>) -> Result<&[f32]> {
        self.walk(image, |_, _| ())
    }

    /// Runs the network, and tells `after` each step what is in the arena.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn walk(&mut self, image: Image<'_>, mut after: impl FnMut(&Step, &[f32])) -> Result<&[f32]> {
        let [height, width, channels] = self.plan.input;
        if image.len() != height * width * channels {
            let found = image.len();
            let message =
                format!("the input has {found} values, the network takes {height}x{width}x{channels}");
            return Err(Complaint::new(message).into());
        }
        let kernels = kernels(self.kernels, self.team.as_ref());
        for step in &self.plan.steps {
            run_step(step, kernels, image, floats(&self.weights), floats_mut(&mut self.arena));
            after(step, floats(&self.arena));
        }
        Ok(&floats(&self.arena)[self.plan.logits..][..self.plan.classes])
    }

    /// Runs a network of bytes to its end, and gives its scores and its output, both in its own bytes.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and where it is not one of bytes.
    pub fn run_bytes(&mut self, image: Image<'_>) -> Result<[Vec<i16>; 2]> {
        self.run(image)?;
        let scores = self.bytes()?;
        self.finish();
        Ok([scores, self.bytes()?])
    }

    /// Runs a network of bytes and gives what each layer computes, in order, after the input. Of a plan that streams nothing
    /// all is still there when its layer has run.
    ///
    /// # Errors
    ///
    /// As [`run_bytes`](Self::run_bytes).
    pub fn byte_values(&mut self, quantised: &Quantised, pixels: &[u8]) -> Result<Vec<QuantisedValue>> {
        let [height, width, channels] = self.plan.input;
        let input = QuantisedValue {
            name: "input".into(),
            shape: Shape::new(height, width, channels),
            data: quantised.from_pixels(pixels),
        };
        let mut values = vec![input];
        let none = Normalise { scale: [0.0; 4], offset: [0.0; 4] };
        self.walk(Image::Pixels(pixels, &none), |step, arena| {
            values.extend(step.parts.iter().filter_map(|part| {
                let data = part.bytes(arena, quantised.integers)?;
                Some(QuantisedValue { name: part.name.clone(), shape: part.output, data })
            }));
        })?;
        Ok(values)
    }

    /// What comes after the scores of a network of bytes: its softmax. Nothing where it has none.
    pub fn finish(&mut self) {
        let kernels = kernels(self.kernels, self.team.as_ref()).bytes();
        if let Some(Output { softmax: Some(softmax), .. }) = &self.plan.output {
            kernels.softmax(softmax, floats(&self.weights), floats_mut(&mut self.arena));
        }
    }

    fn bytes(&self) -> Result<Vec<i16>> {
        let Some(Output { integers, at, .. }) = self.plan.output else {
            return Err(Complaint::new("the network computes with floats").into());
        };
        let least = integers.range()[0] as i16;
        let bytes = &bytes(floats(&self.arena))[at..at + self.plan.classes];
        Ok(bytes.iter().map(|&byte| i16::from(byte) + least).collect())
    }

    /// The pooled features of the last run.
    pub fn embedding(&self) -> &[f32] {
        &floats(&self.arena)[self.plan.features..][..self.plan.embedding]
    }
}

fn kernels<'t>(kernels: Kernels<'static>, team: Option<&'t Team>) -> Kernels<'t> {
    team.map_or(kernels, |team| kernels.on(team))
}

fn run_step(step: &Step, kernels: Kernels<'_>, image: Image<'_>, weights: &[f32], arena: &mut [f32]) {
    let [part] = &step.parts[..] else {
        let floats = step.parts.iter().filter_map(|part| part.kernel.stage());
        let bytes = step.parts.iter().filter_map(|part| match &part.kernel {
            Kernel::Bytes(kernel) => kernel.stage(),
            _ => None,
        });
        with_stages(floats, |stages| kernels.stream(stages, image, weights, arena));
        with_stages(bytes, |stages| kernels.bytes().stream(stages, image, weights, arena));
        return;
    };
    match &part.kernel {
        Kernel::Stem(layer) => kernels.stem(layer, image, weights, arena),
        Kernel::Conv(layer) => kernels.conv(layer, weights, arena),
        Kernel::Depthwise(layer) => kernels.depthwise(layer, weights, arena),
        Kernel::Pointwise(layer) => kernels.pointwise(layer, weights, arena),
        Kernel::Separable(layer) => kernels.separable(layer, weights, arena),
        Kernel::BatchNorm(layer) => kernels.batchnorm(layer, weights, arena),
        Kernel::Activation(layer) => kernels.activation(layer, weights, arena),
        Kernel::Pool(layer) => kernels.pool(layer, weights, arena),
        Kernel::FullyConnected(layer) => kernels.fully_connected(layer, weights, arena),
        Kernel::Softmax(layer) => kernels.softmax(layer, arena),
        Kernel::Bytes(kernel) => run_bytes(kernel, kernels, image, weights, arena),
    }
}

/// Calls `run` with stages on the stack, if there are any: nothing is allocated while a network runs.
fn with_stages<S: Copy>(mut stages: impl Iterator<Item = S>, run: impl FnOnce(&[S])) {
    let mut list = [None; Kernels::MOST_STAGES];
    let count = list.iter_mut().map_while(|slot| stages.next().map(|stage| *slot = Some(stage))).count();
    if let Some(first) = list[0] {
        run(&list.map(|stage| stage.unwrap_or(first))[..count]);
    }
}

fn run_bytes(
    kernel: &ByteKernel,
    kernels: Kernels<'_>,
    image: Image<'_>,
    weights: &[f32],
    arena: &mut [f32],
) {
    let kernels = kernels.bytes();
    match kernel {
        ByteKernel::Stem(layer) => kernels.stem(layer, image, weights, arena),
        ByteKernel::Depthwise(layer) => kernels.depthwise(layer, weights, arena),
        ByteKernel::Pointwise(layer) => kernels.pointwise(layer, weights, arena),
        ByteKernel::Separable(layer) => kernels.separable(layer, weights, arena),
        ByteKernel::Pool(layer, numbers) => {
            kernels.pool(layer, weights, arena);
            kernels.dequantise(numbers, weights, arena);
        }
        ByteKernel::FullyConnected(layer, numbers) => {
            kernels.fully_connected(layer, weights, arena);
            kernels.dequantise(numbers, weights, arena);
        }
    }
}
