//! From a call of the macro to a compiled model.

use mobilenet_compiler::build::{Argument, Build, Built, Fault};
use mobilenet_compiler::error::Report;
use mobilenet_compiler::names;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

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
        Err((span, message)) => failed(&invocation, span, &message),
    }
}

type Error = (Span, String);

fn compile(invocation: &Invocation) -> Result<TokenStream, Error> {
    let built = build(invocation)?.compile().map_err(|fault| blame(invocation, &fault))?;
    let packed = built.packed.as_deref().map(|bytes| packed::write(bytes, &built.files)).transpose();
    let packed = packed.map_err(|report| (weights_span(invocation), report.to_string()))?;
    Ok(tokens(invocation, &built, packed.as_deref()))
}

/// The model that is asked for.
fn build(invocation: &Invocation) -> Result<Build, Error> {
    let mut build = match &invocation.model {
        Some(model) => Build::new(model.value()),
        None => Build::of_weights(),
    };
    if let Some(alpha) = &invocation.alpha {
        let value = names::alpha(&alpha.text).map_err(|report| (alpha.span, report.to_string()))?;
        build = build.alpha(value);
    }
    if let Some(rho) = &invocation.rho {
        build = build.rho(&rho.text);
    }
    if let Some(classes) = &invocation.classes {
        build = build.classes(classes.base10_parse().map_err(|error| (classes.span(), error.to_string()))?);
    }
    if let Some(weights) = &invocation.weights {
        build = build.weights(weights.value());
    }
    if let Some(labels) = &invocation.labels {
        build = build.labels(labels.value());
    }
    if let Some(precision) = &invocation.precision {
        let parsed = precision.value().parse();
        build = build.precision(parsed.map_err(|report: Report| (precision.span(), report.to_string()))?);
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
    let Invocation { model, alpha, rho, classes, labels, precision, .. } = invocation;
    let model = model.as_ref().map(|model| model.span());
    let span = match fault.argument {
        Argument::Model => model,
        Argument::Alpha => alpha.as_ref().map(|alpha| alpha.span),
        Argument::Rho => rho.as_ref().map(|rho| rho.span),
        Argument::Classes => classes.as_ref().map(|classes| classes.span()),
        Argument::Labels => labels.as_ref().map(|labels| labels.span()),
        Argument::Precision => precision.as_ref().map(|precision| precision.span()),
        Argument::Weights => Some(weights_span(invocation)),
    };
    (span.or(model).unwrap_or_else(Span::call_site), fault.report.to_string())
}

fn weights_span(invocation: &Invocation) -> Span {
    invocation.weights.as_ref().map_or_else(Span::call_site, |weights| weights.span())
}

/// The error; and in place of a type that cannot be had the smallest model, so that its users are not errors too.
fn failed(invocation: &Invocation, span: Span, message: &str) -> TokenStream {
    let error = quote_spanned!(span => compile_error!(#message););
    let Some(Item { attributes, visibility, ident }) = &invocation.item else {
        return quote_spanned!(span => compile_error!(#message));
    };
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
