"""Writes a model as a .tflite flatbuffer, for LiteRT.

The same operators, activations fused, as TensorFlow's converter writes, without the need for TensorFlow.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def export(model, path):
    writer = Writer()
    side = model.resolution
    value = writer.tensor("input", [1, side, side, 3])
    source = value
    for layer in model.convolutions:
        side //= layer.stride
        kernel = layer.kernel.transpose(3, 0, 1, 2)  # outputs, height, width, inputs
        if layer.groups > 1:
            kind, options = schema.BuiltinOperator.DEPTHWISE_CONV_2D, schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = 1
        else:
            kind, options = schema.BuiltinOperator.CONV_2D, schema.Conv2DOptionsT()
        options.strideW = options.strideH = layer.stride
        options.dilationWFactor = options.dilationHFactor = 1
        options.padding = schema.Padding.SAME
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
        inputs = [value, writer.constant(f"{layer.name}_kernel", kernel)]
        inputs.append(writer.constant(f"{layer.name}_bias", layer.bias))
        value = writer.tensor(layer.name, [1, side, side, layer.outputs])
        writer.operator(kind, options, inputs, value)

    axes = writer.constant("axes", np.array([1, 2], np.int32))
    pool = writer.tensor("pool", [1, len(model.kernel)])
    writer.operator(schema.BuiltinOperator.MEAN, schema.ReducerOptionsT(), [value, axes], pool)
    weights = [writer.constant("kernel", model.kernel.T), writer.constant("bias", model.bias)]
    logits = writer.tensor("logits", [1, len(model.bias)])
    writer.operator(
        schema.BuiltinOperator.FULLY_CONNECTED, schema.FullyConnectedOptionsT(), [pool, *weights], logits
    )
    path.write_bytes(writer.finish(source, logits))


TYPES = {np.dtype(np.float32): schema.TensorType.FLOAT32, np.dtype(np.int32): schema.TensorType.INT32}


class Writer:
    """Collects tensors and operators; the object interface of the schema's generated code does the packing."""

    def __init__(self):
        self.buffers, self.tensors, self.operators, self.kinds = [schema.BufferT()], [], [], []

    def tensor(self, name, shape, dtype=np.float32, buffer=0):
        """The index of a new tensor; buffer 0 is the empty one of all that are computed."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, np.array(shape, np.int32), buffer
        tensor.type = TYPES[np.dtype(dtype)]
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, name, values):
        """The index of a new tensor with these values."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self.buffers.append(buffer)
        return self.tensor(name, values.shape, values.dtype, len(self.buffers) - 1)

    def operator(self, kind, options, inputs, output):
        """Appends an operator."""
        if kind not in self.kinds:
            self.kinds.append(kind)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.kinds.index(kind)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.operators.append(operator)

    def finish(self, source, target):
        """The bytes of the file."""
        graph = schema.SubGraphT()
        graph.inputs, graph.outputs = [source], [target]
        graph.tensors, graph.operators = self.tensors, self.operators
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = [operator_code(kind) for kind in self.kinds]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def operator_code(kind):
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 1
    return code
