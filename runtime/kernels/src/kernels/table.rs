//! One table of kernels an instruction set: every algorithm of [`ops`], instantiated inside `#[target_feature]`
//! functions.
//!
//! A kernel computes some rows of some columns of its layer: panels of outputs, or blocks of channels. Which rows and
//! columns is all that the kernels' callers decide.

use core::ops::Deref;

use super::{bf16, bytes};
use crate::Isa;
use crate::header::Precision;
use crate::image::Image;
use crate::layer::{Activation, BatchNorm, Conv, FullyConnected, Pool, Stem};
use crate::layout::{Map, Window};
use crate::ops::{self, Columns, Part, Rows};
use crate::simd;

/// The kernels of one instruction set.
///
/// # Safety
///
/// All may only be called where the processor has the set. Layers must be checked against `weights` and `arena`, rows and
/// columns be some of the layer's.
#[cfg_attr(not(feature = "std"), allow(dead_code, reason = "the peak takes a clock to measure"))]
pub(crate) struct Table {
    pub(crate) isa: Isa,
    pub(crate) lanes: usize,
    pub(crate) stem_lines: unsafe fn(&Stem, Rows, Image<'_>, *mut f32),
    pub(crate) stem: unsafe fn(&Stem, Part, *const f32, *mut f32),
    pub(crate) conv_lines: unsafe fn(&Conv, Rows, *mut f32),
    pub(crate) conv: unsafe fn(&Conv, Part, *const f32, *mut f32),
    pub(crate) depthwise: unsafe fn(&Map, &Window, &Map, Part, *const f32, *mut f32),
    pub(crate) pointwise: unsafe fn(&Map, &Map, Part, *const f32, *mut f32),
    pub(crate) batchnorm: unsafe fn(&BatchNorm, *const f32, *mut f32),
    pub(crate) activation: unsafe fn(&Activation, *const f32, *mut f32),
    pub(crate) pool: unsafe fn(&Pool, *mut f32),
    pub(crate) fully_connected: unsafe fn(&FullyConnected, Columns, *const f32, *mut f32),
    pub(crate) peak: unsafe fn(usize, *mut f32),
    /// Those of blocks whose weights are bf16s.
    pub(crate) bf16: &'static bf16::Table,
    /// Those of networks of bytes.
    pub(crate) bytes: &'static bytes::Table,
}

impl Table {
    /// The kernels of an instruction set, if this processor has it.
    pub(crate) fn new(isa: Isa) -> Option<&'static Table> {
        if !isa.is_available() {
            return None;
        }
        match isa {
            #[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
            Isa::Amx => Some(&AMX),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 => Some(&AVX512_BF16),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if Isa::has_vnni() => Some(&AVX512_VNNI),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Some(&avx512::TABLE),
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => Some(&AVX_VNNI),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Some(&avx2::TABLE),
            #[cfg(target_arch = "x86_64")]
            Isa::Sse2 => Some(&sse2::TABLE),
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDot => Some(&NEON_DOT),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Some(&neon::TABLE),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
            Isa::RelaxedSimd if crate::dot::has_dots() => Some(&RELAXED_DOT),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
            Isa::RelaxedSimd => Some(&relaxed_simd::TABLE),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => Some(&simd128::TABLE),
            Isa::Scalar => Some(&scalar::TABLE),
            // Those of other processors.
            _ => None,
        }
    }

    /// The kernels of the best instruction set that this processor has for a precision.
    pub(crate) fn best(precision: Precision) -> &'static Table {
        Isa::available_for(precision).find_map(Table::new).unwrap_or(&scalar::TABLE)
    }
}

/// The table in use. Where a target has only one there is nothing to choose: kernels are called directly, and those that a
/// program does not call are not linked.
#[derive(Clone, Copy)]
pub(crate) struct Choice(
    #[cfg(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        all(target_arch = "wasm32", target_feature = "simd128")
    ))]
    &'static Table,
);

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
impl Choice {
    pub(crate) fn of(table: &'static Table) -> Self {
        Choice(table)
    }

    fn table(&self) -> &'static Table {
        self.0
    }
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
impl Choice {
    pub(crate) fn of(_: &'static Table) -> Self {
        Choice()
    }

    fn table(&self) -> &'static Table {
        &scalar::TABLE
    }
}

impl Deref for Choice {
    type Target = Table;

    #[inline(always)]
    fn deref(&self) -> &Table {
        self.table()
    }
}

