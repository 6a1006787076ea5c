"""`xyep verify` and what belongs to it, on a project of one small notebook."""

import dataclasses
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

import xyep
from xyep import cases, paths
from xyep.cli import main
from xyep.paper import figures, notebooks, verify
from xyep.paper.figures.style import Figure
from xyep.paper.findings import Finding
from xyep.run import Run
from xyep.workers import compute

NAME = "02_xor_training"
NOTEBOOK = """# %% [markdown]
# # 2. Some notebook

# %% tags=["parameters"]
profile = "paper"
workers = 1
scheduler = "threads"
shells = [1, 2]

# %%
import made_study
import xyep
from xyep.paper import studies
from xyep.paper.studies import guidelines
from xyep.settings import make_training

study = studies.Study("02_xor_training", globals())
training = make_training(epochs=4, record_every=2, snapshots=(0, 4), final_states=5)
networks = {str(s): xyep.xor_lattice(5, s) for s in shells}

# %%
study.train(made_study.ensembles, networks, training, 2, node="ensembles")
study.train(made_study.responses, networks, training, 2, node="responses")
study.train(made_study.skips, 5, training, 2, node="skips")
study.train(
    studies.precision_success, networks["1"], [0.1], [0.1], [0.1], training, 2
)
tuning = study.nodes["ensembles"]
study(guidelines.reach, {s: [net] for s, net in networks.items()}, node="reach")
tree = study.finish()
raise RuntimeError("what comes after the studies is not run")
"""
PAGE = """| It learns | ours | yes | [figure](figures/02_a.png) |
| Skips help | ours | open | [figure](figures/02_b.png) |
| Reach | ours | yes | [figure](figures/02_c.png) |
"""


@dataclass(frozen=True)
class Learns(Finding):
    statement = "It learns"
    whose = "ours"
    rule = "none"
    nodes = ("ensembles", "responses")
    cost: float

    @property
    def measured(self):
        return f"{self.cost}"

    @property
    def verdict(self):
        return "yes" if self.cost < 100 else "no"


@dataclass(frozen=True)
class Skips(Learns):
    statement = "Skips help"
    nodes = ("skips", "stopped_early")
    verdict = "open"


@dataclass(frozen=True)
class Reach(Learns):
    statement = "Reach"
    nodes = ("reach",)


def _mean(node, name):
    return lambda tree: float(tree[node][name].mean())


FIGURES = {
    "02_a": Figure(None, lambda tree: Learns(_mean("ensembles", "cost")(tree)), None),
    "02_b": Figure(None, lambda tree: Skips(_mean("skips", "output_response")(tree)), None),
    "02_c": Figure(None, lambda tree: Reach(_mean("reach", "decay_rate")(tree)), None),
}


def made(root):
    """Results of the notebook, in the project's folder."""
    (root / "notebooks").mkdir()
    (root / "notebooks" / f"{NAME}.py").write_text(NOTEBOOK)
    (root / "notebooks" / "profiles.yml").write_text("paper: {}\n")
    (root / "docs").mkdir()
    (root / "docs" / "findings.md").write_text(PAGE)
    with pytest.raises(RuntimeError, match="comes after"):
        exec(compile(NOTEBOOK, NAME, "exec"), {})


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    root = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XYEP_PROJECT_DIR", str(root))
        made(root)
        assert verify.write_checksums() == root / "results" / "CHECKSUMS"
        assert verify.write_checksums() is None
    return root


@pytest.fixture
def project(original, tmp_path, monkeypatch):
    """A copy, verified in threads."""
    root = tmp_path / "project"
    shutil.copytree(original, root)
    monkeypatch.setenv("XYEP_PROJECT_DIR", str(root))
    here, known = str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{here}{os.pathsep}{known}")  # kernels find made_study
    for module in (verify, notebooks):
        monkeypatch.setattr(module, "figures_of", lambda notebook: FIGURES)
    monkeypatch.setattr(notebooks, "module_of", lambda notebook: "xyep.paths")

    def in_threads(function, calls, finish, workers, scheduler):
        compute(function, calls, finish, workers, "threads")

    monkeypatch.setattr(verify, "compute", in_threads)
    return root


def wrong(*words):
    """Statement → what is wrong with it."""
    found, _ = verify.verify(words)
    return {claim.statement: "; ".join(claim.problems) for claim in found if claim.problems}


def store(name=NAME):
    return paths.results("paper", name)


