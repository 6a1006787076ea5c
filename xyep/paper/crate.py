"""The paper's run as an RO-Crate: what was run, with which software, and what came out."""

import json
from pathlib import Path
from typing import Any

from ..paths import figures, project, results
from ..release import REPOSITORY
from ..store import read_tree
from ..version import __version__
from .figures import figures_of
from .notebooks import executed
from .report import PAGES
from .scripts import names

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"


def write_crate(file: str | Path) -> Path:
    """Write notebooks, results, figures and their description into one archive, or into a folder.

    Each notebook that has results is an action: its script and its parameters are what went in, its
    dataset, executed notebook and figures are what came out, and xyep at a commit is what it was
    done with. `file` ends in .zip, or is the name of a folder.

    Raises
    ------
    FileExistsError
        If there is something at its place.
    """
    from rocrate.rocrate import ROCrate

    target = Path(file).expanduser()
    if target.exists():
        raise FileExistsError(f"crate: {target} is there already; another FILE is needed")
    crate = ROCrate(version="1.1")  # on which the profile rests
    crate.name = f"Results of xyep {__version__}"
    crate.description = (
        "XY networks trained by equilibrium propagation, after arXiv:2601.21945: notebooks, "
        "results as Zarr stores, and figures."
    )
    crate.license = _entity(
        crate,
        "https://spdx.org/licenses/MIT",
        "CreativeWork",
        name="MIT License",
        description="A short permissive licence: use, change and share with the notice kept.",
    )
    authors = _entity(crate, REPOSITORY, "Organization", name="The xyep developers", url=REPOSITORY)
    crate.root_dataset["author"] = crate.root_dataset["publisher"] = authors
    crate.root_dataset["conformsTo"] = _entity(
        crate, PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"
    )
    for name in (*PAGES, "CITATION.cff", "LICENSE", "notebooks/profiles.yml"):
        _file(crate, project() / name)
    _file(crate, project() / "results" / "CHECKSUMS")
    actions = [_action(crate, name, authors) for name in names() if _has_results(name)]
    crate.root_dataset["mentions"] = actions
    if target.suffix == ".zip":
        crate.write_zip(target)
    else:
        crate.write(target)
    return target


def _has_results(notebook: str) -> bool:
    return results("paper", notebook).exists()


def _action(crate: Any, notebook: str, authors: Any) -> Any:
    store = results("paper", notebook)
    attrs = read_tree(store).attrs
    script = _file(crate, project() / "notebooks" / f"{notebook}.py", name=f"notebook {notebook}")
    software = _entity(
        crate,
        f"{REPOSITORY}/tree/{attrs['commit'].rstrip('+') or 'v' + attrs['version']}",
        "SoftwareApplication",
        name="xyep",
        softwareVersion=f"{attrs['version']}, commit {attrs['commit'] or 'unknown'}",
        softwareRequirements=f"Python {attrs['python']}, NumPy {attrs['numpy']}, Numba "
        f"{attrs['numba']}",
        url="https://arxiv.org/abs/2601.21945",
    )
    values = json.loads(attrs["parameters"]) if isinstance(attrs["parameters"], str) else {}
    given = [
        _entity(crate, f"#{notebook}-{key}", "PropertyValue", name=key, value=json.dumps(value))
        for key, value in (values or dict(attrs["parameters"])).items()
    ]
    made = [
        crate.add_dataset(
            store,
            dest_path=_relative(store),
            properties={"name": f"results of {notebook}", "encodingFormat": "application/zarr"},
        ),
        _file(crate, executed(notebook, "paper"), name=f"executed notebook {notebook}"),
    ]
    for figure in figures_of(notebook):
        path = figures("paper") / f"{figure}.png"
        if path.is_file():
            made.append(_file(crate, path, name=f"figure {figure}"))
    return _entity(
        crate,
        f"#run-{notebook}",
        "CreateAction",
        name=f"xyep reproduce {notebook} --profile paper",
        description=f"Made the results of {notebook} on {attrs['machine']}.",
        instrument=software,
        agent=authors,
        object=[script, *given],
        result=made,
    )


def _entity(crate: Any, identifier: str, kind: str, **properties: Any) -> Any:
    from rocrate.model import ContextEntity

    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))


def _relative(path: Path) -> str:
    return path.resolve().relative_to(project()).as_posix()


def _file(crate: Any, path: Path, **properties: Any) -> Any:
    formats = {".py": "text/x-python", ".ipynb": "application/x-ipynb+json", ".png": "image/png"}
    kind = formats.get(path.suffix, "text/plain")
    facts: dict[str, Any] = {"name": path.name, "encodingFormat": kind}
    facts |= {"contentSize": str(path.stat().st_size), **properties}
    return crate.add_file(path, dest_path=_relative(path), properties=facts)
