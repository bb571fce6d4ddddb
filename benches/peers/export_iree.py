"""Writes a model as StableHLO, in IREE's preferred layout NHWC, and compiles it for this processor."""

import subprocess

import numpy as np

FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    "--iree-opt-level=O3",
    "--iree-opt-data-tiling=false",
    "--iree-dispatch-creation-data-tiling=true",
)
"""The fastest of the settings tried: with the layouts of data tiling chosen per dispatch."""


def export(model, path, compiler):
    source = path.with_suffix(".mlir")
    source.write_text(stablehlo(model))
    try:
        run = subprocess.run([compiler, *FLAGS, source, "-o", path], capture_output=True, text=True)
    finally:
        source.unlink()
    if run.returncode != 0:
        raise RuntimeError(f"iree-compile: {run.stderr[:500]}")


def stablehlo(model):
    """The text of the network, weights as hexadecimal constants."""
    side, classes = model.resolution, len(model.bias)
    channels = 3
    lines = [
        f"func.func @main(%input: {tensor(1, side, side, 3)}) -> {tensor(1, classes)} {{",
        "%zero = stablehlo.constant dense<0.0> : tensor<f32>",
        "%six = stablehlo.constant dense<6.0> : tensor<f32>",
    ]
    value = "%input"
    for i, layer in enumerate(model.convolutions):
        before, after = layer.padding
        kernel = layer.kernel.transpose(0, 1, 3, 2) if layer.groups > 1 else layer.kernel
        source = tensor(1, side, side, channels)
        side //= layer.stride
        channels = layer.outputs
        target = tensor(1, side, side, channels)
        lines += [
            constant(f"%kernel{i}", kernel),
            constant(f"%bias{i}", layer.bias),
            f"%conv{i} = stablehlo.convolution({value}, %kernel{i}) "
            "dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], "
            f"window = {{stride = [{layer.stride}, {layer.stride}], pad = [[{before}, {after}], [{before}, {after}]]}} "
            f"{{batch_group_count = 1 : i64, feature_group_count = {layer.groups} : i64}} "
            f": ({source}, {tensor(*kernel.shape)}) -> {target}",
            f"%wide{i} = stablehlo.broadcast_in_dim %bias{i}, dims = [3] : ({tensor(channels)}) -> {target}",
            f"%sum{i} = stablehlo.add %conv{i}, %wide{i} : {target}",
            f"%relu{i} = stablehlo.clamp %zero, %sum{i}, %six : (tensor<f32>, {target}, tensor<f32>) -> {target}",
        ]
        value = f"%relu{i}"
    row, logits = tensor(1, channels), tensor(1, classes)
    lines += [
        f"%total = stablehlo.reduce({value} init: %zero) applies stablehlo.add across dimensions = [1, 2] "
        f": ({target}, tensor<f32>) -> {row}",
        f"%share = stablehlo.constant dense<{1 / side**2!r}> : {row}",
        f"%features = stablehlo.multiply %total, %share : {row}",
        constant("%kernel", model.kernel),
        constant("%bias", model.bias[None]),
        "%product = stablehlo.dot_general %features, %kernel, contracting_dims = [1] x [0] "
        f": ({row}, {tensor(*model.kernel.shape)}) -> {logits}",
        f"%logits = stablehlo.add %product, %bias : {logits}",
        f"return %logits : {logits}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def tensor(*shape):
    """A type."""
    return f"tensor<{''.join(f'{extent}x' for extent in shape)}f32>"


def constant(name, values):
    """A definition."""
    digits = np.ascontiguousarray(values, "<f4").tobytes().hex().upper()
    return f'{name} = stablehlo.constant dense<"0x{digits}"> : {tensor(*values.shape)}'
