"""Run the benchmarks and write results.json and, from it, README.md.

    python benchmarks/run.py [--only NAME] [--quick] [--reference COMMIT] [--output-dir DIR]

A benchmark that is not run keeps its earlier entry; each entry says when and on what it was
measured.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from inspect import cleandoc
from pathlib import Path

from llvmlite.binding import get_host_cpu_name

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from backpropagation import backpropagation
from bits import equal_bits
from comparison import gradient_per_sample
from flow import time_to_residual
from large import large
from nudging import nudging
from paired import (
    compilation,
    default_gradient,
    relaxation,
    relaxation_rate,
    training_epoch,
    xor_epoch,
)
from sides import HELD_BACK, REFERENCE
from tables import markdown

from xyep import __version__
from xyep.provenance import commit, machine

BENCHMARKS = {
    f.__name__: f
    for f in (
        xor_epoch,
        nudging,
        training_epoch,
        relaxation_rate,
        relaxation,
        default_gradient,
        compilation,
        large,
        equal_bits,
        time_to_residual,
        backpropagation,
        gradient_per_sample,
    )
}

#: Those that need more than the package: `pip install xyep[bench]`.
NEEDS = {
    "backpropagation": ("jax",),
    "gradient_per_sample": ("jax", "diffrax"),
    "relaxation_rate": ("threadpoolctl",),
}

HEAD = """# Benchmarks

Made by `make bench` from `results.json`; do not edit. Medians, with smallest–largest in brackets.
"Before" is the package at the commit named, in the same run, with the same interpreter and the same
versions of everything else; ratios are medians of pairs. Below 1 is faster now."""


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def missing(name):
    """What a benchmark needs and is not there."""
    return [package for package in NEEDS.get(name, ()) if installed(package) is None]


def conditions(reference):
    """Machine, versions and time of a measurement."""
    cpu, _, cores = machine().rpartition(", ")
    names = ("numpy", "numba", "llvmlite", "jax", "diffrax")
    versions = {name: installed(name) for name in names if installed(name)}
    held_back = [name for name in HELD_BACK if name in os.environ]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu,
        "architecture": get_host_cpu_name(),
        "cores": int(cores.split()[0]),
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "unset for OpenBLAS": ", ".join(held_back) or "nothing was set",
        "versions": {"python": platform.python_version(), **versions, "xyep": __version__},
        "commit": commit(),
        "before": reference,
    }


def section(name, entry):
    """Markdown of one benchmark."""
    made, (title, _, text) = entry["conditions"], cleandoc(BENCHMARKS[name].__doc__).partition("\n")
    versions = ", ".join(f"{key} {value}" for key, value in made["versions"].items())
    line = (
        f"{made['date']}; commit {made['commit'][:7]} (before: {made['before']}); {made['cpu']} "
        f"({made['architecture']}), {made['cores']} cores, load before {made['load before']}; "
        f"{versions}."
    )
    return "\n\n".join(
        [f"## {name}", title, line, markdown(entry["result"]), text.strip()],
    )


def report(results):
    """Markdown of all results."""
    return "\n\n".join([HEAD, *(section(*entry) for entry in results.items())]) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="xyep bench",
        description="Benchmarks of relaxation, of the EP gradient and of training.",
    )
    add = parser.add_argument
    names = ", ".join(BENCHMARKS)
    add(
        "--only",
        action="append",
        choices=BENCHMARKS,
        metavar="NAME",
        help=f"one of {names}; may be repeated",
    )
    add(
        "--quick",
        action="store_true",
        help="smaller and rougher; writes nothing unless --output-dir is given",
    )
    add("--reference", default=REFERENCE, help="commit to compare with (default: %(default)s)")
    add(
        "--output-dir",
        type=Path,
        help="where results.json and README.md go (default: the folder of this file)",
    )
    arguments = parser.parse_args(argv)
    folder = arguments.output_dir or (None if arguments.quick else HERE)
    path, results = folder / "results.json" if folder else None, {}
    if path and path.exists():
        earlier = json.loads(path.read_text("utf-8"))
        results = {name: earlier[name] for name in BENCHMARKS if name in earlier}
    for name in arguments.only or BENCHMARKS:
        if missing(name):
            words = " and ".join(missing(name))
            print(f"{name}: not run, as {words} is not installed; `pip install -e .[bench]`")
            continue
        made = conditions(arguments.reference)
        result = BENCHMARKS[name](arguments.quick, arguments.reference)
        results[name] = {"conditions": made, "result": result}
        results = {key: results[key] for key in BENCHMARKS if key in results}
        if path:  # as it goes, so that an interrupted run keeps what it has
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8")
            (folder / "README.md").write_text(report(results), encoding="utf-8")
    print(report(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
