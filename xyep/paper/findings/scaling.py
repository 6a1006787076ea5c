"""What notebook 07 finds over size: powers, and whether they predict a larger network.

A quantity of n seeds at several sizes is fitted with a power of the size, seed by seed, on all but
the largest. Intervals are Student's t over seeds, of the power and of the largest against what the
others predict.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from ..studies.guidelines import FITTED
from . import OPEN, Estimate, Finding, images
from .statistics import LEVEL, Difference, holm, p_text, paired
from .words import counted, label, shells, traits_of

#: A prediction says something if its interval lies within this factor.
FACTOR = 2.0
#: The same of test errors, all of which lie within a factor of 2.
ERROR_FACTOR = 1.1
#: Sites along the edge of the lattice that is extrapolated to.
FAR = 1000


def is_random(traits: Mapping) -> bool:
    """Whether a lattice has skip couplings between random sites."""
    return bool(traits.get("skips")) and not traits.get("skip_range")


def kind(traits: Mapping) -> str:
    """What lattices are called that differ in size alone."""
    return "1 shell, random skips" if is_random(traits) else label(traits, full=False)


def by_kind(ds: xr.Dataset) -> dict[str, list[tuple[dict, xr.Dataset]]]:
    """Lattices that differ in size alone, with their traits, in order of size."""
    found: dict[str, list[tuple[dict, xr.Dataset]]] = {}
    for network in ds.sortby("size")["network"].values:
        traits = traits_of(ds, network)
        found.setdefault(kind(traits), []).append((traits, ds.sel(network=network)))
    return dict(sorted(found.items(), key=lambda item: order(item[1][0][0])))


def order(traits):
    return is_random(traits), bool(traits.get("skip_range")), traits["shells"]


class Spread(NamedTuple):
    """A positive number with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = (f"{x:.3g}" if x < 1000 else f"{x:.0f}" for x in self)
        return f"{value} ({low} to {high})"


@dataclass(frozen=True)
class Law:
    """value ∝ size^power, fitted to all sizes but the last; logs are those of the values."""

    traits: dict
    sizes: np.ndarray
    logs: np.ndarray  # (size, seed)

    def at(self, size: float) -> np.ndarray:
        """What the fit of each seed says of ln(value) at a size."""
        x = np.log(self.sizes[:-1])
        fitted = self.logs[:-1]
        return fitted.mean(axis=0) + self._powers * (np.log(size) - x.mean())

    @property
    def _powers(self) -> np.ndarray:
        x = np.log(self.sizes[:-1])
        x = x - x.mean()
        return x @ self.logs[:-1] / (x @ x)

    @property
    def power(self) -> Difference:
        return paired(self._powers, np.zeros(self.logs.shape[1]))

    @property
    def held_back(self) -> Difference:
        """ln of the value at the last size over the one predicted."""
        return paired(self.logs[-1], self.at(self.sizes[-1]))

    @property
    def ratio(self) -> Spread:
        return Spread(*np.exp(self.held_back[:3]))

    def value(self, size: float) -> Spread:
        """Measured at a size, or else extrapolated."""
        known = self.logs[self.sizes == size]
        logs = known[0] if len(known) else self.at(size)
        return Spread(*np.exp(paired(logs, np.zeros(len(logs)))[:3]))


