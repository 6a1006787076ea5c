"""Notebooks 02 and 03: XOR trained on many networks, and responses of lattices over training."""

import numpy as np
import xarray as xr

from ...cost import LogCosine
from ...ensembles import Case, train_ensemble
from ...lattices import all_to_all, layered, xor_lattice
from ...relaxation import GaussSeidel, GradientFlow
from ...tasks import load_task
from ...training import make_training


def xor_networks(lattice_sizes, shells):
    """All-to-all, layered and square lattices with the inputs beside the output ("near") and as far as the lattice allows ("far")."""
    networks = {
        "all_to_all_6": all_to_all(6),
        "all_to_all_10": all_to_all(10),
        "layered_2-4-1": layered([2, 4, 1]),
    }
    for size in lattice_sizes:
        for place, distance in (("near", 1), ("far", size - 1)):
            for s in shells:
                networks[f"{place}_square_{size}x{size}_shells{s}"] = xor_lattice(size, s, distance)
    return networks


def xor_ensembles(networks, training, seeds, **keywords):
    """One node a network, over `seeds` seeds."""
    cases = {
        name: Case(net, load_task("xor"), training, tuple(range(seeds)))
        for name, net in networks.items()
    }
    return {
        name: node.to_dataset()
        for name, node in train_ensemble(cases, title="ensembles", **keywords).items()
    }


def success_map(sizes, shells, distances, training, seeds, **keywords):
    """Solved share over lattice size × shells × distance × seed; NaN where the lattice is too small for the distance."""
    task, cases = load_task("xor"), {}
    training = make_training(training, snapshots=())
    for size in sizes:
        for s in shells:
            for d in distances:
                if d < size:
                    cases[f"map_{size}_{s}_{d}"] = Case(
                        xor_lattice(size, s, d), task, training, tuple(range(seeds))
                    )
    tree = train_ensemble(cases, title="success map", **keywords)
    solved, distance = np.full(
        (2, len(sizes), len(shells), len(distances), seeds), np.nan, np.float32
    )
    for name, node in tree.items():
        size, s, d = map(int, name.split("_")[1:])
        place = sizes.index(size), shells.index(s), distances.index(d)
        solved[place], distance[place] = node["test_solved"], node["test_mismatch"]
    dims = ("lattice_size", "shells", "distance", "seed")
    attrs = {"training": training.describe()}
    return xr.Dataset(
        {"test_solved": (dims, solved), "test_mismatch": (dims, distance)},
        {
            "lattice_size": list(sizes),
            "shells": list(shells),
            "distance": list(distances),
            "seed": np.arange(seeds),
        },
        attrs,
    )


def compare_solvers(networks, epochs, seeds, **keywords):
    """XOR trained with `fast` and with `gradient_flow`, else alike: solved share over solver × network × seed.

    The cost is softened (κ = 0.95), as an output drawn into the pole of the logarithmic cost is arbitrarily stiff for any explicit
    integrator. Tolerance and time limit of the flow follow the code published for arXiv:2402.08579.
    """
    solvers = {
        "fast": GaussSeidel(tol=1e-3, max_sweeps=1000),
        "gradient_flow": GradientFlow(tol=1e-3, rtol=1e-3, atol=1e-3, max_time=300.0),
    }
    task, cases = load_task("xor"), {}
    for method, solver in solvers.items():
        training = make_training(
            epochs=epochs, cost=LogCosine(0.95), solver=solver, record_every=epochs
        )
        cases |= {
            f"{method}:{n}".replace(":", "__"): Case(net, task, training, tuple(range(seeds)))
            for n, net in networks.items()
        }
    tree = train_ensemble(cases, title="fast against gradient flow", **keywords)
    solved = np.array(
        [[tree[f"{m}__{n}"]["test_solved"].values for n in networks] for m in solvers]
    )
    unconverged = np.array(
        [[tree[f"{m}__{n}"]["unconverged"].values[:, -1] for n in networks] for m in solvers]
    )
    dims = ("solver", "network", "seed")
    coords = {"solver": list(solvers), "network": list(networks), "seed": np.arange(seeds)}
    attrs = {m: tree[f"{m}__{next(iter(networks))}"].attrs["training"] for m in solvers}
    return xr.Dataset(
        {"test_solved": (dims, solved), "unconverged": (dims, unconverged)}, coords, attrs
    )


