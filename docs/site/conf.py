"""Sphinx's settings; `build.py` copies them beside the pages that it makes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from xyep import __version__

project = "xyep"
author = "The xyep developers"
copyright = f"2026, {author}"
version = release = __version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
    "matplotlib.sphinxext.plot_directive",
    "docstrings",
    "formulas",
    "hover",
]
exclude_patterns = ["templates", "static"]
templates_path = ["templates"]
numfig = True
numfig_secnum_depth = 1
numfig_format = {"figure": "Figure %s"}
suppress_warnings = ["config.cache"]

# Notebooks are committed as they were executed; nothing is executed here.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_merge_streams = True
nb_code_prompt_show = "Code"
nb_code_prompt_hide = "Code"
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 72
python_use_unqualified_type_names = True
add_module_names = False
default_role = "code"
plot_html_show_formats = False
plot_html_show_source_link = False
plot_formats = [("svg", 100)]
plot_rcparams = {
    "font.size": 9,
    "figure.figsize": (4.2, 3.2),
    "svg.fonttype": "none",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
}
plot_apply_rcparams = True
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "xyep"
html_static_path = ["static"]
html_logo = "static/logo.svg"
html_favicon = "static/logo.svg"
html_css_files = ["site.css"]
html_js_files = []
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
html_permalinks_icon = "#"
html_math_renderer = "mathml"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
_COLORS = {
    "light": {"brand-primary": "#0b5cad", "brand-content": "#0b5cad"},
    "dark": {"brand-primary": "#7cb8ff", "brand-content": "#7cb8ff"},
}
html_theme_options = {
    "sidebar_hide_name": False,
    "navigation_with_keys": True,
    "light_css_variables": {f"color-{k}": v for k, v in _COLORS["light"].items()},
    "dark_css_variables": {f"color-{k}": v for k, v in _COLORS["dark"].items()},
}
