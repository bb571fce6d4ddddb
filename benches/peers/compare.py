"""The comparison: for each model, open it in every contestant, compare the logits, race, and print a table."""

import json
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np

import install
import table
from install import log
from make import make
from race import Contestant, Failed, race

TOLERANCE = 1e-3
"""Of a logit; logits reach about 15. A wrong padding, clamp or epsilon moves them by 0.1 and more."""

PACKAGES = {"litert": "ai-edge-litert", "iree": "iree-base-runtime", "tract": "tract-onnx", "candle": "candle-core"}
"""Where a package has another name than the peer."""


def compare(arguments, commands, pin):
    """Runs it all; returns complaints."""
    complaints, results = [], []
    for alpha, resolution in arguments.models:
        stem = make(arguments.folder / "models", alpha, resolution, "iree" in commands)
        contestants = {}
        try:
            for name, command in commands.items():
                try:
                    contestants[name] = Contestant(command, stem, arguments.threads, pin)
                except Failed as failed:
                    complaints.append(f"{stem.name}, {name}: {failed}")
            if table.OURS not in contestants:
                continue
            differences = agreement(contestants)
            complaints += [
                f"{stem.name}, {name}: logits differ from ours by {difference:.2g}"
                for name, difference in differences.items()
                if not difference <= TOLERANCE
            ]
            times = race(contestants, arguments.rounds, arguments.seconds)
        except Failed as failed:
            complaints.append(f"{stem.name}: {failed}")
            continue
        finally:
            for contestant in contestants.values():
                contestant.close()
        result = {"model": f"{alpha}-{resolution}", "times": times, "differences": differences}
        results.append(result | {"ratios": table.ratios(times)})
        log(progress(results[-1]))
    report(arguments, commands, results)
    return complaints


def agreement(contestants):
    """By how much the logits of each peer differ from ours."""
    ours = contestants[table.OURS].logits
    return {
        name: float(np.abs(contestant.logits - ours).max())
        for name, contestant in contestants.items()
        if name != table.OURS
    }


def progress(result):
    """One line on a model."""
    times = ", ".join(f"{name} {time['median_ms']:.3f}" for name, time in result["times"].items())
    share = f"; ours / best {result['ratios']['median']['ratio']:.3f}" if result["ratios"] else ""
    return f"{result['model']}: {times} ms{share}"


def report(arguments, commands, results):
    """The tables on standard output, and all numbers as JSON into a file, if one is named."""
    threads = "1 thread" if arguments.threads == 1 else f"{arguments.threads} threads"
    versions = {name: peer_version(name) for name in commands if name != table.OURS}
    print(f"{processor()}, {threads}, f32, {arguments.rounds} rounds of {arguments.seconds} s each.")
    print(", ".join(f"{name} {number}" for name, number in versions.items()) + ".")
    print("Milliseconds a run, median (minimum).\n")
    print(table.of_times(results) + "\n\n" + table.of_differences(results))
    if arguments.json:
        facts = {"processor": processor(), "threads": arguments.threads, "versions": versions}
        arguments.json.write_text(json.dumps(facts | {"models": results}, indent=1) + "\n")


def peer_version(name):
    """Of the package that is installed, or locked for Rust."""
    package = PACKAGES.get(name, name)
    if name in install.PYTHON:
        return version(package)
    lock = tomllib.loads((install.HERE / "rust/Cargo.lock").read_text())
    return next(found["version"] for found in lock["package"] if found["name"] == package)


def processor():
    """What Linux calls it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return named[0] if named else "unknown processor"
