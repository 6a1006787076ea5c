"""Notebook 04: Iris on networks of growing size."""

import numpy as np
import xarray as xr

from ...ensembles import Case, train_ensemble
from ...lattices import all_to_all, iris_lattice, layered
from ...network import Parameters
from ...optimizers import Adam
from ...relaxation import GaussSeidel, relax
from ...tasks import load_task
from ...training import make_training

INPUTS, OUTPUTS, FOLDS = 4, 3, 5

#: How Iris is trained, but for what `tune_iris` compares.
IRIS = {
    "initial_states": 1,
    "schedule": "cosine",
    "responses": (),
    "probe_samples": 1,
    "final_states": 20,
}

#: How equilibria are reached where their cost is measured, alike for all networks, before and after training.
TO_EQUILIBRIUM = GaussSeidel(tol=1e-6, max_sweeps=5000)

#: Seeds of `tune_iris` start here, so that no run whose settings are chosen has the split of a run that is tested.
TUNING_SEED = 1000

KEPT = (
    "cost",
    "accuracy",
    "validation_accuracy",
    "unconverged",
    "test_accuracy",
    "test_unconverged",
    "seconds",
)


def iris_fold(seed):
    """Five seeds in turn test each flower once; the next five shuffle the flowers anew."""
    return load_task("iris", fold=seed % FOLDS, folds=FOLDS, seed=seed // FOLDS)


def iris_networks(sizes, shells, all_to_all_sizes, hidden):
    """Dense networks by their sites or hidden sites, and square lattices by placement of inputs and outputs, size and shells."""
    networks = {f"all_to_all_{n}": all_to_all(n, INPUTS, OUTPUTS) for n in all_to_all_sizes}
    networks |= {f"layered_{INPUTS}-{n}-{OUTPUTS}": layered([INPUTS, n, OUTPUTS]) for n in hidden}
    for placement, smallest in (("beside", 3), ("edges", 4)):
        for size in sizes:
            for s in shells:
                if size >= smallest:
                    networks[f"{placement}_square_{size}x{size}_shells{s}"] = iris_lattice(
                        size, s, placement
                    )
    return networks


def _cases(name, net_of, training, seeds):
    """One case a seed, as the task depends on it."""
    return {f"{name}__{s}": Case(net_of(s), iris_fold(s), training, (s,)) for s in seeds}


def tune_iris(networks, costs, learning_rates, epochs, seeds, **keywords):
    """Validation accuracy after training over cost × learning rate × network × seed; no test image is looked at."""
    seeds, cases = range(TUNING_SEED, TUNING_SEED + seeds), {}
    settings = [(cost, rate) for cost in costs for rate in learning_rates]
    for cost, rate in settings:
        options = {
            "epochs": epochs,
            "record_every": epochs,
            "cost": cost,
            "optimizer": Adam(rate),
            "final_states": 0,
        }
        training = make_training(**IRIS | options)
        for name, net in networks.items():
            cases |= _cases(f"{cost}_{rate}_{name}", lambda seed, net=net: net, training, seeds)
    tree = train_ensemble(cases, title="tuning", **keywords)
    right = [tree[name]["validation_accuracy"].item(-1) for name in cases]
    dims = {
        "cost": list(costs),
        "learning_rate": list(learning_rates),
        "network": list(networks),
        "seed": list(seeds),
    }
    values = np.reshape(right, [len(values) for values in dims.values()])
    return xr.Dataset(
        {"validation_accuracy": (list(dims), values)}, dims, {"training": training.describe()}
    )


def best_settings(ds):
    """LogCosine and learning rate with the highest mean validation accuracy over networks and seeds, alike for all networks."""
    mean = ds["validation_accuracy"].mean(("network", "seed"))
    best = mean.isel(mean.argmax(mean.dims))
    return {"cost": best["cost"].item(), "optimizer": Adam(best["learning_rate"].item())}


def iris_ensembles(networks, settings, epochs, seeds, mapped=(), **keywords):
    """One node a network, over seeds, each with its fold; those named in `mapped` keep couplings and biases before and after training."""
    return _ensembles(
        {name: lambda seed, net=net: net for name, net in networks.items()},
        settings,
        epochs,
        seeds,
        mapped,
        **keywords,
    )


def iris_skips(size, shells, skips, settings, epochs, seeds, **keywords):
    """Lattices with inputs and outputs on opposite edges and a number of long couplings, which each seed draws anew."""
    networks = {}
    for n in skips:
        name = f"edges_square_{size}x{size}_shells{shells}_skips{n}"
        networks[name] = lambda seed, n=n: iris_lattice(
            size, shells, "edges", skips=n, skip_seed=seed
        )
    return _ensembles(networks, settings, epochs, seeds, **keywords)


def _ensembles(networks, settings, epochs, seeds, mapped=(), **keywords):
    """`networks` are functions of the seed."""
    training = make_training(
        epochs=epochs, record_every=max(1, epochs // 20), snapshots=(0, epochs), **IRIS | settings
    )
    cases, seeds = {}, range(seeds)
    for name, net_of in networks.items():
        cases |= _cases(name, net_of, training, seeds)
    tree, nodes = train_ensemble(cases, title="ensembles", **keywords), {}
    for name, net_of in networks.items():
        runs = []
        for seed in seeds:
            ds = tree[f"{name}__{seed}"].to_dataset()
            more = ["coupling", "bias_amplitude", "bias_phase"] if name in mapped else []
            runs.append(ds[[*KEPT, *more]].assign(_sweeps(net_of(seed), ds.isel(seed=0), seed)))
        ds = xr.concat(
            runs,
            "seed",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            combine_attrs="drop_conflicts",
        )
        net = net_of(0)
        sizes = {
            "n_sites": net.n_sites,
            "n_free": net.n_free,
            "wire_length": float(net.lengths.sum()),
        }
        nodes[name] = ds.assign_coords(
            fold=("seed", [seed % FOLDS for seed in seeds])
        ).assign_attrs(sizes)
    return nodes


def _sweeps(net, ds, seed):
    """Mean sweeps from random initial states to the free equilibria of the test flowers, and how many were cut short, (seed, snapshot)."""
    inputs, sweeps, short = iris_fold(seed).test.inputs, [], []
    for shot in range(ds.sizes["snapshot"]):
        parameters = Parameters(
            *(
                ds[name].values[shot].astype(float)
                for name in ("coupling", "bias_amplitude", "bias_phase")
            )
        )
        eq = relax(net, parameters, inputs, seed=seed, method=TO_EQUILIBRIUM, warn=False)
        sweeps.append(eq.iterations.mean())
        short.append(eq.n_unconverged)
    attrs = {
        "long_name": f"mean sweeps to a free equilibrium of residual {TO_EQUILIBRIUM.tol:g}",
        "units": "1",
    }
    more = {
        "long_name": f"test flowers not at rest after {TO_EQUILIBRIUM.max_sweeps} sweeps",
        "units": "1",
    }
    dims = ("seed", "snapshot")
    return {
        "free_sweeps": (dims, np.array([sweeps], np.float32), attrs),
        "free_unconverged": (dims, np.array([short]), more),
    }
