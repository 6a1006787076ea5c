"""The paper's own values beside ours, as a reader who has the paper at hand writes them down.

``paper_values.yml`` has an entry for every statement, empty at first. What is written into it stays
when the file is brought up to date.
"""

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..checks import check_number
from ..paths import project
from .findings import Finding

HEAD = """\
# Values of the paper, arXiv:2601.21945, to be compared with ours in docs/findings.md. Whoever has
# it at hand writes a value, in the unit named, and where it stands, such as Figure 3b; then
# `xyep figures` says whether it lies within our 95 % interval.
"""


class Published(NamedTuple):
    """A value of the paper, and where it stands there."""

    value: float
    where: str


def path() -> Path:
    return project() / "paper_values.yml"


def read(keys: Iterable[str]) -> dict[str, Published]:
    """The values that are filled in, by the key of the statement.

    Raises
    ------
    ValueError
        Where the file has entries of no statement, or values that are no numbers.
    """
    known = list(keys)
    entries = yaml.safe_load(path().read_text("utf-8")) if path().is_file() else None
    found = {}
    for key, entry in (entries or {}).items():
        fields = entry if isinstance(entry, dict) else {"": entry}
        other = set(fields) - {"value", "where"}
        if other:
            raise ValueError(f"paper_values.yml: found {entry!r} for {key}; value and where only")
        if fields.get("value") is None:
            continue
        if key not in known:
            raise ValueError(
                f"paper_values.yml: found {key!r}, which is no statement; one of "
                f"{', '.join(known)} is needed"
            )
        value = check_number(f"paper_values.yml: {key}", fields["value"], -1e12, 1e12)
        found[key] = Published(float(value), str(fields.get("where") or ""))
    return found


def compared(finding: Finding, published: Published | None) -> str:
    """The paper's value, and whether it lies within our interval; "" if it is not known."""
    ours = finding.estimate
    if published is None or ours is None:
        return ""
    inside = ours.low <= published.value <= ours.high
    told = f"{published.value:g} {ours.unit}".strip()
    where = f" ({published.where})" if published.where else ""
    return f"{told}{where}: {'within' if inside else 'outside'} our interval"


def text(rows: dict[str, Finding]) -> str:
    """The file with an entry for every statement that has a number, and what is filled in."""
    filled, parts = read(rows), [HEAD]
    for key, finding in rows.items():
        ours = finding.estimate
        if ours is None:
            continue
        known: Any = filled.get(key, Published(None, ""))  # type: ignore[arg-type]
        unit = f", in {ours.unit}" if ours.unit else ""
        fields = yaml.safe_dump({"value": known.value, "where": known.where or None})
        empty = textwrap.indent(fields.replace(" null", ""), "  ")
        parts.append(f"{key}:\n  # {finding.statement}:\n  # {ours.of}{unit}\n{empty}")
    return "\n".join(parts)
