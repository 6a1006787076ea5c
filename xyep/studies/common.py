"""What every study ends with."""

import time

import xarray as xr

from ..ensembles import discard_partial
from ..provenance import provenance
from ..store import write_tree


def finish(nodes, store, parameters, started):
    """Write a notebook's nodes (datasets by name) with the attributes that every result carries; forget its partial runs."""
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = {**provenance(), "parameters": parameters, "wall_time_s": round(time.monotonic() - started, 1)}
    write_tree(tree, store)
    discard_partial(store)
    return tree
