//! From a call of the macro to a compiled model.

use std::fmt::Display;

use mobilenet_compiler::build::{Argument, Build, Built, Fault};
use mobilenet_compiler::error::Report;
use mobilenet_compiler::names;
use mobilenet_compiler::settings;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};

use crate::invocation::{Invocation, Item};
use crate::packed;

/// Tokens of the model, or of errors.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let invocation: Invocation = match syn::parse2(tokens) {
        Ok(invocation) => invocation,
        Err(error) => return error.to_compile_error(),
    };
    match compile(&invocation) {
        Ok(tokens) => tokens,
        Err(error) => failed(&invocation, &error),
    }
}

/// A message under the tokens that it is about, from the first of them to the last.
type Error = syn::Error;

fn error(tokens: impl ToTokens, report: impl Display) -> Error {
    Error::new_spanned(tokens, report)
}

fn compile(invocation: &Invocation) -> Result<TokenStream, Error> {
    let built = build(invocation)?.compile().map_err(|fault| blame(invocation, &fault))?;
    let packed = built.packed.as_deref().map(|bytes| packed::write(bytes, &built.files)).transpose();
    let packed = packed.map_err(|report| error(&invocation.weights, report))?;
    Ok(tokens(invocation, &built, packed.as_deref()))
}

/// The model that is asked for.
fn build(invocation: &Invocation) -> Result<Build, Error> {
    let mut build = match &invocation.model {
        Some(model) => Build::new(model.value()),
        None => Build::of_weights(),
    };
    if let Some(alpha) = &invocation.alpha {
        let value = names::alpha(&alpha.text).map_err(|report| error(&alpha.tokens, report))?;
        build = build.alpha(value);
    }
    if let Some(rho) = &invocation.rho {
        build = build.rho(&rho.text);
    }
    if let Some(classes) = &invocation.classes {
        build = build.classes(classes.base10_parse().map_err(|why| error(classes, why))?);
    }
    if let Some(weights) = &invocation.weights {
        build = build.weights(weights.value());
    }
    if let Some(labels) = &invocation.labels {
        build = build.labels(labels.value());
    }
    if let Some(precision) = &invocation.precision {
        let parsed = precision.value().parse();
        build = build.precision(parsed.map_err(|report: Report| error(precision, report))?);
    }
    if let Some(classifier) = &invocation.classifier {
        let parsed = settings::classifier(&classifier.value());
        build = build.classifier(parsed.map_err(|report| error(classifier, report))?);
    }
    Ok(build)
}

/// The type, or the expression; and what makes the compiler watch the files that it depends on.
fn tokens(invocation: &Invocation, built: &Built, packed: Option<&str>) -> TokenStream {
    let runtime = invocation.runtime();
    let kernels = quote!(#runtime::kernels);
    let files = built.files.iter().map(|file| file.display().to_string());
    let watch = quote!(#(const _: &[u8] = include_bytes!(#files);)*);
    let packed = packed.unwrap_or_default();
    if let Some(Item { attributes, visibility, ident }) = &invocation.item {
        let network = built.tokens(quote!(#(#attributes)* #visibility), ident, kernels, packed);
        return quote!(#network #watch);
    }
    let ident = format_ident!("{}", built.compiled.model.type_name());
    let network = built.tokens(quote!(), &ident, kernels, packed);
    let value = match &built.packed {
        Some(_) => quote!(#runtime::Model::<#ident>::embedded()),
        None => quote!(#runtime::Blueprint::<#ident>::new()),
    };
    quote!({ #network #watch #value })
}

/// The literal that is at fault, and what is wrong with it.
fn blame(invocation: &Invocation, fault: &Fault) -> Error {
    let Invocation { model, alpha, rho, classes, weights, labels, precision, classifier, .. } = invocation;
    let tokens = match fault.argument {
        Argument::Model => quote!(#model),
        Argument::Alpha => alpha.as_ref().map_or_else(TokenStream::new, |alpha| alpha.tokens.clone()),
        Argument::Rho => rho.as_ref().map_or_else(TokenStream::new, |rho| rho.tokens.clone()),
        Argument::Classes => quote!(#classes),
        Argument::Precision => quote!(#precision),
        Argument::Classifier => quote!(#classifier),
        Argument::Labels => quote!(#labels),
        Argument::Weights => quote!(#weights),
    };
    error(if tokens.is_empty() { quote!(#model) } else { tokens }, &fault.report)
}

/// The error; and in place of a type that cannot be had the smallest model, so that its users are not errors too.
fn failed(invocation: &Invocation, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    let Some(Item { attributes, visibility, ident }) = &invocation.item else { return error };
    let Ok(built) = Build::new("0.25_MobileNet_tiny").compile() else { return error };
    let runtime = invocation.runtime();
    let kernels = quote!(#runtime::kernels);
    let network = built.tokens(quote!(#(#attributes)* #visibility), ident, kernels.clone(), "");
    // Never evaluated: the error comes first.
    let embedded = invocation.weights.is_some().then(|| {
        quote!(impl #kernels::network::Embedded for #ident {
            const PACKED: #kernels::network::Packed = ::core::panic!();
        })
    });
    quote!(#error #network #embedded)
}
