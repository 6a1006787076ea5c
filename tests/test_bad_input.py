"""Bad input: each case is an error that names the argument."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr

from xyep import Case, select, train_ensemble
from xyep.cost import CrossEntropy, LogCosine
from xyep.datasets import load_task
from xyep.energy import energy, force, hessian
from xyep.estimators import Centered, Holomorphic
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
from xyep.optimizers import SGD
from xyep.relaxation import Equilibrium, relax
from xyep.responses import affected, input_response, nudge_response
from xyep.run import evaluate
from xyep.settings import Training
from xyep.solvers import GaussSeidel, GradientFlow
from xyep.store import StoreError, read_tree
from xyep.tasks import Task
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


# ---------------------------------------------------------- what could be misread without a word

XOR = load_task("xor")
LABELLED = square_lattice((3, 3), *CORNERS)
MASKED = np.ma.masked_array(np.zeros((4, 2)), mask=[[1, 0], [0, 0], [0, 0], [0, 0]])
OBJECTS = np.array([[0.0, None]] * 4, dtype=object)
DATES = np.zeros((4, 2), "datetime64[s]")
EQ = relax(NET, P, X)
RESULT = train(NET, XOR, epochs=2, snapshots=(0, 2), final_states=0)
COMPARED = xr.Dataset(coords={"network": ["a", "b"], "shells": ("network", [1, 4])})


def nudged(**change):
    return relax(NET, P, X, **({"targets": T, "beta": 0.1} | change))


def ep(**change):
    return ep_gradient(NET, P, **({"inputs": X, "targets": T} | change))


def exact(**change):
    return implicit_gradient(NET, P, **({"inputs": X, "targets": T} | change))


def trained(**change):
    return train(NET, XOR, **({"epochs": 1, "final_states": 0} | change))


def case(**change):
    whole = {"net": NET, "task": XOR, "training": Training(epochs=1), "seeds": (0,)}
    return Case(**(whole | change))


def tested(**change):
    return evaluate(**({"net": NET, "parameters": P, "task": XOR} | change))


def odd_cost(**parts):
    """A user's cost with parts replaced."""
    own = {
        "__call__": lambda self, phases, targets: (1 - np.cos(phases - targets)).sum(axis=-1),
        "gradient": lambda self, phases, targets: np.sin(phases - targets),
    }
    return type("Odd", (), own | parts)()


