"""Figures, each a function of a stored result alone.

A figure function takes the DataTree of its notebook and returns a matplotlib figure and a caption; numbers in the caption are computed
from the same data. `draw` writes them for a profile; `FIGURES` lists them by notebook. ``xyep figures`` redraws all from results/.
"""

import matplotlib as mpl

from ..paths import figures as folder
from .equilibrium import EQUILIBRIUM
from .mnist import IMAGES
from .responses import RESPONSES
from .style import RC, save
from .xor import XOR

#: notebook → figure name → function(tree) → (figure, caption)
FIGURES = {
    "01_equilibrium_propagation": EQUILIBRIUM,
    "02_xor_training": XOR,
    "03_xor_lattice_responses": RESPONSES,
    "05_mnist_stacked_lattices": IMAGES,
}


def draw(notebook, tree, profile):
    """Draw and save a notebook's figures with their captions; yields the path of each PNG."""
    for name in FIGURES[notebook]:
        yield _one(notebook, name, tree, profile)


def _one(notebook, name, tree, profile):
    with mpl.rc_context(RC):
        return save(*FIGURES[notebook][name](tree), folder(profile) / name)


def show(notebook, name, tree, profile):
    """Draw, save and display one figure in a notebook, caption below."""
    from IPython.display import Image, Markdown, display

    path = _one(notebook, name, tree, profile)
    caption = path.with_suffix(".md").read_text().partition("\n\n")[2].strip()
    display(Image(filename=str(path), width=720), Markdown(f"*{caption}*"))
