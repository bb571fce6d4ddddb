"""From process start to the first result: wall time, memory, and the part in which a peer opens its model.

Our programs read, crop and resize a photo and print five labels; the peers get a ready tensor, and those with a Python
interface pay for Python, whose share has a row of its own.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import install
import table
from install import HERE, log
from make import ending, make

REPOSITORY = HERE.parents[1]
PHOTO = REPOSITORY / "testdata/photos/cat.png"
MODELS = ((0.25, 128), (1.0, 224))


def cold(arguments, commands):
    """Prints a table a model."""
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])  # as do all processes started from here
    peers = {name: command for name, command in commands.items() if name != table.OURS}
    mnetc = install.mnetc(arguments.folder)
    for alpha, resolution in MODELS:
        stem = make(arguments.folder / "models", alpha, resolution, "iree" in commands)
        rows = {"compiled program": [compiled(mnetc, stem, arguments.folder), PHOTO]}
        if (alpha, resolution) == MODELS[0]:
            rows["mnetc run, with the model in it"] = [mnetc, "run", PHOTO]
        rows["Python and numpy alone"] = [sys.executable, "-c", "import numpy"]
        rows |= {name: [*command, stem, "1", "f32"] for name, command in peers.items()}
        print(f"\n{alpha}-{resolution}\n\n{measure(rows, arguments.rounds)}")


def measure(rows, rounds):
    """Runs every command once a round, in turn, and once more for its memory."""
    times = {name: [] for name in rows}
    opened = {name: [] for name in rows}
    for _ in range(rounds):
        for name, command in rows.items():
            start = time.perf_counter()
            answer = output(command)
            times[name].append((time.perf_counter() - start) * 1e3)
            if answer.startswith("{"):
                opened[name].append(json.loads(answer)["open_ms"])
    cells = [["program", "ms, median (minimum)", "of which opening the model", "resident MB"]]
    for name, command in rows.items():
        opening = f"{statistics.median(opened[name]):.1f}" if opened[name] else ""
        span = f"{statistics.median(times[name]):.1f} ({min(times[name]):.1f})"
        cells.append([name, span, opening, f"{resident(command):.1f}"])
    return table.markdown(cells)


def output(command):
    """What a command prints."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


def resident(command):
    """The most memory that a command had, in MB. A child of ours would be counted with the memory we fork."""
    with tempfile.NamedTemporaryFile("r") as file:
        output(["/usr/bin/time", "-f", "%M", "-o", file.name, *command])
        return int(file.read()) / 1024


def compiled(mnetc, stem, folder):
    """The example of a crate that `mnetc compile` makes of a model: a program with the weights in it."""
    crate = folder / f"crates/{stem.name}"
    shutil.rmtree(crate, ignore_errors=True)
    resolution = stem.name.rpartition("_")[2]
    output([mnetc, "compile", "--weights", ending(stem, ".safetensors"), "--rho", resolution, "--crate", crate])
    log(f"cargo build --release: {crate.name}")
    command = ["cargo", "build", "--release", "--quiet", "--example", "classify", "--target-dir", folder / "target"]
    for package, path in (("runtime", "runtime"), ("kernels", "runtime/kernels"), ("macros", "macros")):
        command += ["--config", f'patch.crates-io.mobilenet-{package}.path = "{REPOSITORY / path}"']
    subprocess.run(command, cwd=crate, check=True)
    built = folder / "target/release/examples/classify"
    kept = crate / "classify"
    kept.write_bytes(built.read_bytes())
    kept.chmod(0o755)
    return kept
