"""Findings: the numbers, intervals and verdicts between results and pictures, each computed once.

One module a notebook. A finding is a frozen dataclass whose fields are its numbers, made by a
function of the notebook's tree; captions, pages and recommendations only word it.
"""

from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar

#: Verdicts on statements. Of a question, the answers are "yes" and "no".
CONSISTENT, PARTLY, NOT_FOUND, OPEN = "consistent with the paper", "partly", "not found", "open"


@dataclass(frozen=True)
class Finding:
    """A finding that makes a statement; a subclass has its numbers as fields and words these five.

    statement : what is said;  whose : who says it, such as "paper", "theory" or "ours"
    nodes : of the notebook's tree, on which it rests, those of chosen settings included
    rule : what decides, stated before the numbers;  measured : the numbers with their intervals
    verdict : `CONSISTENT`, `PARTLY`, `NOT_FOUND` or `OPEN`; "yes", "no" or `OPEN` of a question
    """

    statement: ClassVar[str]
    nodes: ClassVar[tuple[str, ...]]
    whose: ClassVar[str]
    rule: ClassVar[str]

    @property
    def measured(self) -> str:
        raise NotImplementedError

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
