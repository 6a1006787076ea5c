"""Statistics of findings: intervals, tests, and how they are written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy import stats

from . import Estimate

#: A run solves XOR if all patterns are right at once from this share of fresh initial states.
SOLVED = 0.95
#: Level at which a difference counts.
LEVEL = 0.05

Key = TypeVar("Key")
Values = TypeVar("Values", np.ndarray, xr.DataArray)


def solves(test_solved: Values) -> Values:
    """Whether each run solves the task, from its share of solved initial states; NaN does not."""
    return test_solved >= SOLVED


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a probability.

    >>> [round(end, 4) for end in wilson(15, 148)]
    [0.0624, 0.1605]
    """
    interval = stats.binomtest(int(successes), int(n)).proportion_ci(0.95, "wilson")
    share = successes / n  # which the ends meet at 0 and n, but for rounding
    return min(float(interval.low), share), max(float(interval.high), share)


def bootstrap(statistic: Callable[[np.ndarray], np.ndarray], n: int) -> tuple[float, float]:
    """95 % interval of a statistic over n runs, by the bootstrap, from one fixed seed.

    statistic : (resample, n) indices of runs, drawn with replacement → (resample,) values

    >>> x = np.arange(100.0)
    >>> [round(end) for end in bootstrap(lambda drawn: x[drawn].mean(axis=-1), 100)]
    [44, 55]
    """

    def over(drawn: np.ndarray, axis: int) -> np.ndarray:
        return statistic(np.moveaxis(np.asarray(drawn, int), axis, -1))

    runs = (np.arange(n),)
    keywords = {"n_resamples": 2000, "method": "percentile", "rng": np.random.default_rng(0)}
    low, high = stats.bootstrap(runs, over, vectorized=True, **keywords).confidence_interval
    return float(low), float(high)


def share(of: str, k: int, n: int, each: str = "seeds") -> Estimate:
    """A share of runs in per cent, with its Wilson interval.

    >>> share("solved", 37, 100).text
    '37 (28 to 47) %'
    """
    low, high = wilson(k, n)
    return Estimate(of, 100 * k / n, 100 * low, 100 * high, "%", n, each)


def count(runs: ArrayLike) -> str:
    """Of booleans: "k/n".

    >>> count([True, False, True])
    '2/3'
    """
    return f"{int(np.sum(runs))}/{np.size(runs)}"


def count_interval(runs: ArrayLike) -> str:
    """The same with its 95 % Wilson interval in per cent.

    >>> count_interval([True, True, False, False])
    '2/4 (15–85 %)'
    """
    low, high = wilson(int(np.sum(runs)), np.size(runs))
    return f"{count(runs)} ({100 * low:.0f}–{100 * high:.0f} %)"


def fisher_p(a: ArrayLike, b: ArrayLike) -> float:
    """p of Fisher's exact test that two arrays of booleans have the same share.

    >>> round(fisher_p([True] * 8 + [False], [True] * 2 + [False] * 7), 3)
    0.015
    """
    table = [[np.sum(x), np.size(x) - np.sum(x)] for x in (a, b)]
    return float(stats.fisher_exact(table).pvalue)


def better(a: ArrayLike, b: ArrayLike, p: float | None = None) -> bool:
    """Whether the share of `a` is above that of `b`; `p` is corrected, or Fisher's by default."""
    return bool(np.mean(a) > np.mean(b)) and (fisher_p(a, b) if p is None else p) < LEVEL


