"""Contestants in processes of their own, and the race between them: short bursts in turn, on the same cores."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

WORKER = Path(__file__).with_name("worker.py")


class Failed(Exception):
    """A contestant does not run."""


class Peer:
    """A process that answers as worker.py says, there or in Rust."""

    def __init__(self, command, stem, threads, pin):
        self.name = Path(command[-1]).name
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*pin, *command, str(stem), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.logits = np.array(self._answer()["logits"])

    def burst(self, seconds):
        print(seconds, file=self.process.stdin, flush=True)
        return self._answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise Failed(f"{self.name}: {self.errors.read().strip()[-500:]}")
        return json.loads(line)


class Ours:
    """`mnetc`, called anew for each burst."""

    def __init__(self, mnetc, stem, threads, pin):
        self.model = ["--weights", f"{stem}.safetensors", "--engine", "compiled", "--threads", str(threads), "--json"]
        self.mnetc, self.pin = str(mnetc), pin
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "logits.npy"
            self._run("run", "--input", f"{stem}.input.npy", "--logits", "--output", str(output))
            self.logits = np.load(output).ravel()
        self.rho = stem.name.rpartition("_")[2]

    def burst(self, seconds):
        (result,) = self._run("bench", "--rho", self.rho, "--seconds", str(seconds))
        return result

    def close(self):
        pass

    def _run(self, command, *arguments):
        line = [*self.pin, self.mnetc, command, *self.model, *arguments]
        run = subprocess.run(line, capture_output=True, text=True)
        if run.returncode != 0:
            raise Failed(f"mnetc {command}: {run.stderr.strip()}")
        return json.loads(run.stdout)


def python_peer(name):
    """The command of a peer with a Python interface."""
    return [sys.executable, str(WORKER), name]


def race(contestants, rounds, seconds):
    """Median of the medians and minimum of the minima of all bursts, by name; every other round goes backwards."""
    bursts = {name: [] for name in contestants}
    for number in range(rounds):
        for name in list(contestants)[:: -1 if number % 2 else 1]:
            bursts[name].append(contestants[name].burst(seconds))
    return {
        name: {
            "median_ms": statistics.median(burst["median_ms"] for burst in bursts[name]),
            "min_ms": min(burst["min_ms"] for burst in bursts[name]),
        }
        for name in contestants
    }
