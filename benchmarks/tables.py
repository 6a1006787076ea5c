"""Markdown tables of the results."""

import numpy as np


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
        values = [
            column(row) if callable(column) else row.get(column, "") for column in columns.values()
        ]
        lines.append("| " + " | ".join(map(cell, values)) + " |")
    return "\n".join(lines)


def _time_to_residual(rows):
    names = {
        "fast": "`fast`",
        "default": "`gradient_flow`, default",
        "loose": "`gradient_flow`, fastest tolerance",
    }
    flat = [
        {
            "network": row["network"],
            "method": names[key],
            **row[key],
            "ratio": row.get(f"ratio, {key}", ""),
        }
        for row in rows
        for key in names
    ]
    columns = {
        "network": "network",
        "method": "method",
        "µs a sample": "microseconds a sample",
        "ratio to `fast`": "ratio",
    }
    columns |= {
        "iterations, median": "iterations, median sample",
        "largest": "iterations, largest",
        "unconverged": "unconverged",
    }
    by_network = {
        "network": "network",
        "ratio to default, each random network": "ratio, default, by network",
    }
    by_network |= {
        "ratio to fastest": "ratio, loose, by network",
        "tolerance chosen": lambda r: ", ".join(f"{t:g}" for t in r["loose tolerances"]),
    }
    note = "Iterations are sweeps of `fast` and evaluations of the force of `gradient_flow`. Minimum and maximum run over random networks too."
    return f"{table(flat, columns)}\n\n{note}\n\n{table(rows, by_network)}"


def _cost_per_sweep(result):
    columns = {
        "network": "network",
        "dtype": "dtype",
        "lanes": "lanes",
        "bytes from cache line": "bytes from cache line",
        "ms a sweep": "milliseconds a sweep",
    }
    columns |= {
        "ns a site, lane, sweep": "nanoseconds a site, lane and sweep",
        "GFMA/s": "GFMA/s",
        "gemm GFMA/s": "matrix product GFMA/s",
    }
    columns |= {
        "fraction of gemm": "fraction of matrix product",
        "state + field, MB": "state and field, MB",
    }
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


def _brief(key, form=".1e"):
    """A column of numbers with an exponent."""

    def column(row):
        value = row.get(key, "")
        return value if value == "" else ", ".join(f"{x:{form}}" for x in np.atleast_1d(value))

    return column


def _relaxation_rate(result):
    keys = (
        "network",
        "couplings",
        "free sites",
        "neighbours",
        "lanes",
        "milliseconds a sweep",
        "nanoseconds a site, lane and sweep",
    )
    rates = {key: key for key in (*keys, "GFMA/s")}
    rates |= {
        "sgemm GFMA/s": "matrix product GFMA/s",
        "fraction of sgemm": "fraction of matrix product",
    }
    rates |= {"fraction, free phase": "fraction, free phase"}
    residuals = _plain(result["residuals"])
    return f"{table(result['rates'], rates)}\n\nSweeps and time to residual; inputs: {result['inputs']}.\n\n{residuals}"


def _gradient_per_sample(result):
    keys = (
        "network",
        "parameters",
        "estimator",
        "integration",
        "diffrax, ms",
        "xyep, ms",
        "ratio",
        "ratio to 1.5 s",
        "aligned, ms",
    )
    times = {key: key for key in (*keys, "to 1e-4, ms")}
    more = {key: key for key in keys[:4]}
    more |= {
        f"residual, {side}: median, largest": _brief(f"residual, {side}")
        for side in ("diffrax", "xyep")
    }
    more |= {f"{key}: median of each phase": key for key in ("steps, diffrax", "sweeps, xyep")}
    more |= {key: key for key in ("batch, diffrax", "at the pole")}
    cosines = {
        key: key
        for key in ("network", "parameters", "estimator", "rtol = atol", "samples", "at the pole")
    }
    for head in ("", "from its free states: "):
        cosines[head + "other basin"] = head + "other basin"
        cosines[head + "1 − cosine"] = lambda row, key=head + "cosine": (
            f"{1 - row[key]:.1e}" if key in row else "none to compare"
        )
        cosines[head + "largest angle apart"] = _brief(head + "largest angle apart")
    return (
        f"Inputs: {result['inputs']}.\n\n{table(result['times'], times)}\n\nOf the same calls:\n\n{table(result['times'], more)}\n\n"
        f"Gradients in float64 from the same initial states:\n\n{table(result['cosines'], cosines)}"
    )


def _rest(result):
    columns = {"dtype": "dtype", "converged": "converged"}
    columns |= {key: _brief(key) for key in ("tolerance", "median move", "largest move")}
    columns |= {"flow unconverged": "flow unconverged", "flow, s": "flow, s"}
    return f"Inputs: {result['inputs']}.\n\n{table(result['rows'], columns)}"


TABLES = {
    "rest": _rest,
    "time_to_residual": _time_to_residual,
    "cost_per_sweep": _cost_per_sweep,
    "relaxation_rate": _relaxation_rate,
    "gradient_per_sample": _gradient_per_sample,
}


def markdown(name, result):
    """Tables of one benchmark."""
    return TABLES.get(name, _plain)(result)
