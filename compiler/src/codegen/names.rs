//! Every identifier of generated code is made here.

use proc_macro2::{Ident, Span};
use quote::format_ident;

/// The constant of a layer: `conv_dw_1+conv_pw_1` gives `CONV_DW_1_CONV_PW_1`.
pub(super) fn constant(layer: &str) -> Ident {
    Ident::new(&legal(&layer.to_uppercase()), Span::call_site())
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
    fn layers_have_constants() {
        for (layer, expected) in [
            ("conv1", "CONV1"),
            ("conv_dw_1+conv_pw_1", "CONV_DW_1_CONV_PW_1"),
            ("1x1", "LAYER_1X1"),
            ("a -- b", "A_B"),
            ("é", "LAYER"),
        ] {
            assert_eq!(constant(layer).to_string(), expected);
        }
    }

    #[test]
    fn layer_types_have_methods() {
        for (layer, expected) in [("Separable", "separable"), ("BatchNorm", "batchnorm"), ("Stem", "stem")] {
            assert_eq!(method(layer).to_string(), expected);
        }
    }
}
