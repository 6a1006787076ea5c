"""``xyep verify``: whether results, code and the page of findings say the same.

Every node of a store is read, which checks its digest. Of every call of a study, something is
computed anew and compared bit for bit with what is stored: of ensembles a run or two, of others the
whole, if that takes seconds, or one network. To learn what is called, each notebook is run as far
as its last study, with nothing trained. The verdicts of the statements are computed from the data,
and must be those of docs/findings.md. Checksums of all files are for those who have no Python.
"""

import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from shutil import copytree
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ..cases import Case
from ..digest import digest
from ..ensembles import Made, blank, cores, instead
from ..paths import project, results
from ..provenance import provenance
from ..records import described, history, snapshots
from ..run import FINAL, HISTORY
from ..store import check_tree, read_tree
from ..workers import compute
from . import fresh, studies
from .figures import figures_of
from .findings import Finding, guidelines, statements
from .notebooks import executed, profile_parameters, run
from .scripts import names, source, written
from .studies.common import RUNS, Study, different, kept_of, nodes_of, runs_of

#: What a study computes within this time, it computes again; in s, as it took when it was made.
SHORT = 10.0
#: A second run of an ensemble is drawn among those that take at most this time, in s.
DRAWN = 3.0
#: How far apart functions of NumPy's and of LAPACK may be on another processor, relatively. What is
#: trained is the same everywhere.
ELSEWHERE = 1e-9


# ------------------------------------------------------------------------------------- statements


@dataclass
class Claim:
    """A statement, the nodes of a notebook's tree that it rests on, and what is wrong with it."""

    statement: str
    notebook: str
    figure: str
    nodes: tuple[str, ...]
    verdict: str = ""
    problems: list[str] = field(default_factory=list)
    missing: str = ""  # the data without which nothing of it can be computed anew
    anew: list[str] = field(default_factory=list)  # what was computed anew, by node


class Stored(NamedTuple):
    """The undamaged nodes of a store, and what is wrong with the others."""

    tree: xr.DataTree
    damaged: dict[str, str]


@cache
def _stored(path: Path) -> Stored:
    damaged = check_tree(path)
    return Stored(read_tree(path, "skip"), {node.strip("/"): why for node, why in damaged.items()})


def _brief(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:200]


#: Where the verdicts are printed.
PAGE = "docs/findings.md"


def claims(profile: str = "paper") -> list[Claim]:
    """All statements that are made of the results of a profile, each with its verdict.

    What cannot be computed is a claim with a problem.
    """
    found = []
    page = project() / PAGE
    text = page.read_text("utf-8") if page.is_file() else ""
    for notebook in names():
        try:
            tree = _stored(results(profile, notebook)).tree
        except (OSError, ValueError) as error:
            found.append(Claim(notebook, notebook, "", (), problems=[_brief(error)]))
            continue
        for name, figure in figures_of(notebook).items():
            try:
                made = statements(figure.finding(tree))
            except Exception as error:  # whatever follows from a node that is not there
                problem = f"cannot be computed: {_brief(error)}"
                for title in _titles(text, name) or [name]:
                    found.append(Claim(title, notebook, name, (), problems=[problem]))
                continue
            for one in made:
                claim = Claim(one.statement, notebook, name, one.nodes, one.verdict)
                row = f"| {one.statement} | {one.whose} | {one.verdict} |"
                if profile == "paper" and row not in text:
                    claim.problems.append(f"{PAGE} does not say {one.verdict!r} of it")
                found.append(claim)
        if notebook in BESIDE:
            found += _recommended(notebook, profile, tree)
    return found


def _titles(text: str, figure: str) -> list[str]:
    """Statements of the page of findings that a figure shows."""
    rows = [row for row in text.splitlines() if row[:2] == "| " and f"/{figure}.png)" in row]
    return [row[2 : row.index(" | ")] for row in rows]


#: Notebooks that make statements beside their figures, in a table of their own.
BESIDE: dict[str, Callable[[xr.DataTree], list[Finding]]] = {
    "07_what_to_build": guidelines.recommendations
}


