"""A tree as notebook 04 makes it, from numbers that are put in."""

import numpy as np
import xarray as xr

RUNS, RATES = 50, [0.1, 0.2, 0.4]
LATTICE = {"family": "lattice", "kind": "square", "skip_range": 0, "skips": 0}
NETWORKS = [
    ({"family": "all_to_all", "size": 10, "n_couplings": 39}, 0),
    ({"family": "layered", "sizes": "4-6-3", "n_couplings": 42}, 1),
    (LATTICE | {"size": 5, "shells": 1, "n_couplings": 40}, 2),
    (LATTICE | {"size": 9, "shells": 1, "n_couplings": 144}, 3),
    (LATTICE | {"size": 5, "shells": 4, "n_couplings": 146}, 3),
]


def coordinates(traits):
    text = {name for t in traits for name in t if isinstance(t[name], str)}
    names = {name for t in traits for name in t}
    return {
        n: ("network", [t.get(n, "" if n in text else np.nan) for t in traits]) for n in names
    } | {"network": [f"n{k}" for k in range(len(traits))]}


def scattered(means, seed, width=0.02):
    """(network, run) accuracies; divisions scatter alike in all networks."""
    rng = np.random.default_rng(seed)
    alike = np.repeat(np.random.default_rng(9).normal(0, width, RUNS // 5), 5)
    return np.array(means)[:, None] + alike + rng.normal(0, 0.004, (len(means), RUNS))


def nested(traits, means, seed):
    """The second rate is best in validation; the third in the test, which must not be looked at."""
    right = scattered(means, seed)
    test = np.stack([right - 0.1, right, right + 0.1], axis=1)
    validation = np.stack([right - 0.1, right, right - 0.05], axis=1)
    dims = ("network", "learning_rate", "run")
    return xr.Dataset(
        {"test_accuracy": (dims, test), "validation_accuracy": (dims, validation)}
        | {"validation_cost": (dims, 1 - validation)},
        {"learning_rate": RATES, "run": np.arange(RUNS), **coordinates(traits)},
    )


def baselines(means):
    right = scattered(means, 5)[:, None] - np.array([0.0, 0.1, 0.2])[:, None]
    dims = ("classifier", "setting", "run")
    names = ["linear discriminant", "logistic regression", "ReLU network, 16 hidden"]
    return xr.Dataset(
        {"test_accuracy": (dims, right), "validation_accuracy": (dims, right)}
        | {"validation_cost": (dims, 1 - right), "setting_value": (dims[:2], right[..., 0])},
        {"classifier": names, "setting": np.arange(3), "run": np.arange(RUNS)},
    )


def tree(
    iris=(0.95, 0.95, 0.95, 0.951),  # all-to-all, layered, nearest neighbours, larger lattices
    digits=(0.87, 0.86, 0.77, 0.87),
    plain=((0.952, 0.95, 0.951), (0.85, 0.86, 0.94)),
    size=0.0,  # change from the smallest to the largest
    distance=-0.1,  # from the nearest to the farthest
):
    nodes = {}
    traits = [t for t, _ in NETWORKS]
    for k, (table, means) in enumerate((("iris", iris), ("digits", digits))):
        nodes[table] = nested(traits, [means[m] for _, m in NETWORKS], k)
        nodes[f"{table}_baselines"] = baselines(plain[k])
    rows = [(s, d, n) for s in (1, 4) for d in (1, 2, 4) for n in (9, 13, 17)]
    means = [0.95 + size * (n - 9) / 8 + distance * (d - 1) / 3 for _, d, n in rows]
    traits = [
        LATTICE | {"shells": s, "distance": d, "size": n, "n_couplings": 4 * n} for s, d, n in rows
    ]
    nodes["rows"] = nested(traits, means, 7)
    return xr.DataTree.from_dict(nodes)
