"""What notebook 05 finds: how far local stacks come, and what others report."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from . import OPEN, Estimate, Finding
from .images import Net, networks
from .statistics import Difference, paired, percent
from .words import task_of


@dataclass(frozen=True)
class Aim(Finding):
    """A stack, trained as far as we can, and the share of test images that was aimed at."""

    statement: str
    net: Net
    least: float
    mean: Difference  # share answered right, over seeds

    nodes = ("best",)
    whose = "ours"
    rule = (
        "yes or no if the 95 % interval of the mean over seeds (Student's t), at the last epoch, "
        "lies above or below the value, for these test images; the value was set after single runs "
        "that had seen them; else open"
    )

    @property
    def key(self) -> str:
        return f"Aim_{self.net.network.replace(' ', '_')}"

    @property
    def verdict(self) -> str:
        if self.mean.low >= self.least:
            return "yes"
        return "no" if self.mean.high < self.least else OPEN

    @property
    def estimate(self) -> Estimate:
        ends = (100 * x for x in self.mean[:3])
        return Estimate(f"test accuracy, {self.net.name}", *ends, "%", len(self.net.right))

    @property
    def by(self) -> str:
        return f"at least {100 * self.least:.1f} %"

    @property
    def measured(self) -> str:
        t = self.net.traits
        return (
            f"{percent(self.net.right)} after {t['epochs']:.0f} epochs of images and their moved "
            f"copies ({len(self.net.right)} seeds, {self.net.couplings:,} couplings, windows of "
            f"{t['window']}; the read-out is {t['readout_couplings']:.0%} of the couplings and "
            f"{t['readout_wire']:.0%} of the wire)"
        )


@dataclass(frozen=True)
class Best:
    """Stacks trained as far as we can, those with an aim, and all in order of couplings."""

    task: str
    aims: tuple[Aim, ...]
    nets: tuple[Net, ...]


def best(tree: xr.DataTree) -> Best:
    ds = tree["best"].to_dataset(inherit=False)
    nets = networks(ds)
    task = task_of(ds)
    aims = tuple(
        Aim(
            f"{task}, {net.network}: at least {100 * least:.1f} % of the test images "
            "answered right",
            net,
            least,
            paired(net.right, np.zeros(len(net.right))),
        )
        for net in nets
        if (least := net.traits.get("at_least")) is not None
    )
    return Best(task, aims, tuple(nets))