def _recommended(notebook: str, profile: str, tree: xr.DataTree) -> Iterator[Claim]:
    """Statements of a notebook's table; those of other notebooks in it are found there."""
    try:
        made = BESIDE[notebook](tree)
    except Exception as error:
        problem = f"cannot be computed: {_brief(error)}"
        yield Claim(f"recommendations of {notebook}", notebook, "", (), problems=[problem])
        return
    text = _outputs(executed(notebook, profile)) if profile == "paper" else ""
    for one in made:
        if isinstance(one, guidelines.Recommendation):
            claim = Claim(one.statement, notebook, "", one.nodes, one.verdict)
            if profile == "paper" and f"| {one.statement} | **{one.verdict}** |" not in text:
                claim.problems.append(f"the notebook does not say {one.verdict!r} of it")
            yield claim


def _outputs(path: Path) -> str:
    """The Markdown that an executed notebook shows."""
    import nbformat

    if not path.is_file():
        return ""
    cells = nbformat.read(path, as_version=4).cells
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return "\n".join(data["text/markdown"] for data in shown if "text/markdown" in data)


# ----------------------------------------------------------------------------- what studies call


class _Known(Exception):
    """The cases of an ensemble are known, and nothing more is needed of the function."""


class _Over(Exception):
    """No study is called after this."""


@dataclass
class Call:
    """A call of a study: what it made, and how it is made again."""

    key: str
    node: str | None
    function: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
    stored: dict[str, xr.Dataset]
    runs: xr.Dataset  # digests of the runs of its ensembles, none in older stores
    same_code: bool  # whether it was made by the code and the arguments of today
    trains: bool
    cases: dict[str, Case] = field(default_factory=dict)
    anew: str = ""
    problem: str = ""

    @property
    def seconds(self) -> float:
        return max((float(ds.attrs["made_in_s"]) for ds in self.stored.values()), default=0.0)


class Verification(Study):
    """A `Study` that makes and writes nothing: it notes what is called."""

    def __init__(self, notebook: str, namespace: MutableMapping[str, Any]) -> None:
        self.calls: list[Call] = []
        super().__init__(notebook, namespace)

    def _protect_published(self, namespace: MutableMapping[str, Any]) -> None:
        pass

    def _open(self) -> xr.DataTree:
        return _stored(self.store).tree

    def earlier(self, notebook: str) -> xr.DataTree:
        return _stored(results(self.profile, notebook)).tree

    def _add(
        self,
        function: Callable[..., Any],
        node: str | None,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        ensembles: bool,
    ) -> None:
        key = fresh.key(function, node, arguments, keywords)
        stored = kept_of(self.kept, key)
        call = Call(
            key,
            node,
            (function, arguments, keywords),
            stored,
            runs_of(self.kept, key),
            same_code=bool(stored),
            trains=ensembles,
        )
        if not stored and node is not None:
            self._take(call, [p for p in self._paths() if _within(p, node)])
        self.calls.append(call)
        self.nodes |= call.stored
        if ensembles and (call.stored or node is None):
            self._learn(call)

    def _paths(self) -> list[str]:
        children = (child for child in self.kept.subtree if "made_from" in child.attrs)
        return [child.path.strip("/") for child in children]

    def _take(self, call: Call, paths: Sequence[str]) -> None:
        """Nodes that other code or other arguments have made."""
        nodes = dict(_datasets(self.kept))
        call.stored = {path: nodes[path] for path in paths}
        for key in dict.fromkeys(ds.attrs["made_from"] for ds in call.stored.values()):
            call.runs = runs_of(self.kept, key)

    def _learn(self, call: Call) -> None:
        """The cases of the ensembles that the call trains."""
        function, arguments, keywords = call.function

        def take(cases: Mapping[str, Case]) -> xr.DataTree:
            call.cases |= cases
            if call.node is not None:
                raise _Known
            return blank(cases)  # a function that makes several nodes may train several ensembles

        where = {"store": None, "workers": None, "scheduler": None}
        try:
            with instead(take):
                function(*arguments, **keywords, **where)
        except _Known:
            pass
        except Exception as error:
            call.problem = f"cannot be computed anew: {_brief(error)}"

    def finish(self) -> xr.DataTree:
        raise _Over

    def settle(self) -> None:
        """Give the nodes that no call is known to have made to the call without a name."""
        claimed = {path for call in self.calls for path in call.stored}
        for call in self.calls:
            if not call.stored and call.node is None:
                self._take(call, [path for path in self._paths() if path not in claimed])