def changed(node, variable):
    """Change one stored number by one unit in its last place."""
    array = zarr.open_array(store() / node / variable, mode="r+")
    values = array[...]
    number = next(k for k in np.ndindex(values.shape) if np.isfinite(values[k]))
    values[number] = np.nextafter(values[number], values.dtype.type(10))
    array[...] = values


def test_it_passes(project, capsys):
    assert main(["verify"]) == 0
    said = capsys.readouterr().out
    assert "It learns" in said and "WRONG" not in said
    rows = {line[4:15].strip(): line for line in said.splitlines() if line[:3] == "ok "}
    assert "ensembles (2 of 4 runs), responses (2 of 4 runs)" in rows["It learns"]
    assert "skips (2 of 6 runs), stopped_early (2 of 8 runs)" in rows["Skips help"]
    assert "reach (all of it)" in rows["Reach"]
    assert "readout_noise" in rows["02_xor_trai"] and "runs" in rows["02_xor_trai"]
    assert not (project / "results" / "paper" / f"{NAME}.zarr.partial").exists()


def test_claims_are_chosen(project):
    assert [c.statement for c in verify.verify(["it LEARNS"])[0]] == ["It learns"]
    assert len(verify.verify(["02"])[0]) == 3
    with pytest.raises(ValueError, match="CLAIM: found 'no such'"):
        verify.verify(["no such"])


@pytest.mark.parametrize(
    "node, variable, claim",
    [
        ("ensembles", "cost", "It learns"),
        ("responses/square3x3_1", "coupling", "It learns"),
        ("skips", "output_response", "Skips help"),
        ("stopped_early", "test_solved", "Skips help"),
        ("reach", "decay_rate", "Reach"),
        ("readout_noise", "sweeps", f"{NAME}: all other nodes"),
    ],
)
def test_one_unit_in_the_last_place(project, node, variable, claim):
    if "/" in node:
        node = next(
            p
            for p in (
                "/".join(p.relative_to(store()).parts)
                for p in sorted((store() / "responses").iterdir())
                if (p / "coupling").exists()
            )
        )
    changed(node, variable)
    found = wrong()
    assert claim in found and node in found[claim], found
    assert "results/CHECKSUMS" in found
    assert main(["verify"]) == 1


@pytest.mark.parametrize("node, claim", [("ensembles", "It learns"), ("skips", "Skips help")])
def test_a_missing_node(project, node, claim):
    shutil.rmtree(store() / node)
    found = wrong()
    assert node in found[claim]


def test_another_number_with_its_digest(project):
    """As one would write who means to."""
    for node, variable, claim in (
        ("ensembles", "cost", "It learns"),
        ("skips", "test_solved", "Skips help"),
        ("reach", "log_response", "Reach"),
    ):
        tree = xyep.read_tree(store())
        ds = tree[node].to_dataset(inherit=False)
        values = ds[variable].values
        tree[node].dataset = ds.assign({variable: (ds[variable].dims, values * (1 + 1e-6) + 1e-6)})
        xyep.write_tree(tree, store())
        found = wrong(claim)
        assert variable in found[claim] or "other code" in found[claim], found


def test_code_that_changes_a_result(project, monkeypatch):
    class Other(Run):
        def advance(self, epochs=None):
            super().advance(epochs)
            self.arrays["theta"] = np.nextafter(self.arrays["theta"], 10)

    monkeypatch.setattr(cases, "Run", Other)
    found = wrong()
    assert "runs" in found["It learns"] and "runs" in found["Skips help"] and "Reach" not in found
    monkeypatch.undo()


def test_one_network_of_a_study_that_takes_long(project, monkeypatch):
    monkeypatch.setattr(verify, "SHORT", -1.0)
    (reach,) = verify.verify(["Reach"])[0]
    assert not reach.problems and reach.anew == ["reach (1 of 2 networks)"]
    tree = xyep.read_tree(store())
    ds = tree["reach"].to_dataset(inherit=False)
    values = ds["log_response"].values.copy()
    values[ds["network"].values.tolist().index("1")] += 1e-6  # the one with fewer couplings
    tree["reach"].dataset = ds.assign(log_response=(ds["log_response"].dims, values))
    xyep.write_tree(tree, store())
    assert "log_response" in wrong("Reach")["Reach"]


def test_data_that_are_not_at_hand(project, monkeypatch, capsys):
    monkeypatch.setenv("XYEP_DATA_DIR", str(project))
    file = project / "notebooks" / f"{NAME}.py"
    images = 'study = studies.Study("02_xor_training", globals())\nxyep.load_task("mnist")\n'
    first = images.splitlines(True)[0]
    file.write_text(NOTEBOOK.replace(first, images))
    found, number = verify.verify(["02_"])
    assert number == 0 and not any(claim.problems for claim in found)
    assert all("xyep data fetch mnist" in claim.missing for claim in found)
    assert main(["verify", "02_"]) == 3
    said = capsys.readouterr().out
    assert said.count("NOT COMPUTED ANEW") == 1 and "0 of 3 as they should be" in said
    changed("ensembles", "cost")
    assert "ensembles" in wrong("It learns")["It learns"]


