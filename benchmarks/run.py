"""Run the benchmarks and write results.json and, from it, README.md.

    python benchmarks/run.py [--only NAME] [--quick] [--output-dir DIR]

A benchmark that is not run keeps its earlier entry; each entry says when and on what it was measured.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path

import numba
import numpy as np
from llvmlite.binding import get_host_cpu_name

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from relaxation import BENCHMARKS  # noqa: E402

from xyep.provenance import commit, package_version  # noqa: E402


def conditions():
    """Machine, versions and time of a measurement."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        models = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = models[0] if models else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu,
        "architecture": get_host_cpu_name(),
        "cores": cores,
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__, "xyep": package_version()},
        "commit": commit(),
    }


def number(value):
    """Three significant digits, without exponent."""
    if isinstance(value, float):
        digits = 0 if value == 0 else max(0, 2 - int(np.floor(np.log10(abs(value)))))
        return f"{value:.{digits}f}"
    return str(value)


def cell(value):
    if isinstance(value, dict) and "median" in value:
        return f"{number(value['median'])} ({number(value['min'])}–{number(value['max'])})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(number, value))
    return number(value)


def table(rows, columns):
    """Markdown table; `columns` maps headings to functions of a row, or to keys of it."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        values = [column(row) if callable(column) else row.get(column, "") for column in columns.values()]
        lines.append("| " + " | ".join(map(cell, values)) + " |")
    return "\n".join(lines)


def _time_to_residual(rows):
    names = {"fast": "`fast`", "default": "`gradient_flow`, default", "loose": "`gradient_flow`, fastest tolerance"}
    flat = [
        {"network": row["network"], "method": names[key], **row[key], "ratio": row.get(f"ratio, {key}", "")}
        for row in rows
        for key in names
    ]
    columns = {"network": "network", "method": "method", "µs a sample": "microseconds a sample", "ratio to `fast`": "ratio"}
    columns |= {"iterations, median": "iterations, median sample", "largest": "iterations, largest", "unconverged": "unconverged"}
    by_network = {"network": "network", "ratio to default, each random network": "ratio, default, by network"}
    by_network |= {
        "ratio to fastest": "ratio, loose, by network",
        "tolerance chosen": lambda r: ", ".join(f"{t:g}" for t in r["loose tolerances"]),
    }
    note = (
        "Iterations are sweeps of `fast` and evaluations of the force of `gradient_flow`. Minimum and maximum run over random networks too."
    )
    return f"{table(flat, columns)}\n\n{note}\n\n{table(rows, by_network)}"


def _cost_per_sweep(result):
    columns = {
        "network": "network",
        "dtype": "dtype",
        "lanes": "lanes",
        "bytes from cache line": "bytes from cache line",
        "ms a sweep": "milliseconds a sweep",
    }
    columns |= {"ns a site, lane, sweep": "nanoseconds a site, lane and sweep", "GFMA/s": "GFMA/s", "gemm GFMA/s": "matrix product GFMA/s"}
    columns |= {"fraction of gemm": "fraction of matrix product", "state + field, MB": "state and field, MB"}
    columns |= {"GB/s": "GB/s if each sweep streams them", "memory copy GB/s": "memory copy GB/s"}
    fits = _plain(result["fits"])
    keys = (
        "dtype",
        "lanes",
        "bytes from cache line",
        "neighbours",
        "nanoseconds a site, lane and sweep",
        "a: ns for a site",
        "b: ns for a neighbour",
    )
    bounds = table(result["neighbours"], {key: key for key in keys})
    return (
        f"{table(result['sizes'], columns)}\n\nExponent of time over free sites:\n\n{fits}\n\n"
        f"20×20, shells 0–4, no inputs; a and b fitted over shells 1–4:\n\n{bounds}"
    )


def _plain(rows):
    keys = dict.fromkeys(key for row in rows for key in row)
    return table(rows, {key: key for key in keys})


TABLES = {"time_to_residual": _time_to_residual, "cost_per_sweep": _cost_per_sweep, "thread_scaling": _plain, "one_gradient": _plain}


def report(results):
    """Markdown of all results."""
    parts = ["# Benchmarks\n\nMade by `make bench` from `results.json`; do not edit. Medians, with minimum–maximum in brackets."]
    for name, entry in results.items():
        made = entry["conditions"]
        versions = ", ".join(f"{key} {value}" for key, value in made["versions"].items())
        title, _, text = cleandoc(BENCHMARKS[name].__doc__).partition("\n")
        line = (
            f"{made['date']}; {made['cpu']} ({made['architecture']}), {made['cores']} cores, load before {made['load before']}; {versions}."
        )
        parts.append(f"## {name}\n\n{title}\n\n{line}\n\n{TABLES[name](entry['result'])}\n\n{text.strip()}")
    return "\n\n".join(parts) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="xyep bench", description="Benchmarks of relaxation and of the EP gradient.")
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="smaller and rougher; writes nothing unless --output-dir is given")
    parser.add_argument("--output-dir", type=Path, help="where results.json and README.md go (default: the folder of this file)")
    arguments = parser.parse_args(argv)
    folder = arguments.output_dir or (None if arguments.quick else HERE)
    path = folder / "results.json" if folder else None
    results = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
    for name in arguments.only or BENCHMARKS:
        made = conditions()
        results[name] = {"conditions": made, "result": BENCHMARKS[name](arguments.quick)}
        if path:  # as it goes, so that an interrupted run keeps what it has
            folder.mkdir(parents=True, exist_ok=True)
            results = {key: results[key] for key in BENCHMARKS if key in results}
            path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            (folder / "README.md").write_text(report(results), encoding="utf-8")
    print(report(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
