//! `quantize`: a model of floats becomes one of 8-bit integers, calibrated on photos.

mod photos;
mod report;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use mobilenet_compiler::compile::{Compiled, compile};
use mobilenet_compiler::files::{folder_of, write_file};
use mobilenet_compiler::quantise::{Calibration, Quantiser};
use mobilenet_compiler::weights::{self, Weights};

use crate::args::QuantizeArgs;
use crate::{Failure, progress};
use photos::side_by_side;
use report::Report;

/// What the photos of a folder show.
struct Shown {
    /// The photos as the model sees them.
    pixels: Vec<Vec<u8>>,
    ranges: Calibration,
    /// Photos that could not be read, and why.
    skipped: Vec<String>,
}

/// Quantises a model.
pub(crate) fn quantize(args: &QuantizeArgs) -> Result<(), Failure> {
    let (output, overrides) = (args.output.as_path(), &args.model.overrides);
    check(output, overrides.weights.as_deref())?;
    let paths = photos::list(&args.calibrate)?;
    let weights = overrides.open_weights()?;
    let compiled = compile(&overrides.request(args.model.model.as_deref(), weights.as_ref()))?;
    let quantiser = Quantiser::new(&compiled)?;
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.unwrap_or(NonZeroUsize::MIN);

    let bar = progress::bar(paths.len(), "photos: calibrating", args.json);
    let shown = side_by_side(&paths, threads, &bar, |path: &PathBuf| {
        let pixels = photos::read(path, &compiled)?;
        let ranges = quantiser.calibrate(&pixels)?;
        Ok((pixels, ranges))
    });
    bar.finish_and_clear();
    let Shown { pixels, ranges, skipped } = together(shown?)?;

    let network = quantiser.network(&ranges);
    let file = quantiser.file(&network);
    // What is compared is the file, read as anyone reads it.
    let name = output.display().to_string();
    let unread = |report| Failure::input(format!("no .tflite that can be read here comes of it: {report}"));
    let written = weights::read(&file, &name).map_err(unread)?;
    let quantised = quantiser.bind(&written).map_err(unread)?;
    let bar = progress::bar(pixels.len(), "photos: comparing", args.json);
    let compare = |pixels: &Vec<u8>| quantiser.compare(&quantised, pixels);
    let compared = side_by_side(&pixels, threads, &bar, compare);
    bar.finish_and_clear();
    let compared = compared?.into_iter().collect::<Result<Vec<_>, _>>()?;

    write_file(output, &file)?;
    skipped.iter().for_each(|message| eprintln!("mnetc: left out: {message}"));
    notes(&compiled, &written, output).iter().for_each(|note| eprintln!("mnetc: note: {note}"));
    Report { model: &compiled.plan.name, output: name, bytes: file.len(), network, compared, skipped }
        .print(args.json)
}

/// Looks at the arguments before anything that lasts.
fn check(output: &Path, weights: Option<&Path>) -> Result<(), Failure> {
    let shown = output.display();
    if output.extension().is_none_or(|extension| extension != "tflite") {
        return Err(Failure::usage(format!("{shown}: the quantised model is a file F.tflite")));
    }
    let Some(weights) = weights else { return Err(Failure::usage("quantize needs --weights FILE")) };
    if let (Ok(output), Ok(weights)) = (output.canonicalize(), weights.canonicalize())
        && output == weights
    {
        return Err(Failure::usage(format!(
            "{shown}: these are the weights; the quantised model goes elsewhere"
        )));
    }
    folder_of(output)?;
    Ok(())
}

/// What all photos show that could be read; one that could not does not keep the others from being used.
fn together(photos: Vec<Result<(Vec<u8>, Calibration), Failure>>) -> Result<Shown, Failure> {
    let (mut pixels, mut ranges, mut skipped) = (Vec::new(), None::<Calibration>, Vec::new());
    for photo in photos {
        match photo {
            Ok((photo, shown)) => {
                pixels.push(photo);
                ranges = Some(match ranges {
                    Some(ranges) => ranges.merged(&shown),
                    None => shown,
                });
            }
            Err(failure) => skipped.push(failure.message),
        }
    }
    match ranges {
        Some(ranges) => Ok(Shown { pixels, ranges, skipped }),
        None => Err(Failure::input(skipped.join("\nmnetc: "))),
    }
}

/// What the file cannot say of how photos are prepared.
fn notes(compiled: &Compiled, written: &Weights, output: &Path) -> Vec<String> {
    let (ours, theirs) = (&compiled.settings.family.preprocess, &written.family.preprocess);
    let mut notes = Vec::new();
    let mut note = |what: &str| {
        let output = output.display();
        notes.push(format!("{output} does not say {what}; `preprocess:` in a spec does"));
    };
    if (ours.framing, ours.filter) != (theirs.framing, theirs.filter) {
        note("how photos are cropped and resized");
    }
    if ours.bgr != theirs.bgr {
        note("that its channels are blue, green, red");
    }
    notes
}
