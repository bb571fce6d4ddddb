//! Tells the crate what compilers know of a target and do not say: whether it has the DSP extension of ARM's microcontrollers.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(dsp)");
    // Cortex-M4F and M7. With `--cfg mobilenet_no_dsp` they do without, for comparison.
    let target = env::var("TARGET").unwrap_or_default();
    if target == "thumbv7em-none-eabihf" && env::var_os("CARGO_CFG_MOBILENET_NO_DSP").is_none() {
        println!("cargo::rustc-cfg=dsp");
    }
}
