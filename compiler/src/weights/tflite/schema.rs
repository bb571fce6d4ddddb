//! The parts of TensorFlow Lite's schema that a convolutional network needs
//! (`tensorflow/compiler/mlir/lite/schema/schema.fbs`; fields are numbered in the order in which it lists them).

use super::flatbuffer::Table;
use crate::error::{Complaint, Result};

/// More tensors and operators than any network that is read here has.
const MOST: usize = 4096;
/// More operands and extents than any of them has.
const FEW: usize = 64;

/// A model: its only subgraph.
pub(super) struct Model<'a> {
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
    /// The buffer of the TFLite metadata, if there is one.
    pub(super) metadata: Option<&'a [u8]>,
}

/// A tensor. Its quantisation stays as the file has it: integer engines need it beside the values.
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<usize>,
    pub(super) kind: Type,
    /// The bytes of a constant, empty for what is computed.
    pub(super) data: &'a [u8],
    pub(super) quantisation: Option<Quantisation>,
}

/// Real value = (integer - zero point) * scale, for the whole tensor or by slices along an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantisation {
    pub(super) scale: Vec<f32>,
    pub(super) zero_point: Vec<i64>,
    pub(super) axis: usize,
}

/// The type of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    F32,
    F16,
    I32,
    U8,
    I8,
    /// Any other, by number.
    Other(u8),
}

/// An operator and its operands.
pub(super) struct Operator<'a> {
    pub(super) code: Code,
    /// Tensors, None for an operand left out.
    pub(super) inputs: Vec<Option<usize>>,
    pub(super) outputs: Vec<usize>,
    /// Its options, whose fields depend on the code.
    pub(super) options: Option<Table<'a>>,
}

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Add,
    AveragePool,
    Conv,
    Depthwise,
    Dequantize,
    FullyConnected,
    Mul,
    Relu,
    Relu6,
    Reshape,
    Shape,
    Softmax,
    Squeeze,
    Pad,
    Mean,
    Quantize,
    /// Any other, by number.
    Other(i32),
}

impl Code {
    fn new(number: i32) -> Code {
        match number {
            0 => Code::Add,
            1 => Code::AveragePool,
            3 => Code::Conv,
            4 => Code::Depthwise,
            6 => Code::Dequantize,
            9 => Code::FullyConnected,
            18 => Code::Mul,
            19 => Code::Relu,
            21 => Code::Relu6,
            22 => Code::Reshape,
            25 => Code::Softmax,
            34 => Code::Pad,
            40 => Code::Mean,
            43 => Code::Squeeze,
            77 => Code::Shape,
            114 => Code::Quantize,
            other => Code::Other(other),
        }
    }

    /// Whether it is a convolution or dense layer.
    pub(super) fn is_layer(self) -> bool {
        matches!(self, Code::Conv | Code::Depthwise | Code::FullyConnected)
    }
}

impl Type {
    fn new(number: u8) -> Type {
        match number {
            0 => Type::F32,
            1 => Type::F16,
            2 => Type::I32,
            3 => Type::U8,
            9 => Type::I8,
            other => Type::Other(other),
        }
    }

    /// As printed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::F32 => "f32",
            Type::F16 => "f16",
            Type::I32 => "i32",
            Type::U8 => "u8",
            Type::I8 => "i8",
            Type::Other(4) => "i64",
            Type::Other(_) => "of another type",
        }
    }
}

fn damaged() -> Complaint {
    Complaint::new("damaged TensorFlow Lite file: an offset leads outside it, or a number is absurd")
}

fn indices(numbers: &[i32]) -> Result<Vec<usize>> {
    numbers.iter().map(|&number| Ok(usize::try_from(number).map_err(|_| damaged())?)).collect()
}

