//! A layer descriptor as tokens: the same struct literal a person would write.

use mobilenet_kernels::layer::{Conv, Depthwise, Pointwise, Pool, Separable, Stem};
use mobilenet_kernels::layout::{Map, Order, Storage, Window};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::bytes;
use crate::plan::Kernel;

/// `60800` as tokens, without a type suffix.
pub(super) fn number(value: usize) -> Literal {
    Literal::usize_unsuffixed(value)
}

/// The type of a layer and its descriptor, or `None` for kernels that compiled code does not call: layers that the
/// passes have folded away, and the classifier, whose class count is a parameter.
pub(super) fn descriptor(kernel: &Kernel) -> Option<(TokenStream, TokenStream)> {
    Some(match kernel {
        Kernel::Stem(layer) => (quote!(Stem), stem(layer.layer())),
        Kernel::Conv(layer) => (quote!(Conv), conv(layer.layer())),
        Kernel::Depthwise(layer) => (quote!(Depthwise), depthwise(layer.layer())),
        Kernel::Pointwise(layer) => (quote!(Pointwise), pointwise(layer.layer())),
        Kernel::Separable(layer) => (quote!(Separable), separable(layer.layer())),
        Kernel::BatchNorm(layer) => {
            let (map, weights) = (map(&layer.layer().map), number(layer.layer().weights));
            (quote!(BatchNorm), quote!(BatchNorm { map: #map, weights: #weights }))
        }
        Kernel::Activation(layer) => {
            let (map, weights) = (map(&layer.layer().map), number(layer.layer().weights));
            (quote!(Activation), quote!(Activation { map: #map, weights: #weights }))
        }
        Kernel::Pool(layer) => (quote!(Pool), pool(layer.layer())),
        Kernel::Bytes(kernel) => return bytes::descriptor(kernel),
        Kernel::FullyConnected(_) | Kernel::Softmax(_) => return None,
    })
}

pub(super) fn map<const G: usize>(map: &Map<G>) -> TokenStream {
    let [height, width, channels, offset] = [map.height, map.width, map.channels, map.offset].map(number);
    match map.order {
        Order::Plane => quote!(Map::plane([#height, #width, #channels], #offset)),
        Order::Rows { slots, first } => {
            let [slots, first] = [slots, first].map(number);
            quote!(Map::rows([#height, #width, #channels], #offset, #slots, #first))
        }
    }
}

pub(super) fn window(window: &Window) -> TokenStream {
    let [size, stride, top, left] = [window.size, window.stride, window.top, window.left].map(number);
    quote!(Window::new(#size, #stride, [#top, #left]))
}

/// What weights are stored as.
pub(super) fn storage(storage: Storage) -> TokenStream {
    match storage {
        Storage::F32 => quote!(Storage::F32),
        Storage::Bf16 => quote!(Storage::Bf16),
        Storage::F16 => quote!(Storage::F16),
    }
}

fn stem(layer: &Stem) -> TokenStream {
    let [height, width, channels] = layer.image.map(number);
    let (window, output) = (window(&layer.window), map(&layer.output));
    let [strip, lines, weights] = [layer.strip, layer.lines, layer.weights].map(number);
    quote!(Stem {
        image: [#height, #width, #channels],
        window: #window,
        output: #output,
        strip: #strip,
        lines: #lines,
        weights: #weights,
    })
}

fn conv(layer: &Conv) -> TokenStream {
    let (input, window, output) = (map(&layer.input), window(&layer.window), map(&layer.output));
    let [strip, lines, weights] = [layer.strip, layer.lines, layer.weights].map(number);
    quote!(Conv {
        input: #input,
        window: #window,
        output: #output,
        strip: #strip,
        lines: #lines,
        weights: #weights,
    })
}

fn depthwise(layer: &Depthwise) -> TokenStream {
    let (input, window, output) = (map(&layer.input), window(&layer.window), map(&layer.output));
    let weights = number(layer.weights);
    quote!(Depthwise { input: #input, window: #window, output: #output, weights: #weights })
}

fn pointwise(layer: &Pointwise) -> TokenStream {
    let (input, output, weights) = (map(&layer.input), map(&layer.output), number(layer.weights));
    quote!(Pointwise { input: #input, output: #output, weights: #weights })
}

fn separable(layer: &Separable) -> TokenStream {
    let (input, window, output) = (map(&layer.input), window(&layer.window), map(&layer.output));
    let [strip, scratch] = [layer.strip, layer.scratch].map(number);
    let [depthwise, pointwise] = [layer.depthwise, layer.pointwise].map(number);
    let storage = storage(layer.storage);
    quote!(Separable {
        input: #input,
        window: #window,
        output: #output,
        strip: #strip,
        scratch: #scratch,
        depthwise: #depthwise,
        pointwise: #pointwise,
        storage: #storage,
    })
}

fn pool(layer: &Pool) -> TokenStream {
    let (input, output) = (map(&layer.input), number(layer.output));
    quote!(Pool { input: #input, output: #output })
}
