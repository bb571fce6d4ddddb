"""The small weights files of testdata/weights: one tiny network in every layout of Keras 3, Keras 2 and TF-slim.

    python make_small.py ../../testdata/weights

The n-th variable of the network, counted in the order of its layers, holds n + 0/256, n + 1/256, ...
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras

SLIM = {
    "conv1": "MobilenetV1/Conv2d_0/weights",
    "conv1_bn": "MobilenetV1/Conv2d_0/BatchNorm",
    "conv_dw_1": "MobilenetV1/Conv2d_1_depthwise/depthwise_weights",
    "conv_dw_1_bn": "MobilenetV1/Conv2d_1_depthwise/BatchNorm",
    "conv_pw_1": "MobilenetV1/Conv2d_1_pointwise/weights",
    "conv_pw_1_bn": "MobilenetV1/Conv2d_1_pointwise/BatchNorm",
    "conv_preds": "MobilenetV1/Logits/Conv2d_1c_1x1",
}
STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write into")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    model = network(keras)
    model.save(out / "keras3.keras")
    deflate(out / "keras3.keras")
    model.save(out / "keras3.h5")
    model.compile("sgd", "mse")  # its state is to be ignored
    model.optimizer.build(model.trainable_variables)
    model.save_weights(out / "keras3.weights.h5")

    model = network(tf_keras)
    model.save(out / "keras2.keras")
    deflate(out / "keras2.keras")
    model.save_weights(out / "keras2.weights.h5")
    model.save_weights(out / "keras2.h5")

    rewrite(out / "keras2.h5", out / "chunked.h5")
    write_absurd(out)
    save_slim(network(keras), out / "slim.ckpt")


def network(library):
    """A convolution, a block of stride 2 on an odd map, and a classifier."""
    layers = library.layers
    model = library.Sequential(
        [
            layers.Input((33, 33, 3)),
            layers.Conv2D(4, 3, 2, "same", use_bias=False, name="conv1"),
            layers.BatchNormalization(epsilon=0.002, name="conv1_bn"),
            layers.ReLU(6.0, name="conv1_relu"),
            layers.ZeroPadding2D(((0, 1), (0, 1)), name="conv_pad_1"),
            layers.DepthwiseConv2D(3, 2, use_bias=False, name="conv_dw_1"),
            layers.BatchNormalization(epsilon=0.002, name="conv_dw_1_bn"),
            layers.Conv2D(6, 1, use_bias=False, name="conv_pw_1"),
            layers.BatchNormalization(epsilon=0.002, name="conv_pw_1_bn"),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Conv2D(2, 1, name="conv_preds"),
        ]
    )
    model.set_weights([n + ramp(old.shape) for n, old in enumerate(model.get_weights())])
    return model


def ramp(shape):
    """0/256, 1/256, ..."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 256


def deflate(path):
    """Compresses an archive, which Keras does not."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)


def rewrite(source, target):
    """A copy with the newest groups of HDF5, chunks, and compression."""
    with h5py.File(source) as old, h5py.File(target, "w", libver="latest") as new:

        def copy(name, entry):
            if isinstance(entry, h5py.Dataset):
                chunks = tuple(max(1, extent // 2) for extent in entry.shape)
                new.create_dataset(name, data=entry[()], chunks=chunks, compression="gzip", shuffle=True)

        old.visititems(copy)


def write_absurd(out):
    """Files of a few kilobytes that ask for gigabytes, or have no end."""
    with h5py.File(out / "absurd.h5", "w") as file:
        file.create_dataset("conv1/conv1/kernel:0", shape=(2, 1), maxshape=(None, 1), chunks=(1 << 29, 1), dtype="f4")
    with h5py.File(out / "cyclic.h5", "w") as file:
        group = file.create_group("conv1")
        group["conv1"] = group["again"] = group


def save_slim(model, path):
    """A checkpoint under TF-slim's names, with leftovers of training."""
    values = {}
    for layer, name in SLIM.items():
        weights = model.get_layer(layer).get_weights()
        if layer.endswith("_bn"):
            values |= {f"{name}/{key}": value for key, value in zip(STATISTICS, weights, strict=True)}
        elif layer == "conv_preds":
            values |= {f"{name}/weights": weights[0], f"{name}/biases": weights[1]}
        else:
            values |= {name: weights[0], f"{name}/RMSProp": -weights[0]}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in values.items():
            tf.compat.v1.get_variable(name, initializer=value)
        tf.compat.v1.get_variable("global_step", initializer=np.int64(41))
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver()
        saver.save(session, str(path), write_meta_graph=False, write_state=False)


if __name__ == "__main__":
    main()
