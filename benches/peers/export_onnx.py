"""Writes a model as ONNX, NCHW, for ONNX Runtime, OpenVINO, tract and rten."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def export(model, path):
    nodes, constants = [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    bounds = [constant("zero", np.float32(0)), constant("six", np.float32(6))]
    value = "input"
    for layer in model.convolutions:
        weights = [constant(f"{layer.name}_kernel", layer.oihw), constant(f"{layer.name}_bias", layer.bias)]
        before, after = layer.padding
        nodes.append(
            helper.make_node(
                "Conv",
                [value, *weights],
                [layer.name],
                layer.name,
                kernel_shape=[layer.size] * 2,
                strides=[layer.stride] * 2,
                pads=[before, before, after, after],
                group=layer.groups,
            )
        )
        value = f"{layer.name}_relu6"
        nodes.append(helper.make_node("Clip", [layer.name, *bounds], [value], value))
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pool"], "pool"))
    nodes.append(helper.make_node("Flatten", ["pool"], ["features"], "features"))
    weights = [constant("kernel", model.kernel.T), constant("bias", model.bias)]
    nodes.append(helper.make_node("Gemm", ["features", *weights], ["logits"], "logits", transB=1))

    shape = [1, 3, model.resolution, model.resolution]
    graph = helper.make_graph(
        nodes,
        "mobilenet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(model.bias)])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(onnx.shape_inference.infer_shapes(made), path)
