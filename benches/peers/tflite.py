"""What is read of, and changed in, a .tflite of integers."""

from dataclasses import dataclass
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


@dataclass
class Affine:
    """The numbers that integers stand for: `(integer - zero) * scale`."""

    scale: float
    zero: int
    dtype: type

    def quantise(self, numbers):
        """The integers nearest to numbers."""
        limits = np.iinfo(self.dtype)
        return np.clip(np.round(numbers / self.scale) + self.zero, limits.min, limits.max).astype(self.dtype)

    def numbers(self, integers):
        """What integers stand for; floats are numbers already."""
        return integers if integers.dtype.kind == "f" else (integers.astype(np.float32) - self.zero) * self.scale


def without_softmax(data):
    """A .tflite without the softmax that it ends in."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    last = graph.operators.pop()
    if model.operatorCodes[last.opcodeIndex].builtinCode != schema.BuiltinOperator.SOFTMAX:
        raise ValueError("the .tflite does not end in a softmax")
    graph.outputs = last.inputs
    return packed(model)


def with_float_ends(data):
    """A .tflite of integers that takes and gives floats, for runtimes that know integers inside only."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    graph.inputs, first = converted(model, graph.inputs, schema.BuiltinOperator.QUANTIZE)
    graph.outputs, last = converted(model, graph.outputs, schema.BuiltinOperator.DEQUANTIZE)
    graph.operators = [first, *graph.operators, last]
    return packed(model)


def converted(model, ends, builtin):
    """A new tensor of floats for the only one of `ends`, and the operator that makes one of the other."""
    (end,) = ends
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    model.operatorCodes.append(code)
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.name = graph.tensors[end].shape, schema.TensorType.FLOAT32, f"float_{end}"
    graph.tensors.append(tensor)
    made = len(graph.tensors) - 1
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    quantises = builtin == schema.BuiltinOperator.QUANTIZE
    operator.inputs, operator.outputs = ([made], [end]) if quantises else ([end], [made])
    return [made], operator


def packed(model):
    """A changed model as bytes."""
    model.signatureDefs = None  # they name the old ends
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def affine(path):
    """What the integers of input and output of a .tflite stand for."""
    graph = schema.Model.GetRootAsModel(Path(path).read_bytes(), 0).Subgraphs(0)
    types = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8}
    found = []
    for tensor in (graph.Tensors(graph.Inputs(0)), graph.Tensors(graph.Outputs(0))):
        numbers = tensor.Quantization()
        found.append(Affine(numbers.Scale(0), numbers.ZeroPoint(0), types[tensor.Type()]))
    return found
