"""The 8-bit files of a model: `.int8.tflite` by our own `mnetc quantize`, `.int8.onnx` by ONNX Runtime's quantiser, and
`.int8.floats.tflite`, the first with inputs and outputs of floats, for web/peers.

The .tflite ends in logits, as the models of floats do: its softmax is cut off. So it is with published models.
"""

import logging
import os
import subprocess

import numpy as np

import models
from install import HERE, log
from tflite import with_float_ends, without_softmax

REPOSITORY = HERE.parents[1]
PHOTOS = REPOSITORY / "testdata/photos"
PUBLISHED_PEERS = ("openvino-tflite", "litert")
"""Those that read a .tflite."""

SEEDS = range(2, 10)
"""Of the pictures on which ONNX Runtime calibrates; that of the race has seed 1."""


def make(stem, resolution, mnetc):
    """Makes the files, given those of floats, unless they are there."""
    tflite, floats, onnx = (stem.with_name(f"{stem.name}.int8.{kind}") for kind in ("tflite", "floats.tflite", "onnx"))
    if not tflite.exists():
        made = stem.with_name(f"{stem.name}.softmax.tflite")
        weights = ["--weights", f"{stem}.safetensors", "--rho", str(resolution)]
        command = [mnetc, "quantize", *weights, "--calibrate", PHOTOS, "-o", made]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        write(tflite, without_softmax(made.read_bytes()))
        made.unlink()
    if not floats.exists():
        write(floats, with_float_ends(tflite.read_bytes()))
    if not onnx.exists():
        quantise_onnx(f"{stem}.onnx", onnx, resolution)


def published(folder, known, alpha, resolution):
    """The common path of the files of a published model; None if there is none."""
    source = known / f"mobilenet_v1_{alpha}_{resolution}_quant.tflite"
    if not source.exists():
        log(f"{alpha}-{resolution}: no published {source}")
        return None
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"published_{alpha}_{resolution}"
    np.save(f"{stem}.input.npy", models.picture(resolution, seed=1))
    write(stem.with_name(f"{stem.name}.int8.tflite"), without_softmax(source.read_bytes()))
    return stem


def quantise_onnx(source, target, resolution):
    """Static quantisation with a scale a channel, as pairs of QuantizeLinear and DequantizeLinear."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Pictures(CalibrationDataReader):
        def __init__(self):
            self.left = iter(SEEDS)

        def get_next(self):
            images = (models.picture(resolution, seed).transpose(0, 3, 1, 2) for seed in self.left)
            return next(({"input": np.ascontiguousarray(image)} for image in images), None)

    logging.disable(logging.WARNING)  # that shapes should be inferred before, which they are
    scratch = target.with_name(f"{target.name}.part")
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(source, scratch, Pictures(), quant_format=QuantFormat.QDQ, per_channel=True, **kinds)
    os.replace(scratch, target)


def write(path, data):
    """Beside, then renamed: what is there is whole."""
    scratch = path.with_name(f"{path.name}.part")
    scratch.write_bytes(data)
    os.replace(scratch, path)
