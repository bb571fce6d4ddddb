"""Compares the best class of quantised models with that of the same weights as floats.

    python top1.py [--data DIR] [--mnetc PATH]

Prints a line a model: photos whose best class is the same, and those where it is not. Needs nothing but Python.
"""

import argparse
import json
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    shared = REPOSITORY / "../shared/data"
    data = shared if shared.is_dir() else REPOSITORY / "testdata"
    parser.add_argument("--data", type=Path, default=data, help="models and photos (default: %(default)s)")
    mnetc = REPOSITORY / "target/release/mnetc"
    parser.add_argument("--mnetc", type=Path, default=mnetc, help="the executable (default: %(default)s)")
    arguments = parser.parse_args()

    photos = sorted((arguments.data / "photos").glob("*.*"))
    print("| model | best class as the floats' | where not |")
    print("|---|---|---|")
    for model in sorted((arguments.data / "models").glob("*.tflite")):
        command = [arguments.mnetc, "run", "--json", "--weights", model, *photos]
        bytes_ = run(command)
        if bytes_["precision"] != "int8":
            continue
        floats = run([*command, "--precision", "f32"])
        pairs = list(zip(bytes_["results"], floats["results"], strict=True))
        others = [difference(ours, theirs) for ours, theirs in pairs if index(ours) != index(theirs)]
        print(f"| {model.stem} | {len(pairs) - len(others)} of {len(pairs)} | {'; '.join(others)} |")


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def index(result):
    return result["top"][0]["index"]


def difference(ours, theirs):
    """A photo, and both labels with their probabilities."""
    said = [f"{result['top'][0]['label']} ({result['top'][0]['probability']:.0%})" for result in (ours, theirs)]
    return f"{Path(ours['input']).stem}: {said[0]}, floats {said[1]}"


if __name__ == "__main__":
    main()
