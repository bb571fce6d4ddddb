//! From a plan to Rust: one constant a layer, one straight line of kernel calls.
//!
//! The macro, the build-script function, `mnetc compile` and generated/ all come through [`network`], and so give the
//! same tokens. Weights never become tokens; class counts are a const parameter.

mod file;
mod layer;
mod names;

pub use file::file;
use layer::number;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::plan::{Kernel, Part, Plan, Step};

/// What generated code says about a network besides its plan.
#[derive(Clone, Debug)]
pub struct Network<'p> {
    /// The type that is generated.
    pub ident: Ident,
    /// Path of the crate `mobilenet_kernels` as the generated code sees it.
    pub kernels: TokenStream,
    /// The plan.
    pub plan: &'p Plan,
    /// Multiply-adds of one run.
    pub macs: u64,
    /// Parameters, batch norm not counted.
    pub params: u64,
}

/// The network as a type that implements `mobilenet_kernels::network::Network`.
pub fn network(network: &Network<'_>) -> TokenStream {
    let Network { ident, kernels, plan, .. } = network;
    let classes = number(plan.classes);
    let summary = summary(network);
    let constants = plan.parts().filter_map(constant);
    let classifier = plan.parts().find_map(classifier);
    let implementation = implementation(network);
    quote! {
        use #kernels::image::Image;
        use #kernels::layer::*;
        use #kernels::layout::{Order, Window};
        use #kernels::layout::Map;
        use #kernels::network::{Line, Network};
        use #kernels::Kernels;

        #[doc = #summary]
        #[derive(Clone, Copy, Debug)]
        pub struct #ident<const CLASSES: usize = #classes>;

        #(#constants)*

        impl<const CLASSES: usize> #ident<CLASSES> {
            #classifier
        }

        #implementation
    }
}

fn summary(network: &Network<'_>) -> String {
    let Plan { name, input: [height, width, channels], arena, .. } = network.plan;
    format!(
        " `{name}`: {height} x {width} x {channels} in, {:.2} M multiply-adds, {} parameters, an arena of {} bytes.",
        network.macs as f64 / 1e6,
        network.params,
        arena * size_of::<f32>(),
    )
}

/// ` conv_dw_1: 112x112x32 to 112x112x64.`, as a doc comment.
fn doc(part: &Part) -> String {
    format!(" `{}`: {} to {}.", part.name, part.input, part.output)
}

fn constant(part: &Part) -> Option<TokenStream> {
    let (kind, descriptor) = layer::descriptor(&part.kernel)?;
    let (doc, name) = (doc(part), names::constant(&part.name));
    Some(quote! {
        #[doc = #doc]
        const #name: Checked<#kind> = #descriptor.checked();
    })
}

/// The classifier is a constant of the type, because its size is a parameter of the type.
fn classifier(part: &Part) -> Option<TokenStream> {
    let Kernel::FullyConnected(layer) = &part.kernel else { return None };
    let (doc, name, layer) = (doc(part), names::constant(&part.name), layer.layer());
    let [inputs, input, output, weights] =
        [layer.inputs, layer.input, layer.output, layer.weights].map(number);
    Some(quote! {
        #[doc = #doc]
        const #name: Checked<FullyConnected> = FullyConnected {
            inputs: #inputs,
            outputs: CLASSES,
            input: #input,
            output: #output,
            weights: #weights,
        }
        .checked();
    })
}

fn implementation(network: &Network<'_>) -> TokenStream {
    let Network { ident, plan, macs, params, .. } = network;
    let name = &plan.name;
    let [height, width, channels] = plan.input.map(number);
    let len = number(plan.input.iter().product());
    let lines = number(plan.arena / 16);
    let (embedding, features, logits) = (number(plan.embedding), number(plan.features), number(plan.logits));
    // Everything but the classifier has a fixed size; it comes last.
    let trunk = number(plan.sections.last().map_or(0, |section| section.offset));
    let fingerprint = plan.fingerprint();
    // Parameters but for the classifier's bias and kernel, which depend on the class count.
    let body_params = params - ((plan.embedding + 1) * plan.classes) as u64;
    let body_macs = macs - (plan.embedding * plan.classes) as u64;
    let calls = plan.steps.iter().filter_map(call);
    let classifier = plan.parts().find(|part| matches!(part.kernel, Kernel::FullyConnected(_)));
    let classifier = classifier.map(|part| names::constant(&part.name));
    quote! {
        impl<const CLASSES: usize> Network for #ident<CLASSES> {
            const NAME: &'static str = #name;
            const INPUT: [usize; 3] = [#height, #width, #channels];
            const CLASSES: usize = CLASSES;
            const EMBEDDING: usize = #embedding;
            const TRUNK: usize = #trunk;
            const FEATURES_AT: usize = #features;
            const SCORES_AT: usize = #logits;
            const MACS: u64 = #body_macs + (#embedding * CLASSES) as u64;
            const PARAMS: u64 = #body_params + ((#embedding + 1) * CLASSES) as u64;
            const FINGERPRINT: u64 = #fingerprint;
            type Pixels = [u8; #len];
            type Tensor = [f32; #len];
            type Features = [f32; #embedding];
            type Scores = [f32; CLASSES];
            type Arena = [Line; #lines];

            fn features(kernels: &Kernels, weights: &[f32], image: Image<'_>, arena: &mut [f32]) {
                #(#calls)*
            }

            fn logits(kernels: &Kernels, weights: &[f32], arena: &mut [f32]) {
                kernels.fully_connected(&Self::#classifier, weights, arena);
            }
        }
    }
}

/// One step as a statement.
fn call(step: &Step) -> Option<TokenStream> {
    if let [part] = &step.parts[..] {
        let name = names::constant(&part.name);
        let (kind, _) = layer::descriptor(&part.kernel)?;
        let method = names::method(&kind.to_string());
        return Some(match part.kernel {
            Kernel::Stem(_) => quote!(kernels.stem(&#name, image, weights, arena);),
            _ => quote!(kernels.#method(&#name, weights, arena);),
        });
    }
    let stages = step.parts.iter().map(|part| {
        let name = names::constant(&part.name);
        match part.kernel {
            Kernel::Stem(_) => quote!(Stage::Stem(#name)),
            Kernel::Conv(_) => quote!(Stage::Conv(#name)),
            _ => quote!(Stage::Separable(#name)),
        }
    });
    Some(quote!(kernels.stream(&[#(#stages),*], image, weights, arena);))
}
