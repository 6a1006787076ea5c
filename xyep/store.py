"""Results as labelled xarray data in Zarr stores.

One run is a Dataset over (epoch), (snapshot, …) and attributes that say how it was made. While it
goes on, its state is one file beside the store, ``<store>.partial/run.npz``; the store follows from
that state alone, so that an interrupted run ends in the same bytes as an uninterrupted one.

A store is written as a whole or not at all (see `xyep.files`). It is plain Zarr 3 with consolidated
metadata, which ``xr.open_datatree(path)`` opens; attributes are text and numbers; each node has the
attribute ``sha256``, a digest of its variables, values and attributes, and the root lists those of
all nodes in ``nodes``. `read_tree` checks them, as Zarr itself takes a lost chunk for one of fill
values.
"""

import json
import math
import os
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numcodecs.zstd import Zstd  # type: ignore[import-untyped]

from .checks import check_choice, check_instance
from .digest import digest
from .files import (
    StoreError,
    locked,
    recover,
    replace_file,
    replace_folder,
    settled,
    writing,
)
from .records import described, plain_text, training_of

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

__all__ = [
    "StoreError",
    "check_tree",
    "read_attrs",
    "read_tree",
    "write_tree",
]

#: Attributes of a run that must agree for it to be continued; another commit or version may go on.
SAME = ("network", "network_sha256", "task", "data_sha256", "seed", "initial_sha256")


def partial_folder(store: str | os.PathLike[str]) -> Path:
    """Where unfinished runs of a store are kept."""
    path = local_path(store)
    return path.with_name(f"{path.name}.partial")


def local_path(store: str | os.PathLike[str]) -> Path:
    """`store` as an absolute path of this machine, ~ expanded.

    >>> local_path("s3://bucket/run.zarr")
    Traceback (most recent call last):
        ...
    ValueError: store: found 's3://bucket/run.zarr'; the path of a local folder is needed
    """
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store: found {store!r}; a path is needed")
    text = os.fspath(store)
    if not isinstance(text, str):
        raise TypeError(f"store: found {store!r}; a path as text is needed")
    # a scheme has two letters or more, a drive of Windows one
    remote = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text)
    if not text.strip() or remote or "\0" in text or text.lower().endswith(".zip"):
        raise ValueError(f"store: found {text!r}; the path of a local folder is needed")
    try:
        path = Path(text).expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise ValueError(f"store: found {text!r}; {error}") from error
    if not path.name:
        raise ValueError(f"store: found {text!r}; the path of a folder of its own is needed")
    return path


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], attrs: Mapping[str, Any]) -> None:
    """Write an .npz with attributes and a digest; the file is always either the old or the new."""
    text = json.dumps(attrs)
    found = np.array([text, digest(text, arrays)])
    with writing(path):
        replace_file(path, lambda file: np.savez(file, attrs=found, **dict(arrays)))  # type: ignore[arg-type]


