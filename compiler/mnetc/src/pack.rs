//! `pack`: weights, folded and packed, as one file.

use std::path::Path;

use mobilenet_compiler::compile::compile;
use mobilenet_compiler::files::write_file;

use crate::Failure;
use crate::args::ModelArgs;

/// Packs the weights of a model.
pub(crate) fn pack(args: &ModelArgs, labels: Option<&Path>, output: &Path) -> Result<(), Failure> {
    let Some(weights) = args.overrides.open_weights()? else {
        return Err(Failure::usage("pack needs --weights FILE"));
    };
    let compiled = compile(&args.overrides.request(args.model.as_deref(), Some(&weights)))?;
    let blob = compiled.blob(&compiled.labels_or_own(labels)?)?;
    write_file(output, &blob)?;
    eprintln!("{}: {} bytes, for {}", output.display(), blob.len(), compiled.plan.name);
    Ok(())
}
