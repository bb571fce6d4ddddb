//! The messages in a checkpoint's index
//! (<https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/tensor_bundle.proto>).

use prost::Message;

/// The value of the empty key: `BundleHeaderProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Header {
    #[prost(int32, tag = "1")]
    pub(super) num_shards: i32,
    /// 0 for little.
    #[prost(int32, tag = "2")]
    pub(super) endianness: i32,
}

/// The value of a name: `BundleEntryProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Entry {
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
    #[prost(int32, tag = "3")]
    pub(super) shard_id: i32,
    #[prost(int64, tag = "4")]
    pub(super) offset: i64,
    #[prost(int64, tag = "5")]
    pub(super) size: i64,
    #[prost(fixed32, tag = "6")]
    pub(super) crc32c: u32,
    /// Of a partitioned variable; what a slice is does not matter here.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub(super) slices: Vec<Vec<u8>>,
}

/// `TensorShapeProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub(super) dim: Vec<Dim>,
}

/// One of its extents.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Dim {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}
