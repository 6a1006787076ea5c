"""Notebook 03: what travels through lattices that learn XOR, and what happens when it is cut."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...cases import Case
from ...datasets import load_task
from ...ensembles import cores, train_ensemble
from ...lattices import xor_lattice
from ...linear_response import LinearResponse, polished
from ...network import Network, Parameters
from ...random import permutation, uniform
from ...records import parameters_of
from ...relaxation import relax
from ...settings import Training, make_training
from ...tasks import Task
from ...workers import compute

#: Lattice constants from the output, from where on a site is far.
FAR = 3
#: Random initial states for each pattern, at whose equilibria responses are taken.
STATES = 2
# streams of random numbers within one seed
_PLACES, _SIGNS, _OTHERS = (1 << 21) + 1, (1 << 21) + 2, (1 << 21) + 3


def noise_task() -> Task:
    """XOR's patterns, each with either target: there is nothing to learn from them."""
    xor = load_task("xor")
    inputs = np.concatenate([xor.inputs, xor.inputs])
    return Task("xor_noise", inputs, np.concatenate([xor.targets, -xor.targets]))


class Response(NamedTuple):
    """Responses at equilibria of XOR's patterns, root mean squares over patterns and states.

    nudge : (site,) movement of each site, in rad for 1 rad of the output, under nudging
    input : (site,) movement of each site, in rad for 1 rad of an input; over both inputs
    current : (coupling,) torque that the nudge response sends through each coupling
    """

    nudge: NDArray[np.float64]
    input: NDArray[np.float64]
    current: NDArray[np.float64]


def response(net: Network, own: tuple[Parameters, int]) -> Response:
    """At equilibria from random states; `own` has the parameters, and the seed of the states.

    The nudge response δφ_i of one output is its torque times (H⁻¹)_io. Taken over that of the
    output itself, (H⁻¹)_io/(H⁻¹)_oo, it depends on neither target nor error, and so can be compared
    before and after training, and between lattices that learn and lattices that do not.
    """
    parameters, seed = own
    inputs = np.repeat(load_task("xor").inputs, STATES, axis=0)
    eq = relax(net, parameters, inputs, seed=seed, tol=1e-6, max_sweeps=5000, warn=False)
    n, output, (i, j) = net.n_inputs, int(net.outputs[0]), net.edges.T
    couplings = parameters.couplings[net.parameter]
    squares = [np.zeros(net.n_sites), np.zeros(net.n_sites), np.zeros(net.n_couplings)]
    for state in eq.phases:
        phases = polished(net, parameters, state, steps=1)
        linear = LinearResponse(net, parameters, phases)
        nudge, felt = np.zeros(net.n_sites), np.zeros((net.n_sites, n))
        nudge[output], felt[:n] = 1.0, np.eye(n)
        nudge[n:] = linear.solve(nudge[n:])
        nudge /= nudge[output]
        felt[n:] = -linear.solve(linear.hessian[n:, :n].toarray())
        current = couplings * np.cos(phases[i] - phases[j]) * (nudge[i] - nudge[j])
        for total, part in zip(squares, (nudge**2, (felt**2).mean(axis=1), current**2)):
            total += part / len(eq.phases)
    return Response(*map(np.sqrt, squares))


def responses(
    wanted: Mapping[Any, tuple[Network, Parameters, int]],
    workers: int | None,
    scheduler: str | None,
) -> dict[Any, Response]:
    """`response` of each (network, parameters, seed) under its key."""
    found: dict[Any, Response] = {}
    calls = [(key, net, (parameters, seed)) for key, (net, parameters, seed) in wanted.items()]
    workers = cores() if workers is None else workers
    compute(response, calls, found.__setitem__, workers, scheduler or "processes")
    return found


def scrambled(net: Network, parameters: Parameters, seed: int) -> Parameters:
    """The same |J| at other places with random signs; biases stay."""
    n = len(parameters.couplings)
    sign = np.where(uniform(n, seed, _SIGNS) < 0.5, -1.0, 1.0)
    moved = np.abs(parameters.couplings)[permutation(n, seed, _PLACES)]
    return parameters._replace(couplings=sign * moved)


