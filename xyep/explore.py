"""The lattice, alive: a network to be turned, nudged, cut and taught by hand.

`explore` gathers a network and its snapshots into a small JSON document, which ``explore.js`` in
``xyep/static`` brings to life: in Jupyter as a widget, and in any page, without any other library.
The phases relax there by the sweep of
`xyep.kernels.reference`, in float64.

In a page of your own, beside the document and the three files of ``xyep/static``:

    <link rel="stylesheet" href="explore.css">
    <script type="module" src="explore.js"></script>
    <div data-xyep-lattice="lattice.json"></div>
"""

from __future__ import annotations

import base64
import html
import json
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .blocks import visits
from .checks import check_instance, found
from .cost import LogCosine
from .datasets import load_task
from .drawing import places, steps
from .lattices import all_to_all, xor_lattice
from .network import Network, Parameters
from .records import parameters_of, training_of
from .run import check_task
from .settings import Training, given
from .solvers import GaussSeidel, over_relaxation_for
from .tasks import Task
from .training import train

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

STATIC = Path(__file__).parent / "static"
#: More cannot be drawn, or relaxed, in a frame.
MOST_SITES, MOST_COUPLINGS = 1500, 10_000
#: Training samples that the picture learns from, the first ones.
MOST_PATTERNS = 150
#: Epochs at which the networks of ``explore()`` are shown.
SHOTS = (0, 1, 3, 10, 30, 100, 300, 1000)
NO_WIDGET = (
    "explore: anywidget is needed to show this in Jupyter; pip install 'xyep[lab]', "
    "or write a page with .save('lattice.html')"
)


def explore(
    net: Network | None = None,
    tree: xr.DataTree | xr.Dataset | Parameters | None = None,
    task: Task | None = None,
    *,
    seed: int | None = None,
    name: str | None = None,
) -> Explorer:
    """A network to play with, in Jupyter or in a page of its own.

    Turn an input or a target by dragging its hand, nudge the outputs by the slider β, cut a
    coupling by a click, take an update of equilibrium propagation, or let the network learn. The
    phases relax as one looks, and the energy falls.

    Parameters
    ----------
    net : the network; without any, three are trained on XOR, an all-to-all network and lattices of
        7×7 and 11×11 sites with 4 shells, which takes seconds
    tree : result of `train`, whose snapshots a slider goes through, or a network's node of a result
        of `train_ensemble`, or `Parameters`. Default: ``net.init_parameters(0)``
    task : whose training samples, the first 150, are asked and learned; default XOR for a network
        with two inputs and one output, else none
    seed : of an ensemble with several
    name : what the network is called; default `net.name`

    Returns
    -------
    Explorer, which shows itself as the last expression of a cell (extra ``lab``), and has `save`

    Raises
    ------
    ValueError
        For a tree of another network, and for networks of more than 1500 sites or 10000 couplings.

    Warns
    -----
    UserWarning
        Where `tree` was trained with another cost than `LogCosine`, or with tangent nudging: here
        the outputs are nudged by E + βC with the logarithmic cost.

    >>> import xyep
    >>> net = xyep.xor_lattice(5, shells=2)
    >>> tree = xyep.train(net, xyep.load_task("xor"), epochs=30, seed=0, snapshots=(0, 30))
    >>> explore(net, tree)
    <Explorer of square_5x5_shells2: epochs 0, 30>
    """
    if net is None:
        if not (tree is None and task is None and seed is None and name is None):
            raise TypeError("net: found None; the network of the other arguments is needed")
        return _presets()
    check_instance("net", net, Network)
    if net.n_sites > MOST_SITES or net.n_couplings > MOST_COUPLINGS:
        raise ValueError(
            f"net: found {net.n_sites} sites and {net.n_couplings} couplings; at most {MOST_SITES} "
            f"and {MOST_COUPLINGS} can be drawn"
        )
    if task is None and (net.n_inputs, net.n_outputs) == (2, 1):
        task = load_task("xor")
    if task is not None:
        check_instance("task", task, Task)
        check_task(net, task)
    if name is not None:
        check_instance("name", name, str, "text")
    epochs, thetas = _snapshots(net, tree, seed)
    document = _network(net, name or net.name, task, _training(net, tree))
    document |= {"epochs": epochs, "theta": _packed(np.stack(thetas))}
    return Explorer([net], [document])


