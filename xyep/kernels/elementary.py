"""Sine, cosine, exponential, logarithm and arctangent with the same bits on every processor.

The system's mathematical library, and NumPy's own vectorised functions, differ between processors
and versions in the last place, and training turns that into another history. Here there is only +,
−, ×, ÷, selection and integer arithmetic on bits, no multiplication fused with a sum, so that IEEE
754 fixes every result. Reductions and polynomials are those of fdlibm (Sun Microsystems, 1993), in
Horner's form. Measured largest errors, in units in the last place (1 ulp = 2⁻⁵² of a number in [1,
2)):

    exp 0.9      log 0.9      log1p 2.4      atan2 1.9      sine, cosine 0.9 for |x| ≤ 10⁶

Beyond 10⁶ the error of sine and cosine is that of moving x by its last place.

The scalar functions are for other kernels, but for `power`, which is plain Python; `sine`,
`cosine`, `exponential`, `logarithm` and `arctangent` take arrays of any shape.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import inline, kernel

Floats = NDArray[np.float64]

# π/2 in four parts, the first three of 33 bits: their multiples by up to 2²⁰ are exact.
_TWO_OVER_PI = 6.36619772367581382433e-01
_HALF_PI_1 = 1.57079632673412561417e00
_HALF_PI_2 = 6.07710050630396597660e-11
_HALF_PI_3 = 2.02226624871116645580e-21
_HALF_PI_4 = 8.47842766036889956997e-32

#: Adding and subtracting this rounds to the nearest integer, whose last bits are meanwhile the last
#: bits of the sum.
_ROUND = 1.5 * 2.0**52

#: Beyond this, neighbouring numbers are a good part of a turn apart, and neither sine nor cosine
#: means anything.
_FAR = 2.0**46

_LN2_HIGH = 6.93147180369123816490e-01  # 32 bits
_LN2_LOW = 1.90821492927058770002e-10
_ONE_OVER_LN2 = 1.44269504088896338700e00

_HALF_PI = 1.57079632679489655800e00
_HALF_PI_REST = 6.12323399573676603587e-17

_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the bits of √½
_TINY = 2.0**-1022  # the smallest number of full precision
_SIGN = np.int64(-(2**63))


@inline
def bits(x):
    """The 64 bits of a float64, as an integer."""
    return np.float64(x).view(np.int64)


@inline
def from_bits(n):
    """The float64 of these 64 bits."""
    return np.int64(n).view(np.float64)


@inline
def sincos(x):
    """sin x and cos x of x in radians; both NaN for |x| ≥ 2⁴⁶ and for NaN.

    No branches, so that loops over it are vectorised. x is reduced to r = x − n π/2, |r| ≤ π/4, in
    parts (Cody and Waite).
    """
    shifted = x * _TWO_OVER_PI + _ROUND
    quadrant, n = bits(shifted), shifted - _ROUND
    r = x - n * _HALF_PI_1
    # what the second subtraction rounds away is carried along
    w = n * _HALF_PI_2
    high = r - w
    rest = ((r - high) - w) - n * _HALF_PI_3
    r = high + rest
    rest = ((high - r) + rest) - n * _HALF_PI_4
    r = r if abs(x) < _FAR else np.nan
    z = r * r
    p = -2.50507602534068634195e-08 + z * 1.58969099521155010221e-10
    p = 2.75573137070700676789e-06 + z * p
    p = -1.98412698298579493134e-04 + z * p
    p = 8.33333333332248946124e-03 + z * p
    s = r + ((r * z) * (-1.66666666666666324348e-01 + z * p) + rest)
    p = 2.08757232129817482790e-09 + z * -1.13596475577881948265e-11
    p = -2.75573143513906633035e-07 + z * p
    p = 2.48015872894767294178e-05 + z * p
    p = -1.38888888888741095749e-03 + z * p
    half = 0.5 * z
    one = 1.0 - half
    c = one + (((1.0 - one) - half) + ((z * z) * (4.16666666666666019037e-02 + z * p) - r * rest))
    # odd quadrants exchange the two; sine changes sign in quadrants 2 and 3, cosine in 1 and 2
    odd = (quadrant & 1) != 0
    a, b = (c if odd else s), (s if odd else c)
    return (
        from_bits(bits(a) ^ ((quadrant << 62) & _SIGN)),
        from_bits(bits(b) ^ (((quadrant + 1) << 62) & _SIGN)),
    )


@inline
def exp(x):
    """eˣ; infinite above 709.78, falling through the subnormal numbers to 0 below −745.13."""
    y = min(max(x, -746.0), 710.0)
    n = (y * _ONE_OVER_LN2 + _ROUND) - _ROUND
    high, low = y - n * _LN2_HIGH, n * _LN2_LOW
    r = high - low
    z = r * r
    p = -1.65339022054652515390e-06 + z * 4.13813679705723846039e-08
    p = 6.61375632143793436117e-05 + z * p
    p = -2.77777777770155933842e-03 + z * p
    c = r - z * (1.66666666666666019037e-01 + z * p)
    e = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    # times 2ⁿ, in two factors as n may go beyond the exponents of one
    k = np.int64(n)
    first = k >> 1
    e = (e * from_bits((first + 1023) << 52)) * from_bits((k - first + 1023) << 52)
    return x if x != x else e


@inline
def log(x):
    """Natural logarithm; −inf at 0, NaN below. No branches.

    x = 2ᵏ (1 + f), √½ ≤ 1 + f < √2, and log(1 + f) = 2 artanh s with s = f/(2 + f).
    """
    small = x < _TINY
    y = x * 2.0**54 if small else x
    n = bits(y)
    # the exponent counts from √½; 1023 keeps it positive, as integer and as float
    k = ((n - _ROOT_HALF + (1023 << 52)) >> 52) & 0xFFF
    f = from_bits(n - ((k - 1023) << 52)) - 1.0
    d = from_bits(k | bits(2.0**52)) - (2.0**52 + 1023.0)
    d = d - 54.0 if small else d
    s = f / (2.0 + f)
    z = s * s
    p = 1.531383769920937332e-01 + z * 1.479819860511658591e-01
    p = 1.818357216161805012e-01 + z * p
    p = 2.222219843214978396e-01 + z * p
    p = 2.857142874366239149e-01 + z * p
    p = 3.999999999940941908e-01 + z * p
    p = z * (6.666666666666735130e-01 + z * p)
    half = 0.5 * f * f
    out = d * _LN2_HIGH - ((half - (s * (half + p) + d * _LN2_LOW)) - f)
    out = out if x < np.inf else x  # also a NaN
    out = out if x != 0.0 else -np.inf
    return np.nan if x < 0.0 else out


@inline
def log1p(x):
    """log(1 + x) with full relative precision near x = 0; −inf at −1, NaN below.

    With u = 1 + x rounded, log(u) x/(u − 1) makes up for the rounding (Hewlett-Packard's HP-15C
    handbook, 1982).
    """
    u = 1.0 + x
    if u == 1.0 or x == np.inf:
        return x
    return log(u) * (x / (u - 1.0))


@inline
def atan2(y, x):
    """Angle of the vector (x, y) in [−π, π], at zeros and infinities as IEEE's atan2."""
    ax, ay = abs(x), abs(y)
    a, b = min(ax, ay), max(ax, ay)
    # away from the largest and the subnormal numbers
    scale = 2.0**-100 if b > 2.0**900 else (2.0**100 if b < 2.0**-900 else 1.0)
    a, b = a * scale, b * scale
    # the angle of (b, a) is that of an offset, 0 or π/4, and arctan t, |t| ≤ 7/16
    steep = a >= 0.4375 * b and b > 0.0
    t = (a - b) / (a + b) if steep else a / b
    t = 0.0 if a == b else t  # 0/0 and inf/inf
    z = t * t
    p = -3.65315727442169155270e-02 + z * 1.62858201153657823623e-02
    p = 4.97687799461593236017e-02 + z * p
    p = -5.83357013379057348645e-02 + z * p
    p = 6.66107313738753120669e-02 + z * p
    p = -7.69187620504482999495e-02 + z * p
    p = 9.09088713343650656196e-02 + z * p
    p = -1.11111104054623557880e-01 + z * p
    p = 1.42857142725034663711e-01 + z * p
    p = -1.99999999998764832476e-01 + z * p
    p = 3.33333333333329318027e-01 + z * p
    rest = -t * (z * p)
    # quarter turns are added in two parts, the smaller numbers first: whole = multiple of π/4 of
    # (|x|, |y|)
    turns = 0.5 if steep else 0.0
    if ay > ax:
        turns, t, rest = 1.0 - turns, -t, -rest
    if bits(x) < 0:
        turns, t, rest = 2.0 - turns, -t, -rest
    angle = turns * _HALF_PI + (t + (rest + turns * _HALF_PI_REST))
    angle = from_bits(bits(angle) | (bits(y) & _SIGN))
    return x + y if x != x or y != y else angle


