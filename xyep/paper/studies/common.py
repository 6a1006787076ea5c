"""What every study shares: a result is computed once, and read back while it still follows."""

import json
import os
import time
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import xarray as xr

from ...checks import check_choice
from ...ensembles import Made, discard_partial, recorded
from ...paths import results
from ...provenance import provenance
from ...store import StoreError, check_tree, partial_folder, read_tree, write_tree
from .. import fresh, scripts

Found = xr.Dataset | xr.DataTree | dict[str, xr.Dataset]

#: Node of the runs that the other nodes are made from.
RUNS = "runs"

#: Long names and units of what studies measure, beside those of `xyep.records`.
DESCRIBED = {
    "arm": ("what is cut", "1"),
    "at_pole": ("share of samples at a pole of the cost", "1"),
    "couplings": ("coupling parameters", "1"),
    "epochs": ("epochs until XOR was solved", "1"),
    "hops": ("couplings from input to output", "1"),
    "input_distance": ("distance from the nearest input", "lattice constant"),
    "left_basin": ("share of samples that leave their basin", "1"),
    "longest": ("length of the longest coupling", "lattice constant"),
    "nudged_sweeps": ("sweeps of the nudged phases", "1"),
    "once": ("equilibria met once", "1"),
    "protocol": ("how it was trained", "1"),
    "run": ("number of the run", "1"),
    "setting": ("number of the setting", "1"),
    "state": ("when, or which control", "1"),
    "twice": ("equilibria met twice", "1"),
}


def earlier(notebook: str, profile: str) -> xr.DataTree:
    """Results of another notebook at a profile; at "mine", those of the paper where there are none.

    Raises
    ------
    FileNotFoundError
        When that notebook has no results yet.
    """
    for chosen in (profile, "paper") if profile == "mine" else (profile,):
        if results(chosen, notebook).exists():
            return read_tree(results(chosen, notebook))
    raise FileNotFoundError(
        f"results of {notebook} are read here, and there are none: run "
        f"`xyep reproduce {notebook} --profile {profile}` first"
    )


