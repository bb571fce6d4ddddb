"""Whether all contestants compute the same network.

With f32, their logits are compared with ours. With fewer bits none is right to the last digit: all, ours among them, are
compared with ours of the same weights in f32; and LiteRT, given the same file of integers, with ours.
"""

import numpy as np

import table
from race import Failed

TOLERANCE = 1e-3
"""Of a logit in f32; logits reach about 15. A wrong padding, clamp or epsilon moves them by 0.1 and more."""

CORRELATION = {"int8": 0.9, "bf16": 0.99}
"""With the logits in f32, at least: what computes something else has none."""

STEPS = 8
"""Between LiteRT and us, at most, where a step is the scale of the logits: XNNPACK rounds otherwise than the reference
kernels, layer by layer."""


def differences(contestants, reference):
    """By how much the logits of each differ from the reference's at most, and how well they correlate with them."""
    found = {}
    for name, contestant in contestants.items():
        if contestant.logits.shape != reference.shape:
            raise Failed(f"{name} has {contestant.logits.size} logits, not {reference.size}")
        error = np.abs(contestant.logits - reference).max()
        correlation = np.corrcoef(contestant.logits, reference)[0, 1]
        found[name] = {"error": float(error), "correlation": float(correlation)}
    return found


def complaints(precision, found):
    """What of these differences is too much."""
    if precision == "f32":
        errors = {name: difference["error"] for name, difference in found.items()}
        return [
            f"{name}: logits differ from ours by {error:.2g}"
            for name, error in errors.items()
            if not error <= TOLERANCE
        ]
    return [
        f"{name}: logits correlate by {difference['correlation']:.3f} with ours in f32"
        for name, difference in found.items()
        if not difference["correlation"] >= CORRELATION[precision]
    ]


def steps(contestants, scale):
    """By how many steps of the logits' scale LiteRT is away from us; None if it does not take part."""
    if "litert" not in contestants:
        return None
    difference = np.abs(contestants["litert"].logits - contestants[table.OURS].logits).max()
    return round(float(difference) / scale)
