"""Stacks trained towards an aim, the verdict on it, and the marks of the field."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import xyep
from xyep.paper import marks
from xyep.paper.figures import best as figures
from xyep.paper.findings import OPEN, best
from xyep.paper.studies import best_stacks, trained_best

AIMS = {
    "one": {"at_least": 0.5, "window": 4, "epochs": 2, "learning_rate": 0.01},
    "read-out": {"at_least": 0.99, "window": 4, "channels": 2, "readout": 3, "epochs": 1},
    "short": {"window": 4, "epochs": 1, "coupling_decay": 0.05},
}


@pytest.fixture(scope="module")
def trained():
    whole = xyep.load_task("digits", validation=0).train
    splits = {"train": list(range(300)), "test": list(range(300, 400))}
    few = xyep.Task("few", whole.inputs[:400], whole.targets[:400], splits=splits)
    nets = best_stacks((8, 8), AIMS)
    found = trained_best(nets, few, AIMS, 2, workers=1, scheduler="threads")
    return nets, few, found.load()


def test_stacks_are_trained_as_their_aims_say(trained):
    nets, few, ds = trained
    assert [net.n_couplings for net in nets.values()] == ds["n_couplings"].values.tolist()
    assert nets["read-out"].n_couplings < 2 * nets["one"].n_couplings  # not all sites are read
    options = {"optimizer": xyep.Adam(0.01), "epochs": 2, "responses": (), "probe_samples": 1}
    alone = xyep.train(nets["one"], few, seed=1, **xyep.IMAGES | options)
    one = ds.sel(network="one", seed=1)
    assert float(one["test_accuracy"]) == float(alone["test_accuracy"])
    assert float(one["accuracy"].isel(epoch=1)) == float(alone["accuracy"].isel(epoch=-1))
    assert ds["epochs"].values.tolist() == [2, 1, 1] and np.isnan(ds["at_least"].values[2])


def tree(one=0.992, spread=0.0002, n=5):
    """Five runs of three stacks, of which the last has no aim."""
    traits = {
        "family": ["stack"] * 3,
        "channels": [1, 8, 1],
        "shared": [0.0] * 3,
        "intra_shells": [0] * 3,
        "window": [8, 6, 6],
        "epochs": [20, 6, 1],
        "at_least": [0.991, 0.988, np.nan],
        "n_couplings": [32_634, 162_912, 24_334],
        "wire_length": [1e5] * 3,
        "readout_couplings": [0.2] * 3,
        "readout_wire": [0.5] * 3,
    }
    coords = {name: ("network", values) for name, values in traits.items()}
    coords["network"] = ["one channel", "read-out", "one epoch"]
    scatter = spread * np.linspace(-1, 1, n)
    right = np.array([one + scatter, 0.95 + scatter, 0.97 + scatter])
    data = {"test_accuracy": right, "seconds": 100 * right}
    ds = xr.Dataset({k: (("network", "seed"), v) for k, v in data.items()}, coords)
    return xr.DataTree.from_dict({"best": ds.assign_attrs(task="mnist")})


@pytest.mark.parametrize(
    ("one", "spread", "verdict"),
    [(0.992, 0.0002, "yes"), (0.990, 0.0002, "no"), (0.992, 0.002, OPEN)],
)
def test_an_aim_is_reached_if_the_interval_says_so(one, spread, verdict):
    found = best.best(tree(one, spread))
    assert [aim.net.network for aim in found.aims] == ["one channel", "read-out"]
    aim = found.aims[0]
    assert aim.verdict == verdict and aim.key == "Aim_one_channel"
    assert "99.1 %" in aim.statement and "99.1 %" in aim.by and "20 epochs" in aim.measured
    half = 2.7764 * np.std(spread * np.linspace(-1, 1, 5), ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(aim.mean[1:3], (one - half, one + half), rtol=1e-4)


def test_the_most_reported_is_that_of_the_largest_resistive_network():
    assert marks.BEST.right == max(mark.right for mark in marks.MARKS) == 0.9867
    assert marks.BEST.couplings == 1568 * 32_768 + 32_768 * 10
    assert not any(mark.local for mark in marks.MARKS)


def test_the_figure_shows_every_mark():
    made = tree()
    found = best.best(made)
    drawn = figures.draw_marks(made, found)
    drawn.canvas.draw()
    words = {text.get_text().replace("\n", ", ") for text in drawn.axes[0].texts}
    assert words == {m.name for m in marks.MARKS} | {net.network for net in found.nets}
    plt.close(drawn)
    first, bold, rest = figures.marks_caption(found).split("**")
    assert not first and "98.67 %" in bold and "one channel" in bold and "read-out" in bold
    assert len(rest.split()) <= 60
