"""Random MobileNet v1 files as timm, Hugging Face transformers and PyTorch's ONNX exporters write them.

    python make_torch.py OUT_DIR
"""

import argparse
import copy

import numpy as np
import onnxruntime
import timm
import torch
from safetensors.torch import save_file
from torch.onnx import TrainingMode
from transformers import MobileNetV1Config, MobileNetV1ForImageClassification

from index import Index
from network import random_network

HUGGING_FACE = {
    "hf_1.0_224": dict(image_size=224),
    "hf_0.75_192": dict(image_size=192, depth_multiplier=0.75),
    "hf_1.0_224_symmetric": dict(image_size=224, tf_padding=False),
    "hf_0.5_160_relu": dict(
        image_size=160, depth_multiplier=0.5, hidden_act="relu", layer_norm_eps=1e-5, num_labels=10
    ),
}
"""Configurations that differ from the default where a reader may overlook it."""

EXPORTS = {
    "torchscript": dict(dynamo=False),
    "torchscript_unfolded": dict(dynamo=False, training=TrainingMode.PRESERVE, do_constant_folding=False),
    "torchscript_training": dict(dynamo=False, training=TrainingMode.TRAINING, do_constant_folding=False),
    "dynamo": dict(dynamo=True, external_data=False),
    "dynamo_external": dict(dynamo=True, external_data=True),
}
"""The two exporters; the older folds batch norm unless told otherwise, the newer writes weights beside the graph."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", help="folder to write into")
    index = Index(parser.parse_args().out)
    torch.set_grad_enabled(False)

    exports = [make_timm(index, "mobilenetv1_100", 1.0, seed=1)]
    make_timm(index, "mobilenetv1_125", 1.25, seed=2)
    for seed, (name, settings) in enumerate(HUGGING_FACE.items(), start=3):
        made = make_hugging_face(index, name, settings, seed)
        if name == "hf_0.75_192":
            exports.append(made)
    for dtype in (torch.float16, torch.bfloat16):
        make_half(index, *exports[1], dtype)
    for made in exports:
        export_onnx(index, *made)


def make_timm(index, name, alpha, seed):
    """A timm model as .safetensors, as timm's own checkpoints are."""
    model = timm.create_model(name, pretrained=False).eval()
    assign(model, 1000, 224, seed)
    name = name.replace("mobilenetv1", "timm")
    facts = dict(resolution=224, alpha=alpha, classes=1000, family="timm", padding="symmetric")
    facts = index.expect(name, Torch(model), facts)
    save_file(model.state_dict(), index.folder / f"{name}.safetensors")
    index.add(f"{name}.safetensors", facts)
    return name, model, facts


def make_hugging_face(index, name, settings, seed):
    """A transformers model, saved as a folder with model.safetensors and config.json."""
    config = MobileNetV1Config(**{"num_labels": 1001, **settings})
    model = MobileNetV1ForImageClassification(config).eval()
    assign(model, config.num_labels, config.image_size, seed)
    facts = dict(
        resolution=config.image_size,
        alpha=config.depth_multiplier,
        classes=config.num_labels,
        family="huggingface",
        padding="same" if config.tf_padding else "symmetric",
    )
    facts = index.expect(name, Torch(model), facts)
    model.save_pretrained(index.folder / name)
    index.add(f"{name}/model.safetensors", facts)
    return name, model, facts


def make_half(index, name, model, facts, dtype):
    """A transformers model saved in 16 bits; expected is what the rounded weights give in 32 bits."""
    half = copy.deepcopy(model).to(dtype)
    name = f"{name}_{str(dtype).removeprefix('torch.')}"
    half.save_pretrained(index.folder / name)
    facts = index.expect(name, Torch(half.float().eval()), facts)
    index.add(f"{name}/model.safetensors", facts)


def export_onnx(index, name, model, facts):
    """Exports a model in each way of `EXPORTS`."""
    image, expected = np.load(index.folder / facts["input"]), np.load(index.folder / facts["logits"])
    for kind, settings in EXPORTS.items():
        path = index.folder / f"{name}_{kind}.onnx"
        exported = copy.deepcopy(model)
        keep_statistics(exported)
        example = torch.zeros(image.transpose(0, 3, 1, 2).shape)
        torch.onnx.export(exported, (example,), path, input_names=["image"], output_names=["logits"], **settings)
        if settings.get("training") != TrainingMode.TRAINING:
            check_onnx(path, image, expected)
        index.add(path.name, facts)


def keep_statistics(model):
    """Keeps an export in training mode, which runs the model, from changing the running statistics it writes."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0


def check_onnx(path, image, expected):
    """Refuses an export that does not give what the model gave."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"image": image.transpose(0, 3, 1, 2)})
    if (difference := np.abs(logits - expected).max()) > 1e-4:
        raise ValueError(f"{path}: the export differs by {difference}")


def assign(model, classes, resolution, seed):
    """Gives a model of either library the values of a random network."""
    convolutions = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    channels = [module.out_channels for module in convolutions[:1] + convolutions[2::2]]
    network = random_network(channels, classes, resolution, seed)
    for convolution, norm, layer in zip(convolutions, norms, network.layers, strict=True):
        order = (2, 3, 0, 1) if convolution.groups > 1 else (3, 2, 0, 1)
        fill(convolution.weight, layer.kernel.transpose(order))
        fill(norm.weight, layer.gamma)
        fill(norm.bias, layer.beta)
        fill(norm.running_mean, layer.mean)
        fill(norm.running_var, layer.variance)
    fill(model.classifier.weight, network.kernel.T)
    fill(model.classifier.bias, network.bias)


def fill(parameter, values):
    """Copies values of the same shape into a parameter."""
    values = torch.from_numpy(np.ascontiguousarray(values))
    assert parameter.shape == values.shape, (parameter.shape, values.shape)
    parameter.copy_(values)


class Torch:
    """A model as a function from a picture (1, h, w, c) to logits (1, classes), both numpy."""

    def __init__(self, model):
        self.model = model

    def __call__(self, image):
        output = self.model(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()))
        return getattr(output, "logits", output).numpy()


if __name__ == "__main__":
    main()
