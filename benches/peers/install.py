"""Installs the peers, pinned, into one folder: a virtual environment for Python, built executables for Rust."""

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent

PYTHON = {
    "f32": ("onnxruntime", "openvino", "litert", "ncnn", "iree"),
    "int8": ("openvino", "openvino-tflite", "litert", "onnxruntime"),
    "bf16": ("openvino",),
}
"""By precision, those that have it."""

RUST = ("tract", "rten", "candle", "burn")
"""With f32."""


def environment(folder):
    """The Python of a virtual environment with what requirements.txt names."""
    python = folder / "venv/bin/python"
    if not python.exists():
        log(f"a virtual environment in {folder}")
        venv.create(folder / "venv", with_pip=True)
    packages(python, HERE / "requirements.txt")
    return python


def packages(python, requirements):
    """Installs what a file names, unless it was installed from the same file before."""
    stamp = python.parents[1] / requirements.name
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return
    log(f"pip install -r {requirements.name}")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True, stdout=sys.stderr)
    stamp.write_text(requirements.read_text())


def iree(folder):
    """Whether IREE, which has no packages for many systems, can be installed."""
    try:
        packages(folder / "venv/bin/python", HERE / "requirements-iree.txt")
    except subprocess.CalledProcessError:
        return False
    return True


def ours(folder):
    """The executable of our worker: for any processor of this kind, as users build it."""
    return build(folder, ["ours"], {})["ours"]


def rust(folder, peers):
    """The executables of peers in Rust, by name; for this processor, since some choose instructions when built."""
    flags = os.environ.get("RUSTFLAGS", "") + " -C target-cpu=native"
    return build(folder, peers, {"RUSTFLAGS": flags.strip()})


def mnetc(folder):
    """The command line of this tree."""
    log("cargo build --release: mnetc")
    command = ["cargo", "build", "--release", "--quiet", "-p", "mnetc", "--target-dir", folder / "target"]
    subprocess.run(command, cwd=HERE.parents[1], check=True)
    return folder / "target/release/mnetc"


def build(folder, names, environment):
    """Executables of the workspace in rust/, by name; each built alone, so that none has the features of another."""
    for name in names:
        log(f"cargo build --release: {name}")
        command = ["cargo", "build", "--release", "--quiet", "-p", f"peer-{name}", "--target-dir", folder / "target"]
        subprocess.run(command, cwd=HERE / "rust", env=os.environ | environment, check=True)
    return {name: folder / f"target/release/peer-{name}" for name in names}


def log(message):
    print(message, file=sys.stderr, flush=True)
