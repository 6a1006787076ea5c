"""Studies, as a notebook calls them."""

import numpy as np
import xarray as xr

import xyep


def _cases(networks, training, seeds):
    xor = xyep.load_task("xor")
    return {name: xyep.Case(net, xor, training, seeds) for name, net in networks.items()}


def ensembles(networks, training, seeds, **keywords):
    return xyep.train_ensemble(_cases(networks, training, range(seeds)), **keywords).to_dataset()


def responses(networks, training, seeds, **keywords):
    """With a node for each network."""
    return xyep.train_ensemble(_cases(networks, training, range(seeds)), **keywords)


def skips(size, training, seeds, **keywords):
    """Each seed has random skips of its own: a case a seed, one network in what is returned."""
    drawn = {
        f"{n}_{seed}": (xyep.xor_lattice(size, skips=n or None, skip_seed=seed), seed)
        for n in (0, 2, 4)
        for seed in range(seeds)
    }
    cases = {}
    for name, (net, seed) in drawn.items():
        cases |= _cases({name: net}, training, (seed,))
    tree = xyep.train_ensemble(cases, **keywords)
    solved, felt = np.empty((2, 3, seeds))
    for k, n in enumerate((0, 2, 4)):
        for seed in range(seeds):
            node = tree[f"{n}_{seed}"].to_dataset(inherit=False).sel(seed=seed)
            solved[k, seed] = tree["test_solved"].sel(network=f"{n}_{seed}", seed=seed)
            felt[k, seed] = np.abs(node["nudge_response"].isel(snapshot=-1, site=-1)).mean()
    dims = ("network", "seed")
    return xr.Dataset(
        {"test_solved": (dims, solved), "output_response": (dims, felt)},
        {"network": ["0", "2", "4"], "seed": np.arange(seeds)},
    )
