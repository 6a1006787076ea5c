"""Notebooks, figures and reports, as a reader uses them."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image

import xyep
from xyep import paths
from xyep.cli import main
from xyep.paper import figures, notebooks, report, scripts

NAMES = scripts.names()
PAPER = [name for name in NAMES if paths.results("paper", name).exists()]


@pytest.fixture(scope="module")
def smoke():
    """All notebooks at the smoke profile."""
    assert main(["reproduce", "--profile", "smoke"]) == 0


def tree(name):
    return xyep.read_tree(paths.results("smoke", name))


def test_every_notebook_has_figures():
    assert NAMES == list(figures.MODULES)
    for name in NAMES:
        number = name.partition("_")[0]
        assert all(figure.startswith(f"{number}_") for figure in figures.figures_of(name))


def test_profiles_name_only_parameters_that_exist():
    for profile in scripts.PROFILES:
        for name in NAMES:
            changes = notebooks.profile_parameters(name, profile)
            scripts.check_parameters(name, changes | {"profile": profile})


def test_every_notebook_runs_and_writes_its_results(smoke):
    for name in NAMES:
        assert {"version", "commit", "parameters", "wall_time_s"} <= set(tree(name).attrs)
        assert not paths.results("smoke", name).with_suffix(".zarr.partial").exists()
        document = nbformat.read(notebooks.executed(name, "smoke"), as_version=4)
        outputs = [o for cell in document.cells for o in cell.get("outputs", [])]
        shown = [o for o in outputs if "image/png" in o.get("data", {})]
        assert len(shown) == len(figures.figures_of(name))
        assert not [o for o in outputs if o.output_type == "error"]


def test_what_has_run_is_up_to_date(smoke, capsys):
    assert main(["reproduce", "--profile", "smoke"]) == 0
    assert f"0 of {len(NAMES)} notebooks run" in capsys.readouterr().out


def test_figures_are_shown_as_wide_as_they_are(smoke):
    """So that letters have one size in a notebook; a figure of one column is not blown up."""
    for name in NAMES:
        document = nbformat.read(notebooks.executed(name, "smoke"), as_version=4)
        for cell in document.cells:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    width = output.metadata["image/png"]["width"]
                    assert width <= figures.SHOWN + 1, cell.source
                    figure = cell.source.partition('"')[2].partition('"')[0]
                    with Image.open(paths.figures("smoke") / f"{figure}.png") as picture:
                        assert width == pytest.approx(picture.width / 300 * 720 / 7, abs=1)


def test_figures_are_redrawn_from_results_with_the_same_bytes(smoke, tmp_path, capsys):
    assert main(["figures", "--profile", "smoke", "--to", str(tmp_path)]) == 0
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {
        f"{f}.{s}" for n in NAMES for f in figures.figures_of(n) for s in figures.SUFFIXES
    }
    for name in drawn:
        assert (tmp_path / name).read_bytes() == (paths.figures("smoke") / name).read_bytes(), name
    assert main(["figures", "--profile", "smoke", "--check"]) == 0
    assert "all figures are what is drawn now" in capsys.readouterr().out


def test_a_figure_that_differs_is_named(smoke, tmp_path):
    name = NAMES[0]
    one, two, three, *_ = figures.figures_of(name)
    figures.draw(name, tree(name), tmp_path)
    assert not list(figures.differences(name, tree(name), tmp_path))
    with Image.open(tmp_path / f"{one}.png") as picture:
        pixels = np.array(picture)
    pixels[5, 5] = 255 - pixels[5, 5]
    Image.fromarray(pixels).save(tmp_path / f"{one}.png")
    (tmp_path / f"{two}.md").write_text("words of yesterday")
    (tmp_path / f"{three}.svg").unlink()
    found = list(figures.differences(name, tree(name), tmp_path))
    assert [text.partition(":")[0] for text in found] == [f"{one}.png", f"{two}.md", f"{three}.svg"]
    Image.fromarray(pixels[:-1]).save(tmp_path / f"{one}.png")
    assert "pixels; " in next(figures.differences(name, tree(name), tmp_path))


def test_a_setting_of_matplotlib_changes_the_figures(smoke, tmp_path):
    command = [
        "figures",
        "01",
        "--profile",
        "smoke",
        "--only",
        next(iter(figures.figures_of(NAMES[0]))),
    ]
    assert main([*command, "--rc", "axes.facecolor=#eeeeee", "--to", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*.png")
    with Image.open(path) as picture:
        assert (238, 238, 238) in {
            color[:3] for _, color in picture.convert("RGB").getcolors(1 << 24)
        }


def test_captions_say_what_is_to_be_seen(smoke):
    """One sentence in bold, then at most 60 words."""
    for name in NAMES:
        for figure in figures.figures_of(name):
            caption = figures.caption_of(paths.figures("smoke") / f"{figure}.png")
            bold, end, rest = caption.removeprefix("**").partition("**")
            assert caption.startswith("**") and end and bold.endswith((".", "?")), figure
            assert len(rest.split()) <= 60, f"{figure}: {len(rest.split())} words"


@pytest.mark.parametrize("name", PAPER)
def test_committed_results_say_how_they_were_made(name):
    stored = xyep.read_tree(paths.results("paper", name))
    for attrs in (stored.attrs, *(n.attrs for n in stored.subtree if "made_from" in n.attrs)):
        assert attrs["commit"] and not attrs["commit"].endswith("+"), "made by uncommitted code"
    for node in stored.subtree:
        assert all(np.isfinite(v).any() for v in node.data_vars.values() if v.dtype.kind == "f")


def test_every_statement_is_worded():
    for finding, notebook, figure in report.all_statements():
        for field in ("statement", "whose", "verdict", "measured", "rule"):
            text = getattr(finding, field)
            assert isinstance(text, str) and text.strip(), (notebook, figure, finding)


CHANGES = {
    "comment": ("network.py", "\n# a comment\n"),
    "docstring": ("energy.py", '\n"""More words."""\n'),
    "figures of 05": ("paper/figures/images.py", "\nCHANGED = 1\n"),
    "findings of 02": ("paper/findings/xor.py", "\nCHANGED = 1\n"),
    "new module": ("network.py", "\nfrom .scales import FACTOR\n"),
    "its constant": ("scales.py", "FACTOR = 3.0\n"),
}
SCRIPT = """
import json, pathlib, sys
from xyep import digest, paths
from xyep.paper import fresh, notebooks, scripts, studies

