"""What notebook 05 finds of its controls: what networks, training and feedback are worth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ...cases import select
from . import OPEN, Estimate, Finding
from .statistics import LEVEL, Difference, holm, p_text, paired, percent, welch
from .words import label, task_of, traits_of

#: Few sweeps, and a reading without feedback, may cost this share of the test images.
MARGIN = 0.005
#: What controls are called.
NAMES = {
    "xy_local": "XY stack, all trained",
    "xy_frozen": "XY stack, windows frozen",
    "relu_local": "ReLU, couplings of the stack",
    "relu_frozen": "ReLU, windows frozen",
    "relu_dense": "ReLU, dense, as many sites",
    "relu_few": "ReLU, dense, as many couplings",
    "softmax": "softmax, nothing hidden",
}
GRADIENTS = {
    "short": "few sweeps, β = 0.3",
    "rest": "at rest, β = 0.3",
    "exact": "exact gradient",
}


@dataclass(frozen=True)
class Control:
    """Test accuracies of one control over its seeds; moved : with moved copies of the images."""

    control: str
    plain: np.ndarray
    moved: np.ndarray
    xy: bool  # whether its sites are phases
    inside: bool = True  # whether its chosen settings lie inside what was tried

    @property
    def name(self) -> str:
        return NAMES[self.control]


@dataclass(frozen=True)
class Answer(Finding):
    """Whether `first` answers more images right than `second`, or at most `margin` fewer."""

    statement: str
    nodes: tuple[str, ...]
    short: str
    names: tuple[str, str]
    first: np.ndarray
    second: np.ndarray
    difference: Difference
    margin: float
    p: float  # of no difference, or of one that is the margin; corrected
    of: int

    whose = "ours"
    rule = (
        "t-test over seeds, for these test images, paired where seeds are the same, of the "
        f"difference, or of its distance from a margin of {100 * MARGIN:.1f} points; yes or no if "
        f"p < {LEVEL:g}, corrected by Holm over these questions, else open"
    )

    @property
    def verdict(self) -> str:
        if self.p >= LEVEL:
            return OPEN
        return "yes" if self.difference.mean + self.margin > 0 else "no"

    @property
    def key(self) -> str:
        return f"Answer_{self.short}"

    @property
    def estimate(self) -> Estimate:
        return self.difference.estimate(f"{self.names[0]} less {self.names[1]}", len(self.first))

    @property
    def by(self) -> str:
        held = f"margin −{100 * self.margin:.1f} points, " if self.margin else ""
        return f"{held}{p_text(self.p)}, corrected over {self.of} questions (Holm)"

    @property
    def measured(self) -> str:
        return (
            f"{self.names[0]} {percent(self.first)}, {self.names[1]} {percent(self.second)}; "
            f"{self.difference.text()} points, {p_text(self.p)} ({len(self.first)} seeds, which "
            f"share the test images; corrected over {self.of} questions)"
        )


@dataclass(frozen=True)
class Controls:
    """All controls, trainings by three gradients, and the questions that they answer.

    accuracy, cosine : {training: one value a seed}
    """

    task: str
    controls: tuple[Control, ...]
    accuracy: dict[str, np.ndarray]
    cosine: dict[str, np.ndarray]
    images: int  # that the trainings by three gradients learn
    epochs: dict[str, int]  # of plain images, of moved copies too, and of these trainings
    answers: tuple[Answer, ...]

    def __getitem__(self, control: str) -> Control:
        return next(one for one in self.controls if one.control == control)


def inside(ds: xr.Dataset, control: str) -> bool:
    """Whether learning rate and decay lie inside those tried while the other was as chosen."""
    one, names = ds.sel(control=control), ("learning_rate", "decay")
    for name, other in (names, names[::-1]):
        tried = one[f"tried_{name}"].values[one[f"tried_{other}"].values == float(one[other])]
        if not tried.min() < float(one[name]) < tried.max():
            return False
    return True


def _controls(tree: xr.DataTree) -> tuple[Control, ...]:
    relu = [tree[node].to_dataset(inherit=False) for node in ("controls", "controls_moved")]
    stacks = tree["frozen"].to_dataset(inherit=False)

    def right(control: str, images: str) -> np.ndarray:
        return select(stacks, control=control, images=images)["test_accuracy"].values[0]

    found = [
        Control(name, right(name, "plain"), right(name, "moved"), xy=True)
        for name in ("xy_local", "xy_frozen")
    ]
    found += [
        Control(
            name,
            *(ds["test_accuracy"].sel(control=name).values for ds in relu),
            xy=False,
            inside=all(inside(ds, name) for ds in relu),
        )
        for name in relu[0]["control"].values.tolist()
    ]
    return tuple(found)


def _epochs(tree: xr.DataTree) -> dict[str, int]:
    stacks = tree["frozen"].to_dataset(inherit=False)
    done = stacks["epochs_done"].max("seed").values.astype(int).tolist()
    return dict(zip(stacks["images"].values.tolist(), done))


def controls(tree: xr.DataTree) -> Controls:
    every, exact = _controls(tree), tree["exact"].to_dataset(inherit=False)
    by_name = {one.control: one for one in every}
    arms = [str(name) for name in exact["network"].values]
    accuracy = {name: exact["test_accuracy"].sel(network=name).values for name in arms}
    answers = _answers(by_name, accuracy, tree["readings"].to_dataset(inherit=False))
    return Controls(
        task_of(tree["controls"].to_dataset(inherit=False)),
        every,
        accuracy,
        {name: exact["cosine"].sel(network=name).values for name in arms},
        int(exact.attrs["images"]),
        _epochs(tree) | {"exact": int(exact.attrs["epochs"])},
        answers,
    )


def _answers(
    of: dict[str, Control], trained: dict[str, np.ndarray], readings: xr.Dataset
) -> tuple[Answer, ...]:
    local, frozen, relu = (of[name] for name in ("xy_local", "xy_frozen", "relu_local"))
    channel = readings["read_accuracy"].isel(network=0)
    points = f"{100 * MARGIN:.1f} points"
    asked: list[tuple[Any, ...]] = [
        (
            "Do ReLU sites and backpropagation answer more right than XY sites and equilibrium "
            "propagation, with the same couplings?",
            ("controls_moved", "frozen"),
            "relu",
            (relu.name, local.name),
            (relu.moved, local.moved),
            welch,
            0.0,
        ),
        (
            "Do trained windows answer more right than frozen random ones?",
            ("frozen",),
            "windows",
            (local.name, frozen.name),
            (local.plain, frozen.plain),
            paired,
            0.0,
        ),
        (
            f"Do few sweeps cost at most {points} against the exact gradient?",
            ("exact",),
            "exact",
            (GRADIENTS["short"], GRADIENTS["exact"]),
            (trained["short"], trained["exact"]),
            paired,
            MARGIN,
        ),
        (
            f"Does a reading without feedback cost one channel at most {points}?",
            ("readings",),
            "feedback",
            ("without feedback", "at rest"),
            [channel.sel(reading=reading).values for reading in ("forward", "rest")],
            paired,
            MARGIN,
        ),
    ]
    tests = [test(first + margin, second).p for *_, (first, second), test, margin in asked]
    return tuple(
        Answer(*words, *pair, test(*pair), margin, float(p), len(asked))
        for (*words, pair, test, margin), p in zip(asked, holm(tests))
    )


@dataclass(frozen=True)
class Readings:
    """Networks read without feedback, after some sweeps, and at rest: {name: (seed, reading)}."""

    task: str
    accuracy: dict[str, np.ndarray]
    traits: dict[str, dict]
    reading: tuple[str, ...]
    epochs: int

    def loss(self, name: str) -> Difference:
        """Of the reading without feedback against rest, over seeds."""
        forward, rest = (self.accuracy[name][:, self.reading.index(r)] for r in ("forward", "rest"))
        return paired(forward, rest)


def stack_name(traits: dict) -> str:
    """As `label`, with the number of hidden lattices where it is not one."""
    layers = int(traits.get("layers", 1))
    return label(traits) + (f", {layers} hidden lattices" if layers > 1 else "")


def readings(tree: xr.DataTree) -> Readings:
    ds = tree["readings"].to_dataset(inherit=False)
    traits = {str(name): traits_of(ds, name) for name in ds["network"].values}
    right = ds["read_accuracy"].transpose("network", "seed", "reading")
    return Readings(
        task_of(tree["controls"].to_dataset(inherit=False)),
        {stack_name(traits[name]): right.sel(network=name).values for name in traits},
        {stack_name(one): one for one in traits.values()},
        tuple(ds["reading"].values.tolist()),
        int(ds["epochs_done"].max()),
    )
