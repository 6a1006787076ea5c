"""Markdown tables of the results."""

import numpy as np


def number(value):
    """Three significant digits, with an exponent only for what is tiny."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if 0 < abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 0 if value == 0 else max(0, 2 - int(np.floor(np.log10(abs(value)))))
    return f"{value:.{digits}f}"


def cell(value):
    if isinstance(value, dict):
        return f"{number(value['median'])} ({number(value['min'])}–{number(value['max'])})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(number, value))
    return number(value)


def table(rows):
    """One column for each key of the rows; the number of repeats is a column of its own."""
    rows = [_with_repeats(row) for row in rows]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(cell(row.get(key, "")) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def _with_repeats(row):
    repeats = {value["repeats"] for value in row.values() if isinstance(value, dict)}
    return row | ({"repeats": max(repeats)} if repeats else {})


def markdown(result):
    """A table, or several under their names."""
    if isinstance(result, list):
        return table(result)
    return "\n\n".join(f"{name}:\n\n{table(rows)}" for name, rows in result.items())