def state():
    digest.forget()
    functions = {"xor": studies.training_times, "dynamics": studies.dynamics}
    keys = {name: fresh.key(function, "node", (), {}) for name, function in functions.items()}
    return keys | {name: notebooks.stamp(name, "paper", {}) for name in scripts.names()}

states = {"before": state()}
for name, (file, text) in json.loads(sys.argv[1]).items():
    path = paths.PACKAGE / file
    path.write_text((path.read_text() if path.exists() and file != "scales.py" else "") + text)
    if "scales" in text:
        (paths.PACKAGE / "scales.py").write_text("FACTOR = 1.0\\n")
    states[name] = state()
print(json.dumps(states))
"""


def test_what_is_stale_after_a_change_of_code(tmp_path):
    """Comments make nothing stale, a figure its own notebook, a constant all that reaches it."""
    root = paths.project()
    for folder in ("xyep", "notebooks"):
        skip = shutil.ignore_patterns("__pycache__", "*.ipynb")
        shutil.copytree(root / folder, tmp_path / folder, ignore=skip)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "XYEP_PROJECT_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SCRIPT, json.dumps(CHANGES)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    states = json.loads(done.stdout)
    names, stale = list(states), {}
    for one, other in zip(names, names[1:]):
        stale[other] = {key for key in states[one] if states[one][key] != states[other][key]}
    everything = set(states["before"])
    assert stale == {
        "comment": set(),
        "docstring": set(),
        "figures of 05": {NAMES[4]},
        "findings of 02": {NAMES[1]},
        "new module": everything,
        "its constant": everything,
    }
