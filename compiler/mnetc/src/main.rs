//! `mnetc`, the command line of the MobileNet compiler.
#![forbid(unsafe_code)]

mod agree;
mod args;
mod bench;
mod compile;
mod engine;
mod graph;
mod inspect;
mod list;
mod output;
mod pack;
mod progress;
mod prove;
mod quantize;
mod run;
mod scores;
mod seed;
mod table;
mod tensor;
mod verify;
mod weights;

use std::process::ExitCode;

use args::{Cli, Command, Overrides};
use clap::Parser;
use mobilenet_compiler::compile::Request;
use mobilenet_compiler::error::Report;
use mobilenet_compiler::weights::{Weights, open};

/// Why a command failed, and the exit status: 1 the input is at fault, 2 wrong usage.
#[derive(Debug)]
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn input(message: impl Into<String>) -> Self {
        Failure { message: message.into(), status: 1 }
    }

    fn usage(message: impl Into<String>) -> Self {
        Failure { message: message.into(), status: 2 }
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Failure::input(report.to_string())
    }
}

impl From<mobilenet_runtime::Error> for Failure {
    fn from(error: mobilenet_runtime::Error) -> Self {
        Failure::input(error.to_string())
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::List { json } => list::list(json),
        Command::Inspect { model, json } => inspect::inspect(&model, json),
        Command::Graph(args) => graph::graph(&args),
        Command::Compile(args) => compile::compile(&args),
        Command::Run(args) => run::run(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Weights { file, json } => weights::weights(&file, json),
        Command::Quantize(args) => quantize::quantize(&args),
        Command::Pack { model, labels, output } => pack::pack(&model, labels.as_deref(), &output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            eprintln!("mnetc: {message}");
            ExitCode::from(status)
        }
    }
}

impl Overrides {
    /// Opens the weights, if any are named.
    fn open_weights(&self) -> Result<Option<Weights>, Failure> {
        let Some(file) = &self.weights else { return Ok(None) };
        let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let spinner = progress::spinner(bytes, format!("reading {}", file.display()));
        let weights = open(file);
        spinner.finish_and_clear();
        Ok(Some(weights?))
    }

    /// The request for a model with these overrides.
    fn request<'r>(&'r self, model: Option<&'r str>, weights: Option<&'r Weights>) -> Request<'r> {
        Request {
            model,
            alpha: self.alpha,
            rho: self.rho.as_deref(),
            classes: self.classes,
            weights,
            precision: self.precision,
            classifier: self.classifier,
            input: None,
        }
    }
}
