"""Where things lie."""

import os
from pathlib import Path

from .version import __version__

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

PACKAGE = Path(__file__).resolve().parent


def project() -> Path:
    """Root of the checkout, the folder that has notebooks/.

    The first that has it counts: ``XYEP_PROJECT_DIR``; the folder above the package; the working
    directory and the folders above it, which is where a notebook of the checkout is run by an
    installed package; what ``xyep data fetch results`` has fetched.

    Raises
    ------
    FileNotFoundError
        When there is none, or when ``XYEP_PROJECT_DIR`` is set and has no notebooks/.
    """
    given = os.environ.get("XYEP_PROJECT_DIR")
    here = Path.cwd()
    for root in [given] if given else [PACKAGE.parent, here, *here.parents, fetched()]:
        folder = Path(root).expanduser()
        if any((folder / "notebooks").glob("[0-9]*.py")):
            return folder.resolve()
    if given:
        raise FileNotFoundError(
            f"XYEP_PROJECT_DIR: found {given!r} without notebooks/; a checkout of xyep is needed"
        )
    raise FileNotFoundError(
        f"XYEP_PROJECT_DIR: neither {here} nor a folder above it has the notebooks/ of xyep; "
        "change into a checkout, set XYEP_PROJECT_DIR to one, or `xyep data fetch results`"
    )


def fetched() -> Path:
    """Where the results of the release are that this version belongs to, once they are fetched."""
    return data() / f"xyep-{__version__}"


def results(profile: str, notebook: str) -> Path:
    """Dataset of a notebook, ``results/<profile>/<notebook>.zarr``."""
    return project() / "results" / profile / f"{notebook}.zarr"


def figures(profile: str) -> Path:
    """Folder of figures; the paper profile's lie in ``figures/`` itself."""
    return project() / "figures" / ("" if profile == "paper" else profile)


def data() -> Path:
    """Folder of downloaded data: ``XYEP_DATA_DIR`` or the user's cache."""
    given = os.environ.get("XYEP_DATA_DIR")
    if given:
        return Path(given).expanduser().resolve()
    import pooch  # here, as it warns of missing widgets in notebooks

    return Path(pooch.os_cache("xyep"))