impl<'a> Model<'a> {
    /// Reads a file. Every index in the result is in bounds.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Model<'a>> {
        let model = Table::root(bytes).ok_or_else(damaged)?;
        let buffers: Vec<_> = model.vector(4).tables().take(2 * MOST).collect();
        let buffer = |index: usize| match buffers.get(index) {
            Some(Some(buffer)) => Ok(buffer.vector(0).bytes(1)),
            _ => Err(damaged().into()),
        };
        let codes: Vec<_> = (model.vector(1).tables().take(MOST))
            .map(|code| code.map(|code| Code::new(code.i32(3).max(i32::from(code.u8(0) as i8)))))
            .collect();
        let graphs = model.vector(2);
        let graph = match graphs.tables_len() {
            1 => graphs.tables().next().flatten().ok_or_else(damaged)?,
            n => return Err(Complaint::new(format!("it holds {n} subgraphs, not one")).into()),
        };
        if graph.vector(0).tables_len() > MOST || graph.vector(3).tables_len() > MOST {
            return Err(damaged().into());
        }
        let tensors = graph.vector(0).tables();
        let tensors = tensors
            .map(|table| Tensor::read(table.ok_or_else(damaged)?, &buffer))
            .collect::<Result<Vec<_>>>()?;
        let operators = graph.vector(3).tables();
        let operators =
            operators.map(|table| Operator::read(table.ok_or_else(damaged)?, &codes, tensors.len()));
        let operators = operators.collect::<Result<Vec<_>>>()?;
        let ends = |field| -> Result<Vec<usize>> {
            let ends = indices(&graph.vector(field).i32s())?;
            if ends.iter().any(|&end| end >= tensors.len()) { Err(damaged().into()) } else { Ok(ends) }
        };
        let (inputs, outputs) = (ends(1)?, ends(2)?);
        let metadata =
            model.vector(6).tables().take(FEW).flatten().find(|entry| entry.string(0) == "TFLITE_METADATA");
        let metadata = metadata.and_then(|entry| buffer(usize::try_from(entry.i32(1)).ok()?).ok());
        Ok(Model { tensors, operators, inputs, outputs, metadata })
    }
}

impl<'a> Tensor<'a> {
    fn read(table: Table<'a>, buffer: &dyn Fn(usize) -> Result<&'a [u8]>) -> Result<Tensor<'a>> {
        let shape = table.vector(0);
        if shape.tables_len() > FEW {
            return Err(damaged().into());
        }
        Ok(Tensor {
            name: table.string(3),
            // An extent unknown is -1 or 1.
            shape: shape.i32s().into_iter().map(|extent| usize::try_from(extent).unwrap_or(1)).collect(),
            kind: Type::new(table.u8(1)),
            data: buffer(usize::try_from(table.i32(2)).map_err(|_| damaged())?)?,
            quantisation: table.table(4).and_then(Quantisation::read),
        })
    }
}

impl Quantisation {
    fn read(table: Table<'_>) -> Option<Quantisation> {
        let (scale, zero_point) = (table.vector(2), table.vector(3));
        // As many as the channels of a layer.
        if scale.bytes(4).is_empty() || scale.tables_len() > 1 << 16 || zero_point.tables_len() > 1 << 16 {
            return None;
        }
        Some(Quantisation {
            scale: scale.f32s(),
            zero_point: zero_point.i64s(),
            axis: usize::try_from(table.i32(6)).ok()?,
        })
    }
}

impl<'a> Operator<'a> {
    fn read(table: Table<'a>, codes: &[Option<Code>], tensors: usize) -> Result<Operator<'a>> {
        let code = usize::try_from(table.i32(0)).ok().and_then(|index| codes.get(index).copied().flatten());
        let (inputs, outputs) = (table.vector(1), table.vector(2));
        if inputs.tables_len() > FEW || outputs.tables_len() > FEW {
            return Err(damaged().into());
        }
        // -1 is an operand left out.
        let inputs: Vec<_> = inputs.i32s().into_iter().map(|index| usize::try_from(index).ok()).collect();
        let outputs = indices(&outputs.i32s())?;
        if inputs.iter().flatten().chain(&outputs).any(|&index| index >= tensors) {
            return Err(damaged().into());
        }
        Ok(Operator { code: code.ok_or_else(damaged)?, inputs, outputs, options: table.table(4) })
    }
}
