"""Numbers that figures, recommendations and claims read from results alike."""

import numpy as np
from scipy.stats import binomtest, fisher_exact

#: Share of fresh initial states from which all patterns must be right for a run to count as one that solves XOR.
SOLVED = 0.95
#: Share of the largest response above which a site belongs to the affected region.
FRACTION = 0.1


def solves(ds, **at):
    """Whether each run at these coordinates solves XOR, as a flat array."""
    return ds["test_solved"].sel(at).values.ravel() >= SOLVED


def count(runs):
    """Of a flat boolean array: "k/n"."""
    return f"{int(np.sum(runs))}/{np.size(runs)}"


def p_value(a, b):
    """Of Fisher's exact test that two flat boolean arrays have the same share."""
    return float(fisher_exact([[np.sum(x), np.size(x) - np.sum(x)] for x in (a, b)]).pvalue)


def better(a, b):
    """Whether the share of a is above that of b, at p < 0.05."""
    return bool(np.mean(a) > np.mean(b)) and p_value(a, b) < 0.05


def paired_p(a, b):
    """Of the sign test over seeds, the last axis, between two arrays of runs of the same seeds under several conditions."""
    difference = np.mean(a, axis=0) - np.mean(b, axis=0)
    decided = np.count_nonzero(difference)
    return float(binomtest(np.count_nonzero(difference > 0), decided).pvalue) if decided else 1.0


def wilson(successes, n, z=1.96):
    """95 % Wilson interval of a success probability."""
    p = successes / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return min(low, p), max(high, p)  # they meet p at 0 and n, but for rounding


def percent(values):
    """Mean and standard deviation over seeds in per cent, as text."""
    values = 100 * np.asarray(values, float)
    return f"{values.mean():.2f} ± {values.std(ddof=1) if len(values) > 1 else 0.0:.2f} %"
