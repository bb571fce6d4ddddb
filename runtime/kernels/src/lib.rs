//! Kernels of compiled MobileNets.
#![cfg_attr(not(test), no_std)]

pub mod image;
pub mod layer;
pub mod layout;
