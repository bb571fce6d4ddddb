"""Makes the files of one model, unless they are there: the same weights in the format of every peer."""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import export_ncnn
import export_onnx
import export_tflite
import models

MARK = ".made"
"""The ending of an empty file, written last: the others are complete."""


def make(folder, alpha, resolution, iree):
    """The common path of a model's files, without their endings; see README.md for the endings."""
    stem = folder / f"{alpha}_MobileNet_{resolution}"
    vmfb = ending(stem, ".vmfb")
    if ending(stem, MARK).exists() and (vmfb.exists() or not iree):
        return stem
    folder.mkdir(parents=True, exist_ok=True)
    tensors, model, image = models.make(alpha, resolution)
    save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, ending(stem, ".safetensors"))
    np.save(ending(stem, ".input.npy"), image)
    np.save(ending(stem, ".folded.npy"), flat(model))
    export_onnx.export(model, ending(stem, ".onnx"))
    export_tflite.export(model, ending(stem, ".tflite"))
    export_ncnn.export(model, ending(stem, ".param"))
    if iree:
        from export_iree import export

        export(model, vmfb, Path(sys.executable).with_name("iree-compile"))
    ending(stem, MARK).touch()
    return stem


def flat(model):
    """Kernels (outputs first) and biases in the order of the network, for the peers that read no file format."""
    pieces = [array for layer in model.convolutions for array in (layer.oihw, layer.bias)]
    return np.concatenate([array.ravel() for array in (*pieces, model.kernel.T, model.bias)])


def ending(stem, suffix):
    """A path with something appended; `with_suffix` would cut the name at its last dot."""
    return stem.with_name(stem.name + suffix)