def two_populations(values: NDArray[np.float64]) -> float:
    """By how much BIC prefers two Gaussians to one, for numbers whose two peaks are apart.

    Zero where Ashman's D = √2 |μ₁ − μ₂|/√(σ₁² + σ₂²) is at most 2: these make one peak only.
    """
    from sklearn.mixture import GaussianMixture

    column = np.asarray(values, float)[:, None]
    options = {"random_state": 0, "init_params": "random_from_data", "reg_covar": 1e-4}
    one, two = (GaussianMixture(k, n_init=3 * k - 2, **options).fit(column) for k in (1, 2))
    (a, b), (s, t) = two.means_[:, 0], two.covariances_[:, 0, 0]
    apart = np.sqrt(2) * abs(a - b) / np.sqrt(s + t)
    return float(one.bic(column) - two.bic(column)) if apart > 2 else 0.0


def traits_over(nets: Sequence[Network]) -> dict[str, Any]:
    """Traits of lattices as coordinates over ``network``."""
    rows = [{**net.traits, "n_couplings": net.n_couplings} for net in nets]
    return {name: ("network", np.array([row[name] for row in rows])) for name in rows[0]}


def in_rows(net: Network, values: NDArray[Any]) -> NDArray[Any]:
    """Values of the sites, from row to row, whatever their numbers."""
    return values[np.lexsort(np.array(net.labels.tolist()).T[::-1])]


def travelling(
    size: int,
    places: Sequence[tuple[int, int]],
    snapshots: Sequence[int],
    training: Training,
    seeds: int,
    first: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
    **keywords: Any,
) -> xr.Dataset:
    """Responses of lattices before, while and after they learn XOR, and of controls.

    places : (shells, distance of the inputs) of each lattice

    Returns a Dataset over (network, state, seed, site), sites from row to row. States: the epochs
    of `snapshots`; "noise", after as many epochs of training on targets that no input predicts; and
    "scrambled", the couplings after training moved to other places, with random signs.
    `populations` says by how much two Gaussians are preferred to one for the logarithms of the
    responses of the hidden sites (`two_populations`), for the nudge response.
    """
    nets = {f"shells{s}_distance{d}": xor_lattice(size, s, d) for s, d in places}
    shots = {f"epoch {epoch}": epoch for epoch in snapshots}
    states, numbers = [*shots, "noise", "scrambled"], range(first, first + seeds)
    training = make_training(training, snapshots=tuple(snapshots), responses=(), probe_samples=1)
    tasks = {"xor": load_task("xor"), "noise": noise_task()}
    cases = {
        f"{name}_{task}": Case(net, tasks[task], training, tuple(numbers))
        for name, net in nets.items()
        for task in tasks
    }
    where = {"workers": workers, "scheduler": scheduler}
    tree = train_ensemble(cases, title="responses", **where, **keywords)
    wanted = {}
    for name, net in nets.items():
        for seed in numbers:
            learned, noise = (tree[f"{name}_{task}"].to_dataset() for task in tasks)
            of_state = {text: parameters_of(learned, k, seed) for k, text in enumerate(shots)}
            of_state["noise"] = parameters_of(noise, -1, seed)
            last = of_state[states[len(shots) - 1]]
            of_state["scrambled"] = scrambled(net, last, seed)
            wanted |= {(name, s, seed): (net, p, seed) for s, p in of_state.items()}
    found = responses(wanted, **where)
    shape = len(nets), len(states), seeds
    nudge, felt = np.empty((2, *shape, size * size), np.float32)
    populations = np.empty(shape)
    for (name, state, seed), one in found.items():
        net, at = nets[name], (list(nets).index(name), states.index(state), seed - first)
        nudge[at], felt[at] = in_rows(net, one.nudge), in_rows(net, one.input)
        populations[at] = two_populations(np.log10(one.nudge[net.role == "hidden"]))
    row, column = np.divmod(np.arange(size * size), size)
    dims, each = ("network", "state", "seed"), ("network", "site")
    solved = [tree["test_solved"].sel(network=f"{name}_xor").values for name in nets]
    return xr.Dataset(
        {
            "nudge_response": ((*dims, "site"), nudge, {"units": "rad/rad"}),
            "input_response": ((*dims, "site"), felt, {"units": "rad/rad"}),
            "populations": (
                dims,
                populations,
                {"long_name": "BIC of one Gaussian less that of two", "units": "1"},
            ),
            "test_solved": (("network", "seed"), np.array(solved)),
        },
        {
            "network": list(nets),
            "state": states,
            "seed": list(numbers),
            "row": ("site", row, {"long_name": "row", "units": "1"}),
            "column": ("site", column, {"long_name": "column", "units": "1"}),
            "role": (each, [in_rows(net, net.role) for net in nets.values()]),
            "output_distance": (
                each,
                [in_rows(net, net.distance_from("output")) for net in nets.values()],
            ),
            "input_distance": (
                each,
                [in_rows(net, net.distance_from("input")) for net in nets.values()],
            ),
            **traits_over(list(nets.values())),
        },
        {"far": FAR, "training": json.dumps(training.describe())},
    )