def response_ensembles(placements, shells, training, seeds, **keywords):
    """Square lattices with snapshots of couplings and responses, one node for each (size, distance) and number of shells."""
    cases = {}
    for size, d in placements:
        for s in shells:
            attrs = {"lattice_size": size, "input_distance": d, "shells": s}
            net = xor_lattice(size, s, d)
            cases[f"d{d}_square_{size}x{size}_shells{s}"] = Case(
                net, load_task("xor"), training, tuple(range(seeds)), attrs
            )
    nodes = {}
    for name, node in train_ensemble(cases, title="responses", **keywords).items():
        from_output = cases[name].net.distance_from("output")
        nodes[name] = node.to_dataset().assign_coords(
            output_distance=("site", from_output, {"units": "lattice constant"})
        )
    return nodes


def response_size(ds):
    """rms nudge response over the probes, (seed, snapshot, site); its median over seeds is what the figures show."""
    return np.sqrt((ds["nudge_response"].astype(float) ** 2).mean("sample"))


def by_distance(values, ds):
    """Mean over the free sites at each distance from the output, along a new dimension ``output_distance``."""
    free = values.isel(site=np.flatnonzero(ds["role"].values != "input"))
    return free.groupby("output_distance").mean()


def skip_networks(size, distance, shells, skip_range, seed=0):
    """XOR lattices with couplings out to several shells, and nearest-neighbour ones with longer couplings, more than nearest ones, added.

    "skip3": also between sites 3 (`skip_range`) apart along rows and columns; "random": as many more between random pairs drawn by `seed`.
    """
    networks = {f"shells{s}": xor_lattice(size, s, distance) for s in shells}
    skips = xor_lattice(size, 1, distance, skip_range=skip_range)
    more = skips.n_couplings - xor_lattice(size, 1, distance).n_couplings
    return networks | {
        f"skip{skip_range}": skips,
        "random": xor_lattice(size, 1, distance, skips=more, skip_seed=seed),
    }


FAR = 3  # lattice constants from the output, from where on a site is far


def skip_training(placements, shells, skip_range, training, seeds, **keywords):
    """XOR on `skip_networks`: what is solved, and the far nudge response before and after training.

    placements : (size, distance of the inputs) of each lattice. Random couplings are drawn anew for each seed.

    Returns a Dataset over (placement, network, seed) and, for responses, snapshot (0, epochs): rms over the patterns in the limit β → 0,
    averaged over the free sites at least `FAR` from the output (`far_response`), and at the output itself (`output_response`), both in rad.
    """
    shots = (0, training.epochs)
    training = make_training(
        training, snapshots=shots, responses=("nudge_response",), response_beta=0.0, probe_samples=4
    )
    cases = {}
    for size, d in placements:
        for seed in range(seeds):
            for name, net in skip_networks(size, d, shells, skip_range, seed).items():
                cases[f"{name}_{size}_{d}_{seed}"] = Case(net, load_task("xor"), training, (seed,))
    tree = train_ensemble(cases, title="skips", **keywords)
    names = list(skip_networks(*placements[0], shells, skip_range))
    shape = (len(placements), len(names), seeds)
    solved, couplings, far, output = (
        np.empty(shape),
        np.empty(shape[:2], int),
        *np.empty((2, *shape, len(shots))),
    )
    for p, n, seed in np.ndindex(shape):
        case = "_".join(map(str, (names[n], *placements[p], seed)))
        net, response = cases[case].net, response_size(tree[case].to_dataset()).values[0]
        is_far = (net.distance_from("output") >= FAR) & (net.role == "hidden")
        solved[p, n, seed], couplings[p, n] = tree[case]["test_solved"].item(), net.n_couplings
        far[p, n, seed], output[p, n, seed] = (
            response[:, is_far].mean(axis=1),
            response[:, net.outputs[0]],
        )
    dims, rad = ("placement", "network", "seed"), {"units": "rad"}
    lattices = {
        name: ("placement", [p[k] for p in placements])
        for k, name in enumerate(("lattice_size", "input_distance"))
    }
    return xr.Dataset(
        {
            "test_solved": (dims, solved),
            "far_response": ((*dims, "snapshot"), far, rad),
            "output_response": ((*dims, "snapshot"), output, rad),
            "n_couplings": (dims[:2], couplings),
        },
        {"network": names, "seed": np.arange(seeds), "snapshot": list(shots)} | lattices,
        {"skip_range": skip_range, "far": FAR, "training": training.describe()},
    )
