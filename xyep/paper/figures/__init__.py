"""Figures, each a function of a stored result alone.

A figure function takes the DataTree of its notebook and returns a matplotlib figure and a caption; numbers in the caption are computed
from the same data. `draw` writes them for a profile; `FIGURES` lists them by notebook. ``xyep figures`` redraws all from results/.
"""

from io import BytesIO
from pathlib import Path

import matplotlib as mpl

from ...checks import check_choice
from ...paths import figures as folder
from .equilibrium import EQUILIBRIUM
from .guidelines import GUIDELINES
from .iris import IRIS
from .mnist import IMAGES
from .recommendations import recommendations as recommendations
from .responses import RESPONSES
from .style import RC, save
from .style import SUFFIXES as SUFFIXES
from .xor import XOR

#: notebook → figure name → function(tree) → (figure, caption)
FIGURES = {
    "01_equilibrium_propagation": EQUILIBRIUM,
    "02_xor_training": XOR,
    "03_xor_lattice_responses": RESPONSES,
    "04_iris_system_size": IRIS,
    "05_mnist_stacked_lattices": IMAGES,
    "06_guidelines": GUIDELINES,
}


def draw(notebook, tree, target, only=None, rc=None):
    """Draw and save a notebook's figures (or `only` one) with captions in the folder `target`; returns the paths of the PNGs.

    `rc` changes matplotlib's settings, such as ``{"image.cmap": "cividis", "font.size": 9}``.
    """
    for key in rc or {}:
        if key not in mpl.rcParams:
            raise ValueError(
                f"rc: matplotlib has no setting {key!r}; they are listed in matplotlib.rcParams"
            )
        try:
            mpl.RcParams({key: rc[key]})
        except ValueError as error:
            raise ValueError(
                f"rc: {key} cannot be {rc[key]!r} ({str(error).partition(';')[0][:100]})"
            ) from error
    paths = []
    for name in (
        FIGURES[notebook]
        if only is None
        else [check_choice("only", only, tuple(FIGURES[notebook]))]
    ):
        with mpl.rc_context(RC | (rc or {})):
            paths.append(save(*FIGURES[notebook][name](tree), Path(target) / name))
    return paths


def show(notebook, name, tree, profile):
    """Draw, save and display one figure in a notebook, caption below; at half the resolution, as notebooks should load fast."""
    from IPython.display import Image, Markdown, display
    from PIL import Image as Raster

    (path,) = draw(notebook, tree, folder(profile), name)
    small = BytesIO()
    with Raster.open(path) as picture:
        picture.convert("RGB").reduce(2).save(small, "png", optimize=True)
    caption = path.with_suffix(".md").read_text().partition("\n\n")[2].strip()
    display(Image(small.getvalue(), width=720), Markdown(f"*{caption}*"))
