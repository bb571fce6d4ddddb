//! One table of kernels an instruction set, as in [`table`](super::super::table).

use crate::dot;
use crate::layout::{ByteMap, Window};
use crate::ops::quantised as ops;
use crate::ops::{Columns, Part};
use crate::quantised::layer::{FullyConnected, Pool, Stem};

/// The kernels of one instruction set.
///
/// # Safety
///
/// All may only be called where the processor has the set. Layers must be checked against weights and arena, rows and
/// columns be some of the layer's.
pub(crate) struct Table {
    pub(crate) stem_sums: unsafe fn(&Stem, usize, *const f32, *mut i32, *mut u8),
    pub(crate) stem: unsafe fn(&Stem, Part, *const i32, *const f32, *mut u8),
    pub(crate) depthwise: DepthwiseHalf,
    pub(crate) sums: unsafe fn(&ByteMap, usize, *const f32, *mut i32, *mut u8),
    pub(crate) pointwise: PointwiseHalf,
    pub(crate) pool: unsafe fn(&Pool, *const f32, *mut u8),
    pub(crate) fully_connected: unsafe fn(&FullyConnected, Columns, *const f32, *mut u8),
    /// Those of separable blocks whose strips have a [layout of their own](crate::ops::quantised::strip): no row sums, and channels
    /// in whole groups.
    pub(crate) strips: Option<Strips>,
}

/// Both halves of separable blocks.
#[derive(Clone, Copy)]
pub(crate) struct Strips {
    pub(crate) depthwise: DepthwiseHalf,
    pub(crate) pointwise: PointwiseHalf,
}

pub(crate) type DepthwiseHalf = unsafe fn(&ByteMap, &Window, &ByteMap, Part, *const f32, *mut u8);
pub(crate) type PointwiseHalf = unsafe fn(&ByteMap, &ByteMap, Part, *const i32, *const f32, *mut u8);

/// Instantiates kernels: `name = algorithm(parameters)`, and a table of them.
macro_rules! instantiate {
    ($module:ident, $dot:ty $(, features $features:literal)?) => {
        instantiate! {
            @ $module TABLE Table $dot, ($($features)?), (strips: None)
            stem_sums = ops::sums::of_lines(
                layer: &Stem, rows: usize, weights: *const f32, sums: *mut i32, arena: *mut u8
            );
            stem = ops::stem::stem(
                layer: &Stem, part: Part, sums: *const i32, weights: *const f32, arena: *mut u8
            );
            depthwise = ops::depthwise::depthwise(
                input: &ByteMap, window: &Window, output: &ByteMap, part: Part, section: *const f32, arena: *mut u8
            );
            sums = ops::sums::of_map(
                map: &ByteMap, rows: usize, section: *const f32, sums: *mut i32, arena: *mut u8
            );
            pointwise = ops::pointwise::pointwise(
                input: &ByteMap, output: &ByteMap, part: Part, sums: *const i32, section: *const f32, arena: *mut u8
            );
            pool = ops::pool::pool(layer: &Pool, weights: *const f32, arena: *mut u8);
            fully_connected = ops::fully_connected::fully_connected(
                layer: &FullyConnected, panels: Columns, weights: *const f32, arena: *mut u8
            );
        }
    };
    (@ $module:ident $table:ident $of:ident $dot:ty, $features:tt, ($($others:tt)*) $(
        $name:ident = $($algorithm:ident)::+ ($($parameter:ident: $type:ty),*);
    )*) => {
        pub(crate) mod $module {
            use super::*;

            $(instantiate! { @@ $features $dot, $name, $($algorithm)::+, $($parameter: $type),* })*

            pub(crate) static $table: $of = $of { $($name,)* $($others)* };
        }
    };
    (@@ ($($features:literal)?) $dot:ty, $name:ident, $($algorithm:ident)::+, $($parameter:ident: $type:ty),*) => {
        $(#[target_feature(enable = $features)])?
        unsafe fn $name($($parameter: $type),*) {
            // SAFETY: passed on to the caller, by the contract of Table.
            unsafe { $($algorithm)::+::<$dot>($($parameter),*) }
        }
    };
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
instantiate! {
    @ amx STRIPS Strips dot::Vnni, ("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx2,fma"), ()
    depthwise = ops::depthwise::to_strip(
        input: &ByteMap, window: &Window, output: &ByteMap, part: Part, section: *const f32, arena: *mut u8
    );
    pointwise = ops::amx::pointwise(
        input: &ByteMap, output: &ByteMap, part: Part, sums: *const i32, section: *const f32, arena: *mut u8
    );
}
#[cfg(target_arch = "x86_64")]
instantiate!(vnni, dot::Vnni, features "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx2,fma");
#[cfg(target_arch = "x86_64")]
instantiate!(avx_vnni, dot::AvxVnni, features "avx2,fma,avxvnni");
#[cfg(target_arch = "x86_64")]
instantiate!(avx2, dot::Avx2, features "avx2,fma");
#[cfg(target_arch = "x86_64")]
instantiate!(sse2, dot::Sse2);
#[cfg(target_arch = "aarch64")]
instantiate!(neon_dot, dot::NeonDot, features "neon,dotprod");
#[cfg(target_arch = "aarch64")]
instantiate!(neon, dot::Neon, features "neon");
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
instantiate!(relaxed_dot, dot::RelaxedDot);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
instantiate!(relaxed_simd, dot::RelaxedSimd);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
instantiate!(simd128, dot::Simd128);
instantiate!(scalar, dot::Scalar);

/// VNNI, and AMX for separable blocks.
#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(crate) static AMX: Table = Table { strips: Some(amx::STRIPS), ..vnni::TABLE };
