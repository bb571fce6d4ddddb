"""Quantises models with `mnetc quantize`, runs the files with LiteRT's reference kernels and with `mnetc`, and compares bytes.

    python quantised.py [--data DIR] [--mnetc PATH] [--only PART]

Prints a line a model and photo: bytes of scores and of output that differ, the best class of floats and of bytes. Exit
status 1 if a byte differs or a run fails. Models that are not there are left out; others are made from the small one, for
what no published file has: padding that is neither SAME nor VALID, and channels that are dead or explode.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from safetensors.numpy import load_file, save_file

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = REPOSITORY / "testdata/models/keras_mobilenet_v1_0.25_128.safetensors"

# File and resolution; alpha, classes and the rest are in the files.
MODELS = {
    "keras_mobilenet_v1_0.25_128.safetensors": 128,
    "keras_mobilenet_v1_0.75_224.safetensors": 224,
    "mobilenet_v1_1.0_224_dequant_f32.safetensors": 224,
    "mobilenet_v1_0.25_224_float.tflite": 224,
    "vww_96_float.tflite": 96,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    shared = REPOSITORY / "../shared/data"
    data = shared if shared.is_dir() else REPOSITORY / "testdata"
    parser.add_argument("--data", type=Path, default=data, help="models, photos and inputs (default: %(default)s)")
    mnetc = REPOSITORY / "target/release/mnetc"
    parser.add_argument("--mnetc", type=Path, default=mnetc, help="the executable (default: %(default)s)")
    parser.add_argument("--only", default="", help="only models whose name contains this")
    arguments = parser.parse_args()
    if not arguments.mnetc.is_file():
        parser.error(f"no executable {arguments.mnetc}; cargo build --release -p mnetc makes it")

    faults = runs = agreeing = 0
    print("| model | photo | scores that differ | outputs that differ | best class, floats | bytes |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for model in models(arguments.data / "models", Path(scratch)):
            if arguments.only not in model.name:
                continue
            for row, differing, agrees in compare(arguments, model, Path(scratch)):
                print(row, flush=True)
                runs += 1
                faults += differing
                agreeing += agrees
    print(f"{runs} runs, {faults} bytes that differ; the best class is that of the floats in {agreeing}", file=sys.stderr)
    sys.exit(1 if faults or not runs else 0)


class Model:
    def __init__(self, name, weights, resolution):
        self.name, self.weights, self.resolution = name, weights, resolution


def models(folder, scratch):
    """Models that are there, and variants of the small one."""
    for file, resolution in MODELS.items():
        if (folder / file).exists():
            yield Model(file, folder / file, resolution)
        else:
            print(f"left out: there is no {folder / file}", file=sys.stderr)
    small = load_file(SMALL)
    for name, tensors in (("symmetric padding", timm(small)), ("dead channels", dead(small))):
        file = scratch / f"{name.split()[0]}.safetensors"
        save_file({key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}, file)
        yield Model(name, file, 128)
    # 129 x 129: maps of odd sizes, which Keras pads after only.
    yield Model("odd maps", SMALL, 129)


def timm(tensors):
    """The same values under timm's names, which mean symmetric padding."""
    stages = [1, 2, 2, 6, 2]
    blocks = [f"{stage}.{place}" for stage, count in enumerate(stages) for place in range(count)]
    layers = {"conv1": ("conv_stem", "bn1")}
    for number, block in enumerate(blocks, 1):
        layers[f"conv_dw_{number}"] = (f"blocks.{block}.conv_dw", f"blocks.{block}.bn1")
        layers[f"conv_pw_{number}"] = (f"blocks.{block}.conv_pw", f"blocks.{block}.bn2")
    statistics = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    renamed = {
        "classifier.weight": tensors["conv_preds/kernel"][0, 0].T,
        "classifier.bias": tensors["conv_preds/bias"],
    }
    for ours, (layer, norm) in layers.items():
        depthwise = ours.startswith("conv_dw")
        kernel = tensors[f"{ours}/depthwise_kernel" if depthwise else f"{ours}/kernel"]
        renamed[f"{layer}.weight"] = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        for old, new in statistics.items():
            renamed[f"{norm}.{new}"] = tensors[f"{ours}_bn/{old}"]
    return renamed


def dead(tensors):
    """The same, with channels that are 0, that have no variance, and whose kernels become huge or tiny."""
    changed = {key: tensor.copy() for key, tensor in tensors.items()}
    for layer in ("conv1", "conv_dw_1", "conv_pw_2", "conv_dw_7", "conv_pw_13"):
        norm = f"{layer}_bn"
        changed[f"{norm}/gamma"][0] = 0
        changed[f"{norm}/moving_variance"][1] = 0
        changed[f"{norm}/gamma"][2] = 1e-20
        changed[f"{norm}/beta"][2] = 3
        changed[f"{norm}/gamma"][3] *= 1e5
        kernel = changed.get(f"{layer}/kernel", changed.get(f"{layer}/depthwise_kernel"))
        (kernel[..., 4, :] if "dw" in layer else kernel[..., 4])[...] = 0
    return changed


def compare(arguments, model, scratch):
    """For each input of the model's size: a row of the table, how many bytes differ, whether the best classes agree."""
    quantised = scratch / "quantised.tflite"
    rho = ["--rho", str(model.resolution)]
    photos = arguments.data / "photos"
    run(arguments.mnetc, "quantize", "--weights", model.weights, *rho, "--calibrate", photos, "-o", quantised)
    interpreter = Interpreter(
        str(quantised),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    for input, name in inputs(arguments.data / "inputs", model.resolution, scratch):
        theirs = litert(interpreter, input)

        def ours(weights, *more):
            output = scratch / "output.npy"
            run(arguments.mnetc, "run", "--weights", weights, "--input", input, "--output", output, *more)
            return np.load(output)[0]

        scores, output = ours(quantised, "--logits"), ours(quantised)
        floats = ours(model.weights, "--logits", *rho)
        differing = [np.count_nonzero(a != b) for a, b in zip((scores, output), theirs, strict=True)]
        best = [floats.argmax(), scores.argmax()]
        cells = [model.name, name, f"{differing[0]} of {scores.size}", f"{differing[1]} of {output.size}", *best]
        yield f"| {' | '.join(map(str, cells))} |", sum(differing), best[0] == best[1]


def inputs(folder, resolution, scratch):
    """Photos as bytes. For sizes that no file has, those of 128 x 128, their last row and column repeated."""
    files = sorted(folder.glob(f"*_{resolution}_rgb.u8"))
    for file in files:
        yield file, file.name.split("_rgb")[0]
    if files:
        return
    for file in sorted(folder.glob("*_128_rgb.u8")):
        pixels = np.fromfile(file, np.uint8).reshape(128, 128, 3)
        grown = scratch / "grown.u8"
        more = resolution - 128
        np.pad(pixels, ((0, more), (0, more), (0, 0)), mode="edge").tofile(grown)
        yield grown, file.name.split("_rgb")[0]


def litert(interpreter, file):
    """Scores and output of LiteRT's reference kernels. They take a photo's bytes, less 128."""
    input, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    pixels = np.fromfile(file, np.uint8).astype(np.int16) - 128
    interpreter.set_tensor(input["index"], pixels.astype(np.int8).reshape(input["shape"]))
    interpreter.invoke()
    scores = next(tensor for tensor in interpreter.get_tensor_details() if tensor["name"].endswith("scores"))
    return interpreter.get_tensor(scores["index"]).ravel(), interpreter.get_tensor(output["index"]).ravel()


def run(*line):
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, line))}\n{done.stderr.strip()}")


if __name__ == "__main__":
    main()
