"""A process that holds one model in one peer, and runs it when it is told to.

    python worker.py PEER STEM THREADS PRECISION

Prints one line of JSON: the logits, and how long it took to open the model and to run it first. Then, for every number
of seconds read from standard input, a line with what a burst of runs took. The peers in Rust (rust/common) do the same.
"""

import json
import os
import statistics
import sys
import time

from peers import PEERS


def main():
    peer, stem, threads, precision = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print must not get between the answers

    start = time.perf_counter()
    run, logits = PEERS[precision][peer](stem, int(threads))
    opened = time.perf_counter()
    run()
    first = time.perf_counter()
    values = logits().ravel().tolist()
    answer = {"logits": values, "open_ms": (opened - start) * 1e3, "first_ms": (first - opened) * 1e3}
    print(json.dumps(answer), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(burst(run, float(line))), file=answers, flush=True)


def burst(run, seconds):
    """Runs for so long, the first fifth unmeasured, and at least three times measured."""
    start = time.perf_counter()
    run()
    while time.perf_counter() < start + seconds / 5:
        run()
    times = []
    while len(times) < 3 or time.perf_counter() < start + seconds:
        before = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - before) / 1e6)
    return {"min_ms": min(times), "median_ms": statistics.median(times), "iterations": len(times)}


if __name__ == "__main__":
    main()
