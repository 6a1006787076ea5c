"""Bad input: each case is an error that names the argument."""

import re

import numpy as np
import pytest
import xarray as xr

from xyep.cost import CrossEntropy, LogCosine
from xyep.energy import energy, force, hessian
from xyep.gradients import ep_gradient, implicit_gradient
from xyep.lattices import (
    all_to_all,
    cubic_lattice,
    honeycomb_lattice,
    iris_lattice,
    lattice,
    layered,
    square_lattice,
    stacked_lattices,
    xor_lattice,
)
from xyep.network import Network, Parameters
from xyep.relaxation import Equilibrium, GaussSeidel, GradientFlow, relax
from xyep.responses import affected, input_response, nudge_response
from xyep.store import StoreError, read_tree
from xyep.tasks import Task, load_task
from xyep.training import train

NET = layered([2, 3, 1])
P = NET.init_parameters(0)
X, T = np.zeros((4, 2)), np.ones((4, 1))
PHASES = np.zeros((4, NET.n_sites))
CHAIN = [(0, 1), (1, 2)]
CORNERS = ([(0, 0)], [(2, 2)])
NAN = np.full((4, 2), np.nan)


def network(**change):
    return Network(**({"edges": CHAIN, "inputs": [0], "outputs": [2]} | change))


def parameters(**change):
    return P._replace(**change)


#: Of another network.
OTHER = Equilibrium(np.zeros((4, 5)), np.zeros(4), np.ones(4, bool), np.zeros(4, int))


