"""Pictures of networks, tasks and equilibria in a notebook's output."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import xyep
from xyep.pictures import phase_colour

XOR = xyep.load_task("xor")
SVG = "{http://www.w3.org/2000/svg}"


def paths(shown):
    """(attributes, starts of the lines) of each path, and the words below."""
    found = ElementTree.fromstring(f"<div>{shown._repr_html_()}</div>")
    starts = [
        (p.attrib, re.findall(r"M([\d.]+) ([\d.]+)", p.get("d"))) for p in found.iter(f"{SVG}path")
    ]
    return starts, "".join(found.itertext())


@pytest.mark.parametrize("periodic", [False, True])
def test_a_network_has_all_its_couplings_and_sites(periodic):
    net = xyep.xor_lattice(6, shells=2, periodic=periodic)
    found, words = paths(net)
    around = np.ptp(net.positions[net.edges], axis=1).max(axis=1) > 2
    assert around.any() == periodic
    lines = {a["stroke-dasharray"]: 0 for a, _ in found if "stroke-dasharray" in a}
    for attributes, starts in found:
        if "stroke-dasharray" in attributes:
            lines[attributes["stroke-dasharray"]] += len(starts)
    assert lines["none"] == np.sum(~around) and lines.get("2 2", 0) == 2 * np.sum(around)
    dots = [len(starts) for a, starts in found if "stroke-linecap" in a]
    assert dots == [33, 2, 1]
    assert repr(net) in words


def test_sites_lie_where_they_are():
    net = xyep.square_lattice((3, 2), inputs=[(0, 0)], outputs=[(2, 1)])
    dots = [starts for a, starts in paths(net)[0] if "stroke-linecap" in a]
    (left, low), (right, high) = [np.array(dots[k][0], float) for k in (1, 2)]
    assert right - left == pytest.approx(96, abs=1)
    assert low - high == pytest.approx(192, abs=1)  # y goes down in a picture


def test_cells_have_the_colours_of_the_phases():
    found, words = paths(XOR)
    cells = {(int(float(x)), int(float(y))): a["stroke"] for a, starts in found for x, y in starts}
    for row, (x, t) in enumerate(zip(XOR.inputs, XOR.targets)):
        for column, phi in enumerate((*x, None, *t)):
            if phi is not None and (column, row) in cells:
                assert cells[column, row] == phase_colour(phi)
            assert phi is not None or (column, row) not in cells
    assert "inputs and targets of 4 samples" in words


def test_an_equilibrium_shows_samples_spread_over_all():
    net = xyep.all_to_all(6)
    eq = xyep.relax(net, net.init_parameters(0), np.linspace(-1, 1, 100).reshape(50, 2))
    found, words = paths(eq)
    rows = {float(y) for _, starts in found for _, y in starts}
    assert len(rows) == 16 and "phases of 16 samples" in words
    first = {a["stroke"] for a, starts in found for x, y in starts if (x, y) == ("0", "0.5")}
    nearest = round(eq.phases[0, 0] / (2 * np.pi) * 24) / 24 * 2 * np.pi
    assert first == {phase_colour(nearest)}


def large():
    net = xyep.layered([784, 120, 10])
    images = np.random.default_rng(0).uniform(-1, 1, (40, 784))
    targets = np.where(np.eye(10)[np.arange(40) % 10], 1.5, -1.5)
    yield xyep.Task("<images>", images, targets)
    yield xyep.relax(net, net.init_parameters(0), images, tol=10.0)
    yield net
    yield xyep.xor_lattice(101, shells=4, distance=2)
    yield xyep.xor_lattice(11, shells=4, distance=2)


def test_a_picture_is_small():
    for shown in large():
        assert len(shown._repr_html_().encode()) <= 30_000, shown
        assert "<images>" not in shown._repr_html_()
