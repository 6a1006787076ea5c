"""How networks are called in findings, legends and captions: words over their traits."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import xarray as xr


def traits_of(ds: xr.Dataset, network: Any) -> dict[str, Any]:
    """Traits of one network of a Dataset over ``network``: its coordinates that have a value."""
    one = ds.sel(network=network)
    traits = {str(k): v.item() for k, v in one.coords.items() if v.ndim == 0 and k != "network"}
    return {k: v for k, v in traits.items() if v == v and v != ""}  # NaN does not equal itself


def counted(n: float, word: str) -> str:
    """A whole number of things.

    >>> counted(1, "shell"), counted(2.0, "shell")
    ('1 shell', '2 shells')
    """
    return f"{n:.0f} {word}{'s' * (n != 1)}"


def task_of(ds: xr.Dataset) -> str:
    """The task of a result, as it is written.

    >>> task_of(xr.Dataset(attrs={"task": "mnist"}))
    'MNIST'
    """
    name: str = ds.attrs["task"]
    return {"mnist": "MNIST", "digits": "8×8 digits"}.get(name, name)


def shells(n: float) -> str:
    return counted(n, "shell")


def label(traits: Mapping[str, Any], full: bool = True) -> str:
    """What a network with these traits is called; not `full` leaves the size out.

    >>> label({"family": "lattice", "kind": "square", "size": 7, "shells": 4})
    '7×7, 4 shells'
    >>> label({"family": "stack", "channels": 4, "shared": False, "intra_shells": 1})
    'local, 4 channels, SQ'
    """
    family = traits["family"]
    if family == "lattice":
        return _lattice(traits, full)
    if family == "stack":
        intra = int(traits.get("intra_shells") or 0)
        text = f"{'shared' if traits['shared'] else 'local'}, "
        text += counted(traits["channels"], "channel")
        return text + {0: "", 1: ", SQ", 4: ", 4NSQ"}.get(intra, f", {shells(intra)} within")
    name = "all-to-all" if family == "all_to_all" else family
    if not full:
        return name
    if family == "layered":
        return f"layered {traits['sizes']}"
    return f"{name}, {counted(traits['size' if family == 'all_to_all' else 'n_sites'], 'site')}"


def _lattice(traits: Mapping[str, Any], full: bool) -> str:
    text = shells(traits["shells"])
    if traits.get("skip_range"):
        text += f", skips of {traits['skip_range']:.0f}"
    elif traits.get("skips"):
        text += f", {traits['skips']:.0f} random skips"
    if not full:
        return text
    size, kind = traits.get("size"), traits.get("kind", "square")
    shape = f"{size:.0f}×{size:.0f}" if size else str(traits.get("shape", ""))
    return " ".join(filter(None, (kind * (kind != "square"), shape))) + f", {text}"


def percents(shares: Collection[float]) -> str:
    """The range of some shares.

    >>> percents([0.25, 0.4, 0.1])
    '10–40 %'
    """
    low, high = (f"{100 * end:.0f}" for end in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low}–{high} %"


class Budget(NamedTuple):
    """What a run was given to solve its task; success is a statement about it."""

    epochs: int
    learning_rate: float

    def __str__(self) -> str:
        """
        >>> str(Budget(1000, 0.02))
        'within 1000 epochs at learning rate 0.02'
        """
        return f"within {self.epochs} epochs at learning rate {self.learning_rate:g}"


def budget_of(tree: xr.DataTree) -> Budget:
    """The budget that a notebook's parameters say."""
    parameters = tree.attrs["parameters"]
    return Budget(parameters["epochs"], parameters["learning_rate"])
