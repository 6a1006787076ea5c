"""Notebook 05: stacks trained as far as we can, towards accuracies that were set before."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from ...cases import Case
from ...ensembles import train_ensemble
from ...lattices import stacked_lattices
from ...network import Network
from ...settings import IMAGES, make_training
from ...tasks import Task
from .images import image_options, read_out

#: What of an aim describes the stack: arguments of `stacked_lattices`.
STACK = ("window", "stride", "channels", "intra_shells", "readout")


def best_stacks(
    shape: tuple[int, int], aims: Mapping[str, Mapping[str, Any]]
) -> dict[str, Network]:
    """The stack of each aim."""
    return {
        name: stacked_lattices(shape, **{k: aim[k] for k in STACK if k in aim})
        for name, aim in aims.items()
    }


def trained_best(
    networks: Mapping[str, Network],
    task: Task,
    aims: Mapping[str, Mapping[str, Any]],
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """`best_stacks` trained as their aims say, from which the test images are answered once.

    Of an aim, ``epochs`` and the settings of `image_options` differ from `IMAGES`; ``at_least`` is
    the share of test images to be answered right, missing where nothing is aimed at. All of them
    are coordinates.
    """
    fixed = {"responses": (), "probe_samples": 1}
    cases = {}
    for name, net in networks.items():
        settings = {k: v for k, v in aims[name].items() if k not in STACK}
        changes = image_options({k: v for k, v in settings.items() if k != "at_least"})
        traits = {"hidden": net.n_free - net.n_outputs} | read_out(net) | settings
        training = make_training(**IMAGES | fixed | changes)
        cases[name] = Case(net, task, training, tuple(range(seeds)), traits)
    return train_ensemble(cases, title="best", **keywords).to_dataset(inherit=False)
