"""Writes a model as ncnn's .param (the graph, as text) and .bin (the weights in the order of the graph).

The same layers, activations fused, as ncnn's own converter pnnx writes, which would need PyTorch.
"""

import numpy as np

MAGIC = 7767517
PLAIN_F32 = b"\0\0\0\0"
"""Stands before a kernel whose values are not compressed; biases have no such mark."""


def export(model, path):
    lines = ["Input input 0 1 input"]
    blob = bytearray()
    value = "input"
    for layer in model.convolutions:
        (before, after), kernel = layer.padding, layer.oihw
        fields = {0: layer.outputs, 1: layer.size, 11: layer.size, 3: layer.stride, 13: layer.stride}
        fields |= {4: before, 15: after, 14: before, 16: after, 5: 1, 6: kernel.size}
        fields |= {7: layer.groups} if layer.groups > 1 else {}
        fields |= {9: 3, -23310: "2,0.0,6.0"}  # clip to 0..6
        operation = "ConvolutionDepthWise" if layer.groups > 1 else "Convolution"
        lines.append(line(operation, layer.name, value, layer.name, fields))
        blob += PLAIN_F32 + kernel.tobytes() + layer.bias.tobytes()
        value = layer.name
    lines.append(line("Pooling", "pool", value, "pool", {0: 1, 4: 1}))  # the average of the whole map
    lines.append(line("InnerProduct", "logits", "pool", "logits", {0: len(model.bias), 1: 1, 2: model.kernel.size}))
    blob += PLAIN_F32 + np.ascontiguousarray(model.kernel.T).tobytes() + model.bias.tobytes()

    head = [str(MAGIC), f"{len(lines)} {len(lines)}"]
    path.write_text("\n".join(head + lines) + "\n")
    path.with_suffix(".bin").write_bytes(blob)


def line(operation, name, source, target, fields):
    """One layer with one input and one output."""
    return " ".join([operation, name, "1 1", source, target, *(f"{key}={value}" for key, value in fields.items())])