@dataclass(frozen=True)
class Scaling(Finding):
    """Whether a power of the size, fitted to smaller networks, predicts the largest."""

    statement: str
    nodes: tuple[str, ...]
    name: str
    of: str  # what is measured, and its unit
    unit: str
    laws: dict[str, Law]
    p: dict[str, float]  # of the largest being as predicted, corrected over the laws
    size: str = "edge"  # what the power is of
    far: float | None = FAR  # extrapolated to
    within: float = FACTOR  # that measured over predicted must lie in
    aside: str = ""  # what is lost or censored

    whose = "ours"

    @property
    def key(self) -> str:
        return f"Scaling_{self.name}"

    @property
    def rule(self) -> str:
        return (
            f"powers of the {self.size} are fitted to all but the largest, seed by seed; yes if "
            "none is shown to miss the largest (Student's t over seeds, Holm's correction, p ≥ "
            f"{LEVEL:g}) and every interval of measured over predicted lies within a factor of "
            f"{self.within:g}; no if one is shown to miss it; else open"
        )

    @property
    def missed(self) -> list[str]:
        return [name for name, p in self.p.items() if p < LEVEL]

    @property
    def verdict(self) -> str:
        if self.missed:
            return "no"
        ratios = [law.ratio for law in self.laws.values()]
        sure = all(1 / self.within < ratio.low and ratio.high < self.within for ratio in ratios)
        return "yes" if sure else OPEN

    @property
    def estimate(self) -> Estimate:
        worst = max(self.laws, key=lambda name: abs(self.laws[name].held_back.mean))
        law = self.laws[worst]
        of = f"{self.of}, measured over predicted, {self.size} {law.sizes[-1]:,.0f}, {worst}"
        return Estimate(of, *law.ratio, "", law.logs.shape[1])

    @property
    def by(self) -> str:
        of = f", the smallest of {len(self.p)} corrected (Holm)" if len(self.p) > 1 else ""
        return p_text(min(self.p.values())) + of

    @property
    def measured(self) -> str:
        words = []
        for name, law in self.laws.items():
            power, last = law.power, law.sizes[-1]
            text = (
                f"{name}: power {power.mean:.2f} ({power.low:.2f} to {power.high:.2f}) of "
                f"the {self.size}, {law.sizes[0]:,.0f} to {law.sizes[-2]:,.0f}; at {last:,.0f} "
                f"measured {law.value(last)}, over predicted {law.ratio}"
            )
            if self.far:
                text += f", at {self.far:g} extrapolated {law.value(self.far)}"
            words.append(text)
        n = counted(next(iter(self.laws.values())).logs.shape[1], "seed")
        told = f"{self.of}{f' ({self.unit})' * bool(self.unit)}, {n}; {'; '.join(words)}"
        if self.far:
            told += f". Values at {self.far:g} outside these intervals would refute it"
        return told + self.aside


def _scaling(name, statement, nodes, of, unit, laws, **more) -> Scaling:
    p = holm([law.held_back.p for law in laws.values()])
    return Scaling(statement, nodes, name, of, unit, laws, dict(zip(laws, map(float, p))), **more)


def _laws(ds: xr.Dataset, values: str, smallest: float = 0) -> dict[str, Law]:
    """Of the lattices without random skips, by kind; of sizes from the smallest on."""
    laws = {}
    for kind, rows in by_kind(ds).items():
        rows = [(traits, one) for traits, one in rows if traits["size"] >= smallest]
        if len(rows) < 3 or is_random(rows[0][0]):
            continue
        sizes = np.array([traits["size"] for traits, _ in rows])
        logs = np.log(np.array([one[values].values for _, one in rows]))
        laws[kind] = Law(rows[0][0], sizes, logs)
    return laws


def settling(tree: xr.DataTree) -> list[Scaling]:
    ds = tree["relaxation"].to_dataset()
    cut = int(ds["unconverged"].sum())
    aside = f". Relaxations cut short: {cut}"
    quantities = (
        ("time", "time to settle", "1/coupling", "The time to settle grows as a power of the edge"),
        ("sweeps", "sweeps to rest", "", "The sweeps to rest grow as a power of the edge"),
    )
    return [
        _scaling(
            name,
            f"{text} that predicts the largest lattice",
            ("relaxation",),
            of,
            unit,
            _laws(ds, name),
            aside=aside,
        )
        for name, of, unit, text in quantities
    ]