/// Instantiates kernels: `name = algorithm(parameters)`.
macro_rules! instantiate {
    ($module:ident, $simd:ty, $isa:expr, $bytes:ident $(, features $features:literal)?) => {
        instantiate! {
            @ $module $simd, $isa, $bytes, ($($features)?)
            stem_lines = ops::stem::lines(layer: &Stem, rows: Rows, image: Image<'_>, arena: *mut f32);
            stem = ops::stem::stem(layer: &Stem, part: Part, weights: *const f32, arena: *mut f32);
            conv_lines = ops::conv::lines(layer: &Conv, rows: Rows, arena: *mut f32);
            conv = ops::conv::conv(layer: &Conv, part: Part, weights: *const f32, arena: *mut f32);
            depthwise = ops::depthwise::to_floats(
                input: &Map, window: &Window, output: &Map, part: Part, section: *const f32, arena: *mut f32
            );
            pointwise = ops::pointwise::pointwise(
                input: &Map, output: &Map, part: Part, section: *const f32, arena: *mut f32
            );
            batchnorm = ops::elementwise::batchnorm(layer: &BatchNorm, weights: *const f32, arena: *mut f32);
            activation = ops::elementwise::activation(layer: &Activation, weights: *const f32, arena: *mut f32);
            pool = ops::pool::pool(layer: &Pool, arena: *mut f32);
            fully_connected = ops::fully_connected::fully_connected(
                layer: &FullyConnected, panels: Columns, weights: *const f32, arena: *mut f32
            );
            peak = ops::peak::peak(rounds: usize, values: *mut f32);
        }
    };
    (@ $module:ident $simd:ty, $isa:expr, $bytes:ident, $features:tt $(
        $name:ident = $($algorithm:ident)::+ ($($parameter:ident: $type:ty),*);
    )*) => {
        mod $module {
            use super::*;

            $(instantiate! { @@ $features $simd, $name, $($algorithm)::+, $($parameter: $type),* })*

            pub(super) const PARTS: Table = Table {
                isa: $isa,
                lanes: <$simd as simd::Simd>::LANES,
                bf16: &bf16::$module::TABLE,
                bytes: &bytes::$bytes::TABLE,
                $($name),*
            };
            pub(super) static TABLE: Table = PARTS;
        }
    };
    (@@ ($($features:literal)?) $simd:ty, $name:ident, $($algorithm:ident)::+, $($parameter:ident: $type:ty),*) => {
        $(#[target_feature(enable = $features)])?
        unsafe fn $name($($parameter: $type),*) {
            // SAFETY: passed on to the caller, by the contract of Table.
            unsafe { $($algorithm)::+::<$simd>($($parameter),*) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
instantiate!(avx512, simd::Avx512, Isa::Avx512, avx2, features "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c");
#[cfg(target_arch = "x86_64")]
instantiate!(avx2, simd::Avx2, Isa::Avx2, avx2, features "avx2,fma,f16c");
#[cfg(target_arch = "x86_64")]
instantiate!(sse2, simd::Sse2, Isa::Sse2, sse2);
#[cfg(target_arch = "aarch64")]
instantiate!(neon, simd::Neon, Isa::Neon, neon, features "neon");
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
instantiate!(relaxed_simd, simd::RelaxedSimd, Isa::RelaxedSimd, relaxed_simd);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
instantiate!(simd128, simd::Simd128, Isa::Simd128, simd128);
instantiate!(scalar, simd::Scalar, Isa::Scalar, scalar);

/// To floats the same as AVX-512.
#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
static AMX: Table = Table { isa: Isa::Amx, bytes: &bytes::AMX, bf16: &bf16::amx::TABLE, ..avx512::PARTS };
/// AVX-512 where bytes have dot products too.
#[cfg(target_arch = "x86_64")]
static AVX512_VNNI: Table = Table { bytes: &bytes::vnni::TABLE, ..avx512::PARTS };
/// To floats the same as AVX2.
#[cfg(target_arch = "x86_64")]
static AVX_VNNI: Table = Table { isa: Isa::AvxVnni, bytes: &bytes::avx_vnni::TABLE, ..avx2::PARTS };
/// To floats the same as NEON.
#[cfg(target_arch = "aarch64")]
static NEON_DOT: Table = Table { isa: Isa::NeonDot, bytes: &bytes::neon_dot::TABLE, ..neon::PARTS };
/// To all but bf16s the same as [`AVX512_VNNI`].
#[cfg(target_arch = "x86_64")]
static AVX512_BF16: Table = Table {
    isa: Isa::Avx512Bf16,
    bytes: &bytes::vnni::TABLE,
    bf16: &bf16::avx512bf16::TABLE,
    ..avx512::PARTS
};
/// Relaxed SIMD whose dot products are those of bytes.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", target_feature = "relaxed-simd"))]
static RELAXED_DOT: Table = Table { bytes: &bytes::relaxed_dot::TABLE, ..relaxed_simd::PARTS };