def power(x, n):
    """xⁿ for an integer n, by repeated squaring; the relative error grows as |n| 2⁻⁵³."""
    out, square, k = 1.0, np.float64(x), abs(n)
    while k > 0:
        if k & 1:
            out *= square
        square *= square
        k >>= 1
    return out if n >= 0 else 1.0 / out


@kernel
def _sine(x, out):
    for n in range(len(x)):
        out[n] = sincos(x[n])[0]


@kernel
def _cosine(x, out):
    for n in range(len(x)):
        out[n] = sincos(x[n])[1]


@kernel
def _exponential(x, out):
    for n in range(len(x)):
        out[n] = exp(x[n])


@kernel
def _logarithm(x, out):
    for n in range(len(x)):
        out[n] = log(x[n])


@kernel
def _logarithm1p(x, out):
    for n in range(len(x)):
        out[n] = log1p(x[n])


@kernel
def _arctangent(y, x, out):
    for n in range(len(x)):
        out[n] = atan2(y[n], x[n])


def _each(loop, *arguments):
    """A loop over the elements of arrays of any shape, broadcast."""
    arrays = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in arguments))
    out = np.empty(arrays[0].size)
    loop(*(np.ascontiguousarray(a).ravel() for a in arrays), out)
    return out.reshape(arrays[0].shape)[()]


