//! What is generated of a network of bytes: its layers, and the output in its own type.

use mobilenet_kernels::layer::Checked;
use mobilenet_kernels::quantised::layer::{Dequantise, FullyConnected, Separable, Softmax, Stem};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::layer::{map, number, window};
use super::{Network, names};
use crate::plan::{ByteKernel, Kernel, Output, Part};
use crate::weights::Integers;

/// The type of a layer and its descriptor; None for the classifier, which is no part of the features.
pub(super) fn descriptor(kernel: &ByteKernel) -> Option<(TokenStream, TokenStream)> {
    Some(match kernel {
        ByteKernel::Stem(layer) => (quote!(Stem), stem(layer.layer())),
        ByteKernel::Depthwise(layer) => {
            let layer = layer.layer();
            let (input, window, output) = (map(&layer.input), window(&layer.window), map(&layer.output));
            let weights = number(layer.weights);
            let fields = quote!(input: #input, window: #window, output: #output, weights: #weights);
            (quote!(Depthwise), quote!(Depthwise { #fields }))
        }
        ByteKernel::Pointwise(layer) => {
            let layer = layer.layer();
            let (input, output, weights) = (map(&layer.input), map(&layer.output), number(layer.weights));
            let sums = optional(layer.sums);
            let fields = quote!(input: #input, output: #output, sums: #sums, weights: #weights);
            (quote!(Pointwise), quote!(Pointwise { #fields }))
        }
        ByteKernel::Separable(layer) => (quote!(Separable), separable(layer.layer())),
        ByteKernel::Pool(layer, _) => {
            let layer = layer.layer();
            let (input, output, signed) = (map(&layer.input), number(layer.output), layer.signed);
            let scale = optional(layer.scale);
            let fields = quote!(input: #input, output: #output, signed: #signed, scale: #scale);
            (quote!(Pool), quote!(Pool { #fields }))
        }
        ByteKernel::FullyConnected(..) => return None,
    })
}

fn optional(offset: Option<usize>) -> TokenStream {
    match offset.map(number) {
        Some(offset) => quote!(Some(#offset)),
        None => quote!(None),
    }
}

fn stem(layer: &Stem) -> TokenStream {
    let [height, width, channels] = layer.image.map(number);
    let (window, output, sums) = (window(&layer.window), map(&layer.output), optional(layer.sums));
    let [strip, lines, weights] = [layer.strip, layer.lines, layer.weights].map(number);
    quote!(Stem {
        image: [#height, #width, #channels],
        window: #window,
        output: #output,
        strip: #strip,
        lines: #lines,
        sums: #sums,
        weights: #weights,
    })
}

fn separable(layer: &Separable) -> TokenStream {
    let (input, window, output) = (map(&layer.input), window(&layer.window), map(&layer.output));
    let [strip, scratch] = [layer.strip, layer.scratch].map(number);
    let [depthwise, pointwise] = [layer.depthwise, layer.pointwise].map(number);
    let sums = optional(layer.sums);
    quote!(Separable {
        input: #input,
        window: #window,
        output: #output,
        strip: #strip,
        scratch: #scratch,
        sums: #sums,
        depthwise: #depthwise,
        pointwise: #pointwise,
    })
}

/// The constants that come after the layers: features and scores as numbers, the classifier, softmax.
pub(super) fn constants(network: &Network<'_>) -> TokenStream {
    let Some(Output { softmax, .. }) = &network.plan.output else { return quote!() };
    let numbers = |part: &Part| match &part.kernel {
        Kernel::Bytes(ByteKernel::Pool(_, numbers)) => {
            Some(dequantise("FEATURES", "The features as numbers.", numbers))
        }
        Kernel::Bytes(ByteKernel::FullyConnected(layer, numbers)) => {
            let classifier = classifier(&super::doc(part), layer);
            let scores = dequantise("SCORES", "The scores as numbers.", numbers);
            Some(quote!(#classifier #scores))
        }
        _ => None,
    };
    let numbers = network.plan.parts().filter_map(numbers);
    let softmax = softmax.as_ref().map(self::softmax);
    quote!(#(#numbers)* #softmax)
}

fn dequantise(name: &str, doc: &str, layer: &Checked<Dequantise>) -> TokenStream {
    let (name, doc) = (names::constant(name), format!(" {doc}"));
    let Dequantise { len, input, output, weights } = *layer.layer();
    let [len, input, output, weights] = [len, input, output, weights].map(number);
    quote! {
        #[doc = #doc]
        pub(super) const #name: Checked<Dequantise> = Dequantise::checked(Dequantise {
            len: #len,
            input: #input,
            output: #output,
            weights: #weights,
        });
    }
}

fn classifier(doc: &str, layer: &Checked<FullyConnected>) -> TokenStream {
    let FullyConnected { inputs, outputs, input, output, weights } = *layer.layer();
    let [inputs, outputs, input, output, weights] = [inputs, outputs, input, output, weights].map(number);
    quote! {
        #[doc = #doc]
        pub(super) const CLASSIFIER: Checked<FullyConnected> = FullyConnected::checked(FullyConnected {
            inputs: #inputs,
            outputs: #outputs,
            input: #input,
            output: #output,
            weights: #weights,
        });
    }
}

fn softmax(layer: &Checked<Softmax>) -> TokenStream {
    let Softmax { len, vector, weights } = *layer.layer();
    let [len, vector, weights] = [len, vector, weights].map(number);
    quote! {
        /// The scores as probabilities, in place.
        pub(super) const PROBABILITIES: Checked<Softmax> =
            Softmax::checked(Softmax { len: #len, vector: #vector, weights: #weights });
    }
}

/// A kernel call as a statement.
pub(super) fn call(kernel: &ByteKernel, constant: &Ident) -> TokenStream {
    let method = match kernel {
        ByteKernel::Stem(_) => {
            return quote!(kernels.bytes().stem(&layers::#constant, image, weights, arena););
        }
        ByteKernel::Pool(..) => {
            return quote! {
                kernels.bytes().pool(&layers::#constant, weights, arena);
                kernels.bytes().dequantise(&layers::FEATURES, weights, arena);
            };
        }
        kernel => names::method(kernel.name()),
    };
    quote!(kernels.bytes().#method(&layers::#constant, weights, arena);)
}

/// What a network of bytes implements besides: nothing for one of floats.
pub(super) fn implementation(network: &Network<'_>) -> Option<TokenStream> {
    let Network { ident, kernels, plan, .. } = network;
    let Output { integers, at, softmax } = plan.output.as_ref()?;
    let byte = match integers {
        Integers::U8 => quote!(u8),
        Integers::I8 => quote!(i8),
    };
    let (classes, at) = (number(plan.classes), number(*at));
    let body = match softmax {
        Some(_) => quote!(kernels.bytes().softmax(&layers::PROBABILITIES, weights, arena);),
        // The scores are the output.
        None => quote!(let _ = (kernels, weights, arena);),
    };
    Some(quote! {
        impl #kernels::network::Quantised for #ident {
            const OUTPUT_AT: usize = #at;
            type Byte = #byte;
            type Output = [#byte; #classes];

            fn output(kernels: #kernels::Kernels<'_>, weights: &[f32], arena: &mut [f32]) {
                #body
            }
        }
    })
}
