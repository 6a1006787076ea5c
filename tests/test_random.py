"""Random numbers as functions of seed and counters."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xyep.random import normal, permutation, phases, uniform

SEEDS = st.integers(0, 2**64 - 1)


@given(SEEDS, SEEDS, st.integers(1, 20), st.integers(1, 7), st.data())
def test_rows_are_rows_of_the_whole(seed, counter, rows, columns, data):
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    for function in (uniform, phases):
        for shape in [(rows, columns), (rows,), (rows, columns, 2)]:
            whole = function(shape, seed, 3, counter)
            part = function(shape, seed, 3, counter, rows=(start, stop))
            np.testing.assert_array_equal(part, whole[start:stop])
            # rows do not depend on how many there are
            np.testing.assert_array_equal(
                function((2 * rows, *shape[1:]), seed, 3, counter)[:rows], whole
            )


def test_distributions():
    n = 200_000
    for seed in (0, 1, 2**63):
        u, phi, z = uniform(n, seed), phases(n, seed), normal(n, seed)
        assert 0 <= u.min() and u.max() < 1 and np.abs(phi).max() < np.pi
        assert stats.kstest(u, "uniform").pvalue > 1e-3
        assert stats.kstest(phi, "uniform", (-np.pi, 2 * np.pi)).pvalue > 1e-3
        assert stats.kstest(z, "norm").pvalue > 1e-3
        moments = [np.mean(z**k) for k in range(1, 5)]
        errors = np.sqrt(np.array([1, 2, 15, 96]) / n)  # variances of z, z², z³, z⁴
        np.testing.assert_array_less(np.abs(np.array(moments) - [0, 1, 0, 3]), 4.5 * errors)
        assert abs(np.mean(z[::2] * z[1::2])) < 4.5 / np.sqrt(n / 2)


def test_counters_and_seeds_give_independent_numbers():
    draws = [
        uniform(10_000, *key) for key in [(0,), (1,), (0, 1), (0, 0, 1), (0, 1, 1), (2**64 - 1,)]
    ]
    draws.append(stats.norm.cdf(normal(10_000, 0)))
    assert np.abs(np.corrcoef(draws) - np.eye(len(draws))).max() < 0.05
    np.testing.assert_array_equal(uniform(5, 7), uniform(5, 7, 0, 0))


@given(st.integers(0, 50), SEEDS)
def test_permutations(n, seed):
    np.testing.assert_array_equal(np.sort(permutation(n, seed)), np.arange(n))


def test_all_permutations_are_alike():
    count = np.bincount([permutation(4, 5, k) @ [64, 16, 4, 1] for k in range(2400)])
    count = count[count > 0]
    assert len(count) == 24 and stats.chisquare(count).pvalue > 1e-3


def test_shapes():
    for function in (uniform, phases, normal):
        assert function(3, 0).shape == (3,) and function((), 0).shape == ()
        assert function((2, 0, 3), 0).shape == (2, 0, 3) and function((3, 3), 0).shape == (3, 3)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: uniform(3, -1), "seed"),
        (lambda: uniform(3, 2**64), "seed"),
        (lambda: uniform(3, 0.5), "seed"),
        (lambda: uniform(3, True), "seed"),
        (lambda: uniform(-3, 0), "shape"),
        (lambda: uniform((3, 2.0), 0), "shape"),
        (lambda: uniform(3, 0, -1), "counter"),
        (lambda: uniform(3, 0, 1, 2, 3), "counter"),
        (lambda: uniform(3, 0, rows=(2, 4)), "rows"),
        (lambda: uniform(3, 0, rows=(2, 1)), "rows"),
        (lambda: permutation(-1, 0), "n"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises((TypeError, ValueError), match=f"^{name}"):
        call()


def test_the_numbers_are_pinned():
    """On any machine and version: a seed of a stored result means the same numbers for ever."""
    numbers = uniform(1001, 3, 1, 2), phases(1001, 3, 1, 2), normal(1001, 3, 1, 2)
    numbers += (permutation(1001, 3, 1, 2).astype("<i8"),)
    found = [sha256(np.ascontiguousarray(x).tobytes()).hexdigest()[:16] for x in numbers]
    assert found == ["4f445bde7c72e48a", "e0d14e60677b4c99", "759e202770ef12a1", "2aeeb52a1080b381"]
