//! The checked-in sources are what the compiler makes of the spec, no more and no less.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mobilenet_compiler::codegen::{self, Classes, Network};
use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::names::{Catalogue, Model};
use quote::{format_ident, quote};

const RENEW: &str = "MNETC_BLESS=1 cargo test -p mobilenet-generated";

/// The source of a model, as it is to stand in this crate.
fn source(model: &Model) -> String {
    let name = model.name();
    let compiled = compile(&Request { model: Some(&name), ..Request::default() }).unwrap();
    let network = Network {
        outer: quote!(pub),
        ident: format_ident!("{}", model.type_name()),
        kernels: quote!(::mobilenet_kernels),
        plan: &compiled.plan,
        cost: compiled.cost,
        classes: Classes::Parameter,
        weights: None,
    };
    codegen::file(codegen::network(&network), RENEW).unwrap()
}

/// Compares a file with what it should hold, or writes it.
fn check(path: &Path, expected: &str) {
    if std::env::var_os("MNETC_BLESS").is_some() {
        return fs::write(path, expected).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    if found != expected {
        let diff = similar::TextDiff::from_lines(found.as_str(), expected);
        let diff = diff.unified_diff().header("checked in", "generated").to_string();
        panic!("{} is not what the compiler makes; renew it with `{RENEW}`\n\n{diff}", path.display());
    }
}

#[test]
fn generated_sources_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let models = Catalogue::built_in().unwrap().models();
    for model in &models {
        check(&folder.join(model.module()).with_extension("rs"), &source(model));
    }
    let expected: BTreeSet<String> = models.iter().map(|model| model.module() + ".rs").collect();
    let found: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lib.rs")
        .collect();
    assert_eq!(found, expected, "stale or missing files in {}", folder.display());
}

#[test]
fn the_crate_lists_every_model() {
    let manifest = include_str!("../Cargo.toml");
    let library = include_str!("../src/lib.rs");
    for model in Catalogue::built_in().unwrap().models() {
        let (module, ident) = (model.module(), model.type_name());
        assert!(manifest.contains(&format!("\n{module} = []\n")), "feature {module}");
        assert!(manifest.contains(&format!("\n    \"{module}\",\n")), "{module} in feature all");
        assert!(library.contains(&format!("    \"{module}\" {module} {ident},\n")), "module {module}");
        assert!(library.contains(&format!("$crate::{ident}\n")), "{ident} in for_each_model");
    }
}
