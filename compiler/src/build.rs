//! Compiling a model into somebody's crate: what the macro and build scripts come through.
//!
//! A build script writes the source into `OUT_DIR`:
//!
//! ```no_run
//! // build.rs
//! use mobilenet_compiler::{build::Build, error::Result};
//!
//! fn main() -> Result<()> {
//!     Build::new("specs/mine.yaml").alpha(0.5).weights("mine.safetensors").write("Classifier")
//! }
//! ```
//!
//! ```ignore
//! // src/main.rs
//! include!(concat!(env!("OUT_DIR"), "/classifier.rs"));
//! ```

use std::path::{Path, PathBuf};

use mobilenet_kernels::layout::Storage;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::codegen::{self, Classes, Network};
use crate::compile::{Compiled, Request, compile};
use crate::error::{Complaint, Report, Result};
use crate::files::write_file;
use crate::names::{self, Model};
use crate::settings::{self, Precision};
use crate::weights::{self, Weights};

/// A model to compile into a crate.
#[derive(Clone, Debug)]
pub struct Build {
    model: Option<String>,
    alpha: Option<f64>,
    rho: Option<String>,
    classes: Option<usize>,
    weights: Option<PathBuf>,
    labels: Option<PathBuf>,
    precision: Option<Precision>,
    classifier: Option<Storage>,
    folder: PathBuf,
}

/// What an argument of a [`Build`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A name or a spec.
    Model,
    /// The width multiplier.
    Alpha,
    /// The resolution multiplier.
    Rho,
    /// The number of classes.
    Classes,
    /// The weights file.
    Weights,
    /// The file of class names.
    Labels,
    /// The numbers to compute with.
    Precision,
    /// What the classifier's weights are stored as.
    Classifier,
}

/// Complaints, and the argument that they are about.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The argument.
    pub argument: Argument,
    /// The complaints.
    pub report: Report,
}

/// A model that has been built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The model.
    pub compiled: Compiled,
    /// The packed file, where weights were given.
    pub packed: Option<Vec<u8>>,
    /// The files that it depends on.
    pub files: Vec<PathBuf>,
}

/// `?` with the argument at fault.
fn blame<T>(argument: Argument, result: Result<T>) -> std::result::Result<T, Fault> {
    result.map_err(|report| Fault { argument, report })
}

impl Build {
    /// A model by its name, or by the path of its spec. Paths are looked for in the folder of the crate's manifest, and in
    /// those above it.
    pub fn new(model: impl Into<String>) -> Self {
        Build { model: Some(model.into()), ..Build::of_weights() }
    }

    /// The model that a weights file is for.
    pub fn of_weights() -> Self {
        let folder = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
        Build {
            model: None,
            alpha: None,
            rho: None,
            classes: None,
            weights: None,
            labels: None,
            precision: None,
            classifier: None,
            folder,
        }
    }

