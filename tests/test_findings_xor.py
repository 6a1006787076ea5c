"""Findings of notebook 02: verdicts follow from the numbers, in either direction."""

import made_xor
import numpy as np
import pytest
from scipy import stats

from xyep.paper.findings import CONSISTENT, CONTRADICTED, OPEN, survival, sweeps, xor
from xyep.paper.studies.epochs import looks


def test_looks_are_about_geometric_and_multiples_of_the_first():
    grid = np.array(looks(20000))
    assert grid[0] == 50 and grid[-1] == 20000 and not (grid % 50).any()
    late = grid[grid >= 1000]
    assert (np.abs(np.log(late[1:] / late[:-1]) - np.log(1.25)) < 0.05).all()


def test_a_fit_finds_what_was_put_in_though_runs_are_censored():
    rng = np.random.default_rng(0)
    x = np.repeat(np.linspace(0, 3, 30), 40)
    epochs = made_xor.seen(10 ** (1.9 + 0.9 * x + 0.25 * rng.standard_normal(len(x))))
    assert 0.05 < np.isnan(epochs).mean() < 0.5
    found = survival.fit(np.column_stack([np.ones_like(x), x]), epochs, looks(20000), x)
    assert found.s == pytest.approx(0.25, abs=0.02)
    for k, true in enumerate((1.9, 0.9)):
        low, high = found.interval(k)
        assert low < true < high and high - low < 0.15
    mean, half = found.at([[1.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(mean, found.b[0] + found.b[1] * np.array([1.0, 3.0]))
    assert (half > 0).all()
    # with nothing censored and looks that are close it is least squares
    fine = np.arange(1, 200_001)
    exact = 10 ** (2 + 0.5 * x + 0.1 * rng.standard_normal(len(x)))
    found = survival.fit(np.column_stack([np.ones_like(x), x]), np.ceil(exact), fine, x)
    line = stats.linregress(x, np.log10(exact))
    np.testing.assert_allclose(found.b, [line.intercept, line.slope], atol=2e-3)


def test_gradient_of_the_likelihood_vanishes_at_the_fit():
    x = np.ones((6, 1))
    epochs = [100, 150, 200, 300, np.nan, np.nan]
    found = survival.fit(x, epochs, looks(400), np.arange(6))
    for moved in (-0.02, 0.02):
        shifted = survival.fit(np.zeros((6, 0)), epochs, looks(400), np.arange(6), found.b + moved)
        assert shifted.log_likelihood < found.log_likelihood


def test_medians_and_their_intervals():
    assert survival.median(np.full(40, 300.0)) == (300, 300, 300)
    middle, low, high = survival.median([*range(100, 2600, 100), *[np.nan] * 15])
    assert middle == 2000 and low == 1400 and high == np.inf  # order statistics 14 and 27 of 40
    assert survival.median([np.nan] * 40) == (np.inf, np.inf, np.inf)


def test_log_rank():
    rng = np.random.default_rng(2)
    a, b = made_xor.seen(10 ** rng.normal(3, 0.4, (2, 40)))
    assert survival.log_rank_p(a, b, 20000) > 0.01
    assert survival.log_rank_p(a, made_xor.seen(5 * a), 20000) < 1e-4
    assert survival.log_rank_p([np.nan] * 3, [np.nan] * 4, 100) == 1.0


def test_kaplan_meier_without_censoring_is_the_share_left():
    ds = made_xor.dataset([made_xor.LATTICE], [[100, 200, 200, 450]])
    x, y = survival.remaining(ds, made_xor.LIMIT)
    assert x.tolist() == [1, 100, 200, 450] and y.tolist() == [1.0, 0.75, 0.25, 0.0]


@pytest.mark.parametrize(
    ("dense", "verdict"), [(80.0, CONSISTENT), (1000.0, OPEN), (60000.0, CONTRADICTED)]
)
def test_lattices_are_harder_only_where_the_test_says_so(dense, verdict):
    finding = xor.epochs(made_xor.tree(dense=dense)).harder
    assert finding.verdict == verdict and set(finding.medians) == {1, 2, 3, 4}
    assert finding.couplings == (220, 210)


@pytest.mark.parametrize(
    ("thinned", "verdict"), [(0.2, CONSISTENT), (1.0, OPEN), (5.0, CONTRADICTED)]
)
def test_range_at_equal_couplings(thinned, verdict):
    finding = xor.epochs(made_xor.tree(thinned=thinned)).longer
    assert finding.verdict == verdict and finding.couplings == (220, 220)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [({}, "yes"), ({"slope": 0.0}, "no"), ({"offset": 1.0}, "no"), ({"offset": 0.25}, OPEN)],
)
def test_one_line(change, verdict):
    finding = xor.one_line(made_xor.tree(**change))
    assert finding.verdict == verdict and set(finding.offsets) == {1, 2, 4}
    assert finding.networks == 9  # without distance 1


def test_the_line_is_that_over_responses():
    finding = xor.one_line(made_xor.tree())
    low, high = finding.line.interval(1)
    assert low < 1.0 < high
    assert (
        finding.likelihood[xor.QUANTITIES["response"]]
        == 0
        < min(v for k, v in finding.likelihood.items() if k != xor.QUANTITIES["response"])
    )


@pytest.mark.parametrize(("kind", "verdict"), [(0.0, "yes"), (0.8, "no")])
def test_triangular_lattices(kind, verdict):
    finding = xor.law(made_xor.tree(kind=kind)).elsewhere
    assert finding.verdict == verdict
    assert finding.offset[1] < kind < finding.offset[2]


@pytest.mark.parametrize(("growth", "verdict"), [(0.0, "yes"), (0.8, "no")])
def test_size(growth, verdict):
    finding = xor.size(made_xor.tree(growth=growth))
    assert finding.verdict == verdict and finding.sizes == (7, 21)
    assert finding.change[1] < growth < finding.change[2]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "yes"),
        ({"wires": (36, 36, 36)}, "yes"),
        ({"wires": (40, 35, 40)}, OPEN),
        ({"wires": (40, 20, 40)}, "no"),
        ({"cut": (2, 39, 0)}, OPEN),
    ],
)
def test_wires(change, verdict):
    finding = xor.wires(made_xor.tree(**change))
    assert finding.verdict == verdict
    assert set(finding.p) == {(s, d) for s in ("cut", "scattered") for d in (4, 8)}


@pytest.mark.parametrize(("far", "verdict"), [(4.0, "yes"), (1.0, OPEN), (0.25, "no")])
def test_distance_where_every_coupling_is_reached(far, verdict):
    finding = sweeps.sweeps(made_xor.tree(far=far)).reached
    assert finding.verdict == verdict
    assert set(finding.p) == {(s, n) for s in (1, 4) for n in (8, 16)}


@pytest.mark.parametrize(("longer", "verdict"), [(0.5, "yes"), (1.0, OPEN), (2.0, "no")])
def test_longer_nudged_phases(longer, verdict):
    finding = sweeps.sweeps(made_xor.tree(longer=longer)).longer
    assert finding.verdict == verdict
    assert set(finding.p) == {(s, 4, n) for s in (1, 4) for n in (8, 16)}


def test_the_rate_is_the_best_and_inside():
    finding = xor.rates(made_xor.tree())
    assert finding.chosen == 0.02 and finding.inside
    assert finding.best == {"1 shell, distance 2": 0.02, "4 shells, distance 2": 0.02}
