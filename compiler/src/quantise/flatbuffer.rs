//! The parts of a TensorFlow Lite file, written in the order in which a FlatBuffer wants them: innermost first.
//!
//! Fields and codes are numbered as in TensorFlow Lite's schema
//! (`tensorflow/compiler/mlir/lite/schema/schema.fbs`).

use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, VOffsetT, WIPOffset};

use crate::weights::Affine;

type Table = WIPOffset<TableFinishedWIPOffset>;

/// A tensor, by its place in the list of tensors.
pub(super) type Tensor = i32;

/// The type of a tensor's values.
#[derive(Clone, Copy)]
pub(super) enum Type {
    I32 = 2,
    I8 = 9,
}

/// An operator: its code, the version that computes with signed bytes, and the number of its options' table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) number: i8,
    pub(super) version: i32,
    pub(super) options: u8,
}

/// The value of a field of an operator's options.
pub(super) enum Value {
    Byte(i8),
    Int(i32),
    Float(f32),
    Ints(Vec<i32>),
}

/// Scales and zero points of a tensor.
pub(super) struct Scales<'s> {
    pub(super) scales: &'s [f32],
    /// One for all.
    pub(super) zero: i32,
    /// Along which extent there are several scales.
    pub(super) axis: i32,
}

/// A file being written.
pub(super) struct File {
    builder: FlatBufferBuilder<'static>,
    tensors: Vec<Table>,
    buffers: Vec<Table>,
    operators: Vec<Table>,
    codes: Vec<Code>,
}

/// Where a field lies in a table's list of fields.
const fn slot(field: usize) -> VOffsetT {
    4 + 2 * field as VOffsetT
}

/// Data begin at multiples of this, counted from the begin of the file.
const ALIGNMENT: usize = 16;

impl File {
    pub(super) fn new() -> File {
        let mut builder = FlatBufferBuilder::new();
        // The first buffer is that of tensors without data.
        let start = builder.start_table();
        let empty = builder.end_table(start);
        File { builder, tensors: vec![], buffers: vec![empty], operators: vec![], codes: vec![] }
    }

    /// A map, whose values are computed.
    pub(super) fn map(&mut self, name: &str, shape: &[i32], affine: Affine) -> Tensor {
        let scales = Scales { scales: &[affine.scale], zero: affine.zero, axis: 0 };
        self.tensor(name, shape, Type::I8, 0, Some(&scales))
    }

    /// A constant.
    pub(super) fn constant(
        &mut self,
        name: &str,
        shape: &[i32],
        kind: Type,
        data: &[u8],
        scales: Option<&Scales<'_>>,
    ) -> Tensor {
        // The builder writes towards the begin.
        self.fill(data.len());
        let data = self.builder.create_vector(data);
        let start = self.builder.start_table();
        self.builder.push_slot_always(slot(0), data);
        self.buffers.push(self.builder.end_table(start));
        self.tensor(name, shape, kind, self.buffers.len() as u32 - 1, scales)
    }

    fn tensor(
        &mut self,
        name: &str,
        shape: &[i32],
        kind: Type,
        buffer: u32,
        scales: Option<&Scales<'_>>,
    ) -> Tensor {
        let b = &mut self.builder;
        let quantisation = scales.map(|&Scales { scales, zero, axis }| {
            let zeros = vec![i64::from(zero); scales.len()];
            let (scales, zeros) = (b.create_vector(scales), b.create_vector(&zeros));
            let start = b.start_table();
            b.push_slot_always(slot(2), scales);
            b.push_slot_always(slot(3), zeros);
            b.push_slot(slot(6), axis, 0);
            b.end_table(start)
        });
        let (name, shape) = (b.create_string(name), b.create_vector(shape));
        let start = b.start_table();
        b.push_slot_always(slot(0), shape);
        b.push_slot_always(slot(1), kind as i8);
        b.push_slot(slot(2), buffer, 0);
        b.push_slot_always(slot(3), name);
        if let Some(quantisation) = quantisation {
            b.push_slot_always(slot(4), quantisation);
        }
        self.tensors.push(b.end_table(start));
        self.tensors.len() as Tensor - 1
    }

