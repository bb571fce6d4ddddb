"""The comparison: for each model, open it in every contestant, compare the logits, race, and print a table."""

import json
import tomllib
from importlib.metadata import version
from pathlib import Path

import agreement
import install
import int8
import table
from install import log
from make import make
from race import Contestant, Failed, race
from tflite import affine

PACKAGES = {
    "litert": "ai-edge-litert",
    "openvino-tflite": "openvino",
    "iree": "iree-base-runtime",
    "tract": "tract-onnx",
    "candle": "candle-core",
}
"""Where a package has another name than the peer."""


def compare(arguments, commands, pin):
    """Runs it all; returns complaints."""
    complaints, results = [], []
    for name, stem, takers in entries(arguments, commands):
        contestants = {}
        try:
            for taker in takers:
                try:
                    contestants[taker] = opened(commands[taker], stem, arguments, pin)
                except Failed as failed:
                    complaints.append(f"{name}, {taker}: {failed}")
            if table.OURS not in contestants:
                continue
            found, wrong = agree(arguments.precision, contestants, stem, commands)
            complaints += [f"{name}, {complaint}" for complaint in wrong]
            times = race(contestants, arguments.rounds, arguments.seconds)
        except Failed as failed:
            complaints.append(f"{name}: {failed}")
            continue
        finally:
            for contestant in contestants.values():
                contestant.close()
        results.append({"model": name, "times": times, **found, "ratios": table.ratios(times)})
        log(progress(results[-1]))
    report(arguments, commands, results)
    return complaints


def entries(arguments, commands):
    """For each model: its name in tables, the common path of its files, and who takes part."""
    folder = arguments.folder / "models"
    for alpha, resolution in arguments.models:
        stem = make(folder, alpha, resolution, "iree" in commands)
        if arguments.precision == "int8":
            int8.make(stem, resolution, arguments.mnetc)
        yield f"{alpha}-{resolution}", stem, list(commands)
    if arguments.published:
        takers = [name for name in commands if name in (table.OURS, *int8.PUBLISHED_PEERS)]
        for alpha, resolution in arguments.models:
            if stem := int8.published(folder, arguments.published, alpha, resolution):
                yield f"{alpha}-{resolution}, published", stem, takers


def opened(command, stem, arguments, pin):
    return Contestant(command, stem, arguments.threads, arguments.precision, pin)


def agree(precision, contestants, stem, commands):
    """How well the contestants agree, and complaints."""
    if precision == "f32":
        peers = {name: contestant for name, contestant in contestants.items() if name != table.OURS}
        found = agreement.differences(peers, contestants[table.OURS].logits)
        return {"differences": found}, agreement.complaints(precision, found)
    reference = Contestant(commands[table.OURS], stem, 1, "f32", [])
    reference.close()
    found = agreement.differences(contestants, reference.logits)
    complaints = agreement.complaints(precision, found)
    if precision != "int8":
        return {"differences": found}, complaints
    steps = agreement.steps(contestants, affine(f"{stem}.int8.tflite")[1].scale)
    if steps is not None and steps > agreement.STEPS:
        complaints.append(f"litert: logits are {steps} steps away from ours of the same file")
    return {"differences": found, "steps": steps}, complaints


def progress(result):
    """One line on a model."""
    times = ", ".join(f"{name} {time['median_ms']:.3f}" for name, time in result["times"].items())
    share = f"; ours / best {result['ratios']['median']['ratio']:.3f}" if result["ratios"] else ""
    return f"{result['model']}: {times} ms{share}"


def report(arguments, commands, results):
    """The tables on standard output, and all numbers as JSON into a file, if one is named."""
    threads = "1 thread" if arguments.threads == 1 else f"{arguments.threads} threads"
    versions = {name: peer_version(name) for name in commands if name != table.OURS}
    print(f"{processor()}, {threads}, {arguments.precision}, {arguments.rounds} rounds of {arguments.seconds} s each.")
    print(", ".join(f"{name} {number}" for name, number in versions.items()) + ".")
    print("Milliseconds a run, median (minimum).\n")
    print(table.of_times(results, arguments.precision) + "\n")
    print(table.of_differences(results) if arguments.precision == "f32" else table.of_errors(results))
    if arguments.json:
        facts = {"processor": processor(), "threads": arguments.threads, "versions": versions}
        facts["precision"] = arguments.precision
        arguments.json.write_text(json.dumps(facts | {"models": results}, indent=1) + "\n")


def peer_version(name):
    """Of the package that is installed, or locked for Rust."""
    package = PACKAGES.get(name, name)
    if name not in install.RUST:
        return version(package)
    lock = tomllib.loads((install.HERE / "rust/Cargo.lock").read_text())
    return next(found["version"] for found in lock["package"] if found["name"] == package)


def processor():
    """What Linux calls it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return named[0] if named else "unknown processor"
