//! Tells the crate what compilers know of a target and do not say: whether it has the DSP extension of ARM's microcontrollers, and whether
//! LLVM keeps operations in the order in which they are written.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(dsp)");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo::rustc-check-cfg=cfg(source_order)");
    // WebAssembly has no registers; how many a browser needs depends on the order of operations.
    if env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("-pre-RA-sched=source")) {
        println!("cargo::rustc-cfg=source_order");
    }
    // Cortex-M4F and M7. With `--cfg mobilenet_no_dsp` they do without, for comparison.
    let target = env::var("TARGET").unwrap_or_default();
    if target == "thumbv7em-none-eabihf" && env::var_os("CARGO_CFG_MOBILENET_NO_DSP").is_none() {
        println!("cargo::rustc-cfg=dsp");
    }
}