    /// An operator, with the fields of its options.
    pub(super) fn operator(
        &mut self,
        code: Code,
        inputs: &[Tensor],
        output: Tensor,
        options: &[(usize, Value)],
    ) {
        let known = self.codes.iter().position(|&known| known == code);
        let index = known.unwrap_or_else(|| {
            self.codes.push(code);
            self.codes.len() - 1
        });
        let b = &mut self.builder;
        let lists: Vec<_> = (options.iter())
            .map(|(_, value)| match value {
                Value::Ints(ints) => Some(b.create_vector(ints)),
                _ => None,
            })
            .collect();
        let start = b.start_table();
        for ((field, value), list) in options.iter().zip(lists) {
            match (value, list) {
                (Value::Byte(byte), _) => b.push_slot_always(slot(*field), *byte),
                (Value::Int(int), _) => b.push_slot_always(slot(*field), *int),
                (Value::Float(float), _) => b.push_slot_always(slot(*field), *float),
                (Value::Ints(_), Some(list)) => b.push_slot_always(slot(*field), list),
                (Value::Ints(_), None) => {}
            }
        }
        let options = b.end_table(start);
        let (inputs, outputs) = (b.create_vector(inputs), b.create_vector(&[output]));
        let start = b.start_table();
        b.push_slot(slot(0), index as u32, 0);
        b.push_slot_always(slot(1), inputs);
        b.push_slot_always(slot(2), outputs);
        b.push_slot_always(slot(3), code.options);
        b.push_slot_always(slot(4), options);
        self.operators.push(b.end_table(start));
    }

    /// The file, of a network from one tensor to another.
    pub(super) fn finish(mut self, name: &str, input: Tensor, output: Tensor) -> Vec<u8> {
        let b = &mut self.builder;
        let codes: Vec<_> = (self.codes.iter())
            .map(|code| {
                let start = b.start_table();
                b.push_slot_always(slot(0), code.number);
                b.push_slot(slot(2), code.version, 1);
                b.push_slot(slot(3), i32::from(code.number), 0);
                b.end_table(start)
            })
            .collect();
        let tensors = b.create_vector(&self.tensors);
        let (inputs, outputs) = (b.create_vector(&[input]), b.create_vector(&[output]));
        let operators = b.create_vector(&self.operators);
        let graph_name = b.create_string(name);
        let start = b.start_table();
        b.push_slot_always(slot(0), tensors);
        b.push_slot_always(slot(1), inputs);
        b.push_slot_always(slot(2), outputs);
        b.push_slot_always(slot(3), operators);
        b.push_slot_always(slot(4), graph_name);
        let graph = b.end_table(start);
        let (codes, graphs) = (b.create_vector(&codes), b.create_vector(&[graph]));
        let (description, buffers) = (b.create_string("mnetc quantize"), b.create_vector(&self.buffers));
        let start = b.start_table();
        b.push_slot_always(slot(0), 3u32);
        b.push_slot_always(slot(1), codes);
        b.push_slot_always(slot(2), graphs);
        b.push_slot_always(slot(3), description);
        b.push_slot_always(slot(4), buffers);
        let model = b.end_table(start);
        // What still comes: where the root is, and what the file is.
        const HEADER: usize = 8;
        self.fill(HEADER);
        self.builder.finish(model, Some("TFL3"));
        self.builder.finished_data().to_vec()
    }

    /// Fills up with zeros, so that what begins `before` what has been written so far is aligned.
    fn fill(&mut self, before: usize) {
        while !(self.builder.unfinished_data().len() + before).is_multiple_of(ALIGNMENT) {
            self.builder.push(0u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_aligned() {
        for lengths in [[1, 16, 64], [3, 40, 7], [256, 5, 12]] {
            let mut file = File::new();
            let data = lengths.map(|len| vec![len as u8 + 100; len]);
            let tensors = data
                .each_ref()
                .map(|data| file.constant("constant", &[data.len() as i32], Type::I8, data, None));
            let map = file.map("a map of some name", &[1], Affine { scale: 1.0, zero: 0 });
            let bytes = file.finish("graph", map, tensors[2]);
            assert_eq!(&bytes[4..8], b"TFL3");
            for data in data {
                let mut prefixed = (data.len() as u32).to_le_bytes().to_vec();
                prefixed.extend(data);
                let at = bytes.windows(prefixed.len()).position(|window| window == prefixed);
                assert_eq!(at.map(|at| (at + 4) % ALIGNMENT), Some(0), "{lengths:?}");
            }
        }
    }
}
