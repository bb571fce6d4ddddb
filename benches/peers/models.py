"""The sixteen models, with random weights that compute something, and their batch norm folded."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "frameworks"))
from network import STRIDES, Network, picture, random_network  # noqa: E402

BASE_CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Outputs of the first convolution and of the thirteen pointwise ones, at alpha 1."""

CLASSES = 1000
EPSILON = 1e-3
NORMS = {"gamma": "gamma", "beta": "beta", "moving_mean": "mean", "moving_variance": "variance"}


@dataclass
class Convolution:
    """A convolution with ReLU6; kernel (height, width, inputs, outputs), or (3, 3, channels, 1)."""

    name: str
    kernel: np.ndarray
    bias: np.ndarray
    stride: int

    @property
    def size(self):
        return self.kernel.shape[0]

    @property
    def outputs(self):
        return len(self.bias)

    @property
    def groups(self):
        return self.outputs if "dw" in self.name else 1

    @property
    def padding(self):
        """Before and after, along both axes: SAME, given that inputs at stride 2 have even sides."""
        return (0, 0) if self.size == 1 else (1, 1) if self.stride == 1 else (0, 1)

    @property
    def oihw(self):
        """The kernel as (outputs, inputs / groups, height, width)."""
        order = (2, 3, 0, 1) if self.groups > 1 else (3, 2, 0, 1)
        return np.ascontiguousarray(self.kernel.transpose(order))


@dataclass
class Model:
    """What every exporter takes; `kernel` (inputs, classes) and `bias` are the classifier's. All arrays are f32."""

    resolution: int
    convolutions: list[Convolution]
    kernel: np.ndarray
    bias: np.ndarray


def make(alpha, resolution):
    """A seeded model: its tensors under Keras' names, itself with batch norm folded, and an input (1, h, w, 3)."""
    channels = [int(count * alpha) for count in BASE_CHANNELS]
    network = random_network(channels, CLASSES, resolution, seed=int(alpha * 100) * 1000 + resolution)
    convolutions = [fold(name, layer) for name, layer in zip(names(), network.layers, strict=True)]
    model = Model(resolution, convolutions, network.kernel, network.bias)
    return keras_tensors(network), model, picture(resolution, seed=1)


def names():
    """Keras' names of the convolutions."""
    return ["conv1"] + [f"conv_{kind}_{block}" for block in range(1, len(STRIDES) + 1) for kind in ("dw", "pw")]


def keras_tensors(network: Network):
    """All tensors, batch norm apart, under names that `mnetc` knows."""
    tensors = {}
    for name, layer in zip(names(), network.layers, strict=True):
        tensors[f"{name}/{'depthwise_' if 'dw' in name else ''}kernel"] = layer.kernel
        tensors |= {f"{name}_bn/{keras}": getattr(layer, ours) for keras, ours in NORMS.items()}
    tensors |= {"conv_preds/kernel": network.kernel[None, None], "conv_preds/bias": network.bias}
    return tensors


def fold(name, layer):
    """A layer's kernel and bias with its batch norm folded in, computed in f64."""
    scale = layer.gamma.astype(np.float64) / np.sqrt(layer.variance.astype(np.float64) + EPSILON)
    kernel = layer.kernel * (scale[:, None] if "dw" in name else scale)
    bias = layer.beta - layer.mean * scale
    return Convolution(name, kernel.astype(np.float32), bias.astype(np.float32), layer.stride)
