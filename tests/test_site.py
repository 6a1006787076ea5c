"""The pages of the website, without building it: links have places, and no name is missing."""

import re
import sys
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

import xyep
from xyep.paper.figures import figures_of
from xyep.paper.scripts import names
from xyep.paths import results

SITE = Path(__file__).resolve().parents[1] / "docs" / "site"


@pytest.fixture(scope="module", autouse=True)
def modules():
    sys.path.insert(0, str(SITE))
    yield
    sys.path.remove(str(SITE))


@pytest.fixture(scope="module")
def book(modules):
    """All notebooks, figures with their captions, and nothing drawn."""
    import pages

    made = pages.Book()
    for notebook in names():
        tree = xyep.read_tree(results("paper", notebook))
        drawn = []
        for name, figure in figures_of(notebook).items():
            finding = figure.finding(tree)
            drawn.append((name, finding, figure.caption(finding), 7.0))
        made.add(notebook, tree, drawn)
    return made


@pytest.fixture(scope="module")
def written(book):
    import pages

    text = {"findings": pages.findings(book), "data": pages.data(book)}
    text["gallery"] = pages.gallery(book)
    for notebook, entry in book.notebooks.items():
        text[notebook] = pages.section(notebook, book).replace("\\n", "\n").replace('\\"', '"')
        for name in entry["figures"]:
            text[name] = pages.figure_page(notebook, book, name)
    return text


def test_every_link_has_a_place(written):
    places = {p for text in written.values() for p in re.findall(r"\(([\w.-]+)\)=", text)}
    wanted = {p for text in written.values() for p in re.findall(r"\]\(#([\w.-]+)\)", text)}
    assert len(wanted) > 50
    assert wanted <= places, sorted(wanted - places)


def test_every_figure_is_shown_once_with_its_caption(book, written):
    for notebook, entry in book.notebooks.items():
        for name, (_, caption, _) in entry["figures"].items():
            assert written[notebook].count(f":name: fig-{name}\n") == 1, name
            assert caption.startswith("**") and f":alt: {caption[2:20]}" in written[notebook]
            assert f"figures/{name}.png" in written[notebook]
            assert f'only="{name}")' in written[name]  # the line that redraws it
            assert f"\n:link: figure-{name}\n" in written["gallery"]


def test_every_statement_leads_to_its_figure_data_and_cell(book, written):
    cards = re.findall(r"^:::\{card\} (.*?)^:::$", written["findings"], flags=re.M | re.S)
    assert len(cards) > 10
    for card in cards:
        assert "{numref}`fig-" in card and "](#node-" in card and "](#cell-" in card, card
        assert "*Rule:* " in card


def test_the_verdicts_at_a_glance_are_those_of_the_findings(book, written):
    import pages

    rows = re.findall(r"^\| \[(.*?)\]\(#(.*?)\) \| \{.*?\}`(.*?)` \|$", written["findings"], re.M)
    cards = re.findall(
        r"^:::\{card\} (.*?)\n:class-card: finding\n\n\{.*?\}`(.*?)`", written["findings"], re.M
    )
    assert len(cards) > 10
    assert [(statement, verdict) for statement, _, verdict in rows] == cards
    assert pages.place(book, "longer range help") in {f"#{place}" for _, place, _ in rows}


def test_code_is_folded_and_outputs_of_figures_are_left_out(written):
    assert "image/png" not in "".join(written.values())
    assert "hide-input" in written[names()[0]]


def test_the_lattice_with_skips_has_the_parameters_that_are_stored(book):
    import pages

    notebook, node = pages.KEPT
    early = book.notebooks[notebook]["tree"][node]
    shown = pages.kept(early)
    text = shown.networks[0]["theta"]["f4"]
    first = early.to_dataset().isel(seed=0)
    wanted = [first[part].values for part in ("couplings", "bias_amplitude", "bias_phase")]
    np.testing.assert_array_equal(np.frombuffer(b64decode(text), "<f4"), np.concatenate(wanted))
    net = shown.nets[0]
    assert net.n_sites == early.attrs["size"] ** 2
    assert np.sum(net.shell == 0) == early.attrs["count"]
    task = xyep.load_task("xor")  # half learned: better than an untrained network
    score = xyep.evaluate(net, net.unflatten(np.concatenate(wanted).astype(float)), task)
    assert score["mismatch"] < 0.4


def test_the_reference_has_a_page_for_every_public_name():
    listed = re.findall(r"^   xyep\.(\w+)$", (SITE / "api.rst").read_text(), flags=re.M)
    assert sorted(listed) == sorted(xyep.__all__)