def _within(path: str, node: str) -> bool:
    return PurePosixPath(path).is_relative_to(node)


class Stopped(NamedTuple):
    """What stopped a notebook before the last of its studies."""

    problem: str = ""
    missing: str = ""  # where it is only that data are not at hand


def called(notebook: str, profile: str) -> tuple[list[Call], Stopped]:
    """What a notebook's studies call, and what stopped it before the last of them, if anything."""
    import jupytext

    made: list[Verification] = []

    def study(name: str, namespace: MutableMapping[str, Any]) -> Verification:
        made.append(Verification(name, namespace))
        return made[-1]

    document = jupytext.reads(source(notebook), fmt="py:percent")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    changes = profile_parameters(notebook, profile) | {"profile": profile}
    stopped, real = Stopped(), studies.Study
    studies.Study = study  # type: ignore[misc, assignment]
    try:
        for cell in document.cells:
            if cell.cell_type == "code":
                text = cell.source
                if "parameters" in cell.metadata.get("tags", []):
                    text = written(text, changes)
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(text, f"{notebook}.py", "exec"), namespace)
    except _Over:
        pass
    except FileNotFoundError as error:
        stopped = Stopped(missing=str(error).splitlines()[0])
    except Exception as error:
        stopped = Stopped(f"its studies cannot be called: {_brief(error)}")
    finally:
        studies.Study = real  # type: ignore[misc]
    if not made:
        return [], stopped
    made[0].settle()
    other = different(made[0].parameters, made[0].kept.attrs.get("parameters", {}))
    if other and not stopped.problem:
        stopped = Stopped(f"made with other values of {', '.join(other)}", stopped.missing)
    return made[0].calls, stopped


# -------------------------------------------------------------------------------- computed anew


def _anew(shared: Any, own: Any) -> Any:
    """In a worker: the arrays of a run, or the nodes that a study makes; text where it fails."""
    try:
        if isinstance(shared, Case):
            started = time.monotonic()
            run = shared.run(own)
            run.advance()
            return run.arrays | {"seconds": np.array(time.monotonic() - started)}
        function, arguments, keywords = shared
        return nodes_of(function(*arguments, **keywords), own)
    except Exception as error:
        return f"cannot be computed anew: {_brief(error)}"


def sentinels(call: Call) -> list[tuple[str, int]]:
    """Runs that stand for the others: one of the fastest case, and one drawn from the fast ones.

    Seeds are drawn by the digest of what the call follows from. There are none where it was not
    kept what they computed.
    """
    known: dict[str, list[float]] = {}
    for name, case in call.cases.items():
        times = call.runs["seconds"].values[call.runs["case"].values == name].tolist()
        for ds in () if times else call.stored.values():
            entries = [entry for s in case.seeds if (entry := _entry(ds, name, s)) is not None]
            if entries and set(ds.data_vars) & {*HISTORY, *FINAL}:
                times = [_seconds(ds, entry) for entry in entries]
        if times:
            known[name] = times
    if not known:
        return []
    cost = {name: float(np.mean(times)) for name, times in known.items()}

    def work(name: str) -> tuple[float, int]:
        case = call.cases[name]
        seconds = cost[name] if cost[name] == cost[name] else float("inf")
        return seconds, case.net.n_couplings * case.training.epochs * len(case.task)

    order = sorted(known, key=work)
    draw = int(call.key[:12], 16)
    chosen = [order[0]]
    fast = [name for name in order[1:] if cost[name] <= DRAWN]
    chosen += [fast[draw % len(fast)]] if fast else []
    seeds = {name: call.cases[name].seeds for name in chosen}
    return [(name, seeds[name][draw % len(seeds[name])]) for name in chosen]


def one_network(call: Call) -> str | None:
    """Of a study that measures each network by itself, the one with the fewest couplings.

    Such a study's first argument maps the names that its Dataset has along ``network``.
    """
    first, (ds, *more) = next(iter(call.function[1]), None), call.stored.values()
    if more or not isinstance(first, Mapping) or "network" not in ds.dims:
        return None
    networks = ds["network"].values.tolist()
    if networks != list(first):
        return None
    if "n_couplings" not in ds.coords:
        return str(networks[0])
    return str(networks[int(np.argmin(ds["n_couplings"].values))])


