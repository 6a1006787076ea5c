"""Verdicts follow from the numbers, in either direction."""

import numpy as np
import pytest
import xarray as xr

from xyep.paper import claims
from xyep.paper.figures import measures
from xyep.paper.figures.guidelines import enough_states
from xyep.paper.figures.iris import best_pair


def runs(k, n):
    return np.arange(n) < k


def test_wilson_interval_of_textbook_cases():
    """Against the values of Newcombe (1998), Statist. Med. 17, 857: 81/263, 15/148, 0/20, 1/29."""
    for k, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert measures.wilson(k, n) == pytest.approx((low, high), abs=1e-4)


def test_better_has_a_direction_and_needs_enough_runs():
    assert measures.better(runs(18, 20), runs(5, 20)) and not measures.better(
        runs(5, 20), runs(18, 20)
    )
    assert not measures.better(runs(3, 4), runs(1, 4)) and not measures.better(
        runs(7, 9), runs(7, 9)
    )


def test_paired_test_counts_seeds_not_conditions():
    """Forty conditions of four seeds, all in favour of one side, are four cases: p = 2/2⁴."""
    a = np.ones((40, 4), bool)
    assert measures.paired_p(a, ~a) == pytest.approx(2 / 2**4)
    assert measures.paired_p(a, a) == 1.0


def images(**accuracy):
    """A tree of image networks: name → (test accuracies, validation accuracy, couplings)."""
    nodes = {}
    for name, (test, validation, couplings) in accuracy.items():
        ds = xr.Dataset(
            {
                "test_accuracy": ("seed", np.array(test)),
                "validation_accuracy": (("seed", "epoch"), [[validation]] * len(test)),
            }
        )
        nodes[name] = ds.assign_attrs(n_couplings=couplings)
    return xr.DataTree.from_dict(nodes)


def test_sparse_claim_takes_networks_by_validation_and_couplings():
    tree = images(
        layered_9=([0.97, 0.97], 0.99, 1000),
        lcl_1=([0.975, 0.975], 0.96, 200),
        lcl_2=([0.99, 0.99], 0.98, 400),
    )
    verdict, text = claims._sparse(tree)  # the second has too many couplings
    assert verdict == "reproduced" and "local, 1 channel 97.50" in text and "200" in text
    assert (
        claims._sparse(images(layered_9=([0.97, 0.97], 0.9, 1000), lcl_1=([0.96, 0.96], 0.9, 250)))[
            0
        ]
        == "not reproduced"
    )


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        ([0.95, 0.951, 0.952], "yes"),
        ([0.90, 0.901, 0.902], "no"),
        ([0.91, 0.93, 0.95], "not decided"),
    ],
)
def test_comparison_of_two_networks(second, verdict):
    tree = images(lcl_1=([0.92, 0.921, 0.922], 0.9, 1), lcl_4=(second, 0.9, 1))
    assert claims._compare("lcl_1", "lcl_4", ("yes", "no"))(tree)[0] == verdict


def iris(lattice, dense):
    names = {
        "beside_square_5x5_shells4": lattice,
        "edges_square_5x5_shells4": [0.5] * len(lattice),
        "all_to_all_8": dense,
    }
    return images(**{name: (test, np.mean(test), 10) for name, test in names.items()})


def test_iris_is_compared_run_by_run():
    tree = iris([0.90, 0.80, 0.97], [0.91, 0.80, 0.97])
    verdict, text = claims._iris(tree)
    assert verdict == "reproduced" and "(inputs beside outputs)" in text
    assert best_pair({n: tree[n].to_dataset() for n in tree})[2] == pytest.approx([-1, 0, 0])
    # the spread over folds, which both share, does not hide a difference
    assert claims._iris(iris([0.88, 0.78, 0.94], [0.91, 0.80, 0.97]))[0] == "not reproduced"


def test_enough_initial_states():
    solved = np.zeros((1, 3, 10))
    solved[0, 0, :4], solved[0, 1, :9], solved[0, 2, :10] = 1, 1, 1
    ds = xr.Dataset(
        {"test_solved": (("shells", "initial_states", "seed"), solved)},
        {"shells": [1], "initial_states": [1, 2, 5]},
    )
    assert enough_states(ds)[1] == 2


def skips(few, many, left):
    """Two networks on one lattice: how many of 20 seeds solve XOR, and what share of the response is left after training."""
    rng = np.random.default_rng(0)
    solved = np.array([[runs(k, 20) for k in (few, many)]], float)
    after = np.stack([x * rng.lognormal(size=20) for x in left])[None]
    far = np.stack([np.ones_like(after), after], axis=-1)
    dims = ("placement", "network", "seed")
    coords = {
        "network": ["shells1", "skip3"],
        "lattice_size": ("placement", [11]),
        "input_distance": ("placement", [4]),
    }
    variables = {
        "test_solved": (dims, solved),
        "far_response": ((*dims, "snapshot"), far),
        "output_response": ((*dims, "snapshot"), far * 0 + 1),
    }
    return xr.DataTree.from_dict({"skips": xr.Dataset(variables, coords, {"far": 3})})


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (skips(2, 15, (0.01, 0.3)), "reproduced"),
        (skips(2, 15, (0.3, 0.01)), "partly"),
        (skips(9, 10, (0.01, 0.3)), "partly"),
        (skips(15, 2, (0.3, 0.01)), "not reproduced"),
    ],
)
def test_skips_must_help_and_keep_the_response(case, verdict):
    assert claims._skips(case)[0] == verdict
