"""Random MobileNet v1 files as Keras 3, Keras 2, TF-slim, TensorFlow Lite and tf2onnx write them.

    python make_tensorflow.py OUT_DIR
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
import tf_keras

from index import Index
from network import picture, random_network

KERAS = {
    "keras_0.5_160": dict(alpha=0.5, resolution=160, classes=1000),
    "keras_0.25_128": dict(alpha=0.25, resolution=128, classes=10),
    "keras_0.25_129": dict(alpha=0.25, resolution=129, classes=10),
    "keras_0.35_96": dict(alpha=0.35, resolution=96, classes=1000),
}
"""An odd resolution, where Keras pads in its own way, and an alpha that leaves odd channel counts."""

SLIM = dict(alpha=0.5, resolution=160, classes=1001)
SLOTS = ("ExponentialMovingAverage", "RMSProp", "RMSProp_1")
"""What training leaves beside each variable of a TF-slim checkpoint."""

LAYERS = ["conv1"] + [f"conv_{kind}_{block}" for block in range(1, 14) for kind in ("dw", "pw")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", help="folder to write into")
    index = Index(parser.parse_args().out)

    for seed, (name, settings) in enumerate(KERAS.items(), start=101):
        model, facts = make_keras(index, keras, name, settings, seed)
        save_each(index, model, name, [".keras", ".weights.h5", ".h5"], facts)
        export_onnx(index, name, model, facts)
        if name == "keras_0.5_160":
            export_tflite(index, name, model, facts)

    model, facts = make_keras(index, tf_keras, "keras2_0.5_160", KERAS["keras_0.5_160"], seed=111)
    save_each(index, model, "keras2_0.5_160", [".keras", ".weights.h5", ".h5"], facts)
    model.save_weights(index.folder / "keras2_0.5_160_weights_only.h5")
    index.add("keras2_0.5_160_weights_only.h5", facts)

    make_slim(index, "slim_0.5_160", seed=112)


def make_keras(index, library, name, settings, seed):
    """A model of `library` (Keras 3 or 2) with the values of a random network, and the facts for the index."""
    alpha, resolution, classes = settings["alpha"], settings["resolution"], settings["classes"]
    model = library.applications.MobileNet(
        alpha=alpha, input_shape=(resolution, resolution, 3), weights=None, classes=classes
    )
    assign(model, classes, resolution, seed)
    facts = {**settings, "family": "keras", "padding": "after"}
    return model, index.expect(name, logits_of(library, model), facts)


def save_each(index, model, name, endings, facts):
    """Saves a model in the formats that Keras chooses by the ending of the file."""
    for ending in endings:
        path = index.folder / f"{name}{ending}"
        (model.save_weights if "weights" in ending else model.save)(path)
        index.add(path.name, facts)


def export_onnx(index, name, model, facts):
    """tf2onnx's export, which ends in the softmax."""
    path = index.folder / f"{name}_tf2onnx.onnx"
    signature = [tf.TensorSpec(model.input_shape, tf.float32, name="image")]
    tf2onnx.convert.from_function(tf.function(model), signature, opset=18, output_path=str(path))

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    image, logits = np.load(index.folder / facts["input"]), np.load(index.folder / facts["logits"])
    (probabilities,) = session.run(None, {"image": image})
    check_close(path, probabilities, softmax(logits), 1e-5)
    index.add(path.name, facts)


def export_tflite(index, name, model, facts):
    """TensorFlow Lite files: float, 16-bit and 8-bit weights, all 8-bit.

    8-bit files enter the index with what their weights give when computed in f32, not with 8-bit outputs.
    """
    pictures = [[picture(facts["resolution"], seed)] for seed in range(8)]
    kinds = {
        "float": {},
        "float16": dict(optimizations=[tf.lite.Optimize.DEFAULT], types=[tf.float16]),
        "dynamic": dict(optimizations=[tf.lite.Optimize.DEFAULT]),
        "int8": dict(
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=lambda: pictures,
            operations=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8],
        ),
    }
    for kind, settings in kinds.items():
        path = index.folder / f"{name}_{kind}.tflite"
        path.write_bytes(convert(model, **settings))
        if kind == "float":
            check_tflite(index, path, facts)
            index.add(path.name, facts)
        else:
            run = logits_of(keras, dequantised(model, path))
            index.add(path.name, index.expect(path.stem, run, facts) | {"precision": "f32"})


