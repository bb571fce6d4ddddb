//! Instruction sets.

use core::fmt;
use core::str::FromStr;

/// An instruction set that kernels exist for, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// [`Avx512`](Isa::Avx512) with VNNI, VBMI and AMX, which multiplies tiles of bytes, where Linux grants it.
    Amx,
    /// x86-64 with AVX-512 F, BW, DQ and VL; networks of bytes use VNNI and VBMI where there are both.
    Avx512,
    /// x86-64 with AVX2, FMA and AVX-VNNI: dot products of bytes. Networks of floats run as with AVX2.
    AvxVnni,
    /// x86-64 with AVX2 and FMA.
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
    pub const ALL: [Isa; 10] = [
        Isa::Amx,
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
            Isa::Amx => Isa::Avx512.is_available() && Isa::has_vnni() && crate::amx::is_granted(),
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux", feature = "std", feature = "simd")))]
            Isa::Amx => false,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Isa::Avx512 => {
                Isa::Avx2.is_available()
                    && std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512bw")
                    && std::is_x86_feature_detected!("avx512dq")
                    && std::is_x86_feature_detected!("avx512vl")
            }
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Isa::AvxVnni => Isa::Avx2.is_available() && std::is_x86_feature_detected!("avxvnni"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Isa::Avx2 => std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma"),
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Isa::Avx512 => cfg!(all(
                target_feature = "avx512f",
                target_feature = "avx512bw",
                target_feature = "avx512dq",
                target_feature = "avx512vl",
                target_feature = "fma"
            )),
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Isa::AvxVnni => Isa::Avx2.is_available() && cfg!(target_feature = "avxvnni"),
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Isa::Avx2 => cfg!(all(target_feature = "avx2", target_feature = "fma")),
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
    #[cfg(all(target_arch = "x86_64", feature = "simd"))]
    pub(crate) fn has_vnni() -> bool {
        #[cfg(feature = "std")]
        return std::is_x86_feature_detected!("avx512vnni") && std::is_x86_feature_detected!("avx512vbmi");
        #[cfg(not(feature = "std"))]
        return cfg!(all(target_feature = "avx512vnni", target_feature = "avx512vbmi"));
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
