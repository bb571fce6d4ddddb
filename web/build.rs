//! Networks of bytes as types: four of the named models, with the classes and the integers of TensorFlow's published files (unsigned,
//! 1001) and of what `mnetc quantize` makes of weights with 1000 classes (signed), with and without a softmax at the end.
//! One more is a line more.

use std::path::Path;

use mobilenet_compiler::codegen::{self, Classes, Network};
use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::plan::{Bytes, Numbers, Options, Plan};
use mobilenet_compiler::weights::Integers;
use quote::{format_ident, quote};

const MODELS: [&str; 4] =
    ["1.0_MobileNet_baseline", "0.75_MobileNet_medium", "0.5_MobileNet_small", "0.25_MobileNet_tiny"];
const INTEGERS: [(Integers, usize); 2] = [(Integers::U8, 1001), (Integers::I8, 1000)];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let (mut networks, mut idents) = (Vec::new(), Vec::new());
    for model in MODELS {
        for (integers, classes) in INTEGERS {
            let request = Request { model: Some(model), classes: Some(classes), ..Request::default() };
            let compiled = compile(&request)?;
            for softmax in [true, false] {
                let numbers = Numbers::Bytes(Bytes { integers, softmax, mean: false });
                let plan = Plan::new(&compiled.graph, Options { numbers, ..Options::default() })?;
                let ident = format_ident!("Network{}", networks.len());
                networks.push(codegen::network(&Network {
                    outer: quote!(pub(crate)),
                    ident: ident.clone(),
                    kernels: quote!(::mobilenet_runtime::kernels),
                    plan: &plan,
                    cost: compiled.cost,
                    classes: Classes::Fixed,
                    weights: None,
                }));
                idents.push(ident);
            }
        }
    }
    let tokens = quote! {
        #(#networks)*

        /// Calls a macro with all of them.
        macro_rules! for_each_network_of_bytes {
            ($with:ident) => { $with! { #(#idents)* } };
        }
        pub(crate) use for_each_network_of_bytes;
    };
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("bytes.rs"), tokens.to_string())?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
