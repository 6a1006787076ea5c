"""Figures, each a drawing of a stored result and of the finding that is made from it.

A notebook's module lists its figures: ``FIGURES: dict[str, Figure]``. A `Figure` has three
functions: ``finding(tree)`` computes the numbers, ``draw(tree, finding)`` returns a matplotlib
figure, and ``caption(finding)`` words it. ``xyep figures`` redraws all of them from results/.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from PIL import Image

from ...checks import check_choice
from ...paths import figures as folder
from .style import PAGE, RC, Figure, save
from .style import SUFFIXES as SUFFIXES

#: Notebook → its module here. A module is imported when it is asked for, so that a notebook does
#: not follow from the figures of another.
MODULES = {
    "01_equilibrium_propagation": "equilibrium",
    "02_xor_training": "xor",
    "03_xor_lattice_responses": "responses",
    "04_iris_system_size": "iris",
    "05_mnist_stacked_lattices": "images",
    "06_imperfect_machines": "machines",
    "07_what_to_build": "guidelines",
}
#: Width in which a notebook shows a figure of a page's width, in pixels of the screen.
SHOWN = 720


def module_of(notebook: str) -> str:
    """Full name of the module of a notebook's figures."""
    return f"{__name__}.{MODULES[check_choice('notebook', notebook, tuple(MODULES))]}"


def figures_of(notebook: str) -> dict[str, Figure]:
    """A notebook's figures by name."""
    return import_module(module_of(notebook)).FIGURES


def _chosen(notebook: str, only: str | None) -> Iterable[str]:
    known = figures_of(notebook)
    return known if only is None else [check_choice("only", only, tuple(known))]


def check_rc(rc: Mapping[str, Any]) -> None:
    for key, value in rc.items():
        if key not in mpl.rcParams:
            raise ValueError(
                f"rc: matplotlib has no setting {key!r}; they are listed in matplotlib.rcParams"
            )
        try:
            mpl.RcParams({key: value})
            if key == "image.cmap" and value not in mpl.colormaps:
                raise ValueError("matplotlib has no such colour map")
        except ValueError as error:
            reason = str(error).partition(";")[0][:100]
            raise ValueError(f"rc: {key} cannot be {value!r} ({reason})") from None


def draw(
    notebook: str,
    tree: xr.DataTree,
    target: str | Path,
    only: str | None = None,
    rc: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Draw and save a notebook's figures (or `only` one) with captions; returns the PNGs' paths.

    `target` is a folder; `rc` changes matplotlib's settings: ``{"image.cmap": "cividis",
    "font.size": 9}``.
    """
    check_rc(rc or {})
    settings: Any = {**RC, **(rc or {})}
    paths = []
    for name in _chosen(notebook, only):
        figure = figures_of(notebook)[name]
        finding = figure.finding(tree)
        with mpl.rc_context(settings):
            drawn = figure.draw(tree, finding)
            paths.append(save(drawn, figure.caption(finding), Path(target) / name))
    return paths


def differences(
    notebook: str, tree: xr.DataTree, where: str | Path, only: str | None = None
) -> Iterator[str]:
    """What differs between the figures that are stored in a folder and what is drawn now, in words.

    Every pixel counts, and every word of the captions.
    """
    with tempfile.TemporaryDirectory() as folder:
        for new in draw(notebook, tree, folder, only):
            old = Path(where) / new.name
            files = [old.with_suffix(f".{suffix}") for suffix in SUFFIXES]
            missing = [file.name for file in files if not file.is_file()]
            if missing:
                yield f"{', '.join(missing)}: not there"
                continue
            a, b = _pixels(old), _pixels(new)
            if a.shape != b.shape:
                yield f"{new.name}: found {_size(a)} pixels; {_size(b)} are drawn now"
            elif (a != b).any():
                share = 100 * (a != b).any(axis=-1).mean()
                yield f"{new.name}: {share:.2g} % of the pixels differ from what is drawn now"
            if caption_of(old) != caption_of(new):
                yield f"{old.stem}.md: not the caption of today"


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGBA"))


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"


def show(notebook: str, name: str, tree: xr.DataTree, profile: str) -> None:
    """Draw, save and display one figure in a notebook, caption below.

    Letters have the same size in all figures: a figure is shown as wide as it is. It is shown at
    half the resolution, as notebooks should load fast.
    """
    from IPython.display import Image as Shown
    from IPython.display import Markdown, display

    (path,) = draw(notebook, tree, folder(profile), name)
    small = BytesIO()
    with Image.open(path) as picture:
        inches = picture.width / 300
        picture.convert("RGB").reduce(2).save(small, "png", optimize=True)
    width = round(SHOWN * inches / PAGE)
    display(Shown(small.getvalue(), width=width), Markdown(caption_of(path)))


def caption_of(path: Path) -> str:
    """The caption that was saved beside a figure."""
    return path.with_suffix(".md").read_text("utf-8").partition("\n\n")[2].strip()
