//! One table of kernels an instruction set, as in [`table`](super::table): the halves of blocks whose weights are bf16s.

use crate::layout::{Map, Window};
use crate::ops::{self, Part};
use crate::simd;

/// The kernels of one instruction set.
///
/// # Safety
///
/// All may only be called where the processor has the set. Layers must be checked against `weights` and `arena`, rows and
/// columns be some of the layer's.
pub(crate) struct Table {
    pub(crate) depthwise: unsafe fn(&Map, &Window, &Map, Part, *const f32, *mut f32),
    pub(crate) pointwise: unsafe fn(&Map, &Map, Part, *const f32, *mut f32),
}

/// Instantiates kernels; products are those of an algorithm.
macro_rules! instantiate {
    ($module:ident, $simd:ty, $product:path $(, features $features:literal)?) => {
        pub(crate) mod $module {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn depthwise(
                input: &Map, window: &Window, output: &Map, part: Part, section: *const f32, arena: *mut f32
            ) {
                // SAFETY: passed on to the caller, by the contract of Table; so below.
                unsafe { ops::depthwise::to_bf16::<$simd>(input, window, output, part, section, arena) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn pointwise(input: &Map, output: &Map, part: Part, section: *const f32, arena: *mut f32) {
                use $product as product;
                // SAFETY: passed on.
                unsafe { product::<$simd>(input, output, part, section, arena) }
            }

            pub(crate) static TABLE: Table = Table { depthwise, pointwise };
        }
    };
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
instantiate!(
    amx, simd::Avx512Bf16, ops::amx::pointwise,
    features "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
);
#[cfg(target_arch = "x86_64")]
instantiate!(
    avx512bf16, simd::Avx512Bf16, ops::pairs::pointwise,
    features "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
);
#[cfg(target_arch = "x86_64")]
instantiate!(
    avx512, simd::Avx512, ops::pairs::pointwise, features "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
);
#[cfg(target_arch = "x86_64")]
instantiate!(avx2, simd::Avx2, ops::pairs::pointwise, features "avx2,fma,f16c");
#[cfg(target_arch = "x86_64")]
instantiate!(sse2, simd::Sse2, ops::pairs::pointwise);
#[cfg(target_arch = "aarch64")]
instantiate!(neon, simd::Neon, ops::pairs::pointwise, features "neon");
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
instantiate!(relaxed_simd, simd::RelaxedSimd, ops::pairs::pointwise);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
instantiate!(simd128, simd::Simd128, ops::pairs::pointwise);
instantiate!(scalar, simd::Scalar, ops::pairs::pointwise);
