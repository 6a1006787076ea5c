"""Linear equations with a sparse symmetric matrix, solved in one fixed order of operations.

A = L D Lᵀ without pivoting, L of unit lower triangle and D diagonal, for float64 and for complex
symmetric (not Hermitian) matrices. Elimination fills a row of L only between its first entry and
the diagonal, its *envelope*, so that each row is kept as one piece of an array:

    entry (i, k), first[i] ≤ k ≤ i, is values[start[i] + k − first[i]]

For a lattice in Cuthill–McKee order the envelope is a band about as wide as the lattice. No BLAS,
whose sums differ between processors, and no sort that leaves the order of ties open: the same bits
everywhere. Without pivoting the error grows where a pivot is small, which `Factorisation` reports,
and which one step of refinement makes up for as long as it is not extreme; where A is positive
definite, as the Hessian of a stable equilibrium is, this cannot happen.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from . import inline, kernel


class Envelope(NamedTuple):
    """Where the entries of L lie."""

    order: np.ndarray  # (n,) row i of L is row order[i] of the matrix
    first: np.ndarray  # (n,) first column of row i
    start: np.ndarray  # (n + 1,) where in `values` row i begins; its last entry is the diagonal


@kernel
def _cuthill_mckee(indptr, indices, starts, degree):
    """Visit by visit away from each of `starts` that is not yet visited, of low degree first."""
    order, seen = np.empty(len(degree), np.intp), np.zeros(len(degree), np.bool_)
    done, found = 0, 0
    for start in starts:
        if seen[start]:
            continue
        order[found], seen[start], found = start, True, found + 1
        while done < found:
            i, fresh = order[done], found
            done += 1
            for j in indices[indptr[i] : indptr[i + 1]]:
                if j < len(degree) and not seen[j]:
                    seen[j], place = True, found
                    while place > fresh and degree[order[place - 1]] > degree[j]:
                        order[place] = order[place - 1]
                        place -= 1
                    order[place], found = j, found + 1
    return order


def narrow_order(matrix, last: int = 0) -> NDArray[np.intp]:
    """An order of the rows of a sparse symmetric matrix in which its envelope is narrow.

    Reverse Cuthill–McKee, ties broken by the row's number. The `last` rows stay where they are, at
    the end: few rows with many entries, as those of outputs are, widen the envelope of no other.

    >>> chain = csr_array(np.array([[2, 0, 1, 0], [0, 2, 1, 1], [1, 1, 2, 0], [0, 1, 0, 2]]))
    >>> narrow_order(chain).tolist()
    [3, 1, 2, 0]
    """
    matrix = csr_array(matrix)
    matrix.sort_indices()
    n = matrix.shape[0] - last
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    inside = (matrix.indices < n) & (row < n)
    degree = np.bincount(row[inside], minlength=n)
    starts = np.argsort(degree, kind="stable")
    order = _cuthill_mckee(
        matrix.indptr.astype(np.intp), matrix.indices.astype(np.intp), starts, degree
    )
    return np.concatenate([order[::-1], np.arange(n, n + last)])


def envelope(matrix: csr_array, order: NDArray[np.intp]) -> Envelope:
    """The envelope of L for a matrix whose rows and columns are taken in this order."""
    i, k = _places(matrix, order)
    first = np.arange(len(order))
    np.minimum.at(first, i, k)
    start = np.concatenate([[0], np.cumsum(np.arange(len(order)) - first + 1)])
    return Envelope(order, first, start)


def _places(matrix, order):
    """Row and column in that order of each entry of a CSR matrix."""
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    row = np.repeat(np.arange(len(order)), np.diff(matrix.indptr))
    return rank[row], rank[matrix.indices]


@inline
def _dot(values, a, b, n):
    """Σ_k values[a + k] values[b + k] over k < n, in four sums that the processor overlaps."""
    s0 = s1 = s2 = s3 = values[0] * 0.0
    k = 0
    while k + 4 <= n:
        s0 += values[a + k] * values[b + k]
        s1 += values[a + k + 1] * values[b + k + 1]
        s2 += values[a + k + 2] * values[b + k + 2]
        s3 += values[a + k + 3] * values[b + k + 3]
        k += 4
    while k < n:
        s0 += values[a + k] * values[b + k]
        k += 1
    return (s0 + s1) + (s2 + s3)


@kernel
def factor(values, first, start):
    """Lower triangle of A within its envelope into L and, in place of the diagonal, D.

    Row by row, G = L D:  G_ij = A_ij − Σ_k<j G_ik L_jk,  L_ij = G_ij / D_j,
    D_i = A_ii − Σ_j<i G_ij L_ij.
    """
    for i in range(len(first)):
        row = start[i] - first[i]
        for j in range(first[i], i):
            other, low = start[j] - first[j], max(first[i], first[j])
            values[row + j] -= _dot(values, row + low, other + low, j - low)
        for j in range(first[i], i):
            g = values[row + j]
            values[row + j] = g / values[start[j + 1] - 1]
            values[row + i] -= g * values[row + j]


@kernel
def solve(values, first, start, b):
    """``b[row, column]`` into A⁻¹ b in place, from what `factor` has left in `values`."""
    n, columns = b.shape
    for i in range(n):
        row = start[i] - first[i]
        for j in range(first[i], i):
            for c in range(columns):
                b[i, c] -= values[row + j] * b[j, c]
    for i in range(n):
        for c in range(columns):
            b[i, c] /= values[start[i + 1] - 1]
    for i in range(n - 1, -1, -1):
        row = start[i] - first[i]
        for j in range(first[i], i):
            for c in range(columns):
                b[j, c] -= values[row + j] * b[i, c]


@kernel
def residual(indptr, indices, data, x, b):
    """b − A x for ``x[row, column]``."""
    out = b.copy()
    for i in range(len(indptr) - 1):
        for k in range(indptr[i], indptr[i + 1]):
            for c in range(b.shape[1]):
                out[i, c] -= data[k] * x[indices[k], c]
    return out


class Factorisation:
    """A sparse symmetric matrix, float64 or complex128, ready to solve equations with.

    Parameters
    ----------
    matrix : (n, n) SciPy sparse matrix, symmetric; only its lower triangle in `order` is factored
    order : (n,) row numbers, by default `narrow_order(matrix)`

    Attributes
    ----------
    pivots : (n,) D, in that order
    negative_pivots : of a real matrix, the number of its negative eigenvalues (Sylvester's law of
        inertia): the Morse index of a Hessian, 0 at a stable equilibrium
    smallest_pivot : smallest |D_i| over the largest: about 10⁻¹⁶ and less in singular matrices

    >>> matrix = csr_array(np.array([[2.0, 1.0], [1.0, 3.0]]))
    >>> factorisation = Factorisation(matrix)
    >>> factorisation.solve(np.array([3.0, 4.0]))
    array([1., 1.])
    >>> factorisation.negative_pivots
    0
    """

    def __init__(self, matrix, order: NDArray[np.intp] | None = None) -> None:
        matrix = csr_array(matrix, copy=True)
        matrix.sum_duplicates()
        complex_numbers = matrix.dtype.kind == "c"
        self._matrix = matrix = matrix.astype(np.complex128 if complex_numbers else np.float64)
        order = narrow_order(matrix) if order is None else np.asarray(order, np.intp)
        self.envelope = envelope(matrix, order)
        i, k = _places(matrix, order)
        lower = k <= i
        _, first, start = self.envelope
        self._values = np.zeros(start[-1], matrix.dtype)
        self._values[(start[i] + k - first[i])[lower]] = matrix.data[lower]
        factor(self._values, first, start)

    @property
    def pivots(self) -> NDArray:
        return self._values[self.envelope.start[1:] - 1]

    @property
    def negative_pivots(self) -> int:
        return int(np.count_nonzero(self.pivots.real < 0))

    @property
    def smallest_pivot(self) -> float:
        d = self.pivots
        size = np.sqrt(d.real * d.real + d.imag * d.imag)
        return float(size.min() / size.max()) if len(d) and size.max() > 0 else float(len(d) == 0)

    def solve(self, source: NDArray) -> NDArray:
        """A⁻¹ source for a source of shape (n,) or (n, k), refined once by A⁻¹ of what is left."""
        source = np.asarray(source)
        dtype = np.result_type(self._matrix.dtype, source.dtype)
        b = np.array(source if source.ndim == 2 else source[:, None], dtype, order="C")
        x = self._apply(b)
        left = residual(self._matrix.indptr, self._matrix.indices, self._matrix.data, x, b)
        return (x + self._apply(left)).reshape(source.shape)

    def _apply(self, b):
        order, first, start = self.envelope
        b, x = b[order], np.empty_like(b)
        solve(self._values, first, start, b)
        x[order] = b
        return x
