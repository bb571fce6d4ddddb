//! Instruction sets.

use core::fmt;
use core::str::FromStr;

use crate::header::Precision;

/// An instruction set that kernels exist for, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// [`Avx512Bf16`](Isa::Avx512Bf16) with AMX-BF16, which multiplies tiles of bf16s, where Linux grants it.
    Amx,
    /// [`Avx512`](Isa::Avx512) with AVX-512 BF16, which multiplies pairs of bf16s.
    Avx512Bf16,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// Any x86-64.
    Sse2,
    /// Any 64-bit ARM.
    Neon,
    /// WebAssembly with relaxed SIMD: vectors and fused multiply-adds.
    RelaxedSimd,
    /// WebAssembly with SIMD.
    Simd128,
    /// Any processor.
    Scalar,
}

impl Isa {
    /// All of them, best first.
    pub const ALL: [Isa; 9] = [
        Isa::Amx,
        Isa::Avx512Bf16,
        Isa::Avx512,
        Isa::Avx2,
        Isa::Sse2,
        Isa::Neon,
        Isa::RelaxedSimd,
        Isa::Simd128,
        Isa::Scalar,
    ];

    /// Its name, as options and variables spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Amx => "amx",
            Isa::Avx512Bf16 => "avx512bf16",
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Sse2 => "sse2",
            Isa::Neon => "neon",
            Isa::RelaxedSimd => "relaxed-simd",
            Isa::Simd128 => "simd128",
            Isa::Scalar => "scalar",
        }
    }

    /// Whether this processor has it: asked at run time with feature `std`, at compile time without. WebAssembly cannot be
    /// asked: a module that holds one unknown instruction does not load, so there are modules with and without.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
            Isa::Amx => Isa::Avx512Bf16.is_available() && crate::amx::is_granted(),
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux", feature = "std")))]
            Isa::Amx => false,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Isa::Avx512Bf16 => Isa::Avx512.is_available() && std::is_x86_feature_detected!("avx512bf16"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Isa::Avx512 => {
                Isa::Avx2.is_available()
                    && std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512bw")
                    && std::is_x86_feature_detected!("avx512dq")
                    && std::is_x86_feature_detected!("avx512vl")
            }
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Isa::Avx2 => {
                std::is_x86_feature_detected!("avx2")
                    && std::is_x86_feature_detected!("fma")
                    && std::is_x86_feature_detected!("f16c")
            }
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Isa::Avx512Bf16 => cfg!(target_feature = "avx512bf16") && Isa::Avx512.is_available(),
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Isa::Avx512 => cfg!(all(
                target_feature = "avx512f",
                target_feature = "avx512bw",
                target_feature = "avx512dq",
                target_feature = "avx512vl",
                target_feature = "fma",
                target_feature = "f16c"
            )),
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Isa::Avx2 => cfg!(all(target_feature = "avx2", target_feature = "fma", target_feature = "f16c")),
            Isa::Sse2 => cfg!(target_arch = "x86_64"),
            #[cfg(all(target_arch = "aarch64", feature = "std"))]
            Isa::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(not(all(target_arch = "aarch64", feature = "std")))]
            Isa::Neon => cfg!(all(target_arch = "aarch64", target_feature = "neon")),
            Isa::RelaxedSimd => Isa::Simd128.is_available() && cfg!(target_feature = "relaxed-simd"),
            Isa::Simd128 => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            Isa::Scalar => true,
        }
    }

    /// Whether it has kernels of its own for a precision, rather than those of the set below it.
    pub const fn is_for(self, precision: Precision) -> bool {
        !matches!((self, precision), (Isa::Amx | Isa::Avx512Bf16, Precision::F32))
    }

    /// Those that this processor has and that are for a precision, best first.
    pub fn available_for(precision: Precision) -> impl Iterator<Item = Isa> {
        // Asked of those only that are for it: one of them asks Linux.
        Isa::ALL.into_iter().filter(move |isa| isa.is_for(precision) && isa.is_available())
    }

    /// Those that this processor has, best first.
    pub fn available() -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available())
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no instruction set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownIsa;

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown instruction set; known are: ")?;
        for (i, isa) in Isa::ALL.into_iter().enumerate() {
            write!(f, "{}{isa}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownIsa {}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        Isa::ALL.into_iter().find(|isa| isa.name() == name).ok_or(UnknownIsa)
    }
}
