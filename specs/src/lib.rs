//! Architecture specs of MobileNet v1, as text.
//!
//! The format is described in README.md beside them.
#![no_std]
#![forbid(unsafe_code)]

/// A spec file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! files {
    ($($name:literal),*) => {
        &[$(File { name: $name, text: include_str!(concat!("../", $name)) }),*]
    };
}

/// All specs, the one with the named models first.
pub const ALL: &[File] = files!["mobilenet_v1.yaml", "mobilenet_v1_conv.yaml", "mobilenet_v1_shallow.yaml"];