# what is done, and the argument that the one error names
MORE = {
    # relax
    "net: parameters": (lambda: relax(P, NET, X), "net"),
    "net: a class": (lambda: relax(Network, P, X), "net"),
    "net: an edge list": (lambda: relax(CHAIN, P, X), "net"),
    "parameters: the network": (lambda: relax(NET, NET, X), "parameters"),
    "parameters: flat": (lambda: relax(NET, P.flatten(), X), "parameters"),
    "parameters: None": (lambda: relax(NET, None, X), "parameters"),
    "couplings: masked": (
        lambda: relax(NET, parameters(couplings=np.ma.masked_less(P.couplings, 0)), X),
        "parameters.couplings",
    ),
    "couplings: infinite": (
        lambda: relax(NET, parameters(couplings=P.couplings + np.inf), X),
        "parameters.couplings",
    ),
    "bias_phase: text": (
        lambda: relax(NET, parameters(bias_phase=["0"] * 6), X),
        "parameters.bias_phase",
    ),
    "inputs: masked": (lambda: relax(NET, P, MASKED), "inputs"),
    "inputs: objects": (lambda: relax(NET, P, OBJECTS), "inputs"),
    "inputs: dates": (lambda: relax(NET, P, DATES), "inputs"),
    "inputs: booleans": (lambda: relax(NET, P, np.zeros((4, 2), bool)), "inputs"),
    "inputs: 1000 rad": (lambda: relax(NET, P, X + 1000), "inputs"),
    "inputs: degrees": (lambda: relax(NET, P, X + 180), "inputs"),
    "inputs: a task": (lambda: relax(NET, P, XOR), "inputs"),
    "inputs: complex": (lambda: relax(NET, P, X + 1j), "inputs"),
    "targets: masked": (lambda: nudged(targets=np.ma.masked_greater(T, 0)), "targets"),
    "targets: pixels": (lambda: nudged(targets=T * 255), "targets"),
    "targets: labels": (lambda: nudged(targets=[0, 1, 1, 0]), "targets"),
    "initial: masked": (
        lambda: relax(NET, P, X, initial=np.ma.masked_equal(PHASES, 0)),
        "initial",
    ),
    "initial: a word": (lambda: relax(NET, P, X, initial="random"), "initial"),
    "initial: 1000 rad": (lambda: relax(NET, P, X, initial=PHASES + 1000), "initial"),
    "initial: an Equilibrium": (lambda: relax(NET, P, X, initial=EQ), "initial"),
    "beta: 1e300": (lambda: nudged(beta=1e300), "beta"),
    "beta: 1e-320": (lambda: nudged(beta=1e-320), "beta"),
    "beta: huge integer": (lambda: nudged(beta=10**400), "beta"),
    "beta: complex": (lambda: nudged(beta=0.1j), "beta"),
    "beta: an array": (lambda: nudged(beta=np.array([0.1])), "beta"),
    "beta: below float32": (lambda: nudged(beta=1e-6, dtype="float32"), "beta"),
    "nudging: a flag": (lambda: nudged(nudging=True), "nudging"),
    "nudging: unknown": (lambda: nudged(nudging="constant"), "nudging"),
    "nudging: tangent, no equilibrium": (lambda: nudged(nudging="tangent"), "initial"),
    "seed: 2**130": (lambda: relax(NET, P, X, seed=2**130), "seed"),
    "seed: a flag": (lambda: relax(NET, P, X, seed=True), "seed"),
    "seed: None": (lambda: relax(NET, P, X, seed=None), "seed"),
    "seed: a generator": (lambda: relax(NET, P, X, seed=np.random.default_rng(0)), "seed"),
    "threads: text": (lambda: relax(NET, P, X, threads="2"), "threads"),
    "threads: a flag": (lambda: relax(NET, P, X, threads=True), "threads"),
    "warn: text": (lambda: relax(NET, P, X, warn="no"), "warn"),
    "warn: a number": (lambda: relax(NET, P, X, warn=0), "warn"),
    "tol and sweeps": (lambda: relax(NET, P, X, tol=1e-6, sweeps=5), "tol"),
    "sweeps and max_sweeps": (lambda: relax(NET, P, X, sweeps=5, max_sweeps=9), "max_sweeps"),
    "sweeps: a flag": (lambda: relax(NET, P, X, sweeps=True), "sweeps"),
    "sweeps: of the flow": (
        lambda: relax(NET, P, X, method="gradient_flow", sweeps=5),
        "sweeps",
    ),
    "max_time: of the sweep": (lambda: relax(NET, P, X, max_time=5.0), "max_time"),
    "dtype: of the reference": (
        lambda: relax(NET, P, X, method="reference", dtype="float32"),
        "dtype",
    ),
    "dtype: NumPy's": (lambda: relax(NET, P, X, dtype=np.float32), "dtype"),
    "tol: infinite": (lambda: relax(NET, P, X, tol=np.inf), "tol"),
    "tol: text": (lambda: relax(NET, P, X, tol="1e-6"), "tol"),
    "tol: a flag": (lambda: relax(NET, P, X, tol=True), "tol"),
    "method: a flag": (lambda: relax(NET, P, X, method=True), "method"),
    "times: NaN": (
        lambda: relax(NET, P, X, method="gradient_flow", times=[np.nan]),
        "times",
    ),
    "cost: a class": (lambda: nudged(cost=CrossEntropy), "cost"),
    "cost: None": (lambda: nudged(cost=None), "cost"),
    "cost: its slope is no function": (
        lambda: nudged(cost=odd_cost(slope="steep")),
        "slope",
    ),
    "cost: its slope cannot be compiled": (
        lambda: nudged(cost=odd_cost(slope=staticmethod(lambda c, s, a, b: open("x")))),
        "slope",
    ),
    "cost: its slope is not its gradient": (
        lambda: nudged(cost=odd_cost(slope=staticmethod(lambda c, s, a, b: c * b - s * a))),
        "slope",
    ),
    "cost: its slope takes angles": (
        lambda: nudged(cost=odd_cost(slope=staticmethod(lambda phase, target: phase - target))),
        "slope",
    ),
    # ep_gradient, implicit_gradient
    "gradient: net": (lambda: ep_gradient(P, NET, X, T), "net"),
    "gradient: targets before inputs": (lambda: ep_gradient(NET, P, T, X), "inputs"),
    "gradient: beta 1e300": (lambda: ep(beta=1e300), "beta"),
    "gradient: beta 1e-320": (lambda: ep(beta=1e-320), "beta"),
    "gradient: beta is a word": (lambda: ep(beta="centered"), "beta"),
    "gradient: beta NaN": (lambda: ep(beta=float("nan")), "beta"),
    "gradient: float32 hides beta": (lambda: ep(beta=1e-6, dtype="float32"), "beta"),
    "gradient: float32 hides beta, solver": (
        lambda: ep(beta=1e-6, method=GaussSeidel(dtype="float32")),
        "beta",
    ),
    "gradient: estimator is a class": (lambda: ep(estimator=Centered), "estimator"),
    "gradient: estimator None": (lambda: ep(estimator=None), "estimator"),
    "gradient: points of the centred": (lambda: ep(points=8), "points"),
    "gradient: points of an object": (lambda: ep(estimator=Holomorphic(8), points=4), "points"),
    "gradient: odd points": (lambda: ep(estimator="holomorphic", points=7), "points"),
    "gradient: points a flag": (lambda: ep(estimator="holomorphic", points=True), "points"),
    "gradient: method of the holomorphic": (
        lambda: ep(estimator="holomorphic", method="gradient_flow"),
        "method",
    ),
    "gradient: tol of the holomorphic": (
        lambda: ep(estimator="holomorphic", tol=1e-3),
        "tol",
    ),
    "gradient: dtype of the holomorphic": (
        lambda: ep(estimator="holomorphic", dtype="float32"),
        "dtype",
    ),
    "gradient: nudged_method of the holomorphic": (
        lambda: ep(estimator="holomorphic", nudged_method="fast"),
        "nudged_method",
    ),
    "gradient: initial_states a flag": (lambda: ep(initial_states=True), "initial_states"),
    "gradient: aligned, several states": (
        lambda: ep(initial="aligned", initial_states=3),
        "initial_states",
    ),
    "gradient: initial_states 2.0": (lambda: ep(initial_states=2.0), "initial_states"),
    "gradient: seed 2**130": (lambda: ep(seed=2**130), "seed"),
    "gradient: seed of a given start": (lambda: ep(seed="0"), "seed"),
    "gradient: nudged_method a flag": (lambda: ep(nudged_method=False), "nudged_method"),
    "gradient: inputs masked": (lambda: ep(inputs=MASKED), "inputs"),
    "gradient: targets 1000 rad": (lambda: ep(targets=T * 1000), "targets"),
    "gradient: threads 2.0": (lambda: ep(threads=2.0), "threads"),
    "exact: cost": (lambda: exact(cost="mse"), "cost"),
    "exact: method": (lambda: exact(method=3), "method"),
    "exact: seed": (lambda: exact(seed=-1), "seed"),
    "exact: targets NaN": (lambda: exact(targets=T * np.nan), "targets"),
    # Training, train
    "epochs: a flag": (lambda: Training(epochs=True), "epochs"),
    "epochs: 1e3": (lambda: Training(epochs=1e3), "epochs"),
    "batch_size: zero": (lambda: Training(batch_size=0), "batch_size"),
    "batch_size: text": (lambda: Training(batch_size="all"), "batch_size"),
    "initial_states: None": (lambda: Training(initial_states=None), "initial_states"),
    "start: free": (lambda: Training(start="zero"), "start"),
    "start: aligned, five states": (lambda: Training(start="aligned"), "initial_states"),
    "training beta: zero": (lambda: Training(beta=0), "beta"),
    "training beta: 1e300": (lambda: Training(beta=1e300), "beta"),
    "training beta: below float32": (lambda: Training(beta=1e-6), "beta"),
    "estimator: complex": (lambda: Training(estimator="holomorphic"), "estimator"),
    "training nudging: a flag": (lambda: Training(nudging=False), "nudging"),
    "training cost: a list": (lambda: Training(cost=["cosine"]), "cost"),
    "optimizer: a class": (lambda: Training(optimizer=SGD), "optimizer"),
    "optimizer: a number": (lambda: Training(optimizer=0.01), "optimizer"),
    "training schedule: a number": (lambda: Training(schedule=0.5), "schedule"),
    "coupling_decay: negative": (lambda: Training(coupling_decay=-0.1), "coupling_decay"),
    "coupling_decay: a flag": (lambda: Training(coupling_decay=True), "coupling_decay"),
    "coupling_decay: more than all": (
        lambda: Training(coupling_decay=1000.0),
        "coupling_decay",
    ),
    "solver: by name": (lambda: Training(solver="fast"), "solver"),
    "solver: a class": (lambda: Training(solver=GaussSeidel), "solver"),
    "nudged_solver: of another kind": (
        lambda: Training(nudged_solver=GradientFlow()),
        "nudged_solver",
    ),
    "test_solver: None": (lambda: Training(test_solver=None), "test_solver"),
    "record_every: zero": (lambda: Training(record_every=0), "record_every"),
    "snapshots: a number": (lambda: Training(snapshots=5), "snapshots"),
    "snapshots: twice": (lambda: Training(snapshots=(0, 0)), "snapshots"),
    "snapshots: descending": (lambda: Training(snapshots=(5, 0)), "snapshots"),
    "snapshots: fractions": (lambda: Training(snapshots=(0, 2.5)), "snapshots"),
    "snapshots: flags": (lambda: Training(snapshots=(False, True)), "snapshots"),
    "responses: one word": (lambda: Training(responses="nudge_response"), "responses"),
    "responses: unknown": (lambda: Training(responses=("nudge",)), "responses"),
    "responses: twice": (
        lambda: Training(responses=("nudge_response", "nudge_response")),
        "responses",
    ),
    "response_beta: text": (lambda: Training(response_beta="0.1"), "response_beta"),
    "response_beta: 1e-320": (lambda: Training(response_beta=1e-320), "response_beta"),
    "probe_samples: zero": (lambda: Training(probe_samples=0), "probe_samples"),
    "probe_states: aligned": (
        lambda: Training(start="aligned", initial_states=1, final_states=1, probe_states=3),
        "probe_states",
    ),
    "final_states: negative": (lambda: Training(final_states=-1), "final_states"),
    "callback: text": (lambda: Training(callback="stop"), "callback"),
    "train net: the task": (lambda: train(XOR, NET), "net"),
    "train task: by name": (lambda: train(NET, "xor"), "task"),
    "train task: arrays": (lambda: train(NET, (X, T)), "task"),
    "train seed: 2**130": (lambda: trained(seed=2**130), "seed"),
    "train seed: a flag": (lambda: trained(seed=True), "seed"),
    "train seeds": (lambda: trained(seed=(0, 1)), "seed"),
    "train threads: zero": (lambda: trained(threads=0), "threads"),
    "train progress: text": (lambda: trained(progress="no"), "progress"),
    "train parameters: flat": (lambda: trained(parameters=P.flatten()), "parameters"),
    "train parameters: NaN": (
        lambda: trained(parameters=parameters(couplings=P.couplings * np.nan)),
        "parameters.couplings",
    ),
    "train training: a dict": (lambda: trained(training={"epochs": 3}), "training"),
    "train store: a number": (lambda: trained(store=3), "store"),
    "train store: remote": (lambda: trained(store="s3://bucket/x.zarr"), "store"),
    "train checkpoint_every: zero": (lambda: trained(checkpoint_every=0), "checkpoint_every"),
    "train cost: classes": (lambda: trained(cost="cross_entropy"), "targets"),
    # evaluate
    "evaluate net": (lambda: tested(net=XOR), "net"),
    "evaluate task": (lambda: tested(task="xor"), "task"),
    "evaluate task of another size": (lambda: tested(task=load_task("iris")), "task"),
    "evaluate parameters": (lambda: tested(parameters=None), "parameters"),
    "evaluate initial_states": (lambda: tested(initial_states=0), "initial_states"),
    "evaluate aligned, several": (
        lambda: tested(start="aligned", initial_states=5),
        "initial_states",
    ),
    "evaluate start": (lambda: tested(start="free"), "start"),
    "evaluate seed: text": (lambda: tested(seed="0"), "seed"),
    "evaluate seed: negative": (lambda: tested(seed=-1), "seed"),
    "evaluate solver": (lambda: tested(solver="newton"), "solver"),
    "evaluate cost": (lambda: tested(cost="mse"), "cost"),
    "evaluate cost of classes": (lambda: tested(cost="cross_entropy"), "targets"),
    "evaluate threads": (lambda: tested(threads=-1), "threads"),
    # ensembles
    "case net": (lambda: case(net=P), "net"),
    "case task": (lambda: case(task="xor"), "task"),
    "case training": (lambda: case(training={"epochs": 3}), "training"),
    "case seeds: a number": (lambda: case(seeds=3), "seeds"),
    "case seeds: none": (lambda: case(seeds=()), "seeds"),
    "case seeds: twice": (lambda: case(seeds=(1, 1)), "seeds"),
    "case seeds: flags": (lambda: case(seeds=(True,)), "seeds"),
    "case seeds: text": (lambda: case(seeds="01"), "seeds"),
    "case seeds: 2**130": (lambda: case(seeds=(2**130,)), "seeds"),
    "case traits: a list": (lambda: case(traits=["a"]), "traits"),
    "case traits: None inside": (lambda: case(traits={"size": None}), "traits"),
    "case traits: arrays": (lambda: case(traits={"size": [1, 2]}), "traits"),
    "case of another task": (lambda: case(task=load_task("iris")), "task"),
    "ensemble: a list": (lambda: train_ensemble([case()]), "cases"),
    "ensemble: nothing": (lambda: train_ensemble({}), "cases"),
    "ensemble: no case": (lambda: train_ensemble({"a": NET}), "cases"),
    "ensemble workers": (lambda: train_ensemble({"a": case()}, workers=0), "workers"),
    "ensemble workers: a flag": (lambda: train_ensemble({"a": case()}, workers=True), "workers"),
    "ensemble scheduler": (
        lambda: train_ensemble({"a": case()}, scheduler="thread"),
        "scheduler",
    ),
    "ensemble name": (lambda: train_ensemble({"a/b": case()}, scheduler="threads"), "cases"),
    "ensemble name: a number": (lambda: train_ensemble({1: case()}, scheduler="threads"), "cases"),
    "select: no such trait": (lambda: select(COMPARED, shell=1), "shell"),
    "select: text for a number": (lambda: select(COMPARED, shells="4"), "shells"),
    "select: a run": (lambda: select(RESULT, shells=1), "ds"),
    "select: a list": (lambda: select([1], shells=1), "ds"),
    # responses and energies
    "response eq": (lambda: nudge_response(NET, P, EQ.phases, T), "eq"),
    "response beta 1e300": (lambda: nudge_response(NET, P, EQ, T, beta=1e300), "beta"),
    "response targets": (lambda: nudge_response(NET, P, EQ, T * 1000), "targets"),
    "response cost": (lambda: nudge_response(NET, P, EQ, -T, cost="cross_entropy"), "targets"),
    "energy of 1000 rad": (lambda: energy(NET, P, PHASES + 1000), "phases"),
    "force of masked phases": (
        lambda: force(NET, P, np.ma.masked_equal(PHASES, 0)),
        "phases",
    ),
    # networks
    "network name: a number": (lambda: network(name=3), "name"),
    "network traits: a list": (lambda: network(traits=["family"]), "traits"),
    "network traits: None": (lambda: network(traits={"size": None}), "traits"),
    "network labels: twice": (lambda: network(labels=["a", "a", "b"]), "labels"),
    "network labels: too few": (lambda: network(labels=["a"]), "labels"),
    "network edges: booleans": (lambda: network(edges=np.ones((2, 2), bool)), "edges"),
    "network edges: masked": (
        lambda: network(edges=np.ma.masked_equal(CHAIN, 2)),
        "edges",
    ),
    "network inputs: a mask": (lambda: network(inputs=[True, False, False]), "inputs"),
    "network outputs: text": (lambda: network(outputs="2"), "outputs"),
    "network coupling_scale: negative": (
        lambda: network(coupling_scale=-1.0),
        "coupling_scale",
    ),
    "network bias_scale: negative": (lambda: network(bias_scale=-0.5), "bias_scale"),
    "network lengths: negative": (lambda: network(lengths=[1.0, -1.0]), "lengths"),
    "network shell: fractions": (lambda: network(shell=[0.5, 1]), "shell"),
    "network n_sites: a flag": (lambda: network(n_sites=True), "n_sites"),
    "parameters seed: 2**130": (lambda: NET.init_parameters(2**130), "seed"),
    "parameters seed: a flag": (lambda: NET.init_parameters(True), "seed"),
    "parameters wires: text": (lambda: LABELLED.init_parameters(0, wires="strong"), "wires"),
    "parameters wires: NaN": (lambda: LABELLED.init_parameters(0, wires=np.nan), "wires"),
    "site: unknown": (lambda: LABELLED.site((9, 9)), "label"),
    "periodic: text": (
        lambda: square_lattice((3, 3), *CORNERS, periodic="no"),
        "periodic",
    ),
    "periodic: a number": (lambda: square_lattice((3, 3), *CORNERS, periodic=1), "periodic"),
    "shared: text": (lambda: stacked_lattices((9, 9), shared="no"), "shared"),
}


@pytest.mark.parametrize("name", MORE)
def test_one_error_names_the_argument(name):
    call, argument = MORE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
    message = str(caught.value)
    assert re.search(rf"(?<!\w){re.escape(argument)}(?!\w)", message.split(";")[0]), message


def test_right_results_of_odd_input():
    """What looks odd and is not: each is what it says."""
    many = relax(NET, P, X, seed=2**63, threads=np.int32(1))
    assert many.converged.all()
    unmasked = np.ma.masked_array(X, mask=False)
    np.testing.assert_array_equal(relax(NET, P, unmasked).phases, EQ.phases)
    turned = parameters(bias_phase=P.bias_phase + 2 * np.pi)  # a whole turn is none
    np.testing.assert_allclose(energy(NET, turned, EQ.phases), energy(NET, P, EQ.phases))
    assert select(COMPARED, shells=3).sizes["network"] == 0
    assert select(COMPARED, shells=[4, 9])["network"].values.tolist() == ["b"]
    assert case(seeds=range(3)).seeds == case(seeds=np.arange(3)).seeds == (0, 1, 2)
    assert trained(snapshots=[0, 1]).sizes["snapshot"] == 2


def test_there_are_many_more():
    assert len(MORE) >= 120
