"""A tree as notebook 03 makes it, from numbers that are put in."""

import numpy as np
import xarray as xr

SIZE, SEEDS = 7, 40
STATES = ["epoch 0", "epoch 100", "epoch 2000", "noise", "scrambled"]
LATTICE = {"family": "lattice", "kind": "square", "size": SIZE, "periodic": False}


def coordinates(traits):
    return {name: ("network", [t[name] for t in traits]) for name in traits[0]}


def runs(k, n=SEEDS):
    return np.arange(n) < k


def responses(populations, weaker, noise):
    """`populations`: runs with two of them, by state; `weaker`: factor of training."""
    rng = np.random.default_rng(0)
    row, column = np.divmod(np.arange(SIZE**2), SIZE)
    role = np.where((row == 5) & (column == 5), "output", "hidden")
    role[[5 * SIZE + 3, 3 * SIZE + 5]] = "input"
    away = np.hypot(row - 5, column - 5)
    factor = np.array([1.0, 0.9, weaker, noise, 1.0])[:, None, None]
    nudge = np.exp(-away) * factor * rng.lognormal(0, 0.2, (2, 5, SEEDS, SIZE**2))
    nudge[..., role == "input"] = 0.0
    two = np.stack([runs(k) * 20.0 for k in populations])
    traits = [LATTICE | {"shells": s, "distance": 2, "skip_range": 0, "skips": 0} for s in (1, 4)]
    dims, each = ("network", "state", "seed"), ("network", "site")
    return xr.Dataset(
        {
            "nudge_response": ((*dims, "site"), nudge),
            "input_response": ((*dims, "site"), nudge),
            "populations": (dims, np.stack([two, two])),
            "test_solved": (dims[::2], np.stack([runs(30), runs(40)]) * 1.0),
        },
        {"network": ["a", "b"], "state": STATES, "seed": np.arange(SEEDS), **coordinates(traits)}
        | {"role": (each, [role] * 2), "output_distance": (each, [away] * 2)},
        {"far": 3},
    )


KINDS = ("none", "2", "4", "6", "random")


def skips(solved, tells):
    """`solved`: of each kind, at two distances; `tells`: how much the signal says of success."""
    rng, traits, found = np.random.default_rng(1), [], []
    for distance, counts in zip((4, 6), solved, strict=True):
        for kind, k in zip(KINDS, counts, strict=True):
            more = {"skip_range": int(kind) if kind.isdigit() else 0}
            more["skips"] = 0 if kind == "none" else 55
            more |= {"n_couplings": 220 + more["skips"], "shells": 1, "distance": distance}
            traits.append(LATTICE | more)
            found.append(runs(k))
    found = np.array(found, float)
    dims = ("network", "seed", "snapshot")
    signal = rng.normal(size=(*found.shape, 3)) + tells * found[..., None]
    return xr.Dataset(
        {
            "test_solved": (dims[:2], found),
            "far_response": (dims, rng.lognormal(size=(*found.shape, 3))),
            "signal": (dims, np.exp(signal)),
        },
        {"network": [f"n{k}" for k in range(len(traits))], "seed": np.arange(SEEDS)}
        | {"snapshot": [0, 100, 2000], **coordinates(traits)},
        {"far": 3},
    )


def cuts(solved):
    """`solved`: nothing, carriers, others, skips, neighbours."""
    arms, dims = ["nothing", "carriers", "others", "skips", "neighbours"], ("arm", "seed")
    values = np.array([runs(k) for k in solved], float)
    return xr.Dataset(
        {"test_solved": (dims, values), "cut": (dims, values * 0 + 28)}
        | {"cut_size": (dims, values * 0 + 1.1), "far_response": (dims, values * 0 + 0.4)},
        {"arm": arms, "seed": np.arange(SEEDS)},
        {"epoch": 100, "kind": "5", "distance": 6, "share": 0.1},
    )


def tree(
    populations=(4, 5, 6, 5, 4),
    weaker=0.5,
    noise=0.8,
    solved=((0, 10, 25, 36, 30), (0, 4, 20, 36, 30)),
    tells=2.0,
    arms=(36, 12, 34, 10, 33),
):
    found = xr.DataTree.from_dict(
        {
            "responses": responses(populations, weaker, noise),
            "skips": skips(solved, tells),
            "cuts": cuts(arms),
        }
    )
    found.attrs = {"parameters": {"epochs": 2000, "learning_rate": 0.02}}
    return found