# (name, what is done, exception, argument that the message begins with or contains)
CASES = [
    # graphs
    ("edges: one number", lambda: network(edges=3), ValueError, "edges"),
    ("edges: text", lambda: network(edges="0-1"), TypeError, "edges"),
    ("edges: None", lambda: network(edges=None), TypeError, "edges"),
    ("edges: triples", lambda: network(edges=[(0, 1, 2)]), ValueError, "edges"),
    ("edges: ragged", lambda: network(edges=[(0, 1), (2,)]), TypeError, "edges"),
    ("edges: NaN", lambda: network(edges=[(0, np.nan), (1, 2)]), TypeError, "edges"),
    ("edges: fractions", lambda: network(edges=[(0, 1.5)]), TypeError, "edges"),
    ("edges: negative site", lambda: network(edges=[(-1, 0), (1, 2)]), ValueError, "edges"),
    (
        "edges: site out of range",
        lambda: network(n_sites=2, inputs=[0], outputs=[1]),
        ValueError,
        "edges",
    ),
    ("edges: pair twice", lambda: network(edges=[*CHAIN, (1, 0)]), ValueError, "edges"),
    ("edges: self-coupling", lambda: network(edges=[*CHAIN, (1, 1)]), ValueError, "edges"),
    ("inputs: out of range", lambda: network(inputs=[3], n_sites=3), ValueError, "inputs"),
    ("inputs: twice", lambda: network(inputs=[0, 0]), ValueError, "inputs"),
    ("inputs: a number", lambda: network(inputs=0), ValueError, "inputs"),
    ("outputs: negative", lambda: network(outputs=[-1]), ValueError, "outputs"),
    ("outputs: none", lambda: network(outputs=[]), ValueError, "outputs"),
    ("outputs: also an input", lambda: network(outputs=[0]), ValueError, "outputs"),
    (
        "outputs: not connected",
        lambda: network(edges=[(0, 1), (2, 3)], outputs=[1, 3]),
        ValueError,
        "outputs",
    ),
    (
        "outputs: connected to no input at all",
        lambda: network(edges=[(1, 2)]),
        ValueError,
        "outputs",
    ),
    (
        "positions: too few",
        lambda: network(positions=np.zeros((2, 2)), n_sites=3),
        ValueError,
        "positions",
    ),
    (
        "positions: four coordinates",
        lambda: network(positions=np.zeros((3, 4))),
        ValueError,
        "positions",
    ),
    (
        "positions: infinite",
        lambda: network(positions=np.full((3, 2), np.inf)),
        ValueError,
        "positions",
    ),
    ("positions: a number", lambda: network(positions=5), ValueError, "positions"),
    ("tying: wrong length", lambda: network(tying=[0]), ValueError, "tying"),
    ("tying: with gaps", lambda: network(tying=[0, 2]), ValueError, "tying"),
    ("tying: negative", lambda: network(tying=[-1, 0]), ValueError, "tying"),
    ("n_sites: zero", lambda: network(n_sites=0), ValueError, "n_sites"),
    ("n_sites: text", lambda: network(n_sites="3"), TypeError, "n_sites"),
    ("lengths: wrong length", lambda: network(lengths=[1.0]), ValueError, "lengths"),
    ("layer: wrong length", lambda: network(layer=[0]), ValueError, "layer"),
    (
        "coupling_scale: wrong length",
        lambda: network(coupling_scale=[1.0, 1.0, 1.0]),
        ValueError,
        "coupling_scale",
    ),
    ("bias_scale: NaN", lambda: network(bias_scale=np.nan), ValueError, "bias_scale"),
    ("seed of parameters: negative", lambda: NET.init_parameters(-1), ValueError, "seed"),
    ("role: unknown", lambda: NET.distance_from("middle"), ValueError, "role"),
    # architectures
    ("n: too small", lambda: all_to_all(1), ValueError, "n"),
    ("n: a fraction", lambda: all_to_all(6.0), TypeError, "n"),
    (
        "n: less than inputs and outputs",
        lambda: all_to_all(4, inputs=3, outputs=2),
        ValueError,
        "n",
    ),
    ("inputs: a list for a number", lambda: all_to_all(6, inputs=[0, 1]), TypeError, "inputs"),
    ("outputs: zero", lambda: all_to_all(6, outputs=0), ValueError, "outputs"),
    ("sizes: one layer", lambda: layered([3]), ValueError, "sizes"),
    ("sizes: an empty layer", lambda: layered([2, 0, 1]), ValueError, "sizes"),
    ("sizes: text", lambda: layered("2-4-1"), TypeError, "sizes"),
    ("kind: unknown", lambda: lattice("hexagonal", (3, 3), *CORNERS), ValueError, "kind"),
    ("kind: a list", lambda: lattice(["square"], (3, 3), *CORNERS), TypeError, "kind"),
    ("shape: three of two", lambda: square_lattice((3, 3, 3), *CORNERS), ValueError, "shape"),
    ("shape: two of three", lambda: cubic_lattice((3, 3), *CORNERS), ValueError, "shape"),
    ("shape: zero", lambda: square_lattice((0, 3), *CORNERS), ValueError, "shape"),
    ("shape: fractions", lambda: square_lattice((3.5, 3), *CORNERS), TypeError, "shape"),
    (
        "shape: too small to be periodic",
        lambda: square_lattice((3, 3), *CORNERS, shells=3, periodic=True),
        ValueError,
        "shape",
    ),
    ("shells: negative", lambda: square_lattice((3, 3), *CORNERS, shells=-1), ValueError, "shells"),
    (
        "shells: a fraction",
        lambda: square_lattice((3, 3), *CORNERS, shells=1.5),
        TypeError,
        "shells",
    ),
    (
        "lattice inputs: out of range",
        lambda: square_lattice((3, 3), [(0, 3)], [(2, 2)]),
        ValueError,
        "inputs",
    ),
    (
        "lattice inputs: negative",
        lambda: square_lattice((3, 3), [(0, -1)], [(2, 2)]),
        ValueError,
        "inputs",
    ),
    (
        "lattice inputs: one site, not a list",
        lambda: square_lattice((3, 3), (0, 1), [(2, 2)]),
        ValueError,
        "inputs",
    ),
    ("lattice inputs: a number", lambda: square_lattice((3, 3), 4, [(2, 2)]), TypeError, "inputs"),
    (
        "lattice outputs: flat numbers",
        lambda: square_lattice((3, 3), [(0, 0)], [8]),
        ValueError,
        "outputs",
    ),
    (
        "lattice outputs: fractions",
        lambda: square_lattice((3, 3), [(0, 0)], [(1.0, 2)]),
        TypeError,
        "outputs",
    ),
    (
        "lattice outputs: no site of the cell",
        lambda: honeycomb_lattice((3, 3), [(0, 0, 0)], [(2, 2)]),
        ValueError,
        "outputs",
    ),
    (
        "lattice outputs: such a site is not in the cell",
        lambda: honeycomb_lattice((3, 3), [(0, 0, 0)], [(2, 2, 2)]),
        ValueError,
        "outputs",
    ),
    (
        "lattice outputs: not coupled",
        lambda: square_lattice((3, 3), *CORNERS, shells=0),
        ValueError,
        "outputs",
    ),
    (
        "skip_range: one",
        lambda: square_lattice((3, 3), *CORNERS, skip_range=1),
        ValueError,
        "skip_range",
    ),
    (
        "skips: more than there are",
        lambda: square_lattice((3, 3), *CORNERS, skip_range=2, skips=7),
        ValueError,
        "skips",
    ),
    (
        "skip_seed: text",
        lambda: square_lattice((3, 3), *CORNERS, skips=2, skip_seed="a"),
        TypeError,
        "skip_seed",
    ),
    ("option: misspelled", lambda: square_lattice((3, 3), *CORNERS, shell=2), TypeError, "shell"),
    ("size: two", lambda: xor_lattice(2), ValueError, "size"),
    ("size: no room on the edge", lambda: iris_lattice(3, placement="edges"), ValueError, "size"),
    ("placement: unknown", lambda: iris_lattice(5, placement="far"), ValueError, "placement"),
    ("distance: beyond the lattice", lambda: xor_lattice(5, distance=5), ValueError, "distance"),
    (
        "stack: window does not fit",
        lambda: stacked_lattices((5, 5), window=6),
        ValueError,
        "window",
    ),
    (
        "stack: windows and channels of different numbers",
        lambda: stacked_lattices((9, 9), window=(3, 2), channels=(1, 1, 1)),
        ValueError,
        "window",
    ),
    ("stack: no channel", lambda: stacked_lattices((9, 9), channels=0), ValueError, "channels"),
    ("stack: shape of three", lambda: stacked_lattices((9, 9, 1)), ValueError, "shape"),
    ("stack: readout", lambda: stacked_lattices((9, 9), readout="sparse"), ValueError, "readout"),
    ("stack: outputs", lambda: stacked_lattices((9, 9), outputs=0), ValueError, "outputs"),
    ("cross-entropy: scale", lambda: CrossEntropy(0.0), ValueError, "scale"),
    (
        "cross-entropy: no class, exactly",
        lambda: implicit_gradient(NET, P, X, T * -1, cost="cross_entropy"),
        ValueError,
        "targets",
    ),
    (
        "stack: one column below",
        lambda: stacked_lattices((6, 6), window=(6, 2)),
        ValueError,
        "window",
    ),
    (
        "task: NaN in float32",
        lambda: Task("own", np.float32(NAN), T, np.zeros(4, int)),
        ValueError,
        "inputs",
    ),
    (
        "max_sweeps: more than float32 counts",
        lambda: GaussSeidel(max_sweeps=2**25),
        ValueError,
        "max_sweeps",
    ),
    (
        "cross-entropy: no class",
        lambda: ep_gradient(NET, P, X, T * -1, cost="cross_entropy"),
        ValueError,
        "targets",
    ),
    # parameters and states
    ("parameters: a list", lambda: energy(NET, [1, 2, 3], PHASES), TypeError, "parameters"),
    (
        "parameters: of another network",
        lambda: energy(NET, layered([2, 1]).init_parameters(), PHASES),
        ValueError,
        "parameters.couplings",
    ),
    (
        "couplings: NaN",
        lambda: relax(NET, parameters(couplings=P.couplings * np.nan), X),
        ValueError,
        "parameters.couplings",
    ),
    (
        "bias_amplitude: shape",
        lambda: relax(NET, parameters(bias_amplitude=np.ones(2)), X),
        ValueError,
        "parameters.bias_amplitude",
    ),
    (
        "bias_phase: complex",
        lambda: relax(NET, parameters(bias_phase=np.ones(6) * 1j), X),
        TypeError,
        "parameters.bias_phase",
    ),
    ("phases: too few sites", lambda: energy(NET, P, np.zeros((4, 5))), ValueError, "phases"),
    ("phases: NaN", lambda: force(NET, P, np.full(6, np.nan)), ValueError, "phases"),
    ("phases: a batch for one Hessian", lambda: hessian(NET, P, PHASES), ValueError, "phases"),
    # relaxation
    ("inputs: NaN", lambda: relax(NET, P, NAN), ValueError, "inputs"),
    (
        "inputs: one sample without its axis",
        lambda: relax(NET, P, np.zeros(2)),
        ValueError,
        "inputs",
    ),
    ("inputs: too many columns", lambda: relax(NET, P, np.zeros((4, 3))), ValueError, "inputs"),
    ("inputs: no samples", lambda: relax(NET, P, np.zeros((0, 2))), ValueError, "inputs"),
    ("inputs: text", lambda: relax(NET, P, [["a", "b"]]), TypeError, "inputs"),
    (
        "initial: free sites only",
        lambda: relax(NET, P, X, initial=np.zeros((4, 4))),
        ValueError,
        "initial",
    ),
    ("initial: infinite", lambda: relax(NET, P, X, initial=PHASES + np.inf), ValueError, "initial"),
    ("targets: missing", lambda: relax(NET, P, X, beta=0.1), ValueError, "targets"),
    (
        "targets: shape",
        lambda: relax(NET, P, X, targets=np.ones(4), beta=0.1),
        ValueError,
        "targets",
    ),
    ("beta: NaN", lambda: relax(NET, P, X, targets=T, beta=np.nan), ValueError, "beta"),
    ("beta: text", lambda: relax(NET, P, X, targets=T, beta="0.1"), TypeError, "beta"),
    (
        "cost: unknown",
        lambda: relax(NET, P, X, targets=T, beta=0.1, cost="squared"),
        ValueError,
        "cost",
    ),
    ("sharpness: above one", lambda: LogCosine(1.5), ValueError, "sharpness"),
    ("method: unknown", lambda: relax(NET, P, X, method="newton"), ValueError, "method"),
    ("method: a class", lambda: relax(NET, P, X, method=GaussSeidel), TypeError, "method"),
    ("option: unknown", lambda: relax(NET, P, X, tolerance=1e-3), TypeError, "tolerance"),
    (
        "option: of the other method",
        lambda: relax(NET, P, X, method="gradient_flow", max_sweeps=3),
        TypeError,
        "max_sweeps",
    ),
    (
        "option: unknown to a given solver",
        lambda: relax(NET, P, X, method=GaussSeidel(), rtol=1e-3),
        TypeError,
        "rtol",
    ),
    ("tol: negative", lambda: GaussSeidel(tol=-1e-8), ValueError, "tol"),
    ("tol: None", lambda: GradientFlow(tol=None), TypeError, "tol"),
    (
        "over_relaxation: above one",
        lambda: GaussSeidel(over_relaxation=1.1),
        ValueError,
        "over_relaxation",
    ),
    ("max_sweeps: a fraction", lambda: GaussSeidel(max_sweeps=1.5), TypeError, "max_sweeps"),
    ("dtype: unknown", lambda: GaussSeidel(dtype="float16"), ValueError, "dtype"),
    ("rtol: zero", lambda: GradientFlow(rtol=0.0), ValueError, "rtol"),
    ("max_time: infinite", lambda: GradientFlow(max_time=np.inf), ValueError, "max_time"),
    ("seed: negative", lambda: relax(NET, P, X, seed=-1), ValueError, "seed"),
    ("seed: a fraction", lambda: relax(NET, P, X, seed=0.5), TypeError, "seed"),
    ("threads: zero", lambda: relax(NET, P, X, threads=0), ValueError, "threads"),
    ("times: with the fast method", lambda: relax(NET, P, X, times=[1.0]), ValueError, "times"),
    (
        "times: descending",
        lambda: relax(NET, P, X, method="gradient_flow", times=[2.0, 1.0]),
        ValueError,
        "times",
    ),
    (
        "times: negative",
        lambda: relax(NET, P, X, method="gradient_flow", times=[-1.0]),
        ValueError,
        "times",
    ),
    (
        "times: a number",
        lambda: relax(NET, P, X, method="gradient_flow", times=1.0),
        ValueError,
        "times",
    ),
    # gradients and responses
    ("beta: zero", lambda: ep_gradient(NET, P, X, T, beta=0), ValueError, "beta"),
    ("beta: true", lambda: ep_gradient(NET, P, X, T, beta=True), TypeError, "beta"),
    (
        "estimator: unknown",
        lambda: ep_gradient(NET, P, X, T, estimator="two_sided"),
        ValueError,
        "estimator",
    ),
    (
        "initial_states: zero",
        lambda: ep_gradient(NET, P, X, T, initial_states=0),
        ValueError,
        "initial_states",
    ),
    ("targets: other samples", lambda: ep_gradient(NET, P, X, T[:3]), ValueError, "targets"),
    ("targets: NaN", lambda: implicit_gradient(NET, P, X, T * np.nan), ValueError, "targets"),
    (
        "initial: once for two initial states",
        lambda: ep_gradient(NET, P, X, T, initial_states=2, initial=PHASES),
        ValueError,
        "initial",
    ),
    (
        "nudged_method: another kind",
        lambda: ep_gradient(NET, P, X, T, nudged_method="gradient_flow"),
        ValueError,
        "nudged_method",
    ),
    (
        "nudged_method: dtype",
        lambda: ep_gradient(NET, P, X, T, nudged_method=GaussSeidel(dtype="float64")),
        ValueError,
        "nudged_method",
    ),
    (
        "no bias and no input",
        lambda: implicit_gradient(
            all_to_all(3, 0), all_to_all(3, 0).init_parameters(), X[:, :0], T
        ),
        ValueError,
        "parameters",
    ),
    ("eq: of another network", lambda: nudge_response(NET, P, OTHER, T), ValueError, "eq"),
    ("eq: the phases alone", lambda: input_response(NET, P, PHASES), TypeError, "eq"),
    ("fraction: above one", lambda: affected(xr.DataArray(X), 1.5), ValueError, "fraction"),
    # tasks
    ("task: unknown", lambda: load_task("cifar"), ValueError, "name"),
    ("fold: out of range", lambda: load_task("iris", fold=5), ValueError, "fold"),
    ("folds: one", lambda: load_task("iris", folds=1), ValueError, "folds"),
    (
        "validation: all of it",
        lambda: load_task("digits", validation=1.0),
        ValueError,
        "validation",
    ),
    ("validation: text", lambda: load_task("digits", validation="some"), TypeError, "validation"),
    ("task seed: negative", lambda: load_task("iris", seed=-1), ValueError, "seed"),
    (
        "task: targets of other samples",
        lambda: Task("own", X, T[:3], [0] * 4),
        ValueError,
        "targets",
    ),
    ("task: labels not whole", lambda: Task("own", X, T, [0, 1, 0.5, 1]), TypeError, "labels"),
    ("task: NaN", lambda: Task("own", NAN, T, [0] * 4), ValueError, "inputs"),
    ("split: unknown", lambda: load_task("xor").part("testing"), ValueError, "name"),
    # training
    (
        "train: another number of inputs",
        lambda: train(layered([3, 1]), load_task("xor")),
        ValueError,
        "task",
    ),
    ("train: misspelled option", lambda: train(NET, load_task("xor"), epoch=3), TypeError, "epoch"),
    ("train: no epochs", lambda: train(NET, load_task("xor"), epochs=0), ValueError, "epochs"),
    (
        "train: snapshot after the end",
        lambda: train(NET, load_task("xor"), epochs=3, snapshots=(0, 4)),
        ValueError,
        "snapshots",
    ),
    (
        "train: optimizer by name",
        lambda: train(NET, load_task("xor"), optimizer="adam"),
        TypeError,
        "optimizer",
    ),
    (
        "train: schedule",
        lambda: train(NET, load_task("xor"), epochs=3, schedule="stepwise"),
        ValueError,
        "schedule",
    ),
]