def test_docstrings_as_restructured_text():
    from docstrings import rest

    lines = """Energy of a state x_.

    E = -|J|

Parameters
----------
phases : (site,) radians
    All of them, see `relax` and ``n*m``.

>>> 1 + 1
2
""".splitlines()
    assert rest(lines) == [
        r"Energy of a state x\_.",
        "",
        ".. code-block:: none",
        "   :class: formula",
        "",
        "       E = -|J|",
        "",
        ".. rubric:: Parameters",
        "",
        "",
        "``phases``",
        "    (site,) radians.",
        "    All of them, see :py:obj:`relax <xyep.relax>` and ``n*m``.",
        "",
        ">>> 1 + 1",
        "2",
        "",
    ]


def test_indices_and_powers_in_running_text():
    from words import typeset

    assert typeset("−Σ_o cos(φ_o − t_o), φ_i^−β, β^0.95–0.99") == (
        "−Σ<sub>o</sub> cos(φ<sub>o</sub> − t<sub>o</sub>), "
        "φ<sub>i</sub><sup>−β</sup>, β<sup>0.95–0.99</sup>"
    )
    for apart in ("`φ_o`", "$φ_o$", "[a](#node-01_x)", "figures/t_o.png", "a_task_of"):
        assert typeset(apart) == apart


def test_links_to_papers_become_citations():
    from words import cited, keys

    known = keys("@misc{a,\n  eprint = {2601.1},\n}\n\n@article{b,\n  doi = {10.3/x.1},\n}\n")
    assert known == {"2601.1": "a", "10.3/x.1": "b"}
    text = "[arXiv:2601.1](https://arxiv.org/abs/2601.1), B ([2017](https://doi.org/10.3/x.1))"
    assert cited(text, known) == "{cite:t}`a`, B ({cite:year}`b`)"
    other = "[arXiv:9](https://arxiv.org/abs/9)"
    assert cited(other, known) == other


def test_broken_links_are_found(tmp_path):
    from build import broken

    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#here"></a><a href="#top">')
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="a.html#gone"></a><img src="c.png">')
    assert broken(tmp_path) == [
        "b.html: a.html#gone leads nowhere",
        "b.html: c.png leads nowhere",
    ]


def test_the_numbers_of_a_figure():
    """Lines, points, bands, maps, images and bars; arrows and texts have none."""
    import numpy as np
    from drawings import numbers
    from matplotlib.figure import Figure

    figure = Figure()
    first, second = figure.subplots(1, 2)
    first.set_title("left")
    first.plot([0, 1], [2.0, 3.0], label="a line")
    first.scatter([4], [5], c=[6])
    first.fill_between([0, 1], [0, 0], [1, 1])
    first.annotate("here", (0, 0), (1, 1), arrowprops={"arrowstyle": "->"})
    first.bar([7], [8])
    second.pcolormesh(np.arange(6.0).reshape(2, 3))
    second.imshow([[1.5]])
    second.set_ylabel("height")
    rows = list(numbers(figure))
    assert rows[:3] == [
        ["1: left", "line", "a line", "0", "2", ""],
        ["1: left", "line", "a line", "1", "3", ""],
        ["1: left", "points", "", "4", "5", "6"],
    ]
    assert ["1: left", "bar", "", "7", "8", ""] in rows
    assert ["2: height over", "map", "", 2, 1, "5"] in rows
    assert ["2: height over", "image", "", 0, 0, "1.5"] in rows
    assert {row[1] for row in rows} == {"line", "points", "band", "bar", "map", "image"}


def test_a_statement_shows_the_number_that_decides():
    from pages import _statement

    from xyep.paper.findings import Estimate, Finding

    class Made(Finding):
        statement, nodes, whose, rule = "It learns", ("runs",), "ours", "more than half"
        verdict, measured, by = "yes", "37 of 50 seeds", "p = 0.001"
        estimate = Estimate("share", 74.0, 60.4, 84.1, "%", 50)

    class Tree:
        children = {"runs": None}

    entry = {"tree": Tree, "shown": {}, "made": {"runs": 3}}
    text = _statement(Made(), "02_xor_training", entry, "02_law")
    assert "**share: 74 (60 to 84) %**, 50 seeds, p = 0.001\n" in text
    assert "{bdg-success}`yes`" in text and "*Rule:* more than half.\n" in text
    assert "[data: runs](#node-02-runs)" in text
    assert "[computed in cell 3](#cell-02-3)" in text
