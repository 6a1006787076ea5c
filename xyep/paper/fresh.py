"""What is up to date: what stored results and executed notebooks follow from.

A *result* follows from the function that made it, with all code that it reaches, and from its
arguments: `key`. An executed notebook follows from more, see `notebooks.stamp`. Both see values and
code as `xyep.digest` does, so that comments and docstrings of the package do not count.
"""

import ast
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import xarray as xr

from .. import digest
from .scripts import names, source


def key(
    function: Callable[..., Any],
    node: str | None,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
) -> str:
    """Digest of a study's call: its function, with the code that it reaches, and its arguments."""
    return digest.digest("result", function, node, plain(arguments), plain(dict(keywords)))


def plain(value: Any) -> Any:
    """A value with labelled data in it taken apart, whose variables Zarr lists in any order."""
    if isinstance(value, xr.DataTree):
        return {"tree": {node.path: plain(node.to_dataset()) for node in value.subtree}}
    if isinstance(value, xr.Dataset):
        variables = {str(name): plain(value[name].variable) for name in value.variables}
        return {
            "dataset": variables,
            "coords": sorted(map(str, value.coords)),
            "attrs": value.attrs,
        }
    if isinstance(value, xr.DataArray):
        return plain(value.to_dataset(name="array"))
    if isinstance(value, xr.Variable):
        array = value.values
        return {
            "dims": value.dims,
            "values": array.tolist() if array.dtype.kind == "O" else array,
            "attrs": value.attrs,
        }
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if type(value) in (list, tuple) else value


def store_digest(store: Path) -> str:
    """SHA-256 of a Zarr store: its metadata and chunks, and nothing else that lies there."""
    found = sha256()
    for path in sorted(store.rglob("*")):
        relative = path.relative_to(store)
        is_chunk = "c" in relative.parts and not path.name.startswith(".")
        if path.is_file() and (is_chunk or path.name == "zarr.json"):
            name, content = relative.as_posix().encode(), path.read_bytes()
            found.update(b"%d %d " % (len(name), len(content)) + name + content)
    return found.hexdigest()


def reads(notebook: str) -> list[str]:
    """The notebooks whose results a notebook reads: those that its code names, and itself."""
    code = ast.walk(ast.parse(source(notebook)))
    found = {node.value for node in code if isinstance(node, ast.Constant)}
    return [name for name in names() if name in found or name == notebook]
