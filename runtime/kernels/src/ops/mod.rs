//! The algorithms, each written once over [`Simd`](crate::simd::Simd).
//!
//! Everything here is `#[inline(always)]` and ends up inside the entry points of [`kernels`](crate::kernels), where the
//! instruction set is switched on. Pointers `weights` and `arena` are the starts of the slices that the layer has been
//! checked against: every offset that a layer's maps and sections give is inside them.

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(crate) mod amx;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod elementwise;
pub(crate) mod fully_connected;
pub(crate) mod pairs;
pub(crate) mod peak;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod quantised;
pub(crate) mod softmax;
pub(crate) mod stem;
pub(crate) mod strip;
pub(crate) mod tile;

/// Output rows.
pub(crate) type Rows = core::ops::Range<usize>;

/// Panels of a product's outputs, or blocks of a map's channels.
pub(crate) type Columns = core::ops::Range<usize>;

/// Pixels of each row.
pub(crate) type Pixels = core::ops::Range<usize>;

/// What of a layer is to be computed.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The row at which the line buffer or scratch strip begins.
    pub(crate) from: usize,
    pub(crate) rows: Rows,
    pub(crate) pixels: Pixels,
    pub(crate) columns: Columns,
}