    /// With a width multiplier.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = Some(alpha);
        self
    }

    /// With a resolution multiplier: a word, a resolution, or a ratio.
    pub fn rho(mut self, rho: impl ToString) -> Self {
        self.rho = Some(rho.to_string());
        self
    }

    /// With a number of classes.
    pub fn classes(mut self, classes: usize) -> Self {
        self.classes = Some(classes);
        self
    }

    /// With weights, which are embedded.
    pub fn weights(mut self, file: impl Into<PathBuf>) -> Self {
        self.weights = Some(file.into());
        self
    }

    /// With class names from a file, one a line.
    pub fn labels(mut self, file: impl Into<PathBuf>) -> Self {
        self.labels = Some(file.into());
        self
    }

    /// With other numbers to compute with than those of the weights.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = Some(precision);
        self
    }

    /// With the classifier's weights stored as `f32`s or f16s, whatever the precision.
    pub fn classifier(mut self, storage: Storage) -> Self {
        self.classifier = Some(storage);
        self
    }

    /// Compiles the model, and packs its weights.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with one argument. Files are called what the arguments call them.
    pub fn compile(&self) -> std::result::Result<Built, Fault> {
        let mut found = Found::default();
        let built = self.compile_files(&mut found);
        built.map_err(|Fault { argument, report }| Fault { argument, report: found.as_written(report) })
    }

    fn compile_files(&self, found: &mut Found) -> std::result::Result<Built, Fault> {
        let model = self.model.as_deref().map(|model| self.model(model, found)).transpose();
        let model = blame(Argument::Model, model)?;
        self.check_numbers(model.as_deref())?;
        let request = Request {
            model: model.as_deref(),
            alpha: self.alpha,
            rho: self.rho.as_deref(),
            classes: self.classes,
            ..Request::default()
        };
        // What is wrong without weights is not their fault.
        if model.is_some() {
            blame(Argument::Model, compile(&request))?;
        }
        let weights = self.weights.as_deref().map(|file| self.weights_of(file, found)).transpose();
        let weights = blame(Argument::Weights, weights)?;
        let blamed = if weights.is_some() { Argument::Weights } else { Argument::Model };
        let request = Request {
            weights: weights.as_ref(),
            precision: self.precision,
            classifier: self.classifier,
            ..request
        };
        let compiled = compile(&request).map_err(|report| {
            // Of the numbers that are asked for it is the fault, if there is none without them.
            let others = [
                (self.classifier.is_some(), Argument::Classifier, Request { classifier: None, ..request }),
                (
                    self.precision.is_some(),
                    Argument::Precision,
                    Request { precision: Some(Precision::F32), ..request },
                ),
            ];
            let guilty = others.iter().find(|(asked, _, other)| *asked && compile(other).is_ok());
            Fault { argument: guilty.map_or(blamed, |(_, argument, _)| *argument), report }
        })?;
        let labels = match &self.labels {
            None => compiled.labels.clone(),
            Some(file) => blame(Argument::Labels, self.labels_of(&compiled, file, found))?,
        };
        let packed = weights.is_some().then(|| compiled.blob(&labels)).transpose();
        Ok(Built {
            packed: blame(Argument::Weights, packed)?,
            compiled,
            files: std::mem::take(&mut found.files),
        })
    }

    fn check_numbers(&self, model: Option<&str>) -> std::result::Result<(), Fault> {
        if let Some(alpha) = self.alpha {
            blame(Argument::Alpha, settings::alpha(alpha))?;
        }
        if let (Some(rho), Some(model)) = (&self.rho, model) {
            let spec = blame(Argument::Model, Model::open(model))?.spec;
            blame(Argument::Rho, names::rho(&spec, rho))?;
        }
        if let Some(classes) = self.classes {
            blame(Argument::Classes, settings::class_count(classes))?;
        }
        Ok(())
    }

    /// Compiles the model in a build script, and writes it to `OUT_DIR` as `name` in lower case: the source, and the packed
    /// weights beside it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with one argument, and files that cannot be written.
    pub fn write(&self, name: &str) -> Result<()> {
        let folder = std::env::var_os("OUT_DIR")
            .ok_or_else(|| Complaint::new("OUT_DIR is not set").help("call this from a build script"))?;
        let ident = type_ident(name)?;
        let built = self.compile().map_err(|fault| fault.report)?;
        for file in &built.files {
            println!("cargo::rerun-if-changed={}", file.display());
        }
        let file = Path::new(&folder).join(name.to_lowercase()).with_extension("rs");
        built.write(&file, &ident, "mobilenet_compiler::build")
    }

    /// The model as [`Model::open`] takes it: a name, or a path that has been found.
    fn model(&self, model: &str, found: &mut Found) -> Result<String> {
        if !names::is_path(model) {
            return Ok(model.to_string());
        }
        let path = self.find(Path::new(model), found)?;
        found.files.push(path.clone());
        Ok(path.display().to_string())
    }

    fn weights_of(&self, file: &Path, found: &mut Found) -> Result<Weights> {
        let path = self.find(file, found)?;
        found.files.extend(weights::files(&path));
        weights::open(&path)
    }

    fn labels_of(&self, compiled: &Compiled, file: &Path, found: &mut Found) -> Result<Vec<String>> {
        let path = self.find(file, found)?;
        found.files.push(path.clone());
        compiled.read_labels(&path)
    }

    /// A file, in the folder of the manifest or one above it: paths may be meant from the root of a workspace.
    fn find(&self, file: &Path, found: &mut Found) -> Result<PathBuf> {
        let mut candidates = self.folder.ancestors().map(|folder| folder.join(file));
        if let Some(path) = candidates.find(|path| path.exists()) {
            found.names.push([path.display().to_string(), file.display().to_string()]);
            return Ok(path);
        }
        let what = format!("{}: there is no such file", file.display());
        let help = "it is looked for in the folder of Cargo.toml, and in those above it";
        Err(Complaint::new(what).help(help).into())
    }
}

/// Files that have been found.
#[derive(Default)]
struct Found {
    /// Those that the model depends on.
    files: Vec<PathBuf>,
    /// Where they are, and what the arguments call them.
    names: Vec<[String; 2]>,
}

impl Found {
    /// The report, with files called what the arguments call them.
    fn as_written(&self, report: Report) -> Report {
        self.names.iter().fold(report, |report, [path, written]| report.renamed(path, written))
    }
}

impl Built {
    /// The tokens of the model as a type; `packed` is what `include_bytes!` is given to embed the packed file.
    pub fn tokens(
        &self,
        outer: TokenStream,
        ident: &Ident,
        kernels: TokenStream,
        packed: &str,
    ) -> TokenStream {
        codegen::network(&Network {
            outer,
            ident: ident.clone(),
            kernels,
            plan: &self.compiled.plan,
            cost: self.compiled.cost,
            classes: Classes::Fixed,
            weights: self.packed.is_some().then(|| quote!(#packed)),
        })
    }

    /// The source of the model as a public type; `packed` is where the packed file will be, seen from the source.
    ///
    /// # Errors
    ///
    /// Never, if the code generator is right.
    pub fn source(&self, ident: &Ident, packed: &str, by: &str) -> Result<String> {
        codegen::file(self.tokens(quote!(pub), ident, quote!(::mobilenet_runtime::kernels), packed), by)
    }

    /// Writes the source to a file, and the packed weights, if any, beside it (`.mnw`).
    ///
    /// # Errors
    ///
    /// Where a file cannot be written.
    pub fn write(&self, file: &Path, ident: &Ident, by: &str) -> Result<()> {
        let packed = file.with_extension("mnw");
        let name = packed.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let source = self.source(ident, &name, by)?;
        if let Some(bytes) = &self.packed {
            write_file(&packed, bytes)?;
        }
        write_file(file, source.as_bytes())
    }
}

/// The name of a type, if it is one.
///
/// # Errors
///
/// It is no identifier.
pub fn type_ident(name: &str) -> Result<Ident> {
    match syn::parse_str::<Ident>(name) {
        Ok(ident) => Ok(Ident::new(&ident.to_string(), Span::call_site())),
        Err(_) => Err(Complaint::new(format!("`{name}` cannot be the name of a type")).into()),
    }
}