def reaching(tree: xr.DataTree) -> Scaling:
    """Decay lengths where the distances that are fitted are the same, and those that are lost."""
    ds = tree["reach"].to_dataset()
    fitted = min(FITTED, int(ds["size"].max()) // 2)
    lost = float(ds["lost"].sel(output_distance=slice(1, fitted)).max())
    inverse = ds.assign(length=1 / ds["decay_rate"].clip(1e-3))
    return _scaling(
        "reach",
        "The decay length of the nudging on large lattices is that of smaller ones",
        ("reach",),
        "decay length",
        "lattice constants",
        _laws(inverse, "length", 2 * FITTED + 1),
        aside=(
            f". Of the sites within distance {fitted}, at most {100 * lost:.2g} % of a seed's have "
            "responses lost in the tolerance"
        ),
    )


def learning(tree: xr.DataTree) -> Scaling:
    """Epochs to solve XOR; a run that has not is counted with twice its limit."""
    small, large = (tree[node].to_dataset() for node in ("xor_times", "larger"))
    seeds = large["seed"].values
    pairs = zip(large["shells"].values, large["distance"].values)
    cells = sorted({(int(s), int(d)) for s, d in pairs})
    laws, censored = {}, 0
    for s, d in cells:
        logs, sizes, traits = [], [], {}
        for ds in (small, large):
            limit = ds.attrs["limit"]
            chosen = ((ds["shells"] == s) & (ds["distance"] == d)).values
            for name in ds["network"].values[chosen]:
                epochs = ds["epochs"].sel(network=name, seed=seeds).values.astype(float)
                censored += int(np.isnan(epochs).sum())
                traits = traits_of(ds, name)
                logs.append(np.log(np.where(np.isnan(epochs), 2 * limit, epochs)))
                sizes.append(traits["size"])
        if len(sizes) < 3:
            continue
        order = np.argsort(sizes)
        label = f"{shells(s)}, distance {d}"
        laws[label] = Law(traits, np.array(sizes)[order], np.array(logs)[order])
    return _scaling(
        "epochs",
        "With the terminals where they are, small lattices predict the epochs of the largest",
        ("xor_times", "larger"),
        "epochs",
        "",
        laws,
        aside=f". Runs that had not solved it, counted with twice the limit: {censored}",
    )


def accuracy(nets: Iterable[images.Net]) -> Scaling | None:
    """Test error of local stacks that differ in the number of channels alone."""
    plain = [
        net
        for net in nets
        if not net.dense and not net.traits["shared"] and not net.traits.get("intra_shells")
    ]
    groups: dict[tuple, list[images.Net]] = {}
    for net in plain:
        same = tuple(net.traits.get(name) for name in ("window", "stride", "readout", "n_layers"))
        groups.setdefault(same, []).append(net)
    chosen = max(groups.values(), key=len, default=[])
    seeds = min((len(net.right) for net in chosen), default=0)
    if len(chosen) < 4 or seeds < 2:
        return None
    chosen.sort(key=lambda net: net.couplings)
    sizes = np.array([net.couplings for net in chosen])
    logs = np.log(np.array([100 * (1 - net.right[:seeds]) for net in chosen]))
    wire = sorted(net.wire / net.couplings for net in chosen)
    return _scaling(
        "error",
        "The test error of local stacks falls as a power of the couplings that predicts the most "
        "channels",
        ("channels",),
        "test error",
        "%",
        {"local stacks": Law(chosen[0].traits, sizes, logs)},
        size="number of couplings",
        far=None,
        within=ERROR_FACTOR,
        aside=(
            f". Wire, read-out included, is {wire[0]:.2f} to {wire[-1]:.2f} input spacings a "
            "coupling: the power of the wire is the same to that extent"
        ),
    )


@dataclass(frozen=True)
class Scalings:
    """All laws of the notebook."""

    laws: list[Scaling]

    def __getitem__(self, name: str) -> Scaling:
        return next(one for one in self.laws if one.name == name)


def _all(tree: xr.DataTree) -> Iterator[Scaling | None]:
    yield from settling(tree)
    yield reaching(tree)
    yield learning(tree)
    yield accuracy(images.networks(tree["channels"].to_dataset()))


def scalings(tree: xr.DataTree) -> Scalings:
    return Scalings([one for one in _all(tree) if one is not None and one.laws])
