"""Runs `mnetc` on every file of an index, with each engine, and compares its logits with the framework's.

    python check.py OUT_DIR [--mnetc PATH] [--only PART]

Exit status 1 if a logit differs by more than 1e-4 or a run fails. The compiled engine may refuse, with exit status 1
and a message on how to compile it, what has no named model: another alpha or resolution than the paper's, symmetric
padding, or other classes than ImageNet's.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ENGINES = ("compiled", "interpreter", "reference")
TOLERANCE = 1e-4
TARGET = Path(__file__).resolve().parents[2] / "target/release/mnetc"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="folder that make_torch.py and make_tensorflow.py have written into")
    parser.add_argument("--mnetc", default=TARGET, help="the executable (default: %(default)s)")
    parser.add_argument("--only", default="", help="only files whose name contains this")
    arguments = parser.parse_args()
    if not shutil.which(arguments.mnetc):
        parser.error(f"no executable {arguments.mnetc}; cargo build --release -p mnetc makes it")

    entries = json.loads((arguments.out / "index.json").read_text())
    entries = [entry for entry in entries if arguments.only in entry["file"]]
    complaints = []
    print("| file | " + " | ".join(ENGINES) + " |\n|---|" + "---|" * len(ENGINES))
    for entry in entries:
        cells = []
        for engine in ENGINES:
            cell, complaint = check(arguments.mnetc, arguments.out, entry, engine)
            cells.append(cell)
            if complaint:
                complaints.append(f"{entry['file']}, {engine}: {complaint}")
        print(f"| {entry['file']} | " + " | ".join(cells) + " |", flush=True)
    print("\n".join(complaints), file=sys.stderr)
    sys.exit(1 if complaints or not entries else 0)


def check(mnetc, folder, entry, engine):
    """One run: a cell of the table, and a complaint or None."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "logits.npy"
        run = subprocess.run(command(mnetc, folder, entry, engine, output), capture_output=True, text=True)
        refused = run.returncode == 1 and "compile" in run.stderr and engine == "compiled"
        if refused and not is_named(entry):
            return "refused", None
        if run.returncode != 0:
            return "failed", f"exit status {run.returncode}: {run.stderr.strip()}"
        actual = np.load(output)
    expected = np.load(folder / entry["logits"])
    if actual.shape != expected.shape:
        return "shape", f"logits of shape {actual.shape}, not {expected.shape}"
    difference = np.abs(actual - expected).max()
    cell = f"{difference:.1e}"
    return cell, None if difference <= TOLERANCE else f"differs by {cell}"


def command(mnetc, folder, entry, engine, output):
    """The command line of one run."""
    line = [mnetc, "run", "--weights", folder / entry["file"], "--rho", str(entry["resolution"])]
    line += ["--input", folder / entry["input"], "--logits", "--output", output, "--engine", engine]
    return line + (["--precision", entry["precision"]] if "precision" in entry else [])


def is_named(entry):
    """Whether one of the sixteen named models serves this file."""
    return (
        entry["alpha"] in (1.0, 0.75, 0.5, 0.25)
        and entry["resolution"] in (224, 192, 160, 128)
        and entry["padding"] != "symmetric"
        and entry["classes"] in (1000, 1001)
    )


if __name__ == "__main__":
    main()