def skip_network(size: int, distance: int, count: int, kind: str, seed: int) -> Network:
    """A nearest-neighbour lattice and `count` further couplings that `seed` draws.

    kind : "none", for no more; the range of skips along rows and columns, in digits; or "random",
        between any pairs
    """
    if kind == "none":
        return xor_lattice(size, 1, distance)
    skip_range = None if kind == "random" else int(kind)
    return xor_lattice(size, 1, distance, skip_range=skip_range, skips=count, skip_seed=seed)


def skips(
    size: int,
    distances: Sequence[int],
    count: int,
    kinds: Sequence[str],
    snapshots: Sequence[int],
    training: Training,
    seeds: int,
    kept: tuple[int, str],
    first: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
    **keywords: Any,
) -> dict[str, xr.Dataset]:
    """XOR on `skip_network` of each kind and distance: what is solved, and what travels meanwhile.

    snapshots : epochs, the last of them the end
    kept : (distance, kind) of the network whose parameters are kept, for `cuts`

    Returns a Dataset over (network, seed, snapshot) of the nudge response, averaged over the hidden
    sites from `FAR` lattice constants on (`far_response`), and of the movement of the output for
    one of an input (`signal`); and node "early", the kept parameters after the second snapshot.
    """
    training = make_training(training, snapshots=tuple(snapshots), responses=(), probe_samples=1)
    numbers, names = range(first, first + seeds), [(d, k) for d in distances for k in kinds]
    cases = {
        f"distance{d}_{kind}_{seed}": Case(
            skip_network(size, d, count, kind, seed), load_task("xor"), training, (seed,)
        )
        for d, kind in names
        for seed in numbers
    }
    where = {"workers": workers, "scheduler": scheduler}
    tree = train_ensemble(cases, title="skips", **where, **keywords)
    wanted, early, solved = {}, [], np.empty((len(names), seeds))
    for n, (d, kind) in enumerate(names):
        for seed in numbers:
            name = f"distance{d}_{kind}_{seed}"
            node, net = tree[name].to_dataset(), cases[name].net
            solved[n, seed - first] = tree["test_solved"].sel(network=name, seed=seed)
            for k in range(len(snapshots)):
                wanted[n, seed - first, k] = net, parameters_of(node, k, seed), seed
            if (d, kind) == tuple(kept):
                early.append(parameters_of(node, 1, seed))
    far, signal = np.empty((2, len(names), seeds, len(snapshots)))
    for at, one in responses(wanted, **where).items():
        net = wanted[at][0]
        is_far = (net.distance_from("output") >= FAR) & (net.role == "hidden")
        far[at], signal[at] = one.nudge[is_far].mean(), one.input[net.outputs[0]]
    dims = ("network", "seed", "snapshot")
    found = xr.Dataset(
        {
            "test_solved": (dims[:2], solved),
            "far_response": (dims, far, {"units": "rad/rad"}),
            "signal": (dims, signal, {"long_name": "output's input response", "units": "rad/rad"}),
        },
        {
            "network": [f"distance{d}_{kind}" for d, kind in names],
            "seed": list(numbers),
            "snapshot": list(snapshots),
            **traits_over([skip_network(size, d, count, kind, first) for d, kind in names]),
        },
        {"far": FAR, "training": json.dumps(training.describe())},
    )
    parts = {
        name: (("seed", name), np.array([getattr(p, name) for p in early], np.float32))
        for name in Parameters._fields
    }
    about = {"size": size, "distance": kept[0], "count": count, "kind": kept[1]}
    about["epoch"] = snapshots[1]
    return {"": found, "early": xr.Dataset(parts, {"seed": list(numbers)}, about)}


@dataclass(frozen=True)
class Given:
    """Initial parameters of a `Case` that are known."""

    parameters: Parameters

    def __call__(self, net: Network, seed: int) -> Parameters:
        return self.parameters


#: What is cut; see `cut`.
ARMS = ("nothing", "carriers", "others", "skips", "neighbours")


