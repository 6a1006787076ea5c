"""A reader's own parameters in JupyterLab: results of one's own, the paper's stay as they are.

Opt-in, as it takes minutes: ``XYEP_LAB=1 pytest tests/test_lab.py``. It needs git, and, for a real
browser, jupyterlab, playwright and a Chromium.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

import xyep
from xyep.paper import scripts
from xyep.paper.notebooks import profile_parameters

ROOT = Path(__file__).resolve().parents[1]
PNG = b"\x89PNG\r\n\x1a\n"

pytestmark = [
    pytest.mark.skipif(not os.environ.get("XYEP_LAB"), reason="takes minutes: XYEP_LAB=1 runs it"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a checkout"),
]


@pytest.fixture
def clone(tmp_path):
    """What a reader has after git clone, with the kernels that are compiled already."""
    folder = tmp_path / "xyep"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    compiled = Path("xyep", "kernels", "__pycache__")
    if (ROOT / compiled).is_dir():
        shutil.copytree(ROOT / compiled, folder / compiled)
    return folder


def environment(clone):
    """Of someone who has installed the clone, with settings of Jupyter that are nobody's."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("XYEP_PROJECT", "JUPYTER"))}
    folders = {
        f"JUPYTER_{kind}_DIR": str(clone.parent / kind) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    return mine | folders | {"PYTHONPATH": str(clone), "MPLBACKEND": ""}


def git(clone, *arguments):
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def shown(document):
    """Pictures among the outputs of a notebook."""
    found = []
    for cell in document.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output
            if "image/png" in output.get("data", {}):
                found.append(base64.b64decode(output.data["image/png"]))
    assert all(picture.startswith(PNG) for picture in found)
    return found


def check(clone, notebook, changed, document):
    """Results are those of the changed parameters, in the reader's own profile; figures are shown.

    That the paper's are untouched is git's to say.
    """
    tree = xyep.read_tree(clone / "results" / "mine" / f"{notebook}.zarr")
    stored = {name: tree.attrs["parameters"][name] for name in changed}
    assert stored == json.loads(json.dumps(changed))
    sources = "".join(cell.source for cell in document.cells if cell.cell_type == "code")
    wanted = sources.count("figures.show(")
    assert len(shown(document)) == wanted > 0
    assert len(list((clone / "figures" / "mine").glob("*.png"))) >= wanted
    texts = [o.text for c in document.cells for o in c.get("outputs", []) if "text" in o]
    assert any('these results and figures go to the profile "mine"' in text for text in texts)


def chromium(playwright):
    """A browser: playwright's own, or one of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((p for p in [playwright.chromium.executable_path] if Path(p).exists()), None)
    path = path or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("there is no Chromium")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@pytest.fixture
def server(clone):
    """Address and token of a JupyterLab that serves the clone's notebooks, as README starts it."""
    pytest.importorskip("jupyterlab")
    with open(clone.parent / "lab.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "notebooks", "--no-browser", "--allow-root"],
            cwd=clone,
            env=environment(clone),
            stdout=log,
            stderr=log,
        )
    try:
        runtime, until = clone.parent / "RUNTIME", time.monotonic() + 60
        while not (found := list(runtime.glob("jpserver-*.json"))):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.2)
        while not (text := found[0].read_text()).endswith("}"):
            time.sleep(0.1)
        yield json.loads(text)
    finally:
        process.terminate()
        process.wait(30)


def test_a_parameter_changed_in_the_browser(clone, server):
    sync_api = pytest.importorskip("playwright.sync_api")
    notebook = "01_equilibrium_propagation"
    path = clone / "notebooks" / f"{notebook}.ipynb"
    with sync_api.sync_playwright() as playwright:
        page = chromium(playwright).new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{server['url']}lab/tree/{notebook}.ipynb?token={server['token']}")
        line = page.locator(".cm-line").filter(has_text="seeds = 20").first
        line.wait_for(timeout=60_000)
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=60_000)
        line.click()
        page.keyboard.press("Home")
        page.keyboard.press("Shift+End")
        page.keyboard.type("seeds = 2  # random networks of each kind")
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        count = sum(cell.cell_type == "code" for cell in nbformat.read(path, 4).cells)
        last = page.locator(".jp-CodeCell").last
        last.scroll_into_view_if_needed()
        prompt = last.locator(".jp-InputPrompt").first
        sync_api.expect(prompt).to_have_text(f"[{count}]:", timeout=1_500_000)
        picture = last.locator(".jp-OutputArea img").last
        picture.wait_for()
        assert picture.evaluate("image => image.naturalWidth") > 100
        page.keyboard.press("Control+s")
        page.wait_for_timeout(5000)  # the script beside it is saved after the notebook
    check(clone, notebook, {"seeds": 2}, nbformat.read(path, 4))
    # nothing but the notebook that was edited; of its source the one line, and Jupyter's name of
    # the kernel in the header
    edited = {f" M notebooks/{notebook}.{suffix}" for suffix in ("ipynb", "py")}
    assert set(git(clone, "status", "--porcelain").splitlines()) == edited
    lines = git(clone, "diff", "-U0", f"notebooks/{notebook}.py").splitlines()[4:]
    changed = [line for line in lines if line[0] in "+-" and "display_name" not in line]
    assert [line.partition("  #")[0] for line in changed] == ["-seeds = 20", "+seeds = 2"]


@pytest.mark.parametrize("notebook", ["05_mnist_stacked_lattices"])
def test_parameters_changed_in_a_copy(notebook, clone):
    """As in the browser, by a kernel in the folder of the notebook."""
    import jupytext
    from nbclient import NotebookClient

    changed = profile_parameters(notebook, "smoke")
    document = jupytext.read(clone / "notebooks" / f"{notebook}.py")
    (cell,) = (c for c in document.cells if "parameters" in c.metadata.get("tags", []))
    cell.source = scripts.written(cell.source, changed)
    client = NotebookClient(document, timeout=None, kernel_name="python3")
    client.execute(cwd=str(clone / "notebooks"), env=environment(clone))
    check(clone, notebook, changed, document)
    assert git(clone, "status", "--porcelain") == ""
