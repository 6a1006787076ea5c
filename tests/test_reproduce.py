"""Notebooks, figures and command line, as a reader uses them."""

import matplotlib as mpl
import nbformat
import numpy as np
import pytest

import xyep
from xyep import paths
from xyep.cli import main
from xyep.paper import notebooks, report
from xyep.paper.figures import FIGURES
from xyep.paper.figures.style import RC

PAPER = [name for name in notebooks.names() if paths.results("paper", name).exists()]


@pytest.fixture(scope="module")
def smoke():
    """All notebooks at the smoke profile."""
    assert main(["reproduce", "--profile", "smoke"]) == 0


def test_every_notebook_runs_and_writes_its_results(smoke):
    assert notebooks.names() == list(FIGURES)
    for name in notebooks.names():
        tree = xyep.read_tree(paths.results("smoke", name))
        assert {"version", "commit", "parameters", "wall_time_s"} <= set(tree.attrs)
        assert not paths.results("smoke", name).with_suffix(".zarr.partial").exists()
        document = nbformat.read(paths.results("smoke", name).with_suffix(".ipynb"), as_version=4)
        shown = [
            o
            for cell in document.cells
            if cell.cell_type == "code"
            for o in cell.outputs
            if "image/png" in o.get("data", {})
        ]
        assert len(shown) == len(FIGURES[name])


def test_figures_are_redrawn_from_results_with_the_same_bytes(smoke, capsys):
    folder = paths.figures("smoke")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["figures", "--profile", "smoke"]) == 0
    for name in (figure for group in FIGURES.values() for figure in group):
        for suffix in (".pdf", ".svg", ".png", ".md"):
            path = folder / f"{name}{suffix}"
            assert path.read_bytes() == before[path], path.name


@pytest.mark.parametrize("name", PAPER)
def test_committed_captions_follow_from_committed_results(name):
    tree = xyep.read_tree(paths.results("paper", name))
    for figure, function in FIGURES[name].items():
        with mpl.rc_context(RC):
            drawn, caption = function(tree)
        mpl.pyplot.close(drawn)
        assert caption in (paths.figures("paper") / f"{figure}.md").read_text(), figure


def test_readme_and_gallery_say_what_the_results_say():
    assert report.readme() == (paths.project() / "README.md").read_text(), (
        "stale: run `xyep figures`"
    )
    assert report.gallery() == (paths.figures("paper") / "README.md").read_text(), (
        "stale: run `xyep figures`"
    )


@pytest.mark.parametrize("name", PAPER)
def test_committed_results_say_how_they_were_made(name):
    tree = xyep.read_tree(paths.results("paper", name))
    for attrs in (tree.attrs, *(node.attrs for node in tree.children.values())):
        assert attrs["commit"] and not attrs["commit"].endswith("+"), (
            "made by code that was not committed"
        )
    assert all(np.isfinite(node[v].values).any() for node in tree.subtree for v in node.data_vars)


def test_profiles_name_only_parameters_that_exist():
    for profile in notebooks.PROFILES:
        for name in notebooks.names():
            notebooks.check_parameters(name, notebooks.profile_parameters(name, profile))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "02", "-p", "epoch=5"], "no parameter 'epoch'"),
        (["reproduce", "02", "-p", "epochs"], "NAME=VALUE"),
        (["reproduce", "09"], "NOTEBOOK: found '09'"),
        (["figures", "nothing"], "NOTEBOOK: found 'nothing'"),
        (["reproduce", "02", "-p", "epochs=[1"], "-p: found 'epochs=[1'"),
        (["reproduce", "02", "-p", "workers=1"], "give it as --workers"),
        (["figures", "02", "--rc", "image.cmap=cividis"], "--rc: found without --to"),
        (
            ["figures", "02", "--profile", "smoke", "--rc", "image.map=cividis", "--to", "nowhere"],
            "no setting 'image.map'",
        ),
        (["data", "cifar"], "name: found 'cifar'"),
        (["data", "fetch", "cifar"], "TASK: found 'cifar'"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["reproduce", "figures", "data", "bench"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0 and "usage: xyep" in capsys.readouterr().out


def test_readme_lattice_learns():
    """The ten lines of the README."""
    net = xyep.honeycomb_lattice(
        (3, 4), inputs=[(0, 1, 1), (2, 1, 0)], outputs=[(1, 1, 1)], shells=2
    )
    tree = xyep.train(net, xyep.load_task("xor"), epochs=30, seed=1, snapshots=(0, 30))
    assert tree["nudge_response"].sizes == {"snapshot": 2, "sample": 4, "site": 24}
