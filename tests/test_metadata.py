"""What describes the package to others agrees with it, and what it links to is there."""

import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
import yaml

import xyep
from xyep import release
from xyep.paper.crate import write_crate

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "figures/README.md"]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


@pytest.fixture(scope="module")
def codemeta():
    return json.loads((ROOT / "codemeta.json").read_text())


@pytest.fixture(scope="module")
def zenodo():
    return json.loads((ROOT / ".zenodo.json").read_text())


def test_one_version(citation, codemeta, zenodo):
    preferred = citation["preferred-citation"]
    found = {str(c["version"]) for c in (citation, preferred, codemeta, zenodo)}
    assert found == {xyep.__version__}
    dates = {str(citation["date-released"]), str(preferred["date-released"])}
    dates |= {codemeta["datePublished"], zenodo["publication_date"]}
    assert len(dates) == 1
    assert f"## [{xyep.__version__}] - {dates.pop()}" in (ROOT / "CHANGELOG.md").read_text()


def test_one_title_author_and_license(project, citation, codemeta, zenodo):
    preferred = citation["preferred-citation"]
    assert citation["title"] == preferred["title"] == zenodo["title"]
    assert citation["title"] == f"{project['name']}: {project['description']}"
    assert codemeta["description"] == project["description"]
    for authors in (citation["authors"], preferred["authors"], zenodo["creators"]):
        assert authors == project["authors"]
    assert [a["name"] for a in codemeta["author"]] == [a["name"] for a in project["authors"]]
    licenses = {citation["license"], preferred["license"], zenodo["license"]}
    assert licenses == {project["license"]}
    assert codemeta["license"].rpartition("/")[2] == project["license"]
    assert codemeta["runtimePlatform"] == f"Python {project['requires-python']}"


def test_a_citation_is_complete(citation):
    """What a BibTeX entry is made from."""
    entry = citation["preferred-citation"]
    assert {"title", "authors", "year", "month", "version", "url", "type"} <= entry.keys()
    assert str(citation["date-released"])[:7] == f"{entry['year']}-{entry['month']:02}"
    (paper,) = citation["references"]
    assert all({"family-names", "given-names"} <= author.keys() for author in paper["authors"])


def test_one_address(project, citation, codemeta, zenodo):
    address = project["urls"]["Repository"]
    assert (
        address == release.REPOSITORY == citation["repository-code"] == codemeta["codeRepository"]
    )
    assert address in [r["identifier"] for r in zenodo["related_identifiers"]]
    assert project["urls"]["Documentation"] == citation["url"] == codemeta["softwareHelp"]
    owner = address.removeprefix("https://github.com/")
    for page in (*PAGES, "paper.md", *(p.relative_to(ROOT) for p in ROOT.glob("docs/*.md"))):
        for found in re.findall(r"https://github\.com/([\w-]+/xyep)", (ROOT / page).read_text()):
            assert found == owner, page
    assert f"mybinder.org/v2/gh/{owner}/" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES + [p.relative_to(ROOT) for p in ROOT.glob("docs/*.md")])
def test_links_within_the_repository(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", (ROOT / page).read_text(), flags=re.S)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", text)
    local = [t for t in targets if "://" not in t]
    missing = [t for t in local if not ((ROOT / page).parent / t).exists()]
    assert not missing


def test_the_joss_paper_cites_what_its_bibliography_has():
    text = (ROOT / "paper.md").read_text()
    body = text.split("---\n", 2)[2]
    assert 250 <= len(body.split()) <= 1000
    entries = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "paper.bib").read_text(), flags=re.M))
    assert set(re.findall(r"@(\w+)", body)) == entries
    ours = (ROOT / "docs" / "references.bib").read_text().split("\n\n")
    theirs = (ROOT / "paper.bib").read_text().split("\n\n")
    assert {entry.strip() for entry in theirs} <= {entry.strip() for entry in ours}
    assert {"title", "tags", "authors", "affiliations", "date", "bibliography"} <= (
        yaml.safe_load(text.split("---\n", 2)[1]).keys()
    )


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/**/*.yml")), ids=lambda p: p.name)
def test_forms_and_workflows(path):
    content = yaml.safe_load(path.read_text())
    if path.parent.name == "workflows":
        assert content["permissions"]["contents"] == "read"
        jobs = content["jobs"].values()
        assert all(job["runs-on"] and job["steps"] for job in jobs)
    elif path.name != "config.yml":
        fields = [part["id"] for part in content["body"]]
        assert content["name"] and content["description"] and len(fields) == len(set(fields))


