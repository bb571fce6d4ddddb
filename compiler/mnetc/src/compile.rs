//! `compile`: a model as Rust source, or as a crate.

use std::fs;
use std::path::Path;

use mobilenet_compiler::build::{Built, type_ident};
use mobilenet_compiler::compile::compile as compile_request;
use mobilenet_compiler::files::write_file;

use crate::Failure;
use crate::args::CompileArgs;
use crate::output::print;

/// What generated files say they were made by.
const COMMAND: &str = "mnetc compile";

/// Compiles a model.
pub(crate) fn compile(args: &CompileArgs) -> Result<(), Failure> {
    let weights = args.model.overrides.open_weights()?;
    let request = args.model.overrides.request(args.model.model.as_deref(), weights.as_ref());
    let compiled = compile_request(&request)?;
    if args.prove {
        crate::prove::prove(&compiled)?;
    }
    let ident = match &args.name {
        Some(name) => type_ident(name).map_err(|report| Failure::usage(report.to_string()))?,
        None => type_ident(&compiled.model.type_name())?,
    };
    let labels = compiled.labels_or_own(args.labels.as_deref())?;
    let packed = weights.is_some().then(|| compiled.blob(&labels)).transpose()?;
    let built = Built { compiled, packed, files: Vec::new() };
    match (&args.output, &args.folder) {
        (Some(file), _) => {
            if file.extension().is_none_or(|extension| extension != "rs") {
                return Err(Failure::usage(format!("{}: the source is a file F.rs", file.display())));
            }
            built.write(file, &ident, COMMAND)?;
            eprintln!("{}{}", file.display(), beside(&built, &file.with_extension("mnw")));
            Ok(())
        }
        (None, Some(folder)) => write_crate(&built, &ident.to_string(), folder),
        (None, None) if built.packed.is_some() => Err(Failure::usage(
            "weights are packed into a file beside the source: say where with -o F.rs or --crate DIR",
        )),
        (None, None) => print(&built.source(&ident, "", COMMAND)?),
    }
}

fn beside(built: &Built, packed: &Path) -> String {
    let bytes = built.packed.as_ref().map(Vec::len);
    bytes.map_or_else(String::new, |bytes| format!(", {} ({bytes} bytes)", packed.display()))
}

/// Writes a crate beside its place and renames it.
fn write_crate(built: &Built, ident: &str, folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::input(format!("{}: {error}", folder.display()));
    let taken = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file();
    if taken {
        return Err(Failure::input(format!("{}: there is something already", folder.display())));
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed)?;
    let draft = tempfile::Builder::new().prefix(".mnetc-").tempdir_in(parent).map_err(failed)?;
    fs::create_dir_all(draft.path().join("src")).map_err(failed)?;
    fs::create_dir_all(draft.path().join("examples")).map_err(failed)?;
    let package = built.compiled.model.module().replace('_', "-");
    built.write(&draft.path().join("src/model.rs"), &type_ident(ident)?, COMMAND)?;
    for (file, text) in [
        ("Cargo.toml", manifest(&package, &built.compiled.plan.name)),
        ("src/lib.rs", library(built, ident)),
        ("examples/classify.rs", example(built, &package.replace('-', "_"), ident)),
    ] {
        write_file(&draft.path().join(file), text.as_bytes())?;
    }
    // An empty folder gives way.
    let _ = fs::remove_dir(folder);
    let draft = draft.keep();
    if let Err(error) = fs::rename(&draft, folder) {
        let _ = fs::remove_dir_all(&draft);
        return Err(failed(error));
    }
    eprintln!(
        "{0}: a crate; `cargo run --release --example classify -- PHOTO` there runs it{1}",
        folder.display(),
        beside(built, &folder.join("src/model.mnw")),
    );
    Ok(())
}

fn manifest(package: &str, model: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"[package]
name = "{package}"
description = "{model}, compiled by mnetc"
version = "0.1.0"
edition = "2024"
publish = false

[dependencies]
mobilenet-runtime = "{version}"

# Kernels are optimised in debug builds too.
[profile.dev.package.mobilenet-kernels]
opt-level = 3

# A package of its own, wherever it lies.
[workspace]
"#
    )
}

fn library(built: &Built, ident: &str) -> String {
    let name = &built.compiled.plan.name;
    let how = match built.packed {
        Some(_) => {
            format!("`Model::<{ident}>::embedded()` is the model with the weights that are embedded here.")
        }
        None => format!("`Model::<{ident}>::load(\"F.mnw\")` takes weights that `mnetc pack` has written."),
    };
    format!(
        "//! `{name}`, compiled by mnetc. {how}\n\nmod model;\n\npub use mobilenet_runtime;\npub use model::{ident};\n"
    )
}

fn example(built: &Built, package: &str, ident: &str) -> String {
    let (model, take) = match built.packed {
        Some(_) => (format!("Model::<{ident}>::embedded()"), ""),
        None => (
            format!("Model::<{ident}>::load(weights)?"),
            "    let weights = arguments.next().ok_or(\"usage: classify F.mnw PHOTO\")?;\n",
        ),
    };
    let usage = if take.is_empty() { "classify PHOTO" } else { "classify F.mnw PHOTO" };
    format!(
        r#"//! Prints what a photo shows.

use {package}::{ident};
use {package}::mobilenet_runtime::{{Model, Photo}};

fn main() -> Result<(), Box<dyn std::error::Error>> {{
    let mut arguments = std::env::args().skip(1);
{take}    let photo = Photo::open(arguments.next().ok_or("usage: {usage}")?)?;
    let model = {model};
    let scores = model.classify(&photo, &mut model.scratch())?;
    for guess in model.top(&scores, 5) {{
        println!("{{:5.1}} %  {{:4}}  {{}}", guess.probability * 100.0, guess.index, guess.label);
    }}
    Ok(())
}}
"#
    )
}
