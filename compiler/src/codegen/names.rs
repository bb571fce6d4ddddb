//! Every identifier of generated code is made here.

use std::collections::HashSet;

use proc_macro2::{Ident, Span};
use quote::format_ident;

/// The constants of layers: `conv_dw_1+conv_pw_1` gives `CONV_DW_1_CONV_PW_1`. Layers whose names differ only in what is
/// no identifier are numbered.
pub(super) fn constants<'l>(layers: impl Iterator<Item = &'l str>) -> Vec<Ident> {
    // The constants that are no layer's.
    let mut taken =
        HashSet::from(["STREAMED", "FEATURES", "CLASSIFIER", "SCORES", "PROBABILITIES"].map(str::to_string));
    let mut constant = |layer: &str| {
        let legal = legal(&layer.to_uppercase());
        let numbered = (2..).map(|number| format!("{legal}_{number}"));
        let name = std::iter::once(legal.clone()).chain(numbered).find(|name| !taken.contains(name));
        let name = name.unwrap_or(legal);
        taken.insert(name.clone());
        Ident::new(&name, Span::call_site())
    };
    layers.map(&mut constant).collect()
}

/// A constant that has its name already.
pub(super) fn constant(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// The method of [`Kernels`](mobilenet_kernels) that runs a layer type: `Separable` gives `separable`.
pub(super) fn method(layer_type: &str) -> Ident {
    let mut name = String::new();
    for (i, c) in layer_type.chars().enumerate() {
        if c.is_uppercase() && i > 0 && layer_type != "BatchNorm" {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    format_ident!("{name}")
}

/// Letters, digits and single underscores, not beginning with a digit.
fn legal(name: &str) -> String {
    let mut legal = String::new();
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if !(c == '_' && legal.ends_with('_')) {
            legal.push(c);
        }
    }
    let legal = legal.trim_matches('_');
    if legal.is_empty() || legal.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("LAYER_{legal}").trim_end_matches('_').to_string();
    }
    legal.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_have_constants_of_their_own() {
        for (layers, expected) in [
            (&["conv1", "conv_dw_1+conv_pw_1"][..], &["CONV1", "CONV_DW_1_CONV_PW_1"][..]),
            (&["1x1", "a -- b", "é"], &["LAYER_1X1", "A_B", "LAYER"]),
            (&["a-b", "a_b", "a_b_2", "A+B"], &["A_B", "A_B_2", "A_B_2_2", "A_B_3"]),
            (&["streamed"], &["STREAMED_2"]),
        ] {
            let found: Vec<_> = constants(layers.iter().copied()).iter().map(Ident::to_string).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn layer_types_have_methods() {
        for (layer, expected) in [("Separable", "separable"), ("BatchNorm", "batchnorm"), ("Stem", "stem")] {
            assert_eq!(method(layer).to_string(), expected);
        }
    }
}