@pytest.mark.parametrize(
    "call, error, argument", [pytest.param(*row[1:], id=row[0]) for row in CASES]
)
def test_bad_input(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert re.search(rf"(?<!\w){re.escape(argument)}(?!\w)", str(caught.value)), str(caught.value)


def test_the_table_is_long_enough():
    assert len(CASES) >= 40 and len({row[0] for row in CASES}) == len(CASES)


def test_good_input_of_unusual_kinds_is_taken():
    """Lists, integers, booleans and NumPy scalars where numbers are meant."""
    eq = relax(
        NET,
        P,
        [[0, 1], [1, 0]],
        targets=[[1], [0]],
        beta=np.float32(0.1),
        seed=np.int64(3),
        tol=1e-6,
    )
    assert eq.converged.all()
    assert Network([], [], [0]).n_couplings == 0
    assert Network(np.array(CHAIN, np.uint8), (0,), np.array([2.0])).n_sites == 3
    p = Parameters(list(P.couplings), np.zeros(6, int), np.zeros(6, np.float32))
    assert energy(NET, p, PHASES).shape == (4,)


def test_stores_that_are_not_ours(tmp_path):
    """Nothing in a foreign store is touched."""
    quick = {"epochs": 2, "final_states": 0, "initial_states": 1}
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.tex").write_text("precious")
    with pytest.raises(StoreError, match="store.*thesis"):
        train(NET, load_task("xor"), store=foreign, **quick)
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis", "chapter.tex"]
    with pytest.raises(StoreError, match="store.*chapter.tex"):
        train(NET, load_task("xor"), store=foreign / "chapter.tex" / "run.zarr", **quick)
    with pytest.raises(StoreError, match="store.*nowhere"):
        read_tree(tmp_path / "nowhere.zarr")
    mine = tmp_path / "run.zarr"
    train(NET, load_task("xor"), store=mine, **quick)
    for change in ({"seed": 1}, {"epochs": 1}, {"beta": 0.2}):
        with pytest.raises(StoreError, match="store.*run.zarr"):
            train(NET, load_task("xor"), store=mine, **(quick | change))
