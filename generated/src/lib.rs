//! The sixteen named MobileNets as compiled source: a type each, a feature each.
//!
//! | alpha \ rho | `baseline` 224 | `medium` 192 | `small` 160 | `tiny` 128 |
//! |---|---|---|---|---|
//! | 1.0 | `MobileNetV1_1_0_224` | `MobileNetV1_1_0_192` | `MobileNetV1_1_0_160` | `MobileNetV1_1_0_128` |
//! | 0.75 | `MobileNetV1_0_75_224` | `MobileNetV1_0_75_192` | `MobileNetV1_0_75_160` | `MobileNetV1_0_75_128` |
//! | 0.5 | `MobileNetV1_0_5_224` | `MobileNetV1_0_5_192` | `MobileNetV1_0_5_160` | `MobileNetV1_0_5_128` |
//! | 0.25 | `MobileNetV1_0_25_224` | `MobileNetV1_0_25_192` | `MobileNetV1_0_25_160` | `MobileNetV1_0_25_128` |
//!
//! Each serves the weights of every family that pads SAME: the class count is a const parameter of the type, 1000 where
//! nothing is said, and clamps travel with the weights. The source is what the compiler makes of
//! `specs/mobilenet_v1.yaml`; a test compares the two, and renews it with `MNETC_BLESS=1 cargo test -p
//! mobilenet-generated`.
#![no_std]
#![forbid(unsafe_code)]

/// Declares the modules, and the macro that goes through all of them.
macro_rules! models {
    ($($feature:literal $module:ident $network:ident,)*) => {$(
        #[cfg(feature = $feature)]
        mod $module;
        #[cfg(feature = $feature)]
        pub use $module::$network;
    )*};
}

models! {
    "mobilenet_v1_1_0_224" mobilenet_v1_1_0_224 MobileNetV1_1_0_224,
    "mobilenet_v1_1_0_192" mobilenet_v1_1_0_192 MobileNetV1_1_0_192,
    "mobilenet_v1_1_0_160" mobilenet_v1_1_0_160 MobileNetV1_1_0_160,
    "mobilenet_v1_1_0_128" mobilenet_v1_1_0_128 MobileNetV1_1_0_128,
    "mobilenet_v1_0_75_224" mobilenet_v1_0_75_224 MobileNetV1_0_75_224,
    "mobilenet_v1_0_75_192" mobilenet_v1_0_75_192 MobileNetV1_0_75_192,
    "mobilenet_v1_0_75_160" mobilenet_v1_0_75_160 MobileNetV1_0_75_160,
    "mobilenet_v1_0_75_128" mobilenet_v1_0_75_128 MobileNetV1_0_75_128,
    "mobilenet_v1_0_5_224" mobilenet_v1_0_5_224 MobileNetV1_0_5_224,
    "mobilenet_v1_0_5_192" mobilenet_v1_0_5_192 MobileNetV1_0_5_192,
    "mobilenet_v1_0_5_160" mobilenet_v1_0_5_160 MobileNetV1_0_5_160,
    "mobilenet_v1_0_5_128" mobilenet_v1_0_5_128 MobileNetV1_0_5_128,
    "mobilenet_v1_0_25_224" mobilenet_v1_0_25_224 MobileNetV1_0_25_224,
    "mobilenet_v1_0_25_192" mobilenet_v1_0_25_192 MobileNetV1_0_25_192,
    "mobilenet_v1_0_25_160" mobilenet_v1_0_25_160 MobileNetV1_0_25_160,
    "mobilenet_v1_0_25_128" mobilenet_v1_0_25_128 MobileNetV1_0_25_128,
}

/// Calls a macro with the types of all models: `for_each_model!(mine)` gives `mine! { MobileNetV1_1_0_224 .. }`. Needs
/// feature `all`.
#[macro_export]
macro_rules! for_each_model {
    ($macro:ident) => {
        $macro! {
            $crate::MobileNetV1_1_0_224
            $crate::MobileNetV1_1_0_192
            $crate::MobileNetV1_1_0_160
            $crate::MobileNetV1_1_0_128
            $crate::MobileNetV1_0_75_224
            $crate::MobileNetV1_0_75_192
            $crate::MobileNetV1_0_75_160
            $crate::MobileNetV1_0_75_128
            $crate::MobileNetV1_0_5_224
            $crate::MobileNetV1_0_5_192
            $crate::MobileNetV1_0_5_160
            $crate::MobileNetV1_0_5_128
            $crate::MobileNetV1_0_25_224
            $crate::MobileNetV1_0_25_192
            $crate::MobileNetV1_0_25_160
            $crate::MobileNetV1_0_25_128
        }
    };
}