def convert(model, optimizations=(), types=(), representative_dataset=None, operations=None):
    """The bytes of a .tflite of a Keras model."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = list(optimizations)
    converter.target_spec.supported_types = list(types)
    if representative_dataset:
        converter.representative_dataset = representative_dataset
        converter.target_spec.supported_ops = operations
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def check_tflite(index, path, facts):
    """Refuses a float .tflite that does not give what the model gave."""
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load(index.folder / facts["input"]))
    interpreter.invoke()
    probabilities = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    check_close(path, probabilities, softmax(np.load(index.folder / facts["logits"])), 1e-5)


def dequantised(model, path):
    """A Keras model with the folded, rounded kernels and biases of a .tflite file."""
    interpreter = tf.lite.Interpreter(
        str(path),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.invoke()  # 16-bit kernels are widened by operators of the graph
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def read(index):
        values = interpreter.tensor(index)().astype(np.float64)
        quantised = tensors[index]["quantization_parameters"]
        if not len(quantised["scales"]):
            return values
        extents = [1] * values.ndim
        extents[quantised["quantized_dimension"]] = -1
        return (values - quantised["zero_points"].reshape(extents)) * quantised["scales"].reshape(extents)

    copy = keras.models.clone_model(model)
    operations = [op for op in interpreter._get_ops_details() if "CONV_2D" in op["op_name"]]
    for name, operation in zip([*LAYERS, "conv_preds"], operations, strict=True):
        kernel, bias = (read(index) for index in operation["inputs"][1:3])
        kernel = kernel.transpose(1, 2, 3, 0)
        if name == "conv_preds":
            copy.get_layer(name).set_weights([kernel, bias])
            continue
        copy.get_layer(name).set_weights([kernel])
        one, zero = np.ones_like(bias), np.zeros_like(bias)
        copy.get_layer(f"{name}_bn").set_weights([one, bias, zero, one - 1e-3])
    return copy


def make_slim(index, name, seed):
    """A checkpoint under TF-slim's names, with the leftovers of training; Keras computes what it must give."""
    model, facts = make_keras(index, keras, name, SLIM, seed)
    values = slim_values(model)
    rng = np.random.default_rng(seed)
    noise = {f"{key}/{slot}": rng.normal(size=value.shape) for key, value in values.items() for slot in SLOTS}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for key, value in {**values, **noise}.items():
            tf.compat.v1.get_variable(key, initializer=value.astype(np.float32))
        tf.compat.v1.get_variable("global_step", initializer=np.int64(41))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(index.folder / f"{name}.ckpt"), write_meta_graph=False)
    index.add(f"{name}.ckpt.index", facts | {"family": "tf-slim", "padding": "same"})


def slim_values(model):
    """The tensors of a Keras model by TF-slim's names."""
    values = {}
    for layer, name in enumerate(LAYERS):
        kind = {"conv1": "", "conv_dw": "_depthwise", "conv_pw": "_pointwise"}[name.rpartition("_")[0] or name]
        scope = f"MobilenetV1/Conv2d_{(layer + 1) // 2}{kind}"
        kernel = "depthwise_weights" if kind == "_depthwise" else "weights"
        (values[f"{scope}/{kernel}"],) = model.get_layer(name).get_weights()
        norms = ("gamma", "beta", "moving_mean", "moving_variance")
        for norm, value in zip(norms, model.get_layer(f"{name}_bn").get_weights(), strict=True):
            values[f"{scope}/BatchNorm/{norm}"] = value
    kernel, bias = model.get_layer("conv_preds").get_weights()
    head = "MobilenetV1/Logits/Conv2d_1c_1x1"
    return values | {f"{head}/weights": kernel, f"{head}/biases": bias}


def assign(model, classes, resolution, seed):
    """Gives a Keras model the values of a random network."""
    stem_and_pointwise = [name for name in LAYERS if "dw" not in name]
    channels = [model.get_layer(name).filters for name in stem_and_pointwise]
    network = random_network(channels, classes, resolution, seed)
    for name, layer in zip(LAYERS, network.layers, strict=True):
        model.get_layer(name).set_weights([layer.kernel])
        model.get_layer(f"{name}_bn").set_weights([layer.gamma, layer.beta, layer.mean, layer.variance])
    model.get_layer("conv_preds").set_weights([network.kernel[None, None], network.bias])


def logits_of(library, model):
    """A Keras model as a function from a picture (1, h, w, c) to logits (1, classes), both numpy."""
    head = library.Model(model.input, model.get_layer("conv_preds").output)
    return lambda image: head(image, training=False).numpy().reshape(1, -1)


def softmax(logits):
    """Probabilities, in f64."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return powers / powers.sum()


def check_close(path, actual, expected, tolerance):
    """Refuses an export that does not give what the model gave."""
    if (difference := np.abs(actual - expected).max()) > tolerance:
        raise ValueError(f"{path}: the export differs by {difference}")


if __name__ == "__main__":
    main()
