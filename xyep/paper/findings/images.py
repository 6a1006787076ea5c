"""What notebook 05 finds: images on stacked lattices, and how they were tuned."""

from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import xarray as xr

from ..studies.images import chosen
from . import CONSISTENT, NOT_FOUND, OPEN, Estimate, Finding
from .statistics import LEVEL, Difference, crossed, holm, p_text, paired, percent, welch
from .words import counted, label, task_of, traits_of

#: A local network is comparable if it answers at most this share of images fewer right.
MARGIN = 0.003
#: Best accuracy of the code published for arXiv:2402.08579 on 8×8 digits, on test images.
EARLIER = 0.95


class Net(NamedTuple):
    """One network: what it is, and its accuracies over the seeds."""

    network: str
    traits: dict
    right: np.ndarray  # share of test images, after the last epoch, by seed
    answers: np.ndarray | None  # (seed, image) whether each is answered right, where it was kept
    validation: float  # mean on validation images, NaN where there are none
    seconds: float  # median time of a run on one core

    @property
    def name(self) -> str:
        return label(self.traits)

    @property
    def couplings(self) -> int:
        return int(self.traits["n_couplings"])

    @property
    def wire(self) -> float:
        """Total length of the couplings in input spacings."""
        return float(self.traits["wire_length"])

    @property
    def dense(self) -> bool:
        return self.traits["family"] == "layered"


def networks(ds: xr.Dataset) -> list[Net]:
    """Of each network of `studies.image_ensembles`, stacks first, in order of couplings."""
    found = []
    for network in ds["network"].values:
        one = ds.sel(network=network)
        kept = one["right"].transpose("seed", "image").values if "right" in one else None
        validation = one.get("validation_accuracy", np.nan * one["test_accuracy"])
        if "epoch" in validation.dims:
            validation = validation.isel(epoch=-1)
        found.append(
            Net(
                str(network),
                traits_of(ds, network),
                one["test_accuracy"].values.astype(float) if kept is None else kept.mean(axis=1),
                kept,
                float(validation.mean()),
                float(one["seconds"].median()),
            )
        )
    return sorted(found, key=lambda net: (net.dense, net.traits.get("shared", 0), net.couplings))


def difference(a: Net, b: Net) -> Difference:
    """Of a − b, over seeds and images; over seeds alone where single answers are not kept."""
    if a.answers is None or b.answers is None:
        return welch(a.right, b.right)
    return crossed(a.answers, b.answers)


# --- few couplings against many


@dataclass(frozen=True)
class Sparse(Finding):
    """The best local network of at most a quarter of the couplings of the best dense one."""

    local: Net
    dense: Net
    difference: Difference

    nodes = ("settings", "images")
    statement = (
        "Local lattices with at most a quarter of the couplings are comparable to dense layers: "
        "MNIST"
    )
    whose = "paper"
    rule = (
        "both best on validation images; comparable if the lower end of the 95 % interval of the "
        f"difference, over seeds and images, is above −{100 * MARGIN:.1f} points"
    )

    @property
    def verdict(self) -> str:
        if self.difference.low > -MARGIN:
            return CONSISTENT
        return NOT_FOUND if self.difference.high < -MARGIN else OPEN

    @property
    def estimate(self) -> Estimate:
        of = f"{self.local.name} less {self.dense.name}"
        return self.difference.estimate(of, len(self.local.right))

    @property
    def by(self) -> str:
        return f"margin −{100 * MARGIN:.1f} points"

    @property
    def measured(self) -> str:
        words = [
            f"{net.name} {percent(net.right)}, {net.couplings:,} couplings"
            for net in (self.local, self.dense)
        ]
        return (
            f"{'; '.join(words)}; difference {self.difference.text()} points "
            f"({len(self.local.right)} seeds). {read_out(self.local)}"
        )


def read_out(net: Net) -> str:
    """How much of a stack its read-out is, in words."""
    return (
        f"The read-out of a stack is dense: of {net.name} {net.traits['readout_couplings']:.0%} of "
        f"the couplings and {net.traits['readout_wire']:.0%} of the wire"
    )


def sparse(nets: list[Net]) -> Sparse | None:
    """None if no network has as few couplings."""
    dense = max((net for net in nets if net.dense), key=lambda net: net.validation)
    few = [net for net in nets if not net.dense and 4 * net.couplings <= dense.couplings]
    if not few:
        return None
    local = max(few, key=lambda net: net.validation)
    return Sparse(local, dense, difference(local, dense))


@dataclass(frozen=True)
class Couplings:
    """Accuracy over couplings and wire."""

    task: str
    nets: list[Net]
    sparse: Sparse | None

    @property
    def one(self) -> Net:
        """The stack of the fewest couplings."""
        return min((net for net in self.nets if not net.dense), key=lambda net: net.couplings)


def couplings(tree: xr.DataTree) -> Couplings:
    ds = tree["images"].to_dataset(inherit=False)
    nets = networks(ds)
    return Couplings(task_of(ds), nets, sparse(nets))


# --- the paper's questions


