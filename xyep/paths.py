"""Where things lie."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def project():
    """Root of the checkout: ``XYEP_PROJECT_DIR``, the folder above the package, or the working directory, whichever has notebooks/."""
    for root in (os.environ.get("XYEP_PROJECT_DIR"), PACKAGE.parent, Path.cwd()):
        if root and (Path(root) / "notebooks").is_dir():
            return Path(root).resolve()
    raise FileNotFoundError(
        "XYEP_PROJECT_DIR: no folder with notebooks/ found; set it to a checkout of xyep, or change into one"
    )


def results(profile, notebook):
    """Dataset of a notebook, ``results/<profile>/<notebook>.zarr``."""
    return project() / "results" / profile / f"{notebook}.zarr"


def figures(profile):
    """Folder of figures; the paper profile's lie in ``figures/`` itself."""
    return project() / "figures" / ("" if profile == "paper" else profile)


def data():
    """Folder of downloaded data: ``XYEP_DATA_DIR`` or the user's cache."""
    if os.environ.get("XYEP_DATA_DIR"):
        return Path(os.environ["XYEP_DATA_DIR"])
    import pooch  # here, as it warns of missing widgets in notebooks

    return Path(pooch.os_cache("xyep"))