class Explorer:
    """What `explore` returns: one network or several, to be shown or saved.

    Two are joined by ``+``, and a menu chooses between them. After the phases have come to rest in
    Jupyter, the last state is read here as `phases`, `parameters` and `cut`.

    >>> import xyep
    >>> a, b = (explore(xyep.xor_lattice(n)) for n in (3, 5))
    >>> a + b
    <Explorer of square_3x3_shells1, square_5x5_shells1>
    """

    def __init__(self, nets: list[Network], networks: list[dict[str, Any]]) -> None:
        self.nets, self.networks = nets, networks

    def __add__(self, other: Explorer) -> Explorer:
        if not isinstance(other, Explorer):
            return NotImplemented
        return Explorer(self.nets + other.nets, self.networks + other.networks)

    @property
    def json(self) -> str:
        """The document that explore.js reads."""
        return json.dumps({"networks": self.networks}, ensure_ascii=False, separators=(",", ":"))

    def save(self, path: str | Path) -> Path:
        """Write a page that works by itself (``.html``), or the document alone (``.json``).

        >>> import tempfile, xyep
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = explore(xyep.xor_lattice(3)).save(f"{folder}/lattice.html")
        ...     "data-xyep-lattice" in page.read_text(encoding="utf-8")
        True
        """
        path = Path(path)
        if path.suffix not in (".html", ".json"):
            raise ValueError(
                f"path: found {path.name!r}; a name ending in .html or .json is needed"
            )
        path.write_text(self._page() if path.suffix == ".html" else self.json, encoding="utf-8")
        return path

    def _page(self) -> str:
        style, script = _static("explore.css"), _script()
        title = html.escape(", ".join(network["name"] for network in self.networks))
        document = self.json.replace("<", "\\u003c")  # a label cannot end the script
        return PAGE.format(title=title, style=style, script=script, document=document)

    @cached_property
    def widget(self) -> Any:
        """The `anywidget.AnyWidget`, to be placed among other widgets."""
        try:
            import anywidget
            import traitlets
        except ImportError:
            raise ImportError(NO_WIDGET) from None

        class LatticeWidget(anywidget.AnyWidget):
            _esm, _css = _script(), _static("explore.css")
            data = traitlets.Unicode().tag(sync=True)
            report = traitlets.Dict().tag(sync=True)

        return LatticeWidget(data=self.json)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        try:
            return self.widget._repr_mimebundle_(**options)
        except ImportError:
            return {"text/plain": NO_WIDGET}

    def _report(self, name: str) -> Any:
        report = self.widget.report
        if not report:
            raise ValueError(
                f"{name}: nothing is known yet; show the network in Jupyter and let it come to rest"
            )
        return self.nets[report["network"]], report

    @property
    def phases(self) -> np.ndarray:
        """(site,) phases in radians, inputs first, when they last came to rest in Jupyter."""
        return np.array(self._report("phases")[1]["phases"])

    @property
    def parameters(self) -> Parameters:
        """The parameters of that state, with what has been learned in Jupyter."""
        net, report = self._report("parameters")
        return net.unflatten(np.array(report["theta"]))

    @property
    def cut(self) -> list[tuple[Any, Any]]:
        """The couplings cut in that state, as `Network.without` takes them."""
        net, report = self._report("cut")
        return [tuple(net.labels[site] for site in net.edges[c]) for c in report["cut"]]

    def __repr__(self) -> str:
        names = ", ".join(network["name"] for network in self.networks)
        epochs = ""
        if len(self.networks) == 1 and len(self.networks[0]["epochs"]) > 1:
            epochs = ": epochs " + ", ".join(map(str, self.networks[0]["epochs"]))
        return f"<Explorer of {names}{epochs}>"


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; padding: 1rem; max-width: 1060px; }}
{style}
</style>
<div data-xyep-lattice>
<script type="application/json">{document}</script>
<noscript>This picture needs JavaScript.</noscript>
</div>
<script type="module">
{script}
</script>
</html>
"""


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _script() -> str:
    """Both modules as one."""
    whole = _static("explore.js")
    picture = whole.replace('import { RULES, TURN, XY, random, unpack } from "./xy.js";\n', "")
    assert picture != whole
    return _static("xy.js") + picture


def _presets() -> Explorer:
    nets = {
        "lattice 11×11, 4 shells": xor_lattice(11, shells=4, distance=2),
        "lattice 7×7, 4 shells": xor_lattice(7, shells=4, distance=2),
        "all to all, 10 sites": all_to_all(10),
    }
    shown = Explorer([], [])
    for name, net in nets.items():
        tree = train(net, load_task("xor"), epochs=SHOTS[-1], seed=0, snapshots=SHOTS, responses=())
        shown += explore(net, tree, name=name)
    return shown


def _snapshots(
    net: Network, tree: xr.DataTree | xr.Dataset | Parameters | None, seed: int | None
) -> tuple[list[int], list[np.ndarray]]:
    """Epochs, and the flat parameters at each."""
    if tree is None:
        return [0], [net.init_parameters(0).flatten()]
    if isinstance(tree, Parameters):
        return [0], [net.check_parameters(tree, "tree").flatten()]
    if not isinstance(tree, (xr.DataTree, xr.Dataset)):
        raise TypeError(
            f"tree: found {found(tree)}; a result of xyep.train, or Parameters, is needed"
        )
    _check_same_network(net, tree)
    if "snapshot" not in tree.dims:
        parameters_of(tree, seed=seed)  # raises for what has no parameters at all
        assert isinstance(tree, xr.DataTree)
        state = tree["state"].to_dataset()
        epochs = [0, int(tree.attrs["epochs_done"])]
        return epochs, [state["initial"].values, state["theta"].values]
    epochs = [int(epoch) for epoch in tree.coords["snapshot"].values]
    numbers = [*range(len(epochs) - 1), -1]  # −1 has the precision of the training itself
    if epochs[-1] != tree.attrs.get("epochs_done", epochs[-1]):
        numbers[-1] = len(epochs) - 1
    shots = [parameters_of(tree, snapshot=k, seed=seed) for k in numbers]
    return epochs, [net.check_parameters(p, "tree").flatten() for p in shots]


def _check_same_network(net: Network, tree: xr.DataTree | xr.Dataset) -> None:
    same = tree.attrs.get("network_sha256", net.digest) == net.digest
    if same and "source" in tree.coords:
        ends = np.stack([tree.coords[end].values for end in ("source", "target")], axis=1)
        same = np.array_equal(ends, net.edges)
    if not same:
        raise ValueError(f"tree: found the result of another network than {net.name}")


def _training(net: Network, tree: Any) -> dict[str, Any]:
    """How the network learns in the picture: as it was trained, or by the defaults."""
    default, there = Training(), _settings(tree)
    cost = {"kind": "LogCosine", "sharpness": 1.0} | there.get("cost", {})
    if cost["kind"] != LogCosine.__name__ or there.get("nudging", "cost") != "cost":
        warnings.warn(
            "tree: found a training by another cost, or by tangent nudging; here the outputs are "
            "nudged by E + βC with the logarithmic cost",
            UserWarning,
            stacklevel=3,
        )
        cost["sharpness"] = 1.0
    solvers = {}
    for key, name in (("free", "solver"), ("nudged", "nudged_solver")):
        solver = given(getattr(default, name))
        stored = there.get(name, {})
        if stored.get("kind") == GaussSeidel.__name__:
            fields = ("tol", "sweeps", "over_relaxation")
            solver = GaussSeidel(**{field: stored[field] for field in fields})
        stop = solver.stopping(net)
        rule = {"sweeps": stop.max_sweeps} if solver.sweeps is not None else {"tol": stop.tol}
        solvers[key] = rule | {"mu": stop.over_relaxation}
    learning = {
        "beta": there.get("beta", default.beta),
        "starts": there.get("initial_states", default.initial_states),
    }
    return {"sharpness": cost["sharpness"], "training": learning | solvers}


def _settings(tree: Any) -> Mapping[str, Any]:
    """The fields of `Training` of a result, which may stand above a network's node."""
    while tree is not None and not isinstance(tree, Parameters):
        if "training" in tree.attrs:
            return training_of(tree.attrs)
        tree = getattr(tree, "parent", None)
    return {}


