"""Elementary functions against extended precision, and their bits."""

import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from xyep.kernels import elementary
from xyep.kernels.elementary import (
    arctangent,
    cosine,
    exponential,
    logarithm,
    logarithm1p,
    power,
    sine,
)

EXTENDED = np.finfo(np.longdouble).nmant > 60


def ulps(found, exact):
    """Largest error in units in the last place."""
    exact = np.asarray(exact, np.longdouble)
    return float((np.abs(found - exact) / np.spacing(np.abs(exact).astype(float))).max())


def spread(low, high, n=100_000, seed=0):
    return np.random.default_rng(seed).uniform(low, high, n)


@pytest.mark.skipif(not EXTENDED, reason="no long double beyond float64 on this machine")
@pytest.mark.parametrize("size", [1e-8, 1.0, 10.0, 1e4, 1e6])
def test_sine_and_cosine(size):
    x = spread(-size, size)
    for found, exact in [(sine(x), np.sin), (cosine(x), np.cos)]:
        exact = exact(x.astype(np.longdouble))
        assert np.abs(found - exact).max() < 1.2e-16
        assert ulps(found, exact) < 1.0


def test_sine_and_cosine_where_they_vanish():
    """Full relative precision, however near x is to a multiple of π/2."""
    x = np.arange(1, 600_000) * (np.pi / 2)
    np.testing.assert_allclose(sine(x), np.sin(x), rtol=5e-16)
    np.testing.assert_allclose(cosine(x), np.cos(x), rtol=5e-16)


@pytest.mark.skipif(not EXTENDED, reason="no long double beyond float64 on this machine")
def test_exponential_logarithm_and_arctangent():
    long = np.longdouble
    for x in (spread(-1, 1), spread(-700, 700), spread(-745, -708)):
        assert ulps(exponential(x), np.exp(x.astype(long))) < 1.0
    for x in (spread(0.5, 2), np.exp(spread(-740, 709))):
        assert ulps(logarithm(x), np.log(x.astype(long))) < 1.0
    for x in (spread(-1, 1) * 10 ** spread(-18, 0, seed=1), 10 ** spread(0, 300)):
        assert ulps(logarithm1p(x), np.log1p(x.astype(long))) < 3.0
    y, x = np.random.default_rng(2).normal(size=(2, 100_000))
    for scale in (1.0, 10 ** spread(-300, 300)):
        exact = np.arctan2((y * scale).astype(long), x.astype(long))
        normal = np.abs(exact) > 1e-300
        assert ulps(arctangent(y * scale, x)[normal], exact[normal]) < 2.0


@given(st.floats(-1e6, 1e6), st.floats(-700, 700), st.floats(1e-300, 1e300))
def test_identities(x, y, z):
    s, c = sine(x), cosine(x)
    assert abs(s * s + c * c - 1) < 4e-16 and sine(-x) == -s and cosine(-x) == c
    assert abs(logarithm(exponential(y)) - y) <= 2e-16 * max(1, abs(y))
    assert abs(exponential(logarithm(z)) / z - 1) < 2e-16 * max(1, abs(logarithm(z)))
    assert abs(arctangent(s, c) - np.arctan2(s, c)) < 5e-16


def test_ends_of_the_range():
    """Zeros, infinities and what is no number, as the mathematical library has them."""
    inf, nan = np.inf, np.nan
    special = np.array([0.0, -0.0, 1.0, -1.0, inf, -inf, nan, 1e308, -1e308, 5e-324, 1e-310])
    with np.errstate(all="ignore"):
        for found, exact in [
            (exponential(special), np.exp(special)),
            (logarithm(special), np.log(special)),
            (logarithm1p(special), np.log1p(special)),
        ]:
            np.testing.assert_allclose(found, exact, rtol=4e-16)
        y, x = np.meshgrid(special, special)
        angles = arctangent(y, x), np.arctan2(y, x)
    np.testing.assert_allclose(*angles, rtol=4e-16)
    known = ~np.isnan(angles[0])
    np.testing.assert_array_equal(*(np.signbit(a[known]) for a in angles))
    assert exponential(709.79) == inf and exponential(709.7) < inf
    assert exponential(-745.2) == 0.0 and exponential(-745.1) > 0.0
    for function in (sine, cosine):
        assert np.isnan(function([inf, -inf, nan, 1e300])).all()


def test_power():
    assert power(2.0, 10) == 1024.0 and power(2.0, -2) == 0.25 and power(0.0, 0) == 1.0
    for n in (1, 7, 1000, -3):
        assert power(0.999, n) == pytest.approx(0.999**n, rel=abs(n) * 2e-16)


def test_shapes():
    for shape in [(), (0,), (3,), (2, 0), (2, 3, 4)]:
        assert np.shape(sine(np.zeros(shape))) == shape
    assert arctangent(np.zeros((3, 1)), np.ones(2)).shape == (3, 2)
    strided = np.arange(12.0).reshape(3, 4).T[::2]
    np.testing.assert_array_equal(cosine(strided), cosine(strided.copy()))
    assert sine(np.float32(0.5)) == sine(0.5)


#: Digests of what the functions give on fixed numbers: on any machine and version.
BITS = {
    "sine": "4207837e775ed191",
    "cosine": "d76deb09d6bea0ee",
    "exponential": "cafcf90b981052d0",
    "logarithm": "e0bd7e65431f3d18",
    "logarithm1p": "89b0a73fe2c625ab",
    "arctangent": "ccff9ffb5e1adf6c",
}


def digests():
    x = (np.arange(20_001) - 10_000) / 512
    arguments = {"logarithm": (x[x > 0],), "logarithm1p": (x[x > -1],), "arctangent": (x, x[::-1])}
    values = {name: getattr(elementary, name)(*arguments.get(name, (x,))) for name in BITS}
    return {name: sha256(v.astype("<f8").tobytes()).hexdigest()[:16] for name, v in values.items()}


def test_the_bits_are_pinned():
    assert digests() == BITS


@pytest.mark.parametrize("features", ["", "+sse4.2,+avx,+avx2,+fma"])
def test_the_bits_of_other_processors(features):
    other = dict(os.environ, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES=features)
    code = "from test_elementary import digests; print(digests())"
    folder = os.path.dirname(__file__)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=folder,
        env=other,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == str(BITS), run.stderr


def test_no_fused_operations_and_no_library():
    @njit
    def loop(x, out):
        for n in range(len(x)):
            s, c = elementary.sincos(x[n])
            out[n] = s + elementary.exp(c) + elementary.log(x[n]) + elementary.atan2(s, c)

    loop(np.ones(3), np.ones(3))
    (code,) = loop.inspect_asm().values()
    assert "fmadd" not in code and "fmsub" not in code and "fmla" not in code
    (ir,) = loop.inspect_llvm().values()
    for name in ("@sin", "@cos", "@exp", "@log", "@atan2", "llvm.sin", "llvm.exp", "llvm.fma"):
        assert name not in ir
