//! The pipeline: what is asked for in, a planned network and its weights out.

use std::path::Path;
use std::sync::Arc;

use mobilenet_kernels::layout::Storage;

use crate::bind;
use crate::cost::{self, Cost};
use crate::error::{Complaint, Report, Result};
use crate::files::read_file;
use crate::ir::Graph;
use crate::lower::lower;
use crate::names::{self, Model};
use crate::pack::{self, Extras, Source, Tensors};
use crate::passes;
use crate::plan::{Bytes, Numbers, Options, Plan};
use crate::quantised::Quantised;
use crate::settings::{Precision, Settings, Stored, Trained, Wish};
use crate::weights::Weights;

/// Bytes of a file of class names.
const MOST_LABELS: u64 = 16 << 20;

/// What is asked for; it comes before what name, spec and weights say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'r> {
    /// A name or a path to a spec; may be left out where weights say which model it is.
    pub model: Option<&'r str>,
    /// Width multiplier.
    pub alpha: Option<f64>,
    /// Resolution multiplier: a word, a resolution, or a ratio.
    pub rho: Option<&'r str>,
    /// Classes.
    pub classes: Option<usize>,
    /// Weights.
    pub weights: Option<&'r Weights>,
    /// The numbers to compute with; those of the weights if not said.
    pub precision: Option<Precision>,
    /// What the classifier's weights are stored as; if not said, what goes with the precision.
    pub classifier: Option<Storage>,
    /// Height, width and channels of an input that is to be run, where they are known.
    pub input: Option<[usize; 3]>,
}

/// A network, compiled as far as it can be without a backend.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The model: spec, alpha, resolution.
    pub model: Model,
    /// Everything else that was settled.
    pub settings: Settings,
    /// The graph before any pass, softmax included.
    pub raw: Graph,
    /// The graph after all passes; it ends in logits.
    pub graph: Graph,
    /// The numbers that its plan computes with.
    pub precision: Precision,
    /// Its plan.
    pub plan: Plan,
    /// Its cost.
    pub cost: Cost,
    /// Its parameters, where weights were given.
    pub tensors: Option<Tensors>,
    /// Its integer parameters, where the weights are those of a quantised network; or why they cannot be used.
    pub quantised: Option<Result<Quantised>>,
    /// Class names, where the weights have them.
    pub labels: Vec<String>,
}

/// Compiles a request.
///
/// # Errors
///
/// Every fault of name, spec, weights and request, and everything in which they contradict each other.
pub fn compile(request: &Request<'_>) -> Result<Compiled> {
    let (model, classes) = resolve(request)?;
    let wish = Wish { classes: request.classes, ..Wish::from(&model) };
    let trained = request.weights.map(|weights| Trained { family: &weights.family, classes });
    let settings = Settings::new(&model.spec, &wish, trained)?;
    let raw = lower(&model.spec, &settings, &model.name())?;
    let mut graph = raw.clone();
    passes::remove_softmax(&mut graph);
    passes::run(&mut graph, None, |_, _, _| ())?;
    let bind = |weights| bind::bind(&graph, weights).map_err(|report| explained(report, &model, weights));
    let tensors = request.weights.map(bind).transpose()?;
    let quantised = request.weights.and_then(|weights| Quantised::bind(&graph, weights));
    let own = request.weights.map_or(Precision::F32, Weights::precision);
    let precision = request.precision.unwrap_or(own);
    let numbers = numbers(precision, request.classifier, quantised.as_ref())?;
    let plan = Plan::new(&graph, Options { numbers, ..Options::default() })?;
    within_budget(&model, &plan)?;
    let labels = request.weights.and_then(|weights| weights.labels.clone()).unwrap_or_default();
    let cost = cost::total(&graph);
    Ok(Compiled { model, settings, raw, graph, precision, plan, cost, tensors, quantised, labels })
}

/// What a network of a precision computes with.
fn numbers(
    precision: Precision,
    classifier: Option<Storage>,
    quantised: Option<&Result<Quantised>>,
) -> Result<Numbers> {
    match (precision.stored(), classifier) {
        (Some(stored), None) => Ok(Numbers::Floats(stored)),
        (Some(stored), Some(classifier)) => Ok(Numbers::Floats(Stored { classifier, ..stored })),
        (None, None) => Ok(Numbers::Bytes(Bytes::from(integers(quantised)?))),
        (None, Some(_)) => {
            let what = format!("at precision {precision} the classifier's weights are bytes");
            Err(Complaint::new(what).help("say nothing of the classifier").into())
        }
    }
}

/// The integers of a network that is to compute with them.
fn integers(quantised: Option<&Result<Quantised>>) -> Result<&Quantised> {
    match quantised {
        Some(Ok(quantised)) => Ok(quantised),
        Some(Err(faults)) => {
            let mut report = faults.clone();
            let help = "`f32` widens the weights to floats";
            report.push(Complaint::new("so it cannot be run at precision int8").help(help));
            Err(report)
        }
        None => Err(Complaint::new("int8 takes the weights of a quantised .tflite; these are floats").into()),
    }
}

