"""Random numbers that are a function of a seed and of counters alone.

No generator has a state that would have to be saved, and any part of an array can be drawn by
itself. The 64-bit words are those of the counter-based generator Philox4x64 (Salmon, Moraes, Dror,
Shaw, SC 2011), which is fixed for all time; what is made of them uses `xyep.kernels.elementary` and
no other generator of NumPy, so that a seed means the same numbers on any processor and version.

Numbers of one seed and the same counters are the same words: callers whose draws must be
independent use different counters. `normal` and `permutation` have words of their own.
"""

from math import prod

import numpy as np
from numpy.typing import NDArray

from .checks import check_integer
from .kernels.elementary import cosine, logarithm, sine

Words = NDArray[np.uint64]

_UNIFORM, _NORMAL, _PERMUTATION = range(3)


def _words(first: int, stop: int, stream: int, seed: int, counter: tuple[int, ...]) -> Words:
    """Words number `first` to `stop` of the sequence of a seed, two counters and a stream."""
    seed = check_integer("seed", seed, 0, 2**64 - 1)
    if len(counter) > 2:
        raise TypeError(f"counter: found {len(counter)} counters; at most two are possible")
    major, minor = (check_integer("counter", c, 0, 2**64 - 1) for c in (*counter, 0, 0)[:2])
    # one step of the counter's lowest word makes four words
    start = first // 4
    bits = np.random.Philox(
        key=np.array([seed, stream], np.uint64),
        counter=np.array([start, 0, minor, major], np.uint64),
    )
    return bits.random_raw(stop - 4 * start)[first - 4 * start :]


def _shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    return tuple(check_integer("shape", n, 0) for n in shape)


def _rows(
    shape: int | tuple[int, ...],
    rows: tuple[int, int] | None,
    stream: int,
    seed: int,
    counter: tuple[int, ...],
) -> Words:
    """The words of an array of that shape, or of its rows (start, stop) along the first axis."""
    shape = _shape(shape)
    if rows is None:
        return _words(0, prod(shape), stream, seed, counter).reshape(shape)
    start, stop = rows
    stop = check_integer("rows", stop, 0, shape[0])
    start, size = check_integer("rows", start, 0, stop), prod(shape[1:])
    words = _words(start * size, stop * size, stream, seed, counter)
    return words.reshape(stop - start, *shape[1:])


def uniform(
    shape: int | tuple[int, ...],
    seed: int,
    *counter: int,
    rows: tuple[int, int] | None = None,
) -> NDArray[np.float64]:
    """Numbers uniform on [0, 1), multiples of 2⁻⁵³.

    Parameters
    ----------
    shape : of the array
    seed : integer from 0 to 2⁶⁴ − 1
    counter : up to two integers; each choice is another, independent array
    rows : (start, stop), only these entries of the first axis, the same as in the whole array

    >>> uniform((2, 2), 7)
    array([[0.87207345, 0.29536538],
           [0.42009768, 0.40539225]])
    >>> bool((uniform((100, 2), 7, rows=(0, 2)) == uniform((2, 2), 7)).all())
    True
    """
    return (_rows(shape, rows, _UNIFORM, seed, counter) >> 11).astype(np.float64) * 2.0**-53


def phases(
    shape: int | tuple[int, ...],
    seed: int,
    *counter: int,
    rows: tuple[int, int] | None = None,
) -> NDArray[np.float64]:
    """Phases in radians, uniform on the open interval (−π, π); arguments as in `uniform`.

    >>> phases(3, 7)
    array([ 2.33780646, -1.28575723, -0.50204109])
    """
    words = (_rows(shape, rows, _UNIFORM, seed, counter) >> 12).astype(np.float64)
    return np.pi * ((2.0 * words + 1.0) * 2.0**-52 - 1.0)


def normal(shape: int | tuple[int, ...], seed: int, *counter: int) -> NDArray[np.float64]:
    """Normal numbers of mean 0 and variance 1, by the method of Box and Muller.

    Uniform numbers v and w give two of them, √(−2 log v) cos 2πw and √(−2 log v) sin 2πw. The
    arguments are those of `uniform`. No number is larger than 8.6 in magnitude.

    >>> normal(3, 7)
    array([-0.34011134,  0.36659573, -0.56459864])
    """
    shape = _shape(shape)
    n = prod(shape)
    words = (_words(0, n + n % 2, _NORMAL, seed, counter) >> 12).astype(np.float64)
    pairs = ((2.0 * words + 1.0) * 2.0**-53).reshape(-1, 2)
    radius, angle = np.sqrt(-2.0 * logarithm(pairs[:, 0])), 2.0 * np.pi * pairs[:, 1]
    both = np.stack([radius * cosine(angle), radius * sine(angle)], axis=1)
    return both.ravel()[:n].reshape(shape)


def permutation(n: int, seed: int, *counter: int) -> NDArray[np.intp]:
    """The numbers 0 … n − 1 in random order: the order of n random words.

    >>> permutation(5, 7)
    array([4, 0, 1, 3, 2])
    """
    words = _words(0, check_integer("n", n, 0), _PERMUTATION, seed, counter)
    return np.argsort(words, kind="stable")