@dataclass(frozen=True)
class Question(Finding):
    """Whether `other` answers more test images right than `base`; p is corrected."""

    statement: str
    base: Net
    other: Net
    difference: Difference
    p: float
    of: int  # questions corrected for

    nodes = ("settings", "images")
    whose = "the paper's question"
    rule = (
        f"t-test, standard error over seeds and over images; yes or no if p < {LEVEL:g}, corrected "
        "by Holm over all questions on images, else open"
    )

    @property
    def verdict(self) -> str:
        if self.p >= LEVEL:
            return OPEN
        return "yes" if self.difference.mean > 0 else "no"

    @property
    def key(self) -> str:
        """With the network that is asked about, as there are several."""
        return f"Question_{self.other.network}"

    @property
    def estimate(self) -> Estimate:
        of = f"{self.other.name} less {self.base.name}"
        return self.difference.estimate(of, len(self.base.right))

    @property
    def by(self) -> str:
        return f"{p_text(self.p)}, corrected over {self.of} questions (Holm)"

    @property
    def measured(self) -> str:
        return (
            f"{self.base.name} {percent(self.base.right)}, {self.other.name} "
            f"{percent(self.other.right)}; {self.difference.text()} points, {p_text(self.p)} "
            f"({len(self.base.right)} seeds, corrected over {self.of} questions)"
        )

    @property
    def added(self) -> int:
        return self.other.couplings - self.base.couplings


def questions(nets: list[Net]) -> tuple[Question, ...]:
    """Channels, weight sharing, couplings within the lattice: those for which there are runs."""
    stacks = {
        (bool(t["shared"]), int(t["channels"]), int(t["intra_shells"])): net
        for net, t in ((net, net.traits) for net in nets if not net.dense)
    }
    base = stacks[False, 1, 0]
    free = [c for is_shared, c, within in stacks if not is_shared and not within]
    most = max(free)
    asked = []
    if most > 1:
        asked.append((f"Do more channels help, {most} instead of 1?", base, stacks[False, most, 0]))
    asked += [
        (f"Does weight sharing help, at {counted(c, 'channel')}?", stacks[False, c, 0], other)
        for (is_shared, c, _), other in stacks.items()
        if is_shared and (False, c, 0) in stacks
    ]
    within = {1: "SQ", 4: "4NSQ"}
    asked += [
        (
            f"Do couplings within the lattice help, {within.get(s, counted(s, 'shell'))}?",
            base,
            other,
        )
        for (_, _, s), other in stacks.items()
        if s
    ]
    differences = [difference(other, first) for _, first, other in asked]
    corrected = holm([difference.p for difference in differences])
    return tuple(
        Question(*pair, difference, float(p), len(asked))
        for pair, difference, p in zip(asked, differences, corrected)
    )


def asked(tree: xr.DataTree) -> tuple[Question, ...]:
    return questions(networks(tree["images"].to_dataset(inherit=False)))


# --- what the training brings


@dataclass(frozen=True)
class Step:
    """One way to train the stack of a single channel."""

    name: str
    right: np.ndarray  # share of test images, by seed
    cosine: np.ndarray  # of its estimate with the exact gradient, after training, by seed
    epochs: int
    sweeps: float  # of one image in the whole training, all phases together


@dataclass(frozen=True)
class Protocols(Finding):
    """From the published training to ours, one change after the other."""

    task: str
    couplings: int
    steps: list[Step]
    difference: Difference  # the last less the first
    changes: dict[str, Difference]  # each step less the one that it adds to; p corrected

    nodes = ("protocols",)
    statement = (
        "Trained with our settings, one channel answers more right than trained as published"
    )
    whose = "ours"
    rule = (
        "difference of test accuracies, Welch's t-test over seeds, p < "
        f"{LEVEL:g}; no, if fewer; else open"
    )

    @property
    def verdict(self) -> str:
        if self.difference.p >= LEVEL:
            return OPEN
        return "yes" if self.difference.mean > 0 else "no"

    @property
    def estimate(self) -> Estimate:
        return self.difference.estimate("ours less as published", len(self.steps[0].right))

    @property
    def by(self) -> str:
        return p_text(self.difference.p)

    @property
    def measured(self) -> str:
        words = [
            f"{step.name} {percent(step.right)} ({step.epochs} epochs, {step.sweeps:.0f} sweeps an "
            f"image, cosine {step.cosine.mean():.2f})"
            for step in self.steps
        ]
        steps = [f"{name} {d.text()}, {p_text(d.p)}" for name, d in self.changes.items()]
        return (
            f"{'; '.join(words)}; last less first {self.difference.text()} points, "
            f"{p_text(self.difference.p)}; each step less the one that it adds to (Welch, Holm): "
            f"{'; '.join(steps)}"
        )


