"""What every study shares: results are computed once, and read back as long as nothing that they follow from has changed."""

import hashlib
import json
import sys
import time
from dataclasses import is_dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from ...ensembles import discard_partial
from ...network import Network
from ...paths import PACKAGE, results
from ...provenance import provenance
from ...store import StoreError, partial_folder, read_tree, write_tree
from ...tasks import Task

#: What numbers follow from, beside the module of the study itself.
_MODULES = "architectures blocks cost energy ensembles gradients network optimizers relaxation responses store tasks training"
SOURCES = ("kernels/*.py", *(f"{name}.py" for name in _MODULES.split()))


@lru_cache
def source_digest(*files):
    """SHA-256 of the package's numerical code and of further files."""
    digest = hashlib.sha256()
    for path in [
        *sorted(path for pattern in SOURCES for path in PACKAGE.glob(pattern)),
        *map(Path, files),
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _plain(value):
    """An argument as JSON values that differ when what it stands for differs."""
    if isinstance(value, (Network, Task)):
        return [type(value).__name__, value.name, value.digest]
    if is_dataclass(value):
        return [
            type(value).__name__,
            _plain({name: getattr(value, name) for name in value.__dataclass_fields__}),
        ]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def ordered(ds):
    """A Dataset with its variables sorted by name, as Zarr lists them in any order."""
    data, coords = (
        {name: ds[name].variable for name in sorted(group)} for group in (ds.data_vars, ds.coords)
    )
    return xr.Dataset(data, coords, ds.attrs)


class Study:
    """The results of one notebook at one profile, a DataTree of nodes kept in ``results/<profile>/<notebook>.zarr``.

    Call it with a function and its arguments: the function's Dataset becomes a node, or a dict of Datasets several. If the store holds
    what the same function made of equal arguments with the same code, this is taken instead. `train` does the same for functions that
    train ensembles, whose finished runs are kept until `finish` writes the tree.
    """

    def __init__(self, notebook, profile, parameters, workers=None, scheduler=None):
        self.parameters, self.store = parameters, results(profile, notebook)
        self.where = {"workers": workers, "scheduler": scheduler}
        self.nodes, self.made = {}, False
        self.kept = xr.DataTree()
        if self.store.exists():
            try:
                self.kept = read_tree(self.store)
            except Exception as error:  # whatever it is, it is not ours: zarr, xarray and the system each raise their own
                raise StoreError(
                    f"store: {self.store} exists and is not a store of xyep ({error}); move it away"
                ) from error
            if not {"parameters", "version"} <= set(self.kept.attrs):
                raise StoreError(
                    f"store: {self.store} was not written by a notebook of xyep; move it away"
                )

    def __call__(self, function, *arguments, node=None, **keywords):
        return self._add(function, node, arguments, keywords, False)

    def train(self, function, *arguments, node=None, **keywords):
        return self._add(function, node, arguments, keywords, True)

    def _add(self, function, node, arguments, keywords, ensembles):
        call = [
            function.__qualname__,
            node,
            _plain(arguments),
            _plain(keywords),
            source_digest(sys.modules[function.__module__].__file__),
        ]
        key = hashlib.sha256(json.dumps(call).encode()).hexdigest()
        found = {
            name: child.to_dataset()
            for name, child in self.kept.items()
            if child.attrs.get("made_from") == key
        }
        if not found:
            self.made, started = True, time.monotonic()
            # finished runs of another call or of other code are not taken for those of this one
            where = (
                {"store": partial_folder(self.store) / key[:16]} | self.where if ensembles else {}
            )
            found = function(*arguments, **keywords, **where)
            found = {node: found} if node else found
            attrs = {
                "made_from": key,
                "made_in_s": round(time.monotonic() - started, 1),
            } | provenance()
            found = {name: ds.assign_attrs(attrs) for name, ds in found.items()}
        self.nodes |= found

    def finish(self):
        """Write the tree, if anything in it is new, and forget the partial runs."""
        attrs = {"parameters": self.parameters}
        if (
            self.made
            or set(self.nodes) != set(self.kept)
            or self.kept.attrs.get("parameters") != json.loads(json.dumps(self.parameters))
        ):
            tree = xr.DataTree.from_dict(self.nodes)
            times = {ds.attrs["made_from"]: ds.attrs["made_in_s"] for ds in self.nodes.values()}
            tree.attrs = {**provenance(), **attrs, "wall_time_s": round(sum(times.values()), 1)}
            write_tree(tree, self.store)
            self.kept = tree
        discard_partial(self.store)
        return self.kept