def _network(
    net: Network, name: str, task: Task | None, training: dict[str, Any]
) -> dict[str, Any]:
    place = places(net)
    step, around = steps(net, place)
    patterns: dict[str, Any] = {"inputs": [], "targets": []}
    if task is not None:
        rows = task.numbers("train")[:MOST_PATTERNS]
        patterns = {
            "inputs": np.asarray(task.inputs[rows], float).tolist(),
            "targets": np.asarray(task.targets[rows], float).tolist(),
        }
    return training | {
        "name": name,
        "sites": net.n_sites,
        "inputs": net.n_inputs,
        "outputs": net.n_outputs,
        "labels": [str(label) for label in net.labels.tolist()],
        "places": place.round(6).tolist(),
        "edges": net.edges.ravel().tolist(),
        "parameter": net.parameter.tolist(),
        "around": [[int(c), *step[c].round(6).tolist()] for c in np.flatnonzero(around)],
        "order": visits(net).tolist(),
        "over_relaxation": over_relaxation_for(net),
        "patterns": patterns,
    }


def _packed(values: np.ndarray) -> dict[str, str]:
    """Base64 of little-endian float32 where that loses nothing, else of float64."""
    kind = "f4" if np.array_equal(values.astype("<f4").astype("<f8"), values) else "f8"
    return {kind: base64.b64encode(values.astype(f"<{kind}").tobytes()).decode()}
