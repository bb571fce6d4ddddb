#!/usr/bin/env python3
"""Compares this compiler with other runtimes on the sixteen MobileNets: same weights, same input, interleaved.

    python run.py                 all models, the peers with a Python interface
    python run.py --quick         three models
    python run.py --precision int8 --published   quantised models, also published ones; or bf16
    python run.py --cold          from process start to the first result

Installs what it needs into one folder at the first run.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import install

REPOSITORY = install.HERE.parents[1]
MODELS = [(alpha, resolution) for alpha in (1.0, 0.75, 0.5, 0.25) for resolution in (224, 192, 160, 128)]
QUICK = [(1.0, 224), (0.5, 160), (0.25, 128)]


def main():
    arguments = parse()
    python = install.environment(arguments.folder)
    if Path(sys.prefix) != python.parents[1]:
        os.execv(python, [str(python), *sys.argv])

    if arguments.precision == "int8":
        arguments.mnetc = install.mnetc(arguments.folder)
    if "iree" in arguments.peers and not install.iree(arguments.folder):
        install.log("IREE cannot be installed here; going on without it")
        arguments.peers.remove("iree")
    rust = install.rust(arguments.folder, [peer for peer in arguments.peers if peer in install.RUST])
    commands = {"ours": [str(install.ours(arguments.folder))]}
    for peer in arguments.peers:
        commands[peer] = [str(rust[peer])] if peer in rust else [sys.executable, str(install.HERE / "worker.py"), peer]

    if arguments.cold:
        from cold import cold  # needs what has just been installed

        return cold(arguments, commands)
    from compare import compare

    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    complaints = compare(arguments, commands, pinned(arguments))
    for complaint in complaints:
        install.log(complaint)
    sys.exit(1 if complaints else 0)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=models, metavar="LIST", help="such as 1.0-224,0.25-128 (default: all)")
    parser.add_argument("--precision", choices=install.PYTHON, default="f32", help="(default: %(default)s)")
    parser.add_argument("--peers", metavar="LIST", help=peers_help())
    parser.add_argument("--rounds", type=int, help="bursts of each (default: 30, with --quick 15)")
    parser.add_argument("--seconds", type=float, default=0.15, help="length of a burst (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="as many cores are used (default: %(default)s)")
    parser.add_argument("--cores", help="list for taskset (default: the last ones)")
    parser.add_argument("--quick", action="store_true", help="three models and fewer rounds")
    parser.add_argument("--cold", action="store_true", help="time from process start to the first result instead")
    parser.add_argument(
        "--published",
        type=Path,
        nargs="?",
        const=REPOSITORY / "../shared/data/models",
        metavar="FOLDER",
        help="with int8: of these models also the published .tflite (default: ../shared/data/models)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all numbers")
    parser.add_argument(
        "--folder",
        type=Path,
        default=os.environ.get("MOBILENET_PEERS", install.HERE / ".cache"),
        help="for packages, executables and models (default: $MOBILENET_PEERS, or .cache beside this file)",
    )
    arguments = parser.parse_args()
    try:
        arguments.peers = names(arguments.peers, arguments.precision)
        consistent(arguments)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    arguments.folder = Path(arguments.folder).resolve()
    arguments.models = arguments.models or (QUICK if arguments.quick else MODELS)
    arguments.rounds = arguments.rounds or (15 if arguments.quick else 30)
    return arguments


def consistent(arguments):
    """Complains about what does not go with the precision."""
    if arguments.precision != "f32" and arguments.cold:
        raise argparse.ArgumentTypeError("--cold is for f32")
    if arguments.precision != "int8" and arguments.published:
        raise argparse.ArgumentTypeError("the published models are those of --precision int8")


def models(text):
    """`1.0-224,0.25-128` as pairs."""
    known = {f"{alpha}-{resolution}": (alpha, resolution) for alpha, resolution in MODELS}
    return [chosen(known, name) for name in text.split(",")]


def peers_help():
    lines = [f"{precision}: {','.join(peers)}" for precision, peers in install.PYTHON.items()]
    more = f"for f32 also {','.join(install.RUST)}; or rust, or all"
    return "\n".join(["those with a Python interface if not said:", *lines, more])


def names(text, precision):
    """Names of peers that have a precision."""
    groups = {None: install.PYTHON[precision], "all": install.PYTHON[precision]}
    if precision == "f32":
        groups |= {"all": groups["all"] + install.RUST, "rust": install.RUST}
    known = {name: name for name in groups["all"]}
    return list(groups[text]) if text in groups else [chosen(known, name) for name in text.split(",")]


def chosen(known, name):
    if name not in known:
        raise argparse.ArgumentTypeError(f"no {name}; there are {', '.join(known)}")
    return known[name]


def pinned(arguments):
    """What stands before every command, so that all run on the same cores."""
    if not shutil.which("taskset"):
        install.log("no taskset: the processes are not pinned to a core")
        return []
    last = sorted(os.sched_getaffinity(0))[-arguments.threads :]
    return ["taskset", "-c", arguments.cores or ",".join(map(str, last))]


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"run.py: {failed}")
