"""Clocks: variants take turns, so that a slow moment of the machine falls on all of them."""

from time import perf_counter

import numpy as np
from threadpoolctl import ThreadpoolController


def seconds_of(call):
    start = perf_counter()
    result = call()
    return perf_counter() - start, result


def interleaved(calls, repeats, warm=()):
    """{name: (repeat,) seconds} of calls that take turns, after one call of each that is not counted, but for those `warm` already."""
    for name, call in calls.items():
        if name not in warm:
            call()
    seconds = {name: np.empty(repeats) for name in calls}
    for r in range(repeats):
        for name, call in calls.items():
            seconds[name][r] = seconds_of(call)[0]
    return seconds


def spread(values, scale=1.0):
    values = np.asarray(values, float) * scale
    return {
        "median": float(np.median(values)),
        "min": float(values.min()),
        "max": float(values.max()),
        "repeats": values.size,
    }


def matrix_product(dtype, size=1024):
    """A matrix product on one BLAS thread, and its multiply-adds."""
    a, b = np.random.default_rng(0).normal(size=(2, size, size)).astype(dtype)
    out, blas = (
        np.empty_like(a),
        ThreadpoolController(),
    )  # looking for the libraries takes milliseconds, setting their threads does not

    def call():
        with blas.limit(limits=1, user_api="blas"):
            np.matmul(a, b, out=out)

    return call, size**3
