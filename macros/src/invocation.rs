//! What the macro is called with.

use mobilenet_compiler::error::Complaint;
use mobilenet_compiler::nearest::suggestion;
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, LitFloat, LitInt, LitStr, Path, Token, Visibility};

/// What can be said besides the model.
const ARGUMENTS: [&str; 8] =
    ["alpha", "rho", "classes", "weights", "labels", "precision", "classifier", "runtime"];

/// A call of the macro.
#[derive(Default)]
pub(crate) struct Invocation {
    /// The type that it declares, or none where it is an expression.
    pub(crate) item: Option<Item>,
    pub(crate) model: Option<LitStr>,
    pub(crate) alpha: Option<Literal>,
    pub(crate) rho: Option<Literal>,
    pub(crate) classes: Option<LitInt>,
    pub(crate) weights: Option<LitStr>,
    pub(crate) labels: Option<LitStr>,
    pub(crate) precision: Option<LitStr>,
    pub(crate) classifier: Option<LitStr>,
    /// The crate `mobilenet-runtime`.
    pub(crate) runtime: Option<Path>,
}

/// `pub struct Name`, with its attributes.
pub(crate) struct Item {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
}

/// A number or a string.
pub(crate) struct Literal {
    pub(crate) text: String,
    /// As it is written, its minus included.
    pub(crate) tokens: TokenStream,
}

impl Invocation {
    /// The path of the crate `mobilenet-runtime`.
    pub(crate) fn runtime(&self) -> TokenStream {
        self.runtime.as_ref().map_or_else(|| quote!(::mobilenet_runtime), |path| quote!(#path))
    }

    fn argument(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let name: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let twice = || Err(syn::Error::new(name.span(), format!("`{name}` is given twice")));
        match name.to_string().as_str() {
            "alpha" if self.alpha.is_none() => self.alpha = Some(input.parse()?),
            "rho" if self.rho.is_none() => self.rho = Some(input.parse()?),
            "classes" if self.classes.is_none() => self.classes = Some(input.parse()?),
            "weights" if self.weights.is_none() => self.weights = Some(input.parse()?),
            "labels" if self.labels.is_none() => self.labels = Some(input.parse()?),
            "precision" if self.precision.is_none() => self.precision = Some(input.parse()?),
            "classifier" if self.classifier.is_none() => self.classifier = Some(input.parse()?),
            "runtime" if self.runtime.is_none() => self.runtime = Some(input.parse()?),
            given if ARGUMENTS.contains(&given) => return twice(),
            _ => {
                let help = suggestion(&name.to_string(), &ARGUMENTS);
                let complaint = Complaint::new(format!("there is no argument `{name}`")).help(help);
                return Err(syn::Error::new(name.span(), complaint));
            }
        }
        Ok(())
    }
}

impl Parse for Invocation {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut invocation = Invocation::default();
        let ahead = input.fork();
        let _ = (ahead.call(Attribute::parse_outer)?, ahead.parse::<Visibility>()?);
        if ahead.peek(Token![struct]) {
            let attributes = input.call(Attribute::parse_outer)?;
            let visibility = input.parse()?;
            input.parse::<Token![struct]>()?;
            let ident = input.parse()?;
            invocation.item = Some(Item { attributes, visibility, ident });
            input.parse::<Token![=]>()?;
        }
        if input.peek(LitStr) {
            invocation.model = Some(input.parse()?);
        } else if input.is_empty() {
            return Err(input.error("expected the name of a model, the path of a spec, or weights"));
        } else {
            invocation.argument(input)?;
        }
        while !input.is_empty() && !input.peek(Token![;]) {
            input.parse::<Token![,]>()?;
            if !input.is_empty() && !input.peek(Token![;]) {
                invocation.argument(input)?;
            }
        }
        input.parse::<Option<Token![;]>>()?;
        if invocation.weights.is_none()
            && let Some(labels) = &invocation.labels
        {
            return Err(syn::Error::new(labels.span(), "labels go with weights: they are packed together"));
        }
        Ok(invocation)
    }
}

impl Parse for Literal {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let minus = input.parse::<Option<Token![-]>>()?;
        let ahead = input.lookahead1();
        let (text, literal) = if ahead.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            (literal.value(), quote!(#literal))
        } else if ahead.peek(LitFloat) {
            let literal: LitFloat = input.parse()?;
            (literal.base10_digits().to_string(), quote!(#literal))
        } else if ahead.peek(LitInt) {
            let literal: LitInt = input.parse()?;
            (literal.base10_digits().to_string(), quote!(#literal))
        } else {
            return Err(ahead.error());
        };
        let sign = if minus.is_some() { "-" } else { "" };
        Ok(Literal { text: format!("{sign}{text}"), tokens: quote!(#minus #literal) })
    }
}
