//! Instruction sets.

use core::fmt;
use core::str::FromStr;

use crate::header::Precision;

/// Whether an x86-64 has all of some features.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
macro_rules! has {
    ($($feature:tt),*) => { $(std::is_x86_feature_detected!($feature))&&* };
}
#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
macro_rules! has {
    ($($feature:tt),*) => { cfg!(all($(target_feature = $feature),*)) };
}

/// An instruction set that kernels exist for, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// [`Avx512Bf16`](Isa::Avx512Bf16) with AMX, where Linux grants it: blocks of bf16s and of bytes multiply tiles.
    Amx,
    /// [`Avx512`](Isa::Avx512) with VNNI, VBMI and AVX-512 BF16: blocks of bf16s multiply pairs.
    Avx512Bf16,
    /// x86-64 with AVX-512 F, BW, DQ and VL; networks of bytes use VNNI and VBMI where there are both.
    Avx512,
    /// x86-64 with AVX2, FMA, F16C and AVX-VNNI: dot products of bytes. Networks of floats run as with AVX2.
    AvxVnni,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// Any x86-64.
    Sse2,
    /// 64-bit ARM with dot products of bytes. Networks of floats run as with NEON.
    NeonDot,
    /// Any 64-bit ARM.
    Neon,
    /// WebAssembly with relaxed SIMD: vectors and fused multiply-adds.
    RelaxedSimd,
    /// WebAssembly with SIMD.
    Simd128,
    /// Any processor. Networks of bytes use the DSP extension of Cortex-M4F and M7, where those are compiled for.
    Scalar,
}

impl Isa {
    /// All of them, best first.
    pub const ALL: [Isa; 11] = [
        Isa::Amx,
        Isa::Avx512Bf16,
        Isa::Avx512,
        Isa::AvxVnni,
        Isa::Avx2,
        Isa::Sse2,
        Isa::NeonDot,
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
            Isa::AvxVnni => "avxvnni",
            Isa::Avx2 => "avx2",
            Isa::Sse2 => "sse2",
            Isa::NeonDot => "neondot",
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
            #[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std", feature = "simd"))]
            Isa::Amx => Isa::Avx512Bf16.is_available() && crate::amx::is_granted(),
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux", feature = "std", feature = "simd")))]
            Isa::Amx => false,
            Isa::Avx512Bf16 => Isa::Avx512.is_available() && Isa::has_vnni() && has!("avx512bf16"),
            Isa::Avx512 => Isa::Avx2.is_available() && has!("avx512f", "avx512bw", "avx512dq", "avx512vl"),
            Isa::AvxVnni => Isa::Avx2.is_available() && has!("avxvnni"),
            Isa::Avx2 => has!("avx2", "fma", "f16c"),
            Isa::Sse2 => cfg!(target_arch = "x86_64"),
            #[cfg(all(target_arch = "aarch64", feature = "std"))]
            Isa::NeonDot => Isa::Neon.is_available() && std::arch::is_aarch64_feature_detected!("dotprod"),
            #[cfg(not(all(target_arch = "aarch64", feature = "std")))]
            Isa::NeonDot => Isa::Neon.is_available() && cfg!(target_feature = "dotprod"),
            #[cfg(all(target_arch = "aarch64", feature = "std"))]
            Isa::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(not(all(target_arch = "aarch64", feature = "std")))]
            Isa::Neon => cfg!(all(target_arch = "aarch64", target_feature = "neon")),
            Isa::RelaxedSimd => Isa::Simd128.is_available() && cfg!(target_feature = "relaxed-simd"),
            Isa::Simd128 => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            Isa::Scalar => true,
        }
    }

    /// Whether [`Isa::Avx512`] has dot products of bytes, and permutations of them.
    pub(crate) fn has_vnni() -> bool {
        has!("avx512vnni", "avx512vbmi")
    }

    /// Whether it has kernels of its own for a precision, rather than those of the set below it.
    pub const fn is_for(self, precision: Precision) -> bool {
        match self {
            Isa::Amx => !matches!(precision, Precision::F32),
            Isa::Avx512Bf16 => matches!(precision, Precision::Bf16),
            Isa::AvxVnni => matches!(precision, Precision::Uint8 | Precision::Int8),
            _ => true,
        }
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