def holm(p: ArrayLike) -> np.ndarray:
    """p-values of several questions, corrected by Holm's method; in the order given.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


class Difference(NamedTuple):
    """Mean difference, the ends of its 95 % interval, and p of no difference."""

    mean: float
    low: float
    high: float
    p: float

    def text(self, scale: float = 100.0, digits: int = 2) -> str:
        """Mean and interval, in points by default.

        >>> Difference(0.01, 0.002, 0.018, 0.02).text()
        '+1.00 (+0.20 to +1.80)'
        """
        # rounded first, and without the sign of a zero
        mean, low, high = (f"{round(scale * x, digits) + 0.0:+.{digits}f}" for x in self[:3])
        return f"{mean} ({low} to {high})"

    def estimate(self, of: str, n: int, each: str = "seeds") -> Estimate:
        """The same in points, as the number of a statement."""
        return Estimate(of, *(100 * x for x in self[:3]), "points", n, each)


def _difference(test: object, mean: float) -> Difference:
    interval = test.confidence_interval(0.95)
    return Difference(float(mean), float(interval.low), float(interval.high), float(test.pvalue))


def _without_spread(mean: float, n: int) -> Difference:
    """One run decides nothing; n runs without any spread at most what their signs do."""
    if n < 2:
        return Difference(float(mean), -np.inf, np.inf, 1.0)
    return Difference(float(mean), float(mean), float(mean), 2.0 ** (1 - n) if mean else 1.0)


def paired(a: ArrayLike, b: ArrayLike) -> Difference:
    """Of a − b run by run, by Student's t over runs of the same seeds or folds.

    >>> paired([0.91, 0.94, 0.93], [0.90, 0.92, 0.92]).text()
    '+1.33 (-0.10 to +2.77)'
    """
    difference = np.asarray(a, float) - np.asarray(b, float)
    if len(difference) < 2 or np.ptp(difference) == 0:
        return _without_spread(difference.mean(), len(difference))
    return _difference(stats.ttest_1samp(difference, 0.0), difference.mean())


def welch(a: ArrayLike, b: ArrayLike) -> Difference:
    """Of mean(a) − mean(b), of independent runs, by Welch's t.

    >>> welch([0.95, 0.96, 0.97], [0.90, 0.91, 0.92]).text()
    '+5.00 (+2.73 to +7.27)'
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if min(len(a), len(b)) < 2 or np.ptp(a) == np.ptp(b) == 0:
        return _without_spread(a.mean() - b.mean(), min(len(a), len(b)))
    return _difference(stats.ttest_ind(a, b, equal_var=False), a.mean() - b.mean())


def crossed(a: ArrayLike, b: ArrayLike) -> Difference:
    """Of mean(a) − mean(b), (seed, image) answers of independent seeds to the same images.

    The square of the standard error is the sum of that over seeds (Welch) and of that over images,
    each image's difference being the mean over seeds; degrees of freedom after Satterthwaite. The
    second part holds some of the first, so that intervals are too wide rather than too narrow.

    >>> a, b = np.ones((3, 50)), np.ones((3, 50))
    >>> a[0, 0], b[:, :5] = 0, 0
    >>> crossed(a, b).text()
    '+9.33 (+1.10 to +17.56)'
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    mean, images = a.mean() - b.mean(), a.mean(axis=0) - b.mean(axis=0)
    if min(len(a), len(b)) < 2:
        return _without_spread(mean, 1)
    parts = [(x.mean(axis=1).var(ddof=1) / len(x), len(x) - 1) for x in (a, b)]
    parts.append((images.var(ddof=1) / len(images), len(images) - 1))
    total = sum(v for v, _ in parts)
    if total == 0:
        return _without_spread(mean, min(len(a), len(b)))
    error, df = np.sqrt(total), total**2 / sum(v**2 / n for v, n in parts)
    half = stats.t.ppf(0.975, df) * error
    p = 2 * stats.t.sf(abs(mean) / error, df)
    return Difference(float(mean), float(mean - half), float(mean + half), float(p))


def sign_p(a: ArrayLike, b: ArrayLike) -> float:
    """p of the sign test over seeds, the last axis, of paired runs at several conditions.

    >>> sign_p([[1, 1, 1, 1]] * 40, [[0, 0, 0, 0]] * 40)  # four seeds are four cases
    0.125
    """
    difference = np.mean(np.asarray(a, float) - np.asarray(b, float), axis=0)
    decided = np.count_nonzero(difference)
    if not decided:
        return 1.0
    return float(stats.binomtest(np.count_nonzero(difference > 0), decided).pvalue)


def quartiles(values: ArrayLike, axis: int | None = None) -> tuple[np.ndarray, ...]:
    """First quartile, median, third quartile, missing values left out."""
    return tuple(np.nanquantile(np.asarray(values, float), (0.25, 0.5, 0.75), axis=axis))


def percent(values: ArrayLike) -> str:
    """Mean and standard deviation over seeds in per cent.

    >>> percent([0.95, 0.97])
    '96.00 ± 1.41 %'
    """
    values = 100 * np.asarray(values, float)
    return f"{values.mean():.2f} ± {values.std(ddof=1) if len(values) > 1 else 0.0:.2f} %"


def p_text(p: float) -> str:
    """How a p-value is written.

    >>> p_text(0.0312), p_text(3e-7)
    ('p = 0.031', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def weakest(p: Mapping[Key, float]) -> Key:
    """Where the largest p is."""
    return max(p, key=p.__getitem__)


def largest(p: Mapping[Any, float]) -> str:
    """The largest of several corrected p, in words.

    >>> largest({"7×7": 0.01, "9×9": 0.03})
    'p = 0.03, the largest of 2 corrected (Holm)'
    """
    return f"{p_text(max(p.values()))}, the largest of {len(p)} corrected (Holm)"


def listed(words: Sequence[str]) -> str:
    """Words as a list within a sentence.

    >>> listed(["1", "2", "3"])
    '1, 2 and 3'
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
