"""Time and energy of an answer, were the lattices of notebook 07 built in one of three ways.

A time of ours is in units of the inverse coupling; a coupling rate, stated for each technology,
turns it into seconds. What is published on it is told beside it, and what is not is "not known".
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from .scaling import FAR, Law, Spread, settling


@dataclass(frozen=True)
class Technology:
    """A way to build coupled phases.

    rate : of the coupling that is assumed, in rad/s;  power : of one oscillator in W, if known
    """

    name: str
    rate: float
    power: float | None
    published: str
    reference: str  # entry of docs/references.bib
    cited: str


#: The power of a ring is that of the chip, 0.042 W, over its 1,968 rings.
TECHNOLOGIES = (
    Technology(
        "CMOS ring oscillators",
        1e8,
        0.042 / 1968,
        "1,968 rings on a King's graph rest within 50 cycles and take 0.042 W in all (measured)",
        "moy2022",
        "W. Moy et al., Nature Electronics 5, 310 (2022)",
    ),
    Technology(
        "spin-torque oscillators",
        1e9,
        None,
        "GHz frequencies, turned on in nanoseconds; networks rest in nanoseconds (simulated)",
        "albertsson2021",
        "D. I. Albertsson et al., Applied Physics Letters 118, 112404 (2021)",
    ),
    Technology(
        "exciton-polariton condensates",
        1e10,
        None,
        "phase-locked states form in about 100 ps, whatever the number (theory)",
        "cao2025",
        "J. Cao, D. Novokreschenov and A. Kavokin, arXiv:2511.04223",
    ),
)


@dataclass(frozen=True)
class Answers:
    """Times to settle over the edge, and what they are in each technology."""

    name: str  # of the lattices
    law: Law
    fails: bool  # whether the largest lattice was not as the smaller ones predict

    def seconds(self, one: Technology, size: float) -> Spread:
        return Spread(*(time / one.rate for time in self.law.value(size)))

    def joules(self, one: Technology, size: float) -> Spread | None:
        if one.power is None:
            return None
        return Spread(*(time * one.power * size**2 for time in self.seconds(one, size)))


def answers(tree: xr.DataTree) -> Answers:
    """Of the lattices of the longest range, which settle fastest where it matters."""
    time = settling(tree)[0]
    name = max(time.laws, key=lambda kind: time.laws[kind].traits["shells"])
    return Answers(name, time.laws[name], name in time.missed)


PREFIXES = {0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f"}


def _exponent(value: float) -> int:
    return next((e for e in PREFIXES if value >= 10.0**e), -15)


def seconds_text(value: float) -> str:
    """A time with its prefix.

    >>> seconds_text(2.194e-6)
    '2.2 µs'
    """
    exponent = _exponent(value)
    return f"{value / 10.0**exponent:.2g} {PREFIXES[exponent]}s"


def _si(span: Spread | None, unit: str) -> str:
    """A span in a unit with its prefix.

    >>> _si(Spread(1.5e-9, 1.2e-9, 2e-9), "s")
    '1.5 (1.2 to 2) ns'
    """
    if span is None:
        return "not known"
    exponent = _exponent(span.value)
    value, low, high = (f"{x / 10.0**exponent:.3g}" for x in span)
    return f"{value} ({low} to {high}) {PREFIXES[exponent]}{unit}"


def table(found: Answers) -> str:
    """The technologies as a Markdown table."""
    last = int(found.law.sizes[-1])
    head = ["built of", "published", "coupling rate, stated"]
    for size in (last, FAR):
        extrapolated = ", extrapolated" * (size == FAR)
        head += [f"time, {size}×{size}{extrapolated}", f"energy, {size}×{size}{extrapolated}"]
    rows = [head, ["---"] * len(head)]
    for one in TECHNOLOGIES:
        row = [one.name, f"{one.published}; {one.cited}", f"10{_raised(one.rate)} rad/s"]
        for size in (last, FAR):
            row += [_si(found.seconds(one, size), "s"), _si(found.joules(one, size), "J")]
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _raised(rate: float) -> str:
    digits = str(round(np.log10(rate)))
    return digits.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
