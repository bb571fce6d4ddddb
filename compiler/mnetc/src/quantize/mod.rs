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

/// Quantises a model.
pub(crate) fn quantize(args: &QuantizeArgs) -> Result<(), Failure> {
    let (output, overrides) = (args.output.as_path(), &args.model.overrides);
    if output.extension().is_none_or(|extension| extension != "tflite") {
        return Err(Failure::usage(format!("{}: the quantised model is a file F.tflite", output.display())));
    }
    if overrides.weights.is_none() {
        return Err(Failure::usage("quantize needs --weights FILE"));
    }
    folder_of(output)?;
    let paths = photos::list(&args.calibrate)?;
    let weights = overrides.open_weights()?;
    let compiled = compile(&overrides.request(args.model.model.as_deref(), weights.as_ref()))?;
    let quantiser = Quantiser::new(&compiled)?;
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.unwrap_or(NonZeroUsize::MIN);

    let bar = progress::bar(paths.len(), "photos: calibrating", args.json);
    let calibrate = |path: &PathBuf| {
        let pixels = photos::read(path, &compiled)?;
        let calibration = quantiser.calibrate(&pixels)?;
        Ok::<_, Failure>((pixels, calibration))
    };
    let calibrated = side_by_side(&paths, threads, &bar, calibrate)?;
    bar.finish_and_clear();
    let (mut pixels, mut ranges, mut skipped) = (Vec::new(), None::<Calibration>, Vec::new());
    for calibrated in calibrated {
        match calibrated {
            Ok((photo, shown)) => {
                pixels.push(photo);
                ranges = Some(ranges.map_or(shown.clone(), |ranges| ranges.merged(&shown)));
            }
            Err(failure) => skipped.push(failure.message),
        }
    }
    let Some(ranges) = ranges else { return Err(Failure::input(skipped.join("\nmnetc: "))) };

    let network = quantiser.network(&ranges);
    let file = quantiser.file(&network);
    // What is compared is the file, read as anyone reads it.
    let name = output.display().to_string();
    let unread = |report| Failure::input(format!("no .tflite that can be read here comes of it: {report}"));
    let written = weights::read(&file, &name).map_err(unread)?;
    let quantised = quantiser.bind(&written).map_err(unread)?;
    let bar = progress::bar(pixels.len(), "photos: comparing", args.json);
    let compared =
        side_by_side(&pixels, threads, &bar, |pixels: &Vec<u8>| quantiser.compare(&quantised, pixels))?;
    bar.finish_and_clear();
    let compared = compared.into_iter().collect::<Result<Vec<_>, _>>()?;

    write_file(output, &file)?;
    skipped.iter().for_each(|message| eprintln!("mnetc: left out: {message}"));
    notes(&compiled, &written, output).iter().for_each(|note| eprintln!("mnetc: note: {note}"));
    Report { model: &compiled.plan.name, output: name, bytes: file.len(), network, compared, skipped }
        .print(args.json)
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