class Study:
    """Results of one notebook at one profile, kept in ``results/<profile>/<notebook>.zarr``.

        study = Study("02_xor_training", globals())

    takes every name of the notebook's ``parameters`` cell from the namespace, with profile, workers
    and scheduler. Then

        study(function, *arguments, node="name", **keywords)

    keeps what the function returns: a Dataset as the node, a dict of Datasets or a DataTree as the
    node and nodes below it. If the store holds what the same function made of equal arguments with
    the same code, this is taken instead. `train` does the same for functions that train ensembles,
    whose finished runs are kept until `finish` writes the tree. Of each of these runs, the node
    ``runs`` has a digest of all that it computed, by which `xyep verify` knows it again. Of a
    function whose first argument maps the names that its Dataset has along ``network``, and which
    takes long, `xyep verify` computes one network anew: each must be measured by itself.

    The published results are not overwritten by a reader who changes a parameter: what is not made
    by ``xyep reproduce`` with the notebook's own parameters goes to the profile "mine", and a line
    says so.
    """

    def __init__(self, notebook: str, namespace: MutableMapping[str, Any]) -> None:
        known = scripts.parameters(notebook)
        missing = [name for name in known if name not in namespace]
        if missing:
            raise ValueError(
                f"namespace: {', '.join(missing)} missing, of the parameters of {notebook}; "
                "run its parameters cell first"
            )
        given = {name: namespace[name] for name in known}
        scripts.check_parameters(notebook, given)
        self.notebook = notebook
        self.profile = check_choice("profile", given["profile"], scripts.PROFILES)
        self.where = {"workers": given["workers"], "scheduler": given["scheduler"]}
        self.parameters = {n: v for n, v in given.items() if n not in scripts.OPTIONS}
        self._protect_published(namespace)
        self.store = results(self.profile, notebook)
        self.nodes: dict[str, xr.Dataset] = {}
        self.runs: dict[str, xr.Dataset] = {}  # of each call that trains ensembles, by its key
        self.made = False
        self.kept = self._open()

    def _protect_published(self, namespace: MutableMapping[str, Any]) -> None:
        published = results("paper", self.notebook)
        if self.profile == "paper" and published.exists() and not _asked_for():
            changed = different(self.parameters, _stored_parameters(published))
            if changed:
                self.profile = namespace["profile"] = "mine"
                print(
                    f"results/paper was made with other values of {', '.join(changed)} and stays "
                    'as it is: these results and figures go to the profile "mine"'
                )

    def _leave_published(self) -> None:
        """Before something is computed that the published results do not hold, as by other code."""
        if self.profile == "paper" and self.store.exists() and not _asked_for():
            self.profile, self.store = "mine", results("mine", self.notebook)
            self.made = True
            print(
                "results/paper was made with other code and stays as it is: these results and "
                'figures go to the profile "mine"'
            )

    def _open(self) -> xr.DataTree:
        """What is kept of earlier results: nothing of a node that is damaged, or below it."""
        try:
            problems = check_tree(self.store)
            kept = read_tree(self.store, damaged="skip")
        except StoreError as error:
            if not self.store.exists():
                return xr.DataTree()
            raise StoreError(
                f"store: {self.store} exists and is not a store of xyep ({error}); move it away"
            ) from error
        if not {"parameters", "version"} <= set(kept.attrs):
            raise StoreError(
                f"store: {self.store} was not written by a notebook of xyep; move it away"
            )
        damaged = {_first(path) for path in problems}
        if damaged:
            self.made = True  # so that the store is written, also where only its runs are lost
            print(f"{self.store}: computing anew what is damaged: {', '.join(sorted(damaged))}")
            kept = xr.DataTree.from_dict(
                {path: ds for path, ds in kept.to_dict().items() if _first(path) not in damaged}
            )
        return kept

    def __call__(
        self,
        function: Callable[..., Found],
        *arguments: Any,
        node: str | None = None,
        **keywords: Any,
    ) -> None:
        self._add(function, node, arguments, keywords, False)

    def train(
        self,
        function: Callable[..., Found],
        *arguments: Any,
        node: str | None = None,
        **keywords: Any,
    ) -> None:
        self._add(function, node, arguments, keywords, True)

    def earlier(self, notebook: str) -> xr.DataTree:
        """Results of another notebook that this one goes on from."""
        return earlier(notebook, self.profile)

    def _add(
        self,
        function: Callable[..., Found],
        node: str | None,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        ensembles: bool,
    ) -> None:
        key = fresh.key(function, node, arguments, keywords)
        found, runs = kept_of(self.kept, key), runs_of(self.kept, key)
        if not found:
            self._leave_published()
            self.made, started = True, time.monotonic()
            # finished runs of another call or of other code are not taken for those of this one
            partial = {"store": partial_folder(self.store) / key[:16], **self.where}
            with recorded() as trained:
                made = function(*arguments, **keywords, **(partial if ensembles else {}))
            runs = _as_runs(key, trained)
            attrs = {
                "made_from": key,
                "made_in_s": round(time.monotonic() - started, 1),
                **provenance(),
            }
            found = {
                path: described(ds).assign_attrs(attrs) for path, ds in nodes_of(made, node).items()
            }
        twice = sorted(set(found) & {RUNS, *self.nodes})
        if twice:
            raise ValueError(f"node: {', '.join(twice)} is there already; another name is needed")
        self.nodes |= found
        self.runs |= {key: runs} if runs.sizes["run"] else {}

    def finish(self) -> xr.DataTree:
        """Write the tree, if anything in it is new, and forget the partial runs."""
        kept = {c.path.lstrip("/") for c in self.kept.subtree if "made_from" in c.attrs}
        parameters = json.loads(json.dumps(self.parameters))
        if self.made or set(self.nodes) != kept or self.kept.attrs.get("parameters") != parameters:
            runs = {RUNS: xr.concat(self.runs.values(), "run")} if self.runs else {}
            tree = xr.DataTree.from_dict(self.nodes | runs)
            times = {ds.attrs["made_from"]: ds.attrs["made_in_s"] for ds in self.nodes.values()}
            tree.attrs = {
                **provenance(),
                "parameters": parameters,
                "wall_time_s": round(sum(times.values()), 1),
            }
            write_tree(tree, self.store)
            self.kept = self._open()
        discard_partial(self.store)
        return self.kept


