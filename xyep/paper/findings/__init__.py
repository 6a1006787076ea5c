"""Findings: the numbers, intervals and verdicts between results and pictures, each computed once.

One module a notebook. A finding is a frozen dataclass whose fields are its numbers, made by a
function of the notebook's tree; captions, pages and recommendations only word it.
"""

from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, NamedTuple

import numpy as np

#: Verdicts on statements. Of a question, the answers are "yes" and "no".
CONSISTENT, CONTRADICTED = "consistent with the paper", "contradicted here"
NOT_FOUND, OPEN = "not found", "open"


class Estimate(NamedTuple):
    """The number of a statement, with the ends of its 95 % interval.

    of : what the number is;  unit : "" if it has none;  n, each : how many of what it rests on
    """

    of: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    each: str = "seeds"

    @property
    def text(self) -> str:
        """Two digits of the interval's width.

        >>> Estimate("share", 37.0, 28.18, 46.78, "%", 100).text
        '37 (28 to 47) %'
        >>> Estimate("power", 2.013, 1.989, 2.041, "", 20).text
        '2.013 (1.989 to 2.041)'
        """
        width = self.high - self.low
        known = np.isfinite(width) and width > 0
        digits = int(np.clip(1 - np.floor(np.log10(width)), 0, 4)) if known else 2
        if max(abs(self.value), 1 if not known else 0) >= 100:
            digits = 0
        # rounded first, and without the sign of a zero
        sign = "+" * (self.unit == "points")
        value, low, high = (f"{round(x, digits) + 0.0:{sign}.{digits}f}" for x in self[1:4])
        return f"{value} ({low} to {high}) {self.unit}".strip().replace("inf", "∞")


@dataclass(frozen=True)
class Finding:
    """A finding that makes a statement; a subclass has its numbers as fields and words the rest.

    statement : what is said;  whose : who says it, such as "paper", "theory" or "ours"
    nodes : of the notebook's tree, on which it rests, those of chosen settings included
    rule : what decides, stated before the numbers;  measured : the numbers with their intervals
    verdict : `CONSISTENT`, `CONTRADICTED` where the opposite holds, `NOT_FOUND` where what is said
        is excluded, or `OPEN`; "yes", "no" or `OPEN` of a question
    estimate : the number that decides; where several must hold, that of the weakest
    by : what it is held against, a margin or a p that is corrected, in words
    """

    statement: ClassVar[str]
    nodes: ClassVar[tuple[str, ...]]
    whose: ClassVar[str]
    rule: ClassVar[str]

    @property
    def key(self) -> str:
        """Short name, one of its own within a notebook."""
        return type(self).__name__

    @property
    def measured(self) -> str:
        raise NotImplementedError

    @property
    def estimate(self) -> Estimate | None:
        return None

    @property
    def by(self) -> str:
        return ""

    @property
    def verdict(self) -> str:
        raise NotImplementedError


def statements(finding: object) -> list[Finding]:
    """The statements that a figure's finding makes: itself, or its fields (or items of these)."""
    if isinstance(finding, Finding):
        return [finding]
    if isinstance(finding, (tuple, list)):
        return [s for item in finding for s in statements(item)]
    if is_dataclass(finding):
        return [s for f in fields(finding) for s in statements(getattr(finding, f.name))]
    return []