def test_results_without_recorded_runs(project, monkeypatch):
    """As of older versions: what is stored is compared."""
    tree = xyep.read_tree(store())
    xyep.write_tree(tree.drop_nodes("runs"), store())
    found, number = verify.verify(["02_"])
    assert not [claim.problems for claim in found if claim.problems] and number >= 6


def test_a_verdict_that_the_page_does_not_say(project):
    (project / "docs" / "findings.md").write_text(PAGE.replace("| yes |", "| no |"))
    assert wrong("It learns") == {"It learns": "docs/findings.md does not say 'yes' of it"}


def test_other_parameters(project):
    tree = xyep.read_tree(store())
    tree.attrs["parameters"] = {"shells": [1]}
    xyep.write_tree(tree, store())
    assert "made with other values of shells" in wrong("It learns")["It learns"]


def test_checksums(project):
    if shutil.which("sha256sum"):
        command = ["sha256sum", "-c", "--quiet", "results/CHECKSUMS"]
        assert subprocess.run(command, cwd=project).returncode == 0
    (store() / ".DS_Store").write_text("x")
    assert verify.wrong_checksums() == []
    (store() / "zarr.json").write_text("{}")
    (store() / "more").write_text("x")
    found = verify.wrong_checksums()
    assert len(found) == 2 and "not listed" in found[0] and "zarr.json" in found[1]
    (project / "results" / "CHECKSUMS").unlink()
    assert "missing" in verify.wrong_checksums()[0]


def test_no_results(project, monkeypatch):
    shutil.rmtree(store())
    assert "is not a Zarr store" in wrong()[NAME]


def test_export(project, tmp_path, capsys):
    pytest.importorskip("h5netcdf")
    file = tmp_path / "a.nc"
    assert main(["data", "export", "02", str(file)]) == 0
    tree = xyep.read_tree(store())
    with xr.open_datatree(file, engine="h5netcdf") as there:
        assert [n.path for n in there.subtree] == [n.path for n in tree.subtree]
        for node in tree.subtree:
            for name, variable in node.to_dataset(inherit=False).variables.items():
                np.testing.assert_array_equal(there[node.path][name].values, variable.values)
    assert main(["data", "export", "02", str(file)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["data", "export", "02"]) == 2


def test_all_results_made_anew(project):
    ended = NOTEBOOK[: NOTEBOOK.index("raise RuntimeError")]
    (project / "notebooks" / f"{NAME}.py").write_text(ended)
    tree = xyep.read_tree(store())
    skips = tree["skips"].to_dataset(inherit=False)
    tree["skips"].dataset = skips.assign(output_response=skips["output_response"] * 2)
    xyep.write_tree(tree, store())
    found, _ = verify.verify((), everything=True, workers=1)
    problems = {claim.statement: claim.problems for claim in found if claim.problems}
    assert "output_response" in problems["Skips help"][0]
    assert set(problems) == {"Skips help", "results/CHECKSUMS"}


def test_findings_name_the_nodes_that_they_rest_on():
    for notebook in figures.MODULES:
        figures.figures_of(notebook)  # imports the findings
    known = [Finding]
    for one in known:
        known += [c for c in one.__subclasses__() if c.__module__.startswith("xyep.")]
    known = [c for c in known if not c.__subclasses__()]  # those that make statements
    assert len(known) > 20
    for finding in known:
        fields = {field.name for field in dataclasses.fields(finding)}
        assert "nodes" in fields or finding.nodes, finding


def test_empty_ends_are_those_of_other_networks():
    """A profile padded to the longest network's; what is cut off must be empty."""
    stored = xr.Dataset({"a": ("d", [1.0, 2.0, np.nan])}, {"d": [0, 1, 2]})
    one = xr.Dataset({"a": ("d", [1.0, 2.0])}, {"d": [0, 1]})
    assert verify._as_long(stored, one).sizes["d"] == 2
    full = stored.assign(a=("d", [1.0, 2.0, 3.0]))
    assert verify._as_long(full, one).sizes["d"] == 3
    moved = one.assign_coords(d=[1, 2])
    assert verify._as_long(stored, moved).sizes["d"] == 3
