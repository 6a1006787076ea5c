"""Run the benchmarks and write results.json and, from it, README.md.

    python benchmarks/run.py [--only NAME] [--quick] [--output-dir DIR]

A benchmark that is not run keeps its earlier entry; each entry says when and on what it was measured.
"""

import argparse
import json
import os
import platform
import sys
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from inspect import cleandoc
from pathlib import Path

from llvmlite.binding import get_host_cpu_name

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from comparison import gradient_per_sample
from mnist import relaxation_rate, rest, training_epoch
from relaxation import cost_per_sweep, one_gradient, thread_scaling, time_to_residual
from tables import markdown

from xyep.provenance import commit, machine, package_version
from xyep.relaxation import (NotConvergedWarning)

BENCHMARKS = {
    f.__name__: f
    for f in (
        relaxation_rate,
        training_epoch,
        gradient_per_sample,
        rest,
        time_to_residual,
        cost_per_sweep,
        thread_scaling,
        one_gradient,
    )
}


def quietly(function, quick):
    with warnings.catch_warnings():
        # fixed numbers of sweeps are the point here; what matters is counted in the tables
        warnings.simplefilter("ignore", NotConvergedWarning)
        return function(quick)


def conditions():
    """Machine, versions and time of a measurement."""
    cpu, _, cores = machine().rpartition(", ")
    versions = {name: version(name) for name in ("numpy", "numba", "jax", "diffrax")}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu,
        "architecture": get_host_cpu_name(),
        "cores": int(cores.split()[0]),
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version(), **versions, "xyep": package_version()},
        "commit": commit(),
    }


def report(results):
    """Markdown of all results."""
    parts = [
        "# Benchmarks\n\nMade by `make bench` from `results.json`; do not edit. Medians, with minimum–maximum in brackets."
    ]
    for name, entry in results.items():
        made = entry["conditions"]
        versions = ", ".join(f"{key} {value}" for key, value in made["versions"].items())
        title, _, text = cleandoc(BENCHMARKS[name].__doc__).partition("\n")
        line = f"{made['date']}; {made['cpu']} ({made['architecture']}), {made['cores']} cores, load before {made['load before']}; {versions}."
        parts.append(
            f"## {name}\n\n{title}\n\n{line}\n\n{markdown(name, entry['result'])}\n\n{text.strip()}"
        )
    return "\n\n".join(parts) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="xyep bench",
        description="Benchmarks of relaxation, of the EP gradient and of training.",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=BENCHMARKS,
        metavar="NAME",
        help=f"one of {', '.join(BENCHMARKS)}; may be repeated",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smaller and rougher; writes nothing unless --output-dir is given",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        help="where results.json and README.md go (default: the folder of this file)",
    )
    arguments = parser.parse_args(argv)
    folder = arguments.output_dir or (None if arguments.quick else HERE)
    path = folder / "results.json" if folder else None
    results = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
    for name in arguments.only or BENCHMARKS:
        made = conditions()
        results[name] = {"conditions": made, "result": quietly(BENCHMARKS[name], arguments.quick)}
        if path:  # as it goes, so that an interrupted run keeps what it has
            folder.mkdir(parents=True, exist_ok=True)
            results = {key: results[key] for key in BENCHMARKS if key in results}
            path.write_text(
                json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            (folder / "README.md").write_text(report(results), encoding="utf-8")
    print(report(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