def _cut(call: Call, network: str) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    function, (first, *others), keywords = call.function
    return function, ({network: first[network]}, *others), keywords


def _as_long(ds: xr.Dataset, one: xr.Dataset | None) -> xr.Dataset:
    """Without the empty ends of dimensions along which other networks have more than this `one`."""
    if one is None:
        return ds
    for dim in one.dims:
        n = one.sizes[dim]
        if dim not in ds.coords or dim not in one.coords or n >= ds.sizes[dim]:
            continue
        first, rest = ds.isel({dim: slice(n)}), ds.isel({dim: slice(n, None)})
        empty = all(v.isnull().all() for v in rest.data_vars.values() if dim in v.dims)
        if empty and first[dim].equals(one[dim].astype(first[dim].dtype)):
            ds = first
    return ds


def _bare(nodes: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Without the traits, which one network does not share with the others."""
    return {
        path: ds.drop_vars([n for n, c in ds.coords.items() if c.dims == ("network",)])
        for path, ds in nodes.items()
    }


def _seconds(ds: xr.Dataset, entry: Mapping[str, Any]) -> float:
    """What a run took, NaN where that is not known."""
    if "seconds" not in ds or not set(entry) <= set(ds["seconds"].dims):
        return float("nan")
    return float(ds["seconds"].sel(entry))


def _entry(ds: xr.Dataset, name: str, seed: int) -> dict[str, Any] | None:
    """Where in a result a run is: by the name of its case, or by the network, one case a seed."""
    if "network" not in ds.dims:
        return None
    networks = ds["network"].values.tolist()
    by_seed = {"seed": seed} if "seed" in ds.dims and seed in ds["seed"].values else {}
    if name in networks and ("seed" not in ds.dims or by_seed):
        return {"network": name} | by_seed
    matching = [network for network in networks if by_seed and f"{network}_{seed}" == name]
    return {"network": matching[0]} | by_seed if matching else None


def different_run(call: Call, name: str, seed: int, arrays: dict[str, np.ndarray]) -> str:
    """What is not as stored in a run that was computed anew; "" if nothing."""
    runs, found = call.runs, []
    chosen = (runs["case"].values == name) & (runs["case_seed"].values == seed)
    if chosen.any() and runs["sha256"].values[chosen][0] != Made(arrays).sha256:
        found.append(RUNS)
    case = call.cases[name]
    run = case.run(seed)
    run.restore(arrays)
    for path, ds in call.stored.items():
        entry = _entry(ds, name, seed)
        if entry is not None:
            found += [f"{path}: {v}" for v in _unequal_parts(history(run), ds.sel(entry))]
        elif case.training.snapshots and PurePosixPath(path).name == name:
            found += [f"{path}: {v}" for v in _unequal_parts(snapshots(run), ds.sel(seed=seed))]
    return f"run {name}, seed {seed}, is not as stored in {', '.join(found)}" if found else ""


def _unequal_parts(one: xr.Dataset, there: xr.Dataset) -> list[str]:
    """Variables of a run that are not those of a result, which may have fewer, and more epochs."""
    found = []
    for name in sorted(map(str, set(one.data_vars) & set(there.data_vars))):
        a, b = one[name], there[name]
        if "epoch" in a.dims:
            b = b.sel(epoch=one["epoch"].values) if "epoch" in b.dims else b
            a = a.isel(epoch=0) if a.sizes["epoch"] == 1 and "epoch" not in b.dims else a
        if a.dims == b.dims and _bits(a.values) != _bits(b.values):  # else: what a study made of it
            found.append(name)
    return found


def _bits(values: Any) -> str:
    """Digest of an array, with one kind of NaN and one kind of text."""
    values = np.asarray(values)
    if values.dtype.kind in "OUT":
        return digest(values.tolist())
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    return digest(values)


def different_nodes(
    made: Mapping[str, xr.Dataset],
    stored: Mapping[str, xr.Dataset],
    apart: Sequence[str] = (),
) -> list[str]:
    """What differs between nodes made now and those stored, but for what is named in `apart`.

    What is stored on another machine may differ by `ELSEWHERE`.
    """
    found = [f"{path}: only now" for path in sorted(set(made) - set(stored))]
    found += [f"{path}: not made now" for path in sorted(set(stored) - set(made))]
    own = {"made_from", "made_in_s", "wall_time_s", *provenance()}
    for path in sorted(set(made) & set(stored)):
        new, old = described(made[path]), stored[path]
        elsewhere = old.attrs.get("machine") != provenance()["machine"]
        for name in sorted(map(str, set(new.variables) ^ set(old.variables))):
            found.append(f"{path}: {name} is not in both")
        for name in sorted(map(str, set(new.variables) & set(old.variables))):
            a, b = new[name].variable, old[name].variable
            equal = a.dims == b.dims and _bits(a.values) == _bits(b.values)
            if not equal and elsewhere and a.shape == b.shape and a.dtype.kind == "f":
                equal = bool(np.allclose(a.values, b.values, ELSEWHERE, 0.0, equal_nan=True))
            if not equal and name not in apart:
                found.append(f"{path}: {name} differs")
        for name in sorted(set(map(str, new.attrs)) - own - set(apart)):
            if not _same_attribute(new.attrs[name], old.attrs.get(name)):
                found.append(f"{path}: attribute {name} differs")
    return found


def _same_attribute(new: Any, old: Any) -> bool:
    if isinstance(new, (np.generic, np.ndarray)):
        new = new.tolist()
    return json.dumps(new) == json.dumps(old) or new == old


def _compute(calls: Sequence[Call], workers: int | None) -> int:
    """Compute the sentinels of calls, note what they show, and return their number."""
    tasks: list[tuple[float, Any, Any, Any]] = []
    for number, call in enumerate(calls):
        if call.problem or not call.stored:
            continue
        if not call.trains and call.seconds <= SHORT:
            tasks.append((call.seconds, (number, None), call.function, call.node))
        elif not call.trains and (network := one_network(call)) is not None:
            share = call.seconds / len(call.function[1][0])
            tasks.append((share, (number, network), _cut(call, network), call.node))
        for name, seed in sentinels(call):
            times = call.runs["seconds"].values[call.runs["case"].values == name]
            cost = float(times.mean()) if len(times) else float(call.cases[name].net.n_couplings)
            tasks.append((cost, (number, (name, seed)), call.cases[name], seed))
    tasks.sort(key=lambda task: -task[0])  # the longest first

    done: dict[int, list[str]] = {}

    def finish(key: Any, made: Any) -> None:
        number, which = key
        call = calls[number]
        if isinstance(made, str):
            problem = made
        elif which is None:
            problem = "; ".join(different_nodes(made, call.stored))
        elif isinstance(which, str):
            part = {
                path: _as_long(ds.sel(network=[which]), made.get(path))
                for path, ds in call.stored.items()
            }
            problem = "; ".join(different_nodes(_bare(made), _bare(part)))
        else:
            name, seed = which
            problem = different_run(call, name, seed, made)
        done.setdefault(number, []).append(problem)

    processes = cores() if workers is None else workers
    compute(_anew, [task[1:] for task in tasks], finish, processes, "processes")
    for number, call in enumerate(calls):
        if not call.stored:
            call.problem = call.problem or f"{call.node or 'a node'} is missing"
        elif number in done:
            call.problem = "; ".join(filter(None, done[number]))
            total = sum(len(case.seeds) for case in call.cases.values())
            call.anew = f"{len(done[number])} of {total} runs" if call.trains else "all of it"
            if not call.trains and call.seconds > SHORT:
                call.anew = f"1 of {len(call.function[1][0])} networks"
        else:
            what = "runs not recorded" if call.trains else f"took {call.seconds:.0f} s"
            call.anew = f"digest only, {what}"
            if not call.same_code and not call.problem:
                call.problem = "made by other code or arguments, and nothing of it computed anew"
    return len(tasks)


# ---------------------------------------------------------------------------------- the whole


class Node(NamedTuple):
    """What was computed anew of a node, and what is wrong with it."""

    anew: str
    problem: str
    missing: str = ""


def _sampled(
    wanted: Sequence[str], profile: str, workers: int | None
) -> tuple[dict[str, dict[str, Node]], int]:
    """Notebook → its nodes, of which a part is computed anew; and how many parts these are."""
    found: dict[str, dict[str, Node]] = {}
    calls: list[tuple[str, Call]] = []
    for notebook in wanted:
        found[notebook] = {}
        made, stopped = called(notebook, profile)
        if stopped != Stopped():
            found[notebook][""] = Node("", *stopped)
        calls += [(notebook, call) for call in made]
    number = _compute([call for _, call in calls], workers)
    for notebook, call in calls:
        for path in call.stored or ([call.node] if call.node else []):
            found[notebook][path] = Node(call.anew, call.problem)
    return found, number


def _everything(
    wanted: Sequence[str], profile: str, workers: int | None, echo: Callable[[str], Any]
) -> tuple[dict[str, dict[str, Node]], int]:
    """Notebook → its nodes, all of which are computed anew, in a project of its own."""
    before, notebooks = os.environ.get("XYEP_PROJECT_DIR"), project() / "notebooks"
    order = [n for n in names() if any(n in fresh.reads(w) for w in wanted)]
    old = {name: _stored(results(profile, name)).tree for name in order}
    new = {}
    with tempfile.TemporaryDirectory() as folder:
        copytree(notebooks, Path(folder, "notebooks"))
        os.environ["XYEP_PROJECT_DIR"] = folder
        try:
            for name in order:
                echo(f"{name}: computed anew")
                run(name, profile, workers=workers, echo=echo)
                new[name] = read_tree(results(profile, name))
        finally:
            os.environ.pop("XYEP_PROJECT_DIR")
            if before is not None:
                os.environ["XYEP_PROJECT_DIR"] = before
    found: dict[str, dict[str, Node]] = {}
    for name in order:
        made, stored = ({p: d for p, d in _datasets(t) if p} for t in (new[name], old[name]))
        made = {path: ds for path, ds in made.items() if path != RUNS or RUNS in stored}
        found[name] = {
            path: Node(
                "all of it",
                "; ".join(
                    different_nodes(
                        {k: v for k, v in made.items() if k == path},
                        {k: v for k, v in stored.items() if k == path},
                        apart=("seconds", "made_from", "source_commit"),
                    )
                ),
            )
            for path in sorted(set(made) | set(stored))
        }
    return found, sum(map(len, found.values()))


def _datasets(tree: xr.DataTree) -> Iterator[tuple[str, xr.Dataset]]:
    for child in tree.subtree:
        yield child.path.strip("/"), child.to_dataset(inherit=False)


def verify(
    chosen: Sequence[str] = (),
    profile: str = "paper",
    everything: bool = False,
    workers: int | None = None,
    echo: Callable[[str], Any] = print,
) -> tuple[list[Claim], int]:
    """Statements with what was found wrong with them, and the number of things computed anew.

    chosen : words, of which each statement must contain one, or its figure's or notebook's name;
        without any, also nodes on which no statement rests, and the files' checksums
    everything : compute all results anew, which takes as long as it took

    Raises
    ------
    ValueError
        If there is no such statement.
    """
    _stored.cache_clear()
    found = claims(profile)
    for word in chosen:
        if not any(_is_meant(claim, word) for claim in found):
            raise ValueError(
                f"CLAIM: found {word!r}; a part of a statement, the name of a figure or a "
                "notebook is needed"
            )
    if chosen:
        found = [claim for claim in found if any(_is_meant(claim, word) for word in chosen)]
    stored = [n for n in names() if results(profile, n).exists()]
    wanted = [n for n in stored if any(claim.notebook == n for claim in found)]
    if everything:
        nodes, number = _everything(wanted, profile, workers, echo)
    else:
        nodes, number = _sampled(wanted, profile, workers)
    if not chosen:
        found += [rest for n in wanted if (rest := _rest(n, nodes[n], found, profile)).nodes]
    for claim in found:
        if claim.notebook in nodes:
            _judge(claim, nodes[claim.notebook], _stored(results(profile, claim.notebook)).damaged)
    if profile == "paper" and not chosen:
        found.append(Claim(CHECKSUMS, "", "", (), "", wrong_checksums()))
    return found, number


def _is_meant(claim: Claim, word: str) -> bool:
    return word.casefold() in f"{claim.notebook} {claim.figure} {claim.statement}".casefold()


def _rest(notebook: str, nodes: Mapping[str, Node], found: list[Claim], profile: str) -> Claim:
    """The nodes of a notebook on which no statement rests."""
    used = [node for claim in found if claim.notebook == notebook for node in claim.nodes]
    damaged = _stored(results(profile, notebook)).damaged
    rest = [p for p in {**nodes, **damaged} if p and not any(_within(p, node) for node in used)]
    tops = dict.fromkeys(PurePosixPath(path).parts[0] for path in rest)
    return Claim(f"{notebook}: all other nodes", notebook, "", tuple(tops))


def _judge(claim: Claim, nodes: Mapping[str, Node], damaged: Mapping[str, str]) -> None:
    """Note what is wrong with the nodes that a claim rests on."""
    whole = nodes.get("", Node("", ""))
    claim.missing = whole.missing
    claim.problems += [whole.problem] if whole.problem else []
    if "" in damaged:
        claim.problems.append(f"the root: {damaged['']}")
    for node in claim.nodes:
        own = {path: one for path, one in nodes.items() if path and _within(path, node)}
        broken = {path: why for path, why in damaged.items() if path and _within(path, node)}
        claim.problems += [f"node {path}: {why}" for path, why in broken.items()]
        problems = dict.fromkeys(one.problem for one in own.values() if one.problem)
        claim.problems += [f"node {node}: {problem}" for problem in problems]
        if not own and not broken and node != RUNS and not whole.missing:
            claim.problems.append(f"node {node}: no study makes it")
        told = next((one.anew for one in own.values() if one.anew), "")
        claim.anew.append(f"{node} ({told})" if told else node)


def table(found: Sequence[Claim]) -> str:
    """One row a statement, and below in full what is wrong."""
    head = ("ok", "statement", "verdict", "nodes (computed anew)")
    rows = [
        (
            "NO" if claim.problems else "--" if claim.missing else "ok",
            claim.statement if len(claim.statement) <= 60 else f"{claim.statement[:59]}…",
            claim.verdict,
            ", ".join(claim.anew),
        )
        for claim in found
    ]
    wide = [max(len(row[k]) for row in [head, *rows]) for k in range(3)]
    lines = ["  ".join([*map(str.ljust, row[:3], wide), row[3]]).rstrip() for row in [head, *rows]]
    for claim in found:
        if claim.problems:
            lines.append(f"WRONG: {claim.statement}: {'; '.join(dict.fromkeys(claim.problems))}")
    missing = {claim.notebook: claim.missing for claim in found if claim.missing}
    for notebook, why in missing.items():
        lines.append(f"NOT COMPUTED ANEW: {notebook}: {why}; digests and verdicts were compared")
    return "\n".join(lines)


# ----------------------------------------------------------------------------------- checksums

CHECKSUMS = "results/CHECKSUMS"


def checksums() -> str:
    """SHA-256 of every file of the paper's results, for ``sha256sum -c results/CHECKSUMS``."""
    lines = []
    root = project()
    for path in sorted((root / "results" / "paper").rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part[0] == "." or ".partial" in part for part in relative.parts)
        if path.is_file() and not hidden:
            lines.append(f"{sha256(path.read_bytes()).hexdigest()}  {relative.as_posix()}\n")
    return "".join(sorted(lines, key=lambda line: line[66:]))


def write_checksums() -> Path | None:
    """Write results/CHECKSUMS, if it is not as the files are; returns its path if it was."""
    path, text = project() / CHECKSUMS, checksums()
    if path.is_file() and path.read_text("utf-8") == text:
        return None
    path.write_text(text, "utf-8", newline="\n")
    return path


def wrong_checksums() -> list[str]:
    """Files of the paper's results that are not those of results/CHECKSUMS, in words."""
    path = project() / CHECKSUMS
    if not path.is_file():
        return [f"{CHECKSUMS} is missing; `xyep reproduce --profile paper` writes it"]
    there, here = (
        {line[66:]: line[:64] for line in text.splitlines()}
        for text in (path.read_text("utf-8"), checksums())
    )
    return [
        f"{name}: {'missing' if name not in here else 'not the file that is listed'}"
        if name in there
        else f"{name}: not listed"
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    ]
