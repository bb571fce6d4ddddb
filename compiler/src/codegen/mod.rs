//! From a plan to Rust: one constant a layer, one straight line of kernel calls.
//!
//! The macro, the build-script function, `mnetc compile` and generated/ all come through [`network`], and so give the
//! same tokens. Weights never become tokens; they are `include_bytes!`d.

mod bytes;
mod file;
mod layer;
mod names;

pub use file::file;
use layer::number;
use mobilenet_kernels::header::Precision;
use mobilenet_kernels::layout::Storage;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::cost::Cost;
use crate::plan::{ByteKernel, Kernel, Part, Plan};

/// What is generated, besides what the plan says.
#[derive(Clone, Debug)]
pub struct Network<'p> {
    /// Attributes and visibility of the type.
    pub outer: TokenStream,
    /// The type.
    pub ident: Ident,
    /// Path of the crate `mobilenet_kernels` as the generated code sees it.
    pub kernels: TokenStream,
    /// The plan.
    pub plan: &'p Plan,
    /// The cost of one run.
    pub cost: Cost,
    /// Where the number of classes stands.
    pub classes: Classes,
    /// What `include_bytes!` is given to embed the packed weights, or none.
    pub weights: Option<TokenStream>,
}

/// Where the number of classes stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classes {
    /// It is a const parameter of the type, and the plan's number its default.
    Parameter,
    /// It is the plan's.
    Fixed,
}

impl Network<'_> {
    /// Where the number of classes stands: that of a network of bytes, whose weights are part of what it is, is its own.
    fn classes(&self) -> Classes {
        if self.plan.output.is_some() { Classes::Fixed } else { self.classes }
    }
}

/// A kernel call, the constant that holds its layer, and the layer's type and value.
struct Call<'p> {
    part: &'p Part,
    constant: Ident,
    descriptor: (TokenStream, TokenStream),
}

