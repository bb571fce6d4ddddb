"""Installs the peers, pinned, into one folder: a virtual environment for Python, built executables for Rust."""

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]

PYTHON = ("onnxruntime", "openvino", "litert", "ncnn", "iree")
RUST = ("tract", "rten", "candle", "burn")


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


def mnetc():
    """Our executable, built from this tree."""
    cargo(REPOSITORY, "-p", "mnetc")
    return Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release/mnetc"


def rust(folder, peers):
    """The executables of peers in Rust, by name."""
    if peers:
        packages = [part for peer in peers for part in ("-p", f"peer-{peer}")]
        cargo(HERE / "rust", "--locked", *packages, "--target-dir", str(folder / "target"))
    return {peer: folder / f"target/release/peer-{peer}" for peer in peers}


def cargo(folder, *arguments):
    """A release build, run in `folder`, whose .cargo/config.toml counts."""
    log(f"cargo build --release {' '.join(arguments)}")
    subprocess.run(["cargo", "build", "--release", "--quiet", *arguments], cwd=folder, check=True)


def log(message):
    print(message, file=sys.stderr, flush=True)
