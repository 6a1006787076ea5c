"""Times until something happened, known between two looks, or not within a limit.

Epochs are seen on a grid of looks, so that a run that had solved its task at one look and not at
the one before did so in between; one that had not within the limit did so later, if ever.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize

Floats = NDArray[np.float64]


class Median(NamedTuple):
    """Median, and the ends of its 95 % interval; infinite beyond the limit."""

    middle: float
    low: float
    high: float

    def text(self, limit: float) -> str:
        """
        >>> Median(400.0, 250.0, np.inf).text(1000)
        '400 (250 to > 1000)'
        """
        ends = [f"{x:.0f}" if np.isfinite(x) else f"> {limit:.0f}" for x in self]
        return f"{ends[0]} ({ends[1]} to {ends[2]})"


def times(epochs: ArrayLike) -> Floats:
    """Epochs, infinite where a run has not solved its task within the limit."""
    epochs = np.asarray(epochs, float)
    return np.where(np.isnan(epochs), np.inf, epochs)


def median(epochs: ArrayLike) -> Median:
    """Of some runs; the interval is that of order statistics, which needs no distribution.

    >>> median([100, 200, 300, 400, 500, np.nan, np.nan])
    Median(middle=400.0, low=100.0, high=inf)
    """
    t = np.sort(times(epochs))
    n = len(t)
    rank = int(stats.binom.ppf(0.025, n, 0.5))
    if rank < 1:
        return Median(float(t[(n - 1) // 2]), 0.0, np.inf)
    return Median(float(t[(n - 1) // 2]), float(t[rank - 1]), float(t[n - rank]))


def log_times(epochs: xr.DataArray, limit: float) -> xr.DataArray:
    """log of the epochs, that of twice the limit for runs that had not solved their task."""
    return np.log(epochs.fillna(2.0 * limit))


def remaining(ds: xr.Dataset, limit: float) -> tuple[Floats, Floats]:
    """Kaplan–Meier: epochs, and the share of all runs of `ds` that have not solved their task."""
    t = times(long_form(ds)[1])
    censored = stats.CensoredData.right_censored(np.minimum(t, limit), ~np.isfinite(t))
    curve = stats.ecdf(censored).sf
    return np.r_[1.0, curve.quantiles], np.r_[1.0, curve.probabilities]


def log_rank_p(a: ArrayLike, b: ArrayLike, limit: float) -> float:
    """p of the log-rank test that two groups of runs need the same time; 1 if none has ended."""
    if not (np.isfinite(times(a)).any() or np.isfinite(times(b)).any()):
        return 1.0
    groups = []
    for epochs in (a, b):
        t = times(epochs)
        groups.append(stats.CensoredData.right_censored(np.minimum(t, limit), ~np.isfinite(t)))
    return float(stats.logrank(*groups).pvalue)


class Fit(NamedTuple):
    """log₁₀ of the epochs is normal about X·b with deviation s; its covariance is by clusters."""

    b: Floats
    s: float
    covariance: Floats
    log_likelihood: float
    clusters: int

    def interval(self, k: int) -> tuple[float, float]:
        """95 % interval of coefficient k, Student's t with clusters less coefficients."""
        half = self._t * np.sqrt(self.covariance[k, k])
        return float(self.b[k] - half), float(self.b[k] + half)

    def at(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Prediction for rows of X, and half the width of its 95 % interval."""
        x = np.atleast_2d(np.asarray(x, float))
        return x @ self.b, self._t * np.sqrt(np.einsum("ij,jk,ik->i", x, self.covariance, x))

    @property
    def _t(self) -> float:
        return float(stats.t.ppf(0.975, max(1, self.clusters - len(self.b))))


def fit(
    x: ArrayLike,
    epochs: ArrayLike,
    looks: ArrayLike,
    clusters: ArrayLike,
    offset: ArrayLike = 0.0,
) -> Fit:
    """Maximum likelihood of log₁₀(epochs) ~ N(offset + X·b, s²), each known between two looks.

    x : (run, coefficient);  epochs : (run,), NaN where censored at the last of `looks`
    clusters : (run,) of runs that share what the model leaves out, such as those of one network
    """
    x, looks = np.asarray(x, float), np.asarray(looks, float)
    y = np.asarray(epochs, float)
    seen = np.searchsorted(looks, np.where(np.isnan(y), looks[-1], y))
    late = np.isnan(y)
    upper = np.where(late, np.inf, np.log10(looks[seen]))
    earlier = np.log10(np.concatenate([[looks[0] / 2], looks]))  # nothing learns in no time
    lower = np.where(late, np.log10(looks[-1]), earlier[seen])

    def terms(theta: Floats) -> tuple[Floats, Floats]:
        """log-likelihood, and its gradient, of each run."""
        s = np.exp(theta[-1])
        mean = np.asarray(offset) + x @ theta[:-1]
        low, high = (lower - mean) / s, (upper - mean) / s
        flip = low > 0  # both tails by the one that keeps digits
        a, b = np.where(flip, -high, low), np.where(flip, -low, high)
        p = np.maximum(stats.norm.cdf(b) - stats.norm.cdf(a), 1e-300)
        dl, dh = stats.norm.pdf(low), stats.norm.pdf(high)
        finite = np.where(np.isfinite(high), high, 0.0)
        of_mean = (dl - dh) / (s * p)
        return np.log(p), np.column_stack([of_mean[:, None] * x, (low * dl - finite * dh) / p])

    def loss(theta: Floats) -> tuple[float, Floats]:
        value, gradient = terms(theta)
        return -value.sum(), -gradient.sum(axis=0)

    start = np.where(late, upper.max() if not late.any() else np.log10(2 * looks[-1]), upper)
    b = np.linalg.lstsq(x, start - np.asarray(offset), rcond=None)[0]
    found = minimize(loss, [*b, np.log(0.3)], jac=True, method="BFGS", options={"gtol": 1e-4})
    theta, step = found.x, 1e-4
    moved = [theta + step * e for e in np.eye(len(theta))]
    back = [theta - step * e for e in np.eye(len(theta))]
    hessian = np.array([loss(m)[1] - loss(k)[1] for m, k in zip(moved, back)]) / (2 * step)
    _, number = np.unique(np.asarray(clusters), return_inverse=True)
    groups = int(number.max()) + 1
    scores = np.zeros((groups, len(theta)))
    np.add.at(scores, number, terms(theta)[1])
    inverse = np.linalg.pinv(0.5 * (hessian + hessian.T))
    spread = inverse @ (scores.T @ scores) @ inverse * groups / max(1, groups - 1)
    k = len(theta) - 1
    return Fit(theta[:k], float(np.exp(theta[-1])), spread[:k, :k], -float(found.fun), groups)


def long_form(ds: xr.Dataset) -> tuple[NDArray[np.intp], Floats]:
    """Number of the network, and epochs, of every run that there was."""
    epochs, ran = ds["epochs"].transpose("network", "seed").values, ds["seconds"].notnull()
    network, seed = np.nonzero(ran.transpose("network", "seed").values)
    return network, epochs[network, seed]