/// The network as a type that implements `mobilenet_kernels::network::Network`, and `Embedded` where it has weights.
///
/// All but the type is inside an anonymous constant, so that its names cannot meet those of the code around it.
pub fn network(network: &Network<'_>) -> TokenStream {
    let Network { outer, ident, plan, .. } = network;
    let summary = summary(network);
    let parameters = match network.classes() {
        Classes::Parameter => {
            let default = number(plan.classes);
            quote!(<const CLASSES: usize = #default>)
        }
        Classes::Fixed => quote!(),
    };
    // Digits are set apart, or 1.0 and 10 would look the same.
    let lint = ident.to_string().contains('_').then(|| quote!(#[allow(non_camel_case_types)]));
    let steps = steps(plan);
    let constants = steps.iter().flatten().map(constant);
    let streams = steps.iter().filter(|calls| calls.len() > 1).map(|calls| stream(calls));
    let classifier = plan.parts().find_map(classifier);
    let (imports, vectors) = (imports(network), bytes::constants(network));
    let (implementation, quantised) = (implementation(network, &steps), bytes::implementation(network));
    let embedded = embedded(network);
    quote! {
        #[doc = #summary]
        #[derive(Clone, Copy, Debug)]
        #lint
        #outer struct #ident #parameters;

        const _: () = {
            mod layers {
                #imports

                #(#constants)*
                #(#streams)*
                #classifier
                #vectors
            }

            #implementation
            #quantised
            #embedded
        };
    }
}

/// What the layers' constants are made of.
fn imports(network: &Network<'_>) -> TokenStream {
    let kernels = &network.kernels;
    if network.plan.output.is_none() {
        return quote! {
            use #kernels::layer::*;
            use #kernels::layout::{Map, Storage, Window};
        };
    }
    quote! {
        use #kernels::layer::Checked;
        use #kernels::layout::{Map, Window};
        use #kernels::quantised::layer::*;
    }
}

/// The steps of the plan that compute features: all but the classifier.
fn steps(plan: &Plan) -> Vec<Vec<Call<'_>>> {
    let mut constants = names::constants(plan.parts().map(|part| part.name.as_str())).into_iter();
    let mut call = |part| {
        let constant = constants.next()?;
        Some(Call { part, constant, descriptor: layer::descriptor(&part.kernel)? })
    };
    let steps = plan.steps.iter().map(|step| step.parts.iter().filter_map(&mut call).collect());
    steps.filter(|calls: &Vec<_>| !calls.is_empty()).collect()
}

fn summary(network: &Network<'_>) -> String {
    let Plan { name, input: [height, width, channels], .. } = network.plan;
    let numbers = match network.plan.precision() {
        Precision::F32 => String::new(),
        precision => format!(" in {precision}"),
    };
    format!(
        " `{name}`{numbers}: {height} x {width} x {channels} in, {:.2} M multiply-adds, {} parameters, an arena of {} bytes.",
        network.cost.macs as f64 / 1e6,
        network.cost.params,
        network.plan.arena_bytes(),
    )
}

/// ` conv_dw_1: 112x112x32 to 112x112x64.`, as a doc comment.
fn doc(part: &Part) -> String {
    format!(" `{}`: {} to {}.", part.name, part.input, part.output)
}

fn constant(call: &Call<'_>) -> TokenStream {
    let Call { part, constant, descriptor: (kind, descriptor) } = call;
    let doc = doc(part);
    quote! {
        #[doc = #doc]
        pub(super) const #constant: Checked<#kind> = #kind::checked(#descriptor);
    }
}

/// The layers that run together, row by row.
fn stream(calls: &[Call<'_>]) -> TokenStream {
    let count = number(calls.len());
    let stages = calls.iter().map(|Call { part, constant, .. }| match part.kernel {
        Kernel::Stem(_) | Kernel::Bytes(ByteKernel::Stem(_)) => quote!(Stage::Stem(#constant)),
        Kernel::Conv(_) => quote!(Stage::Conv(#constant)),
        _ => quote!(Stage::Separable(#constant)),
    });
    quote! {
        /// The first layers, which run together row by row.
        pub(super) const STREAMED: [Stage; #count] = [#(#stages),*];
    }
}

/// The classifier is a function, because its size may be a parameter of the type.
fn classifier(part: &Part) -> Option<TokenStream> {
    let Kernel::FullyConnected(layer) = &part.kernel else { return None };
    let (doc, layer) = (doc(part), layer.layer());
    let [inputs, input, output, weights] =
        [layer.inputs, layer.input, layer.output, layer.weights].map(number);
    let storage = layer::storage(layer.storage);
    Some(quote! {
        #[doc = #doc]
        pub(super) const fn classifier(classes: usize) -> Checked<FullyConnected> {
            FullyConnected::checked(FullyConnected {
                inputs: #inputs,
                outputs: classes,
                input: #input,
                output: #output,
                weights: #weights,
                storage: #storage,
            })
        }
    })
}

fn implementation(network: &Network<'_>, steps: &[Vec<Call<'_>>]) -> TokenStream {
    let Network { ident, kernels, plan, cost, .. } = network;
    let name = &plan.name;
    let [height, width, channels] = plan.input.map(number);
    let len = number(plan.input.iter().product());
    let lines = number(plan.arena / 16);
    let (embedding, features, scores) = (number(plan.embedding), number(plan.features), number(plan.logits));
    // Everything but the classifier has a fixed size; it comes last.
    let trunk = number(plan.sections.last().map_or(0, |section| section.offset));
    let fingerprint = plan.fingerprint();
    // Parameters but for the classifier's bias and kernel, which depend on the class count.
    let params = cost.params - ((plan.embedding + 1) * plan.classes) as u64;
    let macs = cost.macs - (plan.embedding * plan.classes) as u64;
    let calls = steps.iter().map(|calls| self::call(calls));
    let precision = precision(network);
    let (parameters, arguments, classes) = match network.classes() {
        Classes::Parameter => (quote!(<const CLASSES: usize>), quote!(<CLASSES>), quote!(CLASSES)),
        Classes::Fixed => {
            let classes = number(plan.classes);
            (quote!(), quote!(), quote!(#classes))
        }
    };
    let of_bytes = network.plan.output.is_some();
    let weights = of_bytes.then(|| {
        let section = quote!(#kernels::quantised::layout::Section::panels(1, #embedding, #classes));
        quote!(const WEIGHTS: usize = Self::TRUNK + #section.len;)
    });
    let logits = match of_bytes {
        true => quote! {
            kernels.bytes().fully_connected(&layers::CLASSIFIER, weights, arena);
            kernels.bytes().dequantise(&layers::SCORES, weights, arena);
        },
        false => quote!(kernels.fully_connected(const { &layers::classifier(#classes) }, weights, arena);),
    };
    quote! {
        impl #parameters #kernels::network::Network for #ident #arguments {
            const NAME: &'static str = #name;
            const INPUT: [usize; 3] = [#height, #width, #channels];
            const CLASSES: usize = #classes;
            const EMBEDDING: usize = #embedding;
            const TRUNK: usize = #trunk;
            #weights
            const FEATURES_AT: usize = #features;
            const SCORES_AT: usize = #scores;
            const MACS: u64 = #macs + (#embedding * #classes) as u64;
            const PARAMS: u64 = #params + ((#embedding + 1) * #classes) as u64;
            const FINGERPRINT: u64 = #fingerprint;
            #precision
            type Pixels = [u8; #len];
            type Tensor = [f32; #len];
            type Features = [f32; #embedding];
            type Scores = [f32; #classes];
            type Arena = [#kernels::network::Line; #lines];

            fn features(
                kernels: #kernels::Kernels<'_>,
                weights: &[f32],
                image: #kernels::image::Image<'_>,
                arena: &mut [f32],
            ) {
                #(#calls)*
            }

            fn logits(kernels: #kernels::Kernels<'_>, weights: &[f32], arena: &mut [f32]) {
                #logits
            }
        }
    }
}

/// Precision, and what the classifier is stored as, where they are not those of `f32`s.
fn precision(network: &Network<'_>) -> TokenStream {
    let Network { kernels, plan, .. } = network;
    let name = match plan.precision() {
        Precision::F32 => None,
        Precision::Bf16 => Some(quote!(Bf16)),
        Precision::Uint8 => Some(quote!(Uint8)),
        Precision::Int8 => Some(quote!(Int8)),
    };
    let precision = name.map(|name| {
        let path = quote!(#kernels::header::Precision);
        quote!(const PRECISION: #path = #path::#name;)
    });
    let stored = plan.numbers.stored().filter(|stored| stored.classifier != Storage::F32);
    let classifier = stored.map(|stored| {
        let storage = layer::storage(stored.classifier);
        quote!(const CLASSIFIER: #kernels::layout::Storage = #kernels::layout::#storage;)
    });
    quote!(#precision #classifier)
}

/// One step as a statement.
fn call(calls: &[Call<'_>]) -> TokenStream {
    let [Call { part, constant, descriptor: (kind, _) }] = calls else {
        let bytes = calls.iter().any(|call| matches!(call.part.kernel, Kernel::Bytes(_)));
        let bytes = bytes.then(|| quote!(.bytes()));
        return quote!(kernels #bytes.stream(&layers::STREAMED, image, weights, arena););
    };
    let method = names::method(&kind.to_string());
    match &part.kernel {
        Kernel::Bytes(kernel) => bytes::call(kernel, constant),
        Kernel::Stem(_) => quote!(kernels.stem(&layers::#constant, image, weights, arena);),
        _ => quote!(kernels.#method(&layers::#constant, weights, arena);),
    }
}

fn embedded(network: &Network<'_>) -> Option<TokenStream> {
    let Network { ident, kernels, weights, .. } = network;
    let weights = weights.as_ref()?;
    Some(quote! {
        static PACKED: &#kernels::network::Aligned<[u8]> =
            &#kernels::network::Aligned(*include_bytes!(#weights));

        impl #kernels::network::Embedded for #ident {
            const PACKED: #kernels::network::Packed = #kernels::network::Packed::new::<#ident>(PACKED);
        }
    })
}