def sine(x: ArrayLike) -> Floats:
    """sin of each number, in radians; float64 of the same shape.

    >>> sine([0.0, 0.5])
    array([0.        , 0.47942554])
    """
    return _each(_sine, x)


def cosine(x: ArrayLike) -> Floats:
    """cos of each number, in radians; float64 of the same shape.

    >>> cosine([0.0, 0.5])
    array([1.        , 0.87758256])
    """
    return _each(_cosine, x)


def exponential(x: ArrayLike) -> Floats:
    """e to the power of each number; float64 of the same shape.

    >>> exponential([0.0, 1.0, 1000.0])
    array([1.        , 2.71828183,        inf])
    """
    return _each(_exponential, x)


def logarithm(x: ArrayLike) -> Floats:
    """Natural logarithm of each number; float64 of the same shape.

    >>> logarithm([0.0, 1.0, 2.0])
    array([      -inf, 0.        , 0.69314718])
    """
    return _each(_logarithm, x)


def logarithm1p(x: ArrayLike) -> Floats:
    """log(1 + x) of each number, precise near 0; float64 of the same shape.

    >>> float(logarithm1p(1e-20))
    1e-20
    """
    return _each(_logarithm1p, x)


def arctangent(y: ArrayLike, x: ArrayLike) -> Floats:
    """Angle of each vector (x, y) in [−π, π] radians; float64, arguments broadcast.

    >>> arctangent(1.0, [1.0, -1.0])
    array([0.78539816, 2.35619449])
    """
    return _each(_arctangent, y, x)