def load_arrays(path: Path, attrs: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """Arrays of a file that `save_arrays` wrote for a run with these attributes.

    None where there is no such file, and, with a warning, where it cannot be read: that run is then
    computed again.
    """
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as raw, np.load(raw) as file:
            arrays = {name: file[name] for name in file.files}
        text, found = arrays.pop("attrs").tolist()
        if found != digest(text, arrays):
            raise ValueError("its content is not what was written")
        there = json.loads(text)
    except Exception as error:  # zipfile, zlib, numpy and json each raise their own
        warnings.warn(
            f"{path} cannot be read ({_brief(error)}); that run is computed again", stacklevel=3
        )
        return None
    check_same(path, there, attrs)
    return arrays


def _brief(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:200]


# ------------------------------------------------------------------------------------ Zarr stores

#: Attributes that are the store's own: its digests, and which others are text of JSON.
_SHA256, _NODES, _JSON = "sha256", "nodes", "json_attributes"


def write_tree(tree: xr.DataTree, store: str | os.PathLike[str]) -> None:
    """Write a DataTree as a Zarr store; the old one is replaced once the new one is complete.

    Raises
    ------
    StoreError
        If another process is writing the store, if there is something else at its place, or if it
        cannot be written, as on a full disk.

    >>> import tempfile
    >>> tree = xr.DataTree(xr.Dataset({"cost": ("epoch", [0.5, 0.25])}))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tree(tree, folder + "/a.zarr")
    ...     read_tree(folder + "/a.zarr")["cost"].values.tolist(), check_tree(folder + "/a.zarr")
    ([0.5, 0.25], {})
    """
    check_instance("tree", tree, xr.DataTree)
    store = local_path(store)
    with locked(store):
        write_locked(tree, store)


def write_locked(tree: xr.DataTree, store: Path) -> None:
    """`write_tree` for one who holds the lock of the store."""
    with writing(store):
        recover(store)
        if store.exists() and not (store / "zarr.json").is_file():
            if not store.is_dir() or any(store.iterdir()):
                raise StoreError(f"store: {store} is not a Zarr store; choose another path")
        nodes = {node.path: _plain(node.to_dataset(inherit=False)) for node in tree.subtree}
        nodes = dict(sorted(nodes.items()))
        sums = {path: _digest(ds) for path, ds in nodes.items() if path != "/"}
        nodes["/"].attrs[_NODES] = json.dumps(sums)
        sums["/"] = _digest(nodes["/"])
        encoding = {path: _encoding(ds) for path, ds in nodes.items()}
        for path, ds in nodes.items():
            ds.attrs[_SHA256] = sums[path]
            nodes[path] = ds.assign(
                {n: v.astype(object) for n, v in ds.variables.items() if v.dtype.kind == "U"}
            )
        whole = xr.DataTree.from_dict(nodes)
        with warnings.catch_warnings():
            # the Zarr specification does not have consolidated metadata yet; all readers do
            warnings.filterwarnings("ignore", message=".*[Cc]onsolidated metadata")
            replace_folder(
                store,
                lambda folder: whole.to_zarr(
                    folder, mode="w", encoding=encoding, consolidated=True, zarr_format=3
                ),
            )


def _plain(ds: xr.Dataset) -> xr.Dataset:
    """As it is stored: variables in order, attributes text and numbers, one kind of NaN."""
    ds = described(ds).drop_encoding()
    data, coords = (
        {n: ds[n].variable for n in sorted(g, key=str)} for g in (ds.data_vars, ds.coords)
    )
    for variable in [*data.values(), *coords.values()]:
        variable.attrs = _plain_attrs(variable.attrs)
        if variable.dtype.kind == "f" and np.isnan(variable.values).any():
            values = variable.values
            variable.values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    own = (_SHA256, _NODES, _JSON)
    return xr.Dataset(
        data, coords, _plain_attrs({k: v for k, v in ds.attrs.items() if k not in own})
    )


def _plain_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in attrs.items():
        if isinstance(value, (np.generic, np.ndarray)):
            value = value.tolist()
        if isinstance(value, str):
            plain[name] = str(value)
        elif isinstance(value, (bool, int)):
            plain[name] = int(value)
        elif isinstance(value, float):
            plain[name] = value
        else:
            try:
                plain[name] = json.dumps(value)
            except TypeError as error:
                raise TypeError(
                    f"attribute {name}: found {type(value).__name__}; text, a number, or lists and "
                    "dicts of these are needed"
                ) from error
            plain[_JSON] = f"{plain.get(_JSON, '')} {name}".strip()
    return plain


def _restored(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """Attributes as they were before they were written."""
    texts = str(attrs.get(_JSON, "")).split()
    own = (_SHA256, _NODES, _JSON)
    return {k: json.loads(v) if k in texts else v for k, v in attrs.items() if k not in own}


def _encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """One chunk a variable, as results are read whole, and none for one that is constant."""
    found: dict[str, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        values, chosen = variable.values, found.setdefault(str(name), {})
        if values.ndim:
            chosen["chunks"] = tuple(max(n, 1) for n in values.shape)
        if values.dtype.kind in "biuf" and values.size:
            first = values.reshape(-1)[:1]
            constant = values.tobytes() == first.tobytes() * values.size
            if constant and not (first[0] == 0 and np.signbit(first[0])):
                chosen["fill_value"] = first[0].item()
            elif values.dtype.kind == "f":
                chosen["fill_value"] = float("nan")  # a chunk of zeros of both signs is kept
    return found


def _digest(ds: xr.Dataset) -> str:
    """Digest of all that a node holds."""
    content = {
        str(name): (str(name) in ds.coords, v.dims, v.values, _sorted(v.attrs))
        for name, v in ds.variables.items()
    }
    return digest(content, _sorted({k: v for k, v in ds.attrs.items() if k != _SHA256}))


def _sorted(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    return dict(sorted(attrs.items()))


def read_tree(store: str | os.PathLike[str], damaged: str = "raise") -> xr.DataTree:
    """A result as an in-memory DataTree, nodes and variables in the order of their names.

    Parameters
    ----------
    damaged : "raise", or "skip" for a tree without the nodes that do not have the content that was
        written; `check_tree` tells them

    Raises
    ------
    StoreError
        If there is no store, or a node of it is damaged.

    >>> import tempfile, xyep
    >>> folder, net = tempfile.mkdtemp(), xyep.all_to_all(4)
    >>> path = os.path.join(folder, "run.zarr")
    >>> tree = xyep.train(net, xyep.load_task("xor"), epochs=3, store=path)
    >>> bool((read_tree(path)["cost"] == tree["cost"]).all())
    True
    """
    check_choice("damaged", damaged, ("raise", "skip"))
    store = local_path(store)
    nodes, problems = _examine(store)
    if problems and damaged == "raise":
        node, problem = next(iter(problems.items()))
        more = f", and {len(problems) - 1} more nodes" * (len(problems) > 1)
        raise StoreError(
            f"store: {store} is damaged: node {node}: {problem}{more}; delete the store and "
            'compute it again, or take a copy of it; read_tree(…, damaged="skip") reads the rest'
        )
    return xr.DataTree.from_dict(dict(sorted(nodes.items())))


def check_tree(store: str | os.PathLike[str]) -> dict[str, str]:
    """Path of each damaged or missing node of a store → what is wrong with it; {} if nothing."""
    return _examine(local_path(store))[1]


def read_attrs(store: str | os.PathLike[str]) -> dict[str, Any]:
    """Attributes of a store's root, without reading its data; {} if there are none."""
    try:
        return _restored(_json(settled(local_path(store)) / "zarr.json")["attributes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def _examine(store: Path) -> tuple[dict[str, xr.Dataset], dict[str, str]]:
    """The nodes of a store that are whole, and the problems of the others."""
    for _ in range(10):
        path = settled(store)
        before = _identity(path)
        if before is None:
            time.sleep(0.02)  # the moment between two renames of one who writes
            continue
        found = _read(path, store)
        if _identity(path) == before:
            return found
    if before is None:
        raise StoreError(f"store: {store} is not a Zarr store; run what writes it")
    raise StoreError(f"store: {store} is written all the time; wait until that ends")


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
        return (
            (found.st_dev, found.st_ino, found.st_mtime_ns)
            if (path / "zarr.json").is_file()
            else None
        )
    except OSError:
        return None


def _read(path: Path, store: Path) -> tuple[dict[str, xr.Dataset], dict[str, str]]:
    problems: dict[str, str] = {}
    loaded: dict[str, xr.Dataset] = {}
    _check_metadata(path, problems)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that Zarr does not know, as .DS_Store
        for node, ds in _opened(path, problems):
            try:
                if node not in problems:
                    loaded[node] = _loaded(ds)
            except Exception as error:  # zarr, numcodecs and xarray each raise their own
                problems.setdefault(node, _brief(error))
    if not problems and not any(_SHA256 in ds.attrs for ds in loaded.values()):
        warnings.warn(
            f"{store} has no digests: it was not written by this version of xyep, and damage to it "
            "cannot be seen",
            stacklevel=4,
        )
        return loaded, {}
    for node, ds in loaded.items():
        try:
            if ds.attrs.get(_SHA256) != _digest(ds):
                problems.setdefault(node, "its digest is not that of what was written")
        except TypeError as error:
            problems.setdefault(node, _brief(error))
    listed = _listed(path)
    for node in set(listed) - set(loaded):
        problems.setdefault(node, "it is missing")
    for node, ds in loaded.items():
        if node != "/" and (_NODES in ds.attrs or (listed and node not in listed)):
            problems.setdefault(node, "it does not belong to this store")
        elif node != "/" and listed and listed[node] != ds.attrs.get(_SHA256):
            problems.setdefault(node, "it is another one")
    whole = {node: ds for node, ds in loaded.items() if node not in problems}
    for ds in whole.values():
        ds.attrs = _restored(ds.attrs)
    return whole, dict(sorted(problems.items()))


def _listed(path: Path) -> dict[str, Any]:
    """Digests of all nodes below the root, as its attributes have them."""
    try:
        return dict(json.loads(_json(path / "zarr.json")["attributes"][_NODES]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _check_metadata(path: Path, problems: dict[str, str]) -> None:
    """The consolidated metadata, which are read first, must be those of each group and array."""
    try:
        root = _json(path / "zarr.json")
        known: Any = root.get("consolidated_metadata")
        if known is None and _SHA256 not in root["attributes"]:
            return
        listed = known["metadata"].items()
    except Exception as error:
        problems["/"] = _brief(error)
        return
    for name, entry in listed:
        is_group = isinstance(entry, dict) and entry.get("node_type") == "group"
        node = "/" + (name if is_group else name.rpartition("/")[0])
        try:
            found = _json(path / name / "zarr.json")
            if is_group:
                found, entry = ({**one, "consolidated_metadata": None} for one in (found, entry))
            if found != entry:
                problems.setdefault(node, f"the metadata of {name} differ")
            elif entry.get("data_type") == "string":
                _check_text(path / name, entry["shape"])
        except Exception as error:
            problems.setdefault(node, _brief(error))


def _check_text(path: Path, shape: list[int]) -> None:
    """Text is decoded into as many items as the chunk says, which may be more than memory has."""
    for chunk in (path / "c").rglob("*"):
        if chunk.is_file():
            said = int.from_bytes(Zstd().decode(chunk.read_bytes())[:4], "little")
            if said != math.prod(shape):
                raise ValueError(f"{path.name}: {said} texts instead of {math.prod(shape)}")


def _opened(path: Path, problems: dict[str, str]) -> list[tuple[str, xr.Dataset]]:
    """Path and Dataset, not loaded yet, of every node that can be opened."""
    if not problems:
        try:
            tree = xr.open_datatree(path, engine="zarr")
            return [(node.path, node.to_dataset(inherit=False)) for node in tree.subtree]
        except Exception as error:
            whole = _brief(error)
    else:
        whole = ""
    found = []
    for file in sorted(path.rglob("zarr.json")):
        node = "/" + file.parent.relative_to(path).as_posix().strip(".")
        try:
            if node not in problems and _json(file)["node_type"] == "group":
                ds = xr.open_dataset(path, engine="zarr", group=node, consolidated=False)
                found.append((node, ds))
        except Exception as error:
            if not (file.parent / "c").exists():  # of an array: its node tells
                problems.setdefault(node, _brief(error))
    if whole and not problems:
        problems["/"] = whole
    return found


def _loaded(ds: xr.Dataset) -> xr.Dataset:
    """In memory, variables in the order of their names, text of a plain data type."""
    ds = ds.load().drop_encoding()
    data, coords = (
        {n: ds[n].variable for n in sorted(g, key=str)} for g in (ds.data_vars, ds.coords)
    )
    for group in (data, coords):
        for name, variable in group.items():
            group[name] = plain_text(variable)
    return xr.Dataset(data, coords, ds.attrs)


def check_same(store: Path | str, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> None:
    """Raise unless a store's attributes are those of the run that is to be continued."""
    for key in SAME:
        if found.get(key) != wanted.get(key):
            raise StoreError(
                f"store: {store} holds another run: {key} is {found.get(key)!r} there and "
                f"{wanted.get(key)!r} here; choose another store, or delete it"
            )
    there, here = training_of(found), training_of(wanted)
    for key in sorted(set(there) | set(here)):
        if there.get(key) != here.get(key):
            raise StoreError(
                f"store: {store} holds another run: {key} is {there.get(key)!r} there and "
                f"{here.get(key)!r} here; choose another store, or delete it"
            )
