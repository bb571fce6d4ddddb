"""Contestants in processes of their own, and the race between them: short bursts in turn, on the same cores."""

import json
import statistics
import subprocess
import tempfile
from contextlib import suppress

import numpy as np


class Failed(Exception):
    """A contestant does not run."""


class Contestant:
    """A process with one model, which answers as worker.py says, there or in Rust."""

    def __init__(self, command, stem, threads, precision, pin):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*pin, *command, str(stem), str(threads), precision],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.logits = np.array(self._answer()["logits"])

    def burst(self, seconds):
        with suppress(BrokenPipeError):  # then there is no answer, either
            print(seconds, file=self.process.stdin, flush=True)
        return self._answer()

    def close(self):
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.errors.close()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()
            raise Failed(said[-1] if said else f"exit status {self.process.returncode}")
        return json.loads(line)


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
