"""Random MobileNet v1 networks that compute something, and pictures for them.

Weights drawn blindly make a network whose activations die, saturate, or no longer depend on the picture; two
implementations then agree whatever they do. Here every layer is scaled by what arrives at it for a few random
pictures, and `Network.check` refuses a network that its input does not move.
"""

from dataclasses import dataclass

import numpy as np

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
"""Of the thirteen depthwise convolutions; that of the first convolution is 2."""


@dataclass
class Layer:
    """A convolution and its batch norm; kernel (height, width, inputs, outputs), or (3, 3, channels, 1)."""

    kernel: np.ndarray
    stride: int
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


@dataclass
class Network:
    """27 layers in the order of the network, and a classifier with kernel (inputs, classes)."""

    layers: list[Layer]
    kernel: np.ndarray
    bias: np.ndarray


def picture(resolution, seed):
    """A normalised input (1, resolution, resolution, 3): smooth blobs of colour and a little noise, within -1..1."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-1.4, 1.4, (6, 6, 3))
    position = np.linspace(0, 5, resolution)
    low = np.minimum(position.astype(int), 4)
    part = position - low
    rows = coarse[low] * (1 - part)[:, None, None] + coarse[low + 1] * part[:, None, None]
    blobs = rows[:, low] * (1 - part)[:, None] + rows[:, low + 1] * part[:, None]
    noisy = blobs + rng.normal(0, 0.1, blobs.shape)
    return np.clip(noisy, -1, 1).astype(np.float32)[None]


def random_network(channels, classes, resolution, seed):
    """A network whose convolution and pointwise layers give `channels` (14 numbers), alive at `resolution`."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([picture(resolution, seed * 1000 + n) for n in range(4)])
    layers = []

    def append(kernel, stride):
        nonlocal values
        layer, values = _scaled_layer(rng, kernel, stride, values)
        layers.append(layer)

    # Depthwise kernels have mean 1: with mean 0 the network turns pictures into noise and f32 rounding into 1e-4.
    append(rng.normal(size=(3, 3, 3, channels[0])), 2)
    for stride, inputs, outputs in zip(STRIDES, channels[:-1], channels[1:], strict=True):
        append(rng.normal(1, 1, size=(3, 3, inputs, 1)), stride)
        append(rng.normal(size=(1, 1, inputs, outputs)), 1)
    return Network(layers, *_scaled_classifier(rng, values.mean((1, 2)), classes))


def check_moves(logits, others):
    """Refuses logits of two pictures that hardly differ; returns the spread of the first and the largest difference."""
    spread, moved = float(logits.std()), float(np.abs(logits - others).max())
    if not (1 < spread < 20 and moved > 1):
        raise ValueError(f"a network that its input does not move: spread {spread:.3f}, difference {moved:.3f}")
    return spread, moved


def _scaled_layer(rng, kernel, stride, values):
    """Draws the batch norm of a layer, fits the kernel to it, and returns the layer with what it makes of `values`."""
    raw = _convolve(values, kernel, stride)
    centre, deviation = raw.mean((0, 1, 2)), raw.std((0, 1, 2))
    count = len(centre)
    variance = rng.uniform(0.3, 3, count)
    scale = np.sqrt(variance) / deviation
    mean = centre * scale + np.sqrt(variance) * rng.normal(0, 0.3, count)
    gamma = rng.uniform(0.7, 1.8, count) * np.where(rng.random(count) < 0.1, -1, 1)
    beta = rng.uniform(0, 3, count)

    fitted = kernel * (scale[:, None] if kernel.shape[3] == 1 else scale)
    normal = (raw * scale - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    activated = np.clip(normal, 0, 6)
    _check_alive(activated)
    numbers = [array.astype(np.float32) for array in (fitted, gamma, beta, mean, variance)]
    return Layer(numbers[0], stride, *numbers[1:]), activated


def _scaled_classifier(rng, features, classes):
    """Kernel and bias that turn what differs between the rows of `features` into logits of about -10..10."""
    kernel = rng.normal(size=(features.shape[1], classes))
    kernel *= 2 / (features @ kernel).std(0).mean()
    bias = rng.normal(0, 1, classes) - features.mean(0) @ kernel
    return kernel.astype(np.float32), bias.astype(np.float32)


def _check_alive(activated):
    """Refuses a layer with mostly dead or mostly saturated outputs (after ReLU6)."""
    dead, saturated = (activated == 0).mean(), (activated == 6).mean()
    if dead > 0.6 or saturated > 0.2:
        raise ValueError(f"a layer with {dead:.0%} zeros and {saturated:.0%} sixes")


def _convolve(values, kernel, stride):
    """Convolution of (images, height, width, channels), a row and column of zeros around it for a 3x3 kernel."""
    size = kernel.shape[0]
    if size == 1:
        return values @ kernel[0, 0]
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = ((n - 1) // stride + 1 for n in values.shape[1:3])
    taps = (
        (padded[:, y : y + (height - 1) * stride + 1 : stride, x : x + (width - 1) * stride + 1 : stride], kernel[y, x])
        for y in range(size)
        for x in range(size)
    )
    if kernel.shape[3] == 1:
        return sum(window * weight[:, 0] for window, weight in taps)
    return sum(window @ weight for window, weight in taps)