def protocols(tree: xr.DataTree) -> Protocols:
    ds = tree["protocols"].to_dataset(inherit=False)
    steps = []
    for name in ds["network"].values:
        one = ds.sel(network=name)
        epochs = int(one["epochs_done"].max())
        sweeps = float(one["sweeps"].mean()) * epochs
        right = one["test_accuracy"].values.astype(float)
        steps.append(Step(str(name), right, one["cosine"].values, epochs, sweeps))
    difference = welch(steps[-1].right, steps[0].right)
    right = {step.name: step.right for step in steps}
    before = dict(zip(list(right)[1:], right)) | {"rate": "published"}  # tangent is aside
    changes = {name: welch(right[name], right[base]) for name, base in before.items()}
    p = holm([change.p for change in changes.values()])
    changes = {k: c._replace(p=float(x)) for (k, c), x in zip(changes.items(), p)}
    return Protocols(task_of(ds), int(ds["n_couplings"][0]), steps, difference, changes)


# --- small images, and the tuning


@dataclass(frozen=True)
class Digits(Finding):
    """Networks on 8×8 digits; best : the local one that is best on validation digits."""

    nets: list[Net]
    best: Net
    mean: Difference
    baselines: dict[str, float]

    nodes = ("digits_settings", "digits", "digit_baselines")
    statement = (
        "8×8 digits: a local network answers more right than the 95.0 % of the earlier code and "
        "than a nearest neighbour on the same images"
    )
    whose = "ours"
    rule = (
        "yes or no if the 95 % interval of the mean over seeds, for these test images, is above "
        "both or below one"
    )

    @property
    def verdict(self) -> str:
        bar = max(EARLIER, self.baselines["nearest neighbour"])
        return "yes" if self.mean.low > bar else "no" if self.mean.high < bar else OPEN

    @property
    def estimate(self) -> Estimate:
        ends = (100 * x for x in self.mean[:3])
        return Estimate(f"test accuracy, {self.best.name}", *ends, "%", len(self.best.right))

    @property
    def by(self) -> str:
        bar = max(EARLIER, self.baselines["nearest neighbour"])
        return f"above {100 * bar:.1f} %"

    @property
    def measured(self) -> str:
        low, high = 100 * self.mean.low, 100 * self.mean.high
        others = [f"{net.name} {percent(net.right)}" for net in self.nets if net is not self.best]
        others += [f"{name} {right:.1%}" for name, right in self.baselines.items()]
        return (
            f"{self.best.name} {percent(self.best.right)} (mean {low:.2f} to {high:.2f} %, "
            f"{len(self.best.right)} seeds, last epoch); {'; '.join(others)}. All learn moved "
            "copies of the training images too, which the earlier code did not"
        )


class Tuned(NamedTuple):
    """All settings tried for one network."""

    network: str
    where: str  # task
    traits: dict
    errors: np.ndarray  # on validation images, in %
    ends: list[str]  # settings that are not bracketed


@dataclass(frozen=True)
class Small:
    """Digits, and the settings tried for all networks."""

    digits: Digits
    tuned: list[Tuned]

    @property
    def at_ends(self) -> tuple[int, int]:
        """Networks with a setting that is not bracketed, and networks."""
        return sum(bool(one.ends) for one in self.tuned), len(self.tuned)


def tuned(ds: xr.Dataset) -> list[Tuned]:
    """Of each network of a `studies.bracketed` Dataset."""
    found, accuracy = [], ds["validation_accuracy"].mean("seed")
    for name, point in chosen(ds).items():
        keep = np.flatnonzero(ds["tuned"].values == name)
        one, right = ds.isel(network=keep), accuracy.isel(network=keep).values
        points = np.array([one[k].values for k in point]).T
        tries = dict(zip(map(tuple, points.tolist()), right.tolist()))
        ends = [k for n, k in enumerate(point) if not _bracketed(tries, n, point[k])]
        traits = traits_of(one, one["network"].values[0])
        found.append(Tuned(name, task_of(ds), traits, 100 * (1 - right), ends))
    return found


def _bracketed(tries: dict[tuple[float, ...], float], n: int, best: float) -> bool:
    """Whether on either side of the n-th setting a value was tried, and none that was is better."""
    values = sorted({point[n] for point in tries})
    k = values.index(best)
    if k in (0, len(values) - 1):
        return False
    return all(
        tries[point] >= tries.get((*point[:n], other, *point[n + 1 :]), -np.inf)
        for point in tries
        if point[n] == best
        for other in (values[k - 1], values[k + 1])
    )


def small(tree: xr.DataTree) -> Small:
    nets = networks(tree["digits"].to_dataset(inherit=False))
    own = tuned(tree["digits_settings"].to_dataset(inherit=False))
    first: dict[str, Tuned] = {}
    nodes = [tree[node] for node in ("settings", "settings_further") if node in tree]
    for one in chain.from_iterable(tuned(node.to_dataset(inherit=False)) for node in nodes):
        errors = [first[one.network].errors] if one.network in first else []
        first[one.network] = one._replace(errors=np.concatenate([*errors, one.errors]))
    best = {one.network: one.errors.min() for one in own}
    local = min((net for net in nets if not net.dense), key=lambda net: best[net.network])
    right = tree["digit_baselines"]["test_accuracy"].to_series().to_dict()
    digits = Digits(nets, local, paired(local.right, 0 * local.right), right)
    return Small(digits, [*first.values(), *own])
