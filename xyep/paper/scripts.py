"""The parameters of a notebook, which are written once: in its cell tagged ``parameters``.

Notebooks are percent scripts (``notebooks/*.py``). An assignment of that cell is a parameter, its
value the one of the paper profile, and the comment behind it says what it is.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..checks import check_choice
from ..paths import project

#: How much a notebook runs; "mine" is where a reader's own parameters go, and has none of its own.
PROFILES = ("smoke", "quick", "paper", "mine")
#: What `xyep reproduce` sets by options of their own.
OPTIONS = ("profile", "workers", "scheduler")


class Parameter(NamedTuple):
    """A parameter's value in the notebook and the comment behind it."""

    default: Any
    comment: str


def names() -> list[str]:
    """Notebooks of the project, in order."""
    return sorted(path.stem for path in (project() / "notebooks").glob("[0-9]*.py"))


def source(notebook: str) -> str:
    """Text of a notebook's percent script."""
    check_choice("notebook", notebook, tuple(names()))
    return (project() / "notebooks" / f"{notebook}.py").read_text("utf-8")


def parameters(notebook: str) -> dict[str, Parameter]:
    """Parameters of a notebook, in their order."""
    cells = re.split(r"^(?=# %%)", source(notebook), flags=re.M)
    tagged = [cell for cell in cells if re.match(r'# %%.*tags=\[.*"parameters"', cell)]
    if len(tagged) != 1:
        raise ValueError(
            f"notebook: {notebook} has {len(tagged)} cells tagged parameters; one is needed"
        )
    (cell,) = tagged
    lines = cell.splitlines()
    found = {}
    for name, value in _assignments(cell).items():
        comment = lines[value.end_lineno - 1].encode()[value.end_col_offset :].decode()
        found[name] = Parameter(ast.literal_eval(value), comment.strip().lstrip("# "))
    return found


def _assignments(cell: str) -> dict[str, Any]:
    """Name → node of the value, for every assignment in a cell."""
    return {
        statement.targets[0].id: statement.value
        for statement in ast.parse(cell).body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }


def check_parameters(notebook: str, given: Mapping[str, Any]) -> None:
    """Raise for a parameter that the notebook does not have, and for a value of another kind.

    Raises
    ------
    ValueError
        With the names that there are, or with the kind of value that is needed.
    """
    known = parameters(notebook)
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"parameters: {notebook} has no parameter {name!r}; it has {', '.join(known)}"
            )
        default = known[name].default
        if name not in OPTIONS and default is not None and not _alike(value, default):
            raise ValueError(f"{name}: found {value!r}; {_kind(default)} is needed, as {default!r}")


def _alike(value: Any, default: Any) -> bool:
    """Whether a value is of a default's kind; a list may hold whatever is like one of its items."""
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, (list, tuple)):
        return isinstance(value, (list, tuple)) and all(
            not default or any(_alike(item, one) for one in default) for item in value
        )
    return type(value) is type(default)


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}
    return kinds.get(
        type(value), "a mapping" if isinstance(value, dict) else "a list of such items"
    )


def written(cell: str, values: Mapping[str, Any]) -> str:
    """A cell with new values in its assignments; what is equal already stays as it is written.

    >>> print(written("seeds = 20  # of each kind\\nbetas = [0.1]", {"seeds": 2}))
    seeds = 2  # of each kind
    betas = [0.1]
    """
    lines = cell.encode().splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
    text = cell.encode()
    for name, node in reversed(_assignments(cell).items()):
        if name in values and repr(ast.literal_eval(node)) != repr(values[name]):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            text = text[:start] + repr(values[name]).encode() + text[end:]
    return text.decode()
