"""Nodes of the controls of notebook 05, from numbers that are put in."""

import numpy as np
import xarray as xr

SEEDS = 5
SPREAD = np.array([-0.001, 0.0005, 0.0, 0.001, -0.0005])
RELU = ["relu_local", "relu_frozen", "relu_dense", "relu_few", "softmax"]
READINGS = ["forward", "1", "2", "rest"]


def relu(means, best=1):
    right = np.array(means)[:, None] + SPREAD
    n, rates = len(means), [0.001, 0.002, 0.004]
    tried = np.full((3, n, 8), np.nan)
    tried[0, :, :6] = [*rates, *[rates[best]] * 3]
    tried[1, :, :6] = [0.03, 0.03, 0.03, 0.01, 0.03, 0.1]
    tried[2, :, :6] = 0.9
    trial = ("control", "trial")
    return xr.Dataset(
        {
            "test_accuracy": (("control", "seed"), right),
            "learning_rate": ("control", [rates[best]] * n),
            "decay": ("control", [0.03] * n),
            "tried_learning_rate": (trial, tried[0]),
            "tried_decay": (trial, tried[1]),
            "tried_accuracy": (trial, tried[2]),
        },
        {"control": RELU[:n], "seed": range(SEEDS)},
        {"task": "mnist"},
    )


def over_networks(means, names, **more):
    right = np.array(means)[:, None] + SPREAD[::-1]
    right[1::2] = np.array(means[1::2])[:, None] + SPREAD  # or pairs would not spread
    right[2:3] = np.array(means[2:3])[:, None] + 0.5 * SPREAD
    return xr.Dataset(
        {"test_accuracy": (("network", "seed"), right)} | more,
        {"network": names, "seed": range(SEEDS)},
    )


def tree(relu_moved=0.99, frozen=0.94, exact=0.97, forward=0.971, best=1):
    arms = ["short", "rest", "exact"]
    cosine = (("network", "seed"), np.full((3, SEEDS), 0.9))
    stack = {"family": "stack", "channels": 1, "shared": False, "layers": 1}
    rest = np.stack([np.full(SEEDS, m) for m in (forward, 0.96, 0.965, 0.971)], axis=-1) + 0.0
    rest[:, 0] += SPREAD
    # the second network has couplings within its lattice
    within = {"intra_shells": ("network", [0, 1])}
    traits = {name: ("network", [value] * 2) for name, value in stack.items()}
    nodes = {
        "controls": relu([0.985, 0.93, 0.98, 0.96, 0.92], best),
        "controls_moved": relu([relu_moved, 0.94, 0.985, 0.96, 0.92]),
        "frozen": over_networks(
            [0.98, frozen, 0.985, 0.945],
            ["xy_local_plain", "xy_frozen_plain", "xy_local_moved", "xy_frozen_moved"],
        ).assign_coords(
            epochs_done=(("network", "seed"), np.full((4, SEEDS), 8.0)),
            control=("network", ["xy_local", "xy_frozen"] * 2),
            images=("network", ["plain"] * 2 + ["moved"] * 2),
        ),
        "exact": over_networks([0.97, 0.97, exact], arms, cosine=cosine).assign_attrs(
            images=600, epochs=4
        ),
        "readings": xr.Dataset(
            {
                "read_accuracy": (("network", "seed", "reading"), np.stack([rest, rest])),
                "epochs_done": (("network", "seed"), np.full((2, SEEDS), 8.0)),
            },
            {"network": ["local_1", "local_1_within_1"], "seed": range(SEEDS)}
            | {"reading": READINGS, **traits, **within},
        ),
    }
    return xr.DataTree.from_dict(nodes)