def test_the_workflow_tests_the_versions_that_are_promised(project):
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    head = "Programming Language :: Python :: "
    promised = [c.removeprefix(head) for c in project["classifiers"] if c.startswith(head)]
    for job in workflow["jobs"].values():
        assert job["strategy"]["matrix"]["python"] == promised


def test_jupyter_pairs_notebooks(tmp_path):
    """A cell changed in the notebook is changed in its script, which is what is run."""
    (source,) = (ROOT / "notebooks").glob("01_*.py")
    shutil.copy(ROOT / "notebooks" / "jupytext.toml", tmp_path)
    script = Path(shutil.copy(source, tmp_path))
    document = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    document.cells[1].source += "\nmy_own = 1  # changed in Jupyter"
    notebook = tmp_path / f"{source.stem}.ipynb"
    nbformat.write(document, notebook)
    command = [sys.executable, "-m", "jupytext", "--sync", str(notebook)]
    subprocess.run(command, check=True, capture_output=True)
    before, after = (p.read_text().splitlines() for p in (source, script))
    assert [line for line in after if line not in before] == ["my_own = 1  # changed in Jupyter"]
    assert [line for line in before if line not in after] == []


# ------------------------------------------------------------------------------------- releases


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A project of a few files, its archive behind a server, and an empty cache."""
    root, served = tmp_path / "project", tmp_path / "served"
    store = root / "results" / "paper" / "01_a.zarr"
    for folder in (root / "notebooks", store, served):
        folder.mkdir(parents=True)
    (root / "notebooks" / "01_a.py").write_text("# # 1. A\n")
    (store / "zarr.json").write_text("{}")
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    line = f"{digest}  results/paper/01_a.zarr/zarr.json\n"
    (root / "results" / "CHECKSUMS").write_text(line)
    shutil.make_archive(str(served / release.ARCHIVE.removesuffix(".zip")), "zip", root)
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XYEP_PROJECT_DIR", str(root))
    handler = partial(Quiet, directory=str(served))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield served, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_results_of_a_release_are_fetched_and_checked(small):
    served, address = small
    folder = release.fetch_results(address)
    assert (folder / "results/paper/01_a.zarr/zarr.json").read_text() == "{}"
    (served / release.ARCHIVE).unlink()
    assert release.fetch_results(address) == folder  # nothing is asked for again
    (folder / "results/paper/01_a.zarr/zarr.json").write_text("{ }")
    with pytest.raises(ConnectionError, match="results: http.*cannot be had"):
        release.fetch_results(address)


def test_a_page_in_place_of_the_archive_is_an_error(small):
    served, address = small
    (served / release.ARCHIVE).write_text("<html>not found</html>")
    with pytest.raises(ConnectionError, match="cannot be had .*zip"):
        release.fetch_results(address)


def test_another_content_than_that_of_the_release_is_refused(small, tmp_path):
    served, address = small
    folder = tmp_path / "other" / "results" / "paper" / "01_a.zarr"
    folder.mkdir(parents=True)
    (folder / "zarr.json").write_text("[]")
    archive = str(served / release.ARCHIVE.removesuffix(".zip"))
    shutil.make_archive(archive, "zip", tmp_path / "other")
    with pytest.raises(ValueError, match="1 of 1 files are not those"):
        release.fetch_results(address)
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_was_fetched_is_a_project(small, tmp_path, monkeypatch):
    from xyep import paths

    folder = release.fetch_results(small[1])
    monkeypatch.delenv("XYEP_PROJECT_DIR")
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "site-packages" / "xyep")
    monkeypatch.chdir(tmp_path / "cache")
    assert paths.project() == folder.resolve()


def test_the_crate_of_the_results(tmp_path):
    """Each notebook is an action whose inputs and results are files of the crate."""
    folder = write_crate(tmp_path / "crate")
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    actions = [e for e in graph if e["@type"] == "CreateAction"]
    assert len(actions) == len(list((ROOT / "results" / "paper").glob("*.zarr")))
    for action in actions:
        assert entities[action["instrument"]["@id"]]["@type"] == "SoftwareApplication"
        for one in [*action["object"], *action["result"]]:
            entity = entities[one["@id"]]
            if entity["@type"] != "PropertyValue":
                assert (folder / one["@id"]).exists()
    for line in (folder / "results" / "CHECKSUMS").read_text().splitlines():
        assert (folder / line[66:]).is_file()
    with pytest.raises(FileExistsError, match="is there already"):
        write_crate(folder)
