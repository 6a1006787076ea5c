"""Periodic space: the nearest of all images."""

from itertools import permutations, product

import numpy as np


def nearest_image(vectors: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """The shortest of the vectors that differ from each by sums of periods, (…, 3).

    Of vectors equally short, up to rounding, the one that needs the fewest periods is taken.
    """
    if not len(periods):
        return vectors
    periods = reduced(periods)
    vectors = vectors - np.round(vectors @ np.linalg.pinv(periods), 9).round() @ periods
    shortest, length = vectors, np.linalg.norm(vectors, axis=-1)
    for steps in product((-1, 0, 1), repeat=len(periods)):
        other = vectors + np.array(steps) @ periods
        shorter = np.linalg.norm(other, axis=-1) < length - 1e-9
        shortest = np.where(shorter[..., None], other, shortest)
        length = np.linalg.norm(shortest, axis=-1)
    return shortest


def reduced(periods: np.ndarray) -> np.ndarray:
    """Shortest vectors of the same lattice (Minkowski): the nearest image is a step away."""
    periods = np.array(periods, float)
    steps = [s for s in product((-1, 0, 1), repeat=len(periods)) if any(s)]
    while True:
        for _ in range(2):  # the long way by projections
            for a, b in permutations(range(len(periods)), 2):
                shift = np.round(periods[a] @ periods[b] / (periods[b] @ periods[b]))
                periods[a] -= shift * periods[b]
        lengths = np.linalg.norm(periods, axis=1)
        for s in steps:
            longest = max((a for a in range(len(periods)) if s[a]), key=lambda a: lengths[a])
            other = np.array(s) @ periods
            if np.linalg.norm(other) < lengths[longest] - 1e-9:
                periods[longest] = other
                break
        else:
            return periods
