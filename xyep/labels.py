"""What callers call their sites and their networks: labels and traits."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from .checks import check_array

Trait = str | int | float | bool


def check_labels(labels: Any, n_sites: int, numbers: np.ndarray) -> np.ndarray:
    """Labels in the order of the sites: integers (site,), rows of integers (site, k) or objects."""
    if labels is None:
        return numbers
    if isinstance(labels, (str, bytes, Mapping)) or not isinstance(labels, Iterable):
        raise TypeError(f"labels: found {labels!r}; a sequence of labels is needed")
    if isinstance(labels, np.ndarray) and labels.ndim == 2:
        rows = check_array("labels", labels, (n_sites, None), dtype=np.intp)
        if len(np.unique(_keys(rows), axis=0)) < n_sites:
            raise ValueError("labels: two sites have the same one; each needs one of its own")
        return rows[numbers]
    names = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    if len(names) != n_sites:
        raise ValueError(f"labels: found {len(names)}; one for each of {n_sites} sites is needed")
    try:
        seen: dict[Hashable, int] = {}
        for name in names:
            seen[name] = seen.get(name, 0) + 1
    except TypeError:
        raise TypeError(f"labels: found {name!r}; labels must be hashable, as tuples are") from None
    if len(seen) < n_sites:
        twice = next(name for name, times in seen.items() if times > 1)
        raise ValueError(f"labels: {twice!r} is the label of two sites; each needs one of its own")
    if all(type(name) is int and abs(name) < 2**62 for name in names):
        return np.array(names, np.intp)[numbers]
    objects = np.empty(n_sites, object)
    objects[:] = names
    return objects[numbers]


def _keys(rows: np.ndarray) -> np.ndarray:
    """Rows of integers as single integers where these are large enough."""
    rows = rows - rows.min(axis=0, initial=0)
    sizes = [int(n) + 1 for n in rows.max(axis=0, initial=0)]
    return np.ravel_multi_index(rows.T, sizes) if np.prod(sizes, dtype=float) < 2**62 else rows


def find(name: str, label: Any, numbers: Mapping[Hashable, int]) -> int:
    """Number of a label; lists and rows of arrays stand for tuples."""
    if isinstance(label, (list, np.ndarray)):
        label = tuple(np.asarray(label).tolist())
    try:
        return numbers[label]
    except (KeyError, TypeError):
        known = ", ".join(repr(known) for known, _ in zip(numbers, range(3)))
        raise ValueError(
            f"{name}: found {label!r}; no site is called that, sites are called {known}, …"
        ) from None


def find_all(name: str, labels: Any, numbers: Mapping[Hashable, int]) -> np.ndarray:
    """Numbers of several labels, each named once."""
    if isinstance(labels, (str, bytes, Mapping)) or not isinstance(labels, Iterable):
        raise TypeError(f"{name}: found {labels!r}; a list of labels of sites is needed")
    sites = [find(name, label, numbers) for label in labels]
    if len(set(sites)) < len(sites):
        twice = next(site for k, site in enumerate(sites) if site in sites[:k])
        label = next(label for label, site in numbers.items() if site == twice)
        raise ValueError(f"{name}: site {label!r} is named twice; each site may appear once")
    return np.array(sites, np.intp)


def check_traits(traits: Any) -> dict[str, Trait]:
    """Traits as a dict of names to text, numbers and booleans."""
    if not isinstance(traits, Mapping):
        raise TypeError(f"traits: found {type(traits).__name__}; a dict is needed")
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in traits.items()}
    for name, value in plain.items():
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            raise TypeError(
                f"traits: found {name!r}: {value!r}; names of text, numbers or booleans are needed"
            )
    return plain
