"""A tree as notebook 02 makes it, from numbers that are put in."""

import numpy as np
import xarray as xr

from xyep.paper.studies.epochs import looks

LATTICE = {"family": "lattice", "kind": "square", "size": 11, "skip_range": 0, "skips": 0}
LIMIT = 20000


def coordinates(traits):
    """Over `network`, "" and NaN where a trait is missing."""
    kinds = {name: str if isinstance(t[name], str) else float for t in traits for name in t}
    empty = {str: "", float: np.nan}
    return {"network": [f"net{k}" for k in range(len(traits))]} | {
        name: ("network", [t.get(name, empty[kind]) for t in traits])
        for name, kind in kinds.items()
    }


def seen(epochs, limit=LIMIT):
    """As they are seen at the looks: NaN beyond the last."""
    grid = np.array(looks(limit), float)
    place = np.searchsorted(grid, epochs)
    return np.where(place < len(grid), grid[np.minimum(place, len(grid) - 1)], np.nan)


def dataset(traits, epochs, **attrs):
    seeds = np.arange(np.shape(epochs)[1])
    dims = ("network", "seed")
    values = {"epochs": (dims, seen(np.asarray(epochs))), "seconds": (dims, np.ones_like(epochs))}
    return xr.Dataset(values, coordinates(traits) | {"seed": seeds}, {"limit": LIMIT} | attrs)


def tree(
    slope=1.0,
    offset=0.0,  # of four shells from the line, in log10
    kind=0.0,  # of triangular lattices
    growth=0.0,  # from size 7 to 21
    thinned=1.0,  # epochs of thinned lattices over those of nearest neighbours
    dense=80.0,  # epochs of all-to-all networks
    wires=(40, 40, 40),
    cut=(2, 1, 0),
    far=4.0,  # epochs at distance 4 over those at distance 2
    longer=1.0,  # with twice the nudged sweeps over those with half
    seeds=40,
):
    rng = np.random.default_rng(1)
    traits, epochs, known, felt, hops, longest = [], [], [], [], [], []

    def add(group, response, shift, size=11, **more):
        traits.append(LATTICE | {"size": size, "group": group, "n_couplings": 220} | more)
        mean = 1.5 + slope * response + shift
        epochs.append(10 ** (mean + 0.2 * rng.standard_normal(seeds)))
        known.append(len(traits) - 1)
        felt.append(-response)
        hops.append(more["distance"])
        longest.append({1: 1.0, 2: 2**0.5, 4: 5**0.5}[more["shells"]])

    for s, decay in ((1, 0.7), (2, 0.45), (4, 0.3)):
        for d in (1, 2, 3, 4):
            add("map", decay * d, offset * (s == 4), shells=s, distance=d)
    for size in (7, 21):
        shift = growth * np.log2(size / 7) / np.log2(3)
        for s, decay in ((1, 0.7), (4, 0.3)):
            middle = growth * np.log2(11 / 7) / np.log2(3)
            add("size", decay * 2, shift - middle, size, shells=s, distance=2)
    for s, decay in ((1, 0.5), (2, 0.3)):
        for d in (1, 2, 3, 4):
            add("other", decay * d, kind, shells=s, distance=d, kind="triangular")
    for d in (2, 3):
        traits.append(
            LATTICE
            | {"group": "thinned", "shells": 4, "distance": d, "thinned": d, "n_couplings": 220}
        )
        epochs.append(thinned * 10 ** (1.5 + slope * 0.7 * d + 0.2 * rng.standard_normal(seeds)))
    traits.append({"family": "all_to_all", "group": "dense", "size": 21, "n_couplings": 210})
    epochs.append(dense * 10 ** (0.1 * rng.standard_normal(seeds)))
    responses = xr.Dataset(
        {
            "log_response": (("network", "seed"), np.array(felt)[:, None] + np.zeros(4)),
            "hops": ("network", hops),
            "longest": ("network", longest),
        },
        {"network": [f"net{k}" for k in known], "seed": np.arange(4)},
    )

    def starts(**counts):
        rows, times = [], []
        for start, solved in counts.items():
            for d, k in zip((2, 4, 8), solved):
                rows.append(
                    LATTICE | {"shells": 1, "distance": d, "start": start, "wire_strength": 300.0}
                )
                times.append(np.where(np.arange(seeds) < k, 400.0, np.inf))
        return dataset(rows, times)

    rates = [
        LATTICE | {"shells": s, "distance": 2, "learning_rate": rate}
        for rate in (0.01, 0.02, 0.05)
        for s in (1, 4)
    ]
    tried = [[{0.01: 300, 0.02: 200, 0.05: 400}[t["learning_rate"]]] * 6 for t in rates]
    nudged = [
        LATTICE | {"shells": s, "distance": d, "nudged_sweeps": n}
        for n in (4, 8, 16)
        for s in (1, 4)
        for d in (2, 4)
    ]
    times = [
        100.0
        * far ** (t["distance"] == 4)
        * longer ** np.log2(t["nudged_sweeps"] / 4)
        * 10 ** (0.1 * rng.standard_normal(seeds))
        for t in nudged
    ]
    left = [0.3 * (t["nudged_sweeps"] == 4) for t in nudged]
    solver = [
        {"family": "all_to_all", "size": 6, "solver": name} for name in ("fast", "gradient_flow")
    ]
    share = np.array([np.arange(seeds) < k for k in (40, 38)], float)
    compared = xr.Dataset(
        {"test_solved": (("network", "seed"), share)},
        coordinates(solver) | {"seed": np.arange(seeds)},
    )
    found = xr.DataTree.from_dict(
        {
            "epochs": dataset(traits, epochs),
            "responses": responses,
            "wires": starts(wires=wires),
            "controls": starts(cut=cut, scattered=(1, 0, 0), random=(0, 0, 0)),
            "strengths": starts(wires=(5, 10, 20)),
            "sweeps": dataset(nudged, np.array(times)).assign(unreached=("network", left)),
            "rates": dataset(rates, np.array(tried, float)),
            "solver_comparison": compared,
        }
    )
    found.attrs = {"parameters": {"compare_epochs": 300}}
    return found