/// The model that is asked for, and the classes that its weights have.
fn resolve(request: &Request<'_>) -> Result<(Model, Option<usize>)> {
    let classes =
        request.weights.and_then(|weights| weights.layers.last()).map(crate::weights::Layer::outputs);
    let named = request.model.map(Model::open).transpose()?;
    let from_weights = named.is_none();
    let mut model = match (named, request.weights) {
        (Some(model), _) => model,
        (None, Some(weights)) => held_by(weights)?,
        (None, None) => {
            return Err(Complaint::new("no model is named")
                .help("give a name such as 0.75_MobileNet_medium, the path of a spec, or --weights")
                .into());
        }
    };
    if let Some([height, _, _]) = request.input
        && from_weights
    {
        model.resolution = height;
    }
    if let Some(alpha) = request.alpha {
        model.alpha = alpha;
    }
    if let Some(rho) = request.rho {
        model.resolution = names::rho(&model.spec, rho)?;
    }
    Ok((model, classes))
}

/// Complaints about weights, after the one that explains them all, if they are those of another width.
fn explained(report: Report, model: &Model, weights: &Weights) -> Report {
    match weights.guess() {
        Ok(guess) if guess.alpha != model.alpha => {
            let (theirs, wanted) = (names::decimal(guess.alpha), names::decimal(model.alpha));
            let mut explained = Report::from(
                Complaint::new(format!(
                    "the weights are those of a MobileNet v1 of alpha {theirs}, not {wanted}"
                ))
                .help(format!("leave the model to the weights, or ask for one of alpha {theirs}")),
            );
            report.complaints().iter().for_each(|complaint| explained.push(complaint.clone()));
            explained
        }
        _ => report,
    }
}

/// The MobileNet v1 that a weights file holds, for as many channels as its first convolution takes; at the spec's
/// resolution, where the file does not say which.
///
/// # Errors
///
/// It holds none.
pub fn held_by(weights: &Weights) -> Result<Model> {
    let guess = weights.guess()?;
    let mut model = Model::open("mobilenet_v1")?;
    model.alpha = guess.alpha;
    if let Some([height, _]) = guess.resolution {
        model.resolution = height;
    }
    if guess.input_channels != model.spec.input.channels {
        Arc::make_mut(&mut model.spec).input.channels = guess.input_channels;
    }
    Ok(model)
}

fn within_budget(model: &Model, plan: &Plan) -> Result<()> {
    match model.spec.budget {
        Some(budget) if plan.arena_bytes() > budget.value => {
            let what = format!(
                "the arena takes {} bytes, more than the budget of {}",
                plan.arena_bytes(),
                budget.value
            );
            Err(model.spec.complaint(budget.at, what).into())
        }
        _ => Ok(()),
    }
}

impl Compiled {
    /// The parameters that its plan takes.
    ///
    /// # Errors
    ///
    /// Where no weights were given.
    pub fn source(&self) -> Result<Source<'_>> {
        match self.plan.numbers {
            Numbers::Floats(_) => {
                let none = || Complaint::new("there are no weights to pack").into();
                self.tensors.as_ref().map(Source::Floats).ok_or_else(none)
            }
            Numbers::Bytes(_) => self.integers().map(Source::Bytes),
        }
    }

    /// What its plan was made with.
    pub fn options(&self) -> Options {
        Options { numbers: self.plan.numbers, ..Options::default() }
    }

    /// Its integer parameters.
    ///
    /// # Errors
    ///
    /// Where the weights have none, or such as cannot be used.
    pub fn integers(&self) -> Result<&Quantised> {
        integers(self.quantised.as_ref())
    }

    /// The same network with these integer parameters, planned for them.
    ///
    /// # Errors
    ///
    /// Where a layer is one that no 8-bit kernel computes.
    pub fn with_integers(self, quantised: Quantised) -> Result<Compiled> {
        let numbers = Numbers::Bytes(Bytes::from(&quantised));
        let plan = Plan::new(&self.graph, Options { numbers, ..Options::default() })?;
        Ok(Compiled { plan, precision: Precision::Int8, quantised: Some(Ok(quantised)), ..self })
    }

    /// The packed file: header, weights, labels.
    ///
    /// # Errors
    ///
    /// Where no weights were given.
    pub fn blob(&self, labels: &[String]) -> Result<Vec<u8>> {
        pack::blob(
            &self.plan,
            self.source()?,
            &Extras { preprocess: self.settings.family.preprocess, labels },
        )
    }

    /// Class names from a file, if one is given, or those that the weights have.
    ///
    /// # Errors
    ///
    /// As [`read_labels`](Self::read_labels).
    pub fn labels_or_own(&self, file: Option<&Path>) -> Result<Vec<String>> {
        file.map_or_else(|| Ok(self.labels.clone()), |file| self.read_labels(file))
    }

    /// Class names from a text, one a line; the background of a list that is one too long is dropped.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or has another number of names than the model has classes.
    pub fn read_labels(&self, file: &Path) -> Result<Vec<String>> {
        let text = String::from_utf8(read_file(file, MOST_LABELS)?)
            .map_err(|_| Complaint::new(format!("{}: not a text file", file.display())))?;
        let mut labels: Vec<String> = text.lines().map(|line| line.trim().to_string()).collect();
        let classes = self.plan.classes;
        if labels.len() == classes + 1 && labels[0] == "background" {
            labels.remove(0);
        }
        if labels.len() != classes {
            let found = labels.len();
            let what = format!("{}: {found} names for {classes} classes", file.display());
            return Err(Complaint::new(what).into());
        }
        Ok(labels)
    }
}
