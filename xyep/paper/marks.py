"""Marks of the field: MNIST by equilibrium propagation, as others report it."""

from typing import NamedTuple


class Mark(NamedTuple):
    """A result that others report, as far as the source says it; None: not said where we read."""

    name: str
    right: float  # share of test images answered right
    said: str  # the same in the words of the source
    couplings: int | None
    local: bool
    precision: str
    seeds: int | None
    arxiv: str
    where: str  # in the source


#: Read in the sources' own words: abstracts, and the code that its author published. Couplings are
#: counted from sizes of layers.
MARKS = (
    Mark(
        "oscillator Ising machine",
        0.972,
        "97.2 ± 0.1 %",
        None,
        False,
        "said to bear 10-bit couplings, 4-bit phases",
        None,
        "2505.02103",
        "abstract",
    ),
    Mark(
        "phase oscillators",
        0.98,
        "nearly 98 %",
        None,
        False,
        "floating point; frequencies may differ",
        None,
        "2504.11884",
        "abstract",
    ),
    *(
        Mark(
            f"resistive network, 1568-{hidden}-10",
            right,
            f"{100 * right:.2f} %",
            1578 * hidden,
            False,
            "floating point",
            None,
            "2402.11674",
            "its published code",
        )
        for hidden, right in ((100, 0.9654), (1024, 0.9843), (32_768, 0.9867))
    ),
)
#: The most that a physical network is reported to answer right, as far as we know.
BEST = max(MARKS, key=lambda mark: mark.right)
