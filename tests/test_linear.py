"""The factorisation against dense linear algebra, and its bits on another processor."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from xyep.kernels.linear import Factorisation, envelope, narrow_order


def symmetric(n, density, seed, kind):
    """A random sparse symmetric matrix, definite, indefinite or complex."""
    rng = np.random.default_rng(seed)
    half = random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    matrix = (half + half.T).toarray()
    if kind == "complex":
        other = random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
        matrix = matrix + 1j * (other + other.T).toarray()
    strength = np.abs(matrix).sum(axis=1)
    sign = rng.choice([-1.0, 1.0], n) if kind == "indefinite" else 1.0
    return matrix + np.diag(sign * (strength + rng.uniform(0.1, 1.0, n)))


@given(
    st.integers(1, 40),
    st.floats(0.0, 0.6),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["definite", "indefinite", "complex"]),
)
def test_solutions_are_those_of_dense_algebra(n, density, seed, kind):
    matrix = symmetric(n, density, seed, kind)
    factorisation = Factorisation(csr_array(matrix))
    rng = np.random.default_rng(seed)
    for shape in [(n,), (n, 3)]:
        source = rng.normal(size=shape)
        found = factorisation.solve(source)
        assert found.shape == shape and found.dtype == matrix.dtype
        np.testing.assert_allclose(found, np.linalg.solve(matrix, source), rtol=1e-11, atol=1e-12)


@given(st.integers(2, 25), st.integers(0, 2**32 - 1))
def test_negative_pivots_count_negative_eigenvalues(n, seed):
    """Without dominant diagonal: Sylvester's law holds whichever way the pivots fall."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(n, n))
    matrix = half + half.T
    factorisation = Factorisation(csr_array(matrix))
    if factorisation.smallest_pivot > 1e-6:
        assert factorisation.negative_pivots == (np.linalg.eigvalsh(matrix) < 0).sum()
        x = rng.normal(size=n)
        np.testing.assert_allclose(factorisation.solve(matrix @ x), x, rtol=1e-6, atol=1e-6)


def test_the_product_of_the_factors_is_the_matrix():
    matrix = symmetric(30, 0.1, 0, "indefinite")
    factorisation = Factorisation(csr_array(matrix))
    order, first, start = factorisation.envelope
    lower = np.zeros_like(matrix)
    for i in range(30):
        lower[i, first[i] : i + 1] = factorisation._values[start[i] : start[i + 1]]
    np.fill_diagonal(lower, 1.0)
    product = lower * factorisation.pivots @ lower.T
    np.testing.assert_allclose(product, matrix[np.ix_(order, order)], atol=1e-12)


@given(st.integers(1, 30), st.floats(0.0, 0.5), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_an_order_is_a_permutation_with_the_last_rows_last(n, density, seed, last):
    last = min(last, n)
    order = narrow_order(csr_array(symmetric(n, density, seed, "definite")), last)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(order[n - last :], np.arange(n - last, n))


def lattice_matrix(size):
    """A square lattice of size × size sites with numbers in random order."""
    place = np.random.default_rng(0).permutation(size * size).reshape(size, size)
    matrix = np.diag(np.full(size * size, 4.5))
    for a, b in [(place[1:], place[:-1]), (place[:, 1:], place[:, :-1])]:
        matrix[a.ravel(), b.ravel()] = matrix[b.ravel(), a.ravel()] = -1.0
    return csr_array(matrix)


def test_the_envelope_of_a_lattice_is_as_wide_as_the_lattice():
    matrix = lattice_matrix(12)
    band = envelope(matrix, narrow_order(matrix))
    assert np.diff(band.start).max() <= 14
    assert np.diff(envelope(matrix, np.arange(144)).start).max() > 100


def test_a_read_out_widens_the_envelope_of_no_other_row():
    matrix = np.eye(50) * 60
    matrix[-3:, :], matrix[:, -3:] = 1.0, 1.0
    band = envelope(csr_array(matrix), narrow_order(csr_array(matrix), 3))
    np.testing.assert_array_equal(np.diff(band.start), [1] * 47 + [48, 49, 50])


def test_small_pivots_are_reported_not_raised():
    singular = csr_array(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert Factorisation(singular).smallest_pivot == 0.0
    swapped = csr_array(np.array([[1e-12, 1.0], [1.0, 0.0]]))
    factorisation = Factorisation(swapped, np.arange(2))
    assert factorisation.smallest_pivot < 1e-20 and factorisation.negative_pivots == 1
    np.testing.assert_allclose(factorisation.solve(np.array([1.0, 2.0])), [2.0, 1.0], rtol=1e-9)
    empty = Factorisation(csr_array((0, 0)))
    assert empty.smallest_pivot == 1.0 and empty.solve(np.empty(0)).shape == (0,)


@pytest.mark.parametrize("kind", ["definite", "indefinite", "complex"])
def test_one_step_of_refinement_leaves_errors_of_rounding_only(kind):
    matrix = symmetric(200, 0.03, 1, kind)
    x = np.random.default_rng(2).normal(size=200)
    found = Factorisation(csr_array(matrix)).solve(matrix @ x)
    np.testing.assert_allclose(found, x, rtol=0, atol=1e-13)


def digest():
    parts = hashlib.sha256()
    for kind in ("definite", "indefinite", "complex"):
        matrix = csr_array(symmetric(60, 0.1, 3, kind))
        parts.update(Factorisation(matrix).solve(np.linspace(-1, 1, 60)).tobytes())
        parts.update(Factorisation(lattice_matrix(9)).solve(np.eye(81)[:, :5]).tobytes())
    return parts.hexdigest()


def test_the_same_bits_on_another_processor():
    other = dict(os.environ, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    other["NPY_DISABLE_CPU_FEATURES"] = "AVX2 FMA3 AVX512F"
    other["PYTHONWARNINGS"] = "ignore"
    code = "from test_linear import digest; print(digest())"
    folder = os.path.dirname(__file__)
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=other, capture_output=True, text=True
    )
    assert found.stdout.strip() == digest(), found.stderr