def described(ds: xr.Dataset) -> xr.Dataset:
    """With `DESCRIBED` where there is no long name yet."""
    for name, variable in ds.variables.items():
        for key, text in zip(("long_name", "units"), DESCRIBED.get(str(name), ())):
            variable.attrs.setdefault(key, text)
    return ds


def _first(path: str) -> str:
    """The node at the root under which a node is; "" for the root itself."""
    return [*PurePosixPath(path.strip("/")).parts, ""][0]


def kept_of(tree: xr.DataTree, key: str) -> dict[str, xr.Dataset]:
    """Path → Dataset, of the nodes of a stored tree that the call with this key made."""
    return {
        child.path.lstrip("/"): child.to_dataset(inherit=False)
        for child in tree.subtree
        if child.attrs.get("made_from") == key
    }


def runs_of(tree: xr.DataTree, key: str) -> xr.Dataset:
    """The runs of a stored tree that the call with this key has trained; none in older stores."""
    if RUNS not in tree.children:
        return _as_runs(key, {})
    runs = tree.children[RUNS].to_dataset(inherit=False)
    return runs.isel(run=np.flatnonzero(runs["made_from"].values == key))


def _as_runs(key: str, trained: Mapping[tuple[str, int], Made]) -> xr.Dataset:
    """Runs of the call with this key, in the order of their cases and seeds."""
    chosen = sorted(trained)

    def column(values: list[Any], kind: Any, long_name: str, units: str = "1") -> Any:
        return "run", np.array(values, kind), {"long_name": long_name, "units": units}

    return xr.Dataset(
        {
            "sha256": column(
                [trained[k].sha256 for k in chosen], str, "digest of all that the run computed"
            ),
            "seconds": column(
                [trained[k].seconds for k in chosen], np.float32, "time of the run on one core", "s"
            ),
        },
        {
            "case": column([name for name, _ in chosen], str, "name of the case in its ensemble"),
            "case_seed": column([seed for _, seed in chosen], int, "seed of the run"),
            "made_from": column(
                [key] * len(chosen), str, "attribute made_from of the nodes that the run is part of"
            ),
        },
    )


def nodes_of(found: Found, node: str | None) -> dict[str, xr.Dataset]:
    """Path in the tree → Dataset, of what a study's function returned."""
    if isinstance(found, xr.Dataset):
        found = {"": found}
    elif isinstance(found, xr.DataTree):
        found = {
            child.path.lstrip("/"): child.to_dataset(inherit=False)
            for child in found.subtree
            if child.has_data or child.attrs
        }
    elif not isinstance(found, dict):
        raise TypeError(
            f"function: returned {type(found).__name__}; a Dataset, a DataTree or a dict of "
            "Datasets is needed"
        )
    paths = {"/".join(filter(None, (node, name))): ds for name, ds in found.items()}
    if "" in paths:
        raise ValueError("node: missing; a name is needed for what the function returned")
    return paths


def _asked_for() -> bool:
    """Whether ``xyep reproduce`` runs this notebook, with the parameters of its source."""
    return bool(os.environ.get("XYEP_REPRODUCE"))


def _stored_parameters(store: Path) -> dict[str, Any]:
    """Parameters that a result was made with, read without its data."""
    try:
        found = json.loads((store / "zarr.json").read_text("utf-8"))["attributes"]["parameters"]
        return json.loads(found) if isinstance(found, str) else dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def different(parameters: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    """Names of parameters whose values differ from those that a result was made with."""
    plain = json.loads(json.dumps(parameters))
    return sorted(n for n in plain.keys() | stored.keys() if plain.get(n) != stored.get(n))


def ordered(ds: xr.Dataset) -> xr.Dataset:
    """A Dataset with its variables sorted by name, as Zarr lists them in any order."""
    data, coords = (
        {name: ds[name].variable for name in sorted(map(str, group))}
        for group in (ds.data_vars, ds.coords)
    )
    return xr.Dataset(data, coords, ds.attrs)