def cut(net: Network, arm: str, share: float, current: NDArray[Any], size: NDArray[Any], seed: int):
    """Numbers of the couplings to cut, none of them at an input or the output.

    "carriers": the part `share` of all couplings through which most of the nudge response goes;
    "others": as many, each the one of nearest |J| (`size`) to a carrier among those that carry less
    than the middle one; "skips": all skips; "neighbours": as many couplings of nearest neighbours.
    """
    ends = np.isin(net.edges, [*net.inputs, *net.outputs]).any(axis=1)
    inner = np.flatnonzero(~ends)
    skip = inner[net.shell[inner] == 0]
    order = inner[np.argsort(-current[inner], kind="stable")]
    carriers = order[: round(share * net.n_couplings)]
    if arm == "carriers":
        return carriers
    if arm == "others":
        left = list(order[len(order) // 2 :])
        return np.array([left.pop(int(np.argmin(abs(size[left] - size[c])))) for c in carriers])
    if arm == "neighbours":
        near = inner[net.shell[inner] == 1]
        return near[permutation(len(near), seed, _OTHERS)[: len(skip)]]
    return skip if arm == "skips" else np.zeros(0, int)


def cuts(
    early: xr.Dataset,
    share: float,
    training: Training,
    workers: int | None = None,
    scheduler: str | None = None,
    **keywords: Any,
) -> xr.Dataset:
    """Training goes on from `early` parameters after couplings are cut, each of `ARMS` in turn.

    Returns a Dataset over (arm, seed): what is solved in the end, how many couplings are cut, their
    mean |J|, and the far nudge response and the signal right after the cut, over those before it.
    """
    about, numbers = early.attrs, early["seed"].values.tolist()
    training = make_training(training, epochs=training.epochs - int(about["epoch"]))
    place = *(int(about[name]) for name in ("size", "distance", "count")), str(about["kind"])
    nets = {seed: skip_network(*place, seed) for seed in numbers}
    given = {
        seed: Parameters(
            *(early[name].sel(seed=seed).values.astype(float) for name in Parameters._fields)
        )
        for seed in numbers
    }
    where = {"workers": workers, "scheduler": scheduler}
    whole = responses({s: (nets[s], given[s], s) for s in numbers}, **where)
    cases, removed, sizes = {}, {}, {}
    for seed, net in nets.items():
        size = np.abs(given[seed].couplings)
        for arm in ARMS:
            gone = cut(net, arm, share, whole[seed].current, size, seed)
            stay = np.delete(np.arange(net.n_couplings), gone)
            left = given[seed]._replace(couplings=given[seed].couplings[stay])
            pairs = [tuple(map(tuple, pair)) for pair in net.labels[net.edges[gone]].tolist()]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of sites that are left alone
                rest = net.without(couplings=pairs) if len(gone) else net
            cases[f"{arm}_{seed}"] = Case(
                rest, load_task("xor"), training, (seed,), initial=Given(left)
            )
            removed[arm, seed] = len(gone)
            sizes[arm, seed] = size[gone].mean() if len(gone) else np.nan
    tree = train_ensemble(cases, title="cuts", **where, **keywords)
    cases_of = {(a, s): cases[f"{a}_{s}"] for a, s in removed}
    after = responses(
        {(a, s): (case.net, case.parameters(s), s) for (a, s), case in cases_of.items()}, **where
    )
    dims, shape = ("arm", "seed"), (len(ARMS), len(numbers))
    values = np.empty((5, *shape))
    for (arm, seed), one in after.items():
        net, before = nets[seed], whole[seed]
        is_far = (net.distance_from("output") >= FAR) & (net.role == "hidden")
        output = net.outputs[0]
        values[:, ARMS.index(arm), numbers.index(seed)] = (
            tree["test_solved"].sel(network=f"{arm}_{seed}", seed=seed),
            removed[arm, seed],
            sizes[arm, seed],
            one.nudge[is_far].mean() / before.nudge[is_far].mean(),
            one.input[output] / before.input[output],
        )
    words = {
        "test_solved": "share of initial states from which all is solved",
        "cut": "couplings cut",
        "cut_size": "mean |J| of the couplings cut",
        "far_response": "far nudge response after the cut over that before",
        "signal": "output's input response after the cut over that before",
    }
    return xr.Dataset(
        {
            name: (dims, part, {"long_name": text, "units": "1"})
            for (name, text), part in zip(words.items(), values)
        },
        {"arm": list(ARMS), "seed": numbers},
        dict(about) | {"share": share},
    )
