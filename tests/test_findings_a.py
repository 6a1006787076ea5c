"""Findings of notebooks 01 to 03: verdicts follow from the numbers, in either direction."""

import re

import made_responses
import made_tables
import made_xor
import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from xyep.paper.figures import equilibrium as drawn_equilibrium
from xyep.paper.figures import iris as drawn_iris
from xyep.paper.figures import responses as drawn_responses
from xyep.paper.figures import xor as drawn_xor
from xyep.paper.figures.style import METHODS, RC, look, shell_color
from xyep.paper.findings import (
    CONSISTENT,
    CONTRADICTED,
    OPEN,
    Finding,
    statements,
    statistics,
)
from xyep.paper.findings import equilibrium as equilibrium_findings
from xyep.paper.findings import xor as xor_findings
from xyep.paper.findings.words import label, percents

PARAMETERS = {"epochs": 1000, "learning_rate": 0.02, "compare_epochs": 300}
LATTICE = {"family": "lattice", "kind": "square", "skip_range": 0, "skips": 0}


def runs(k, n):
    return np.arange(n) < k


def tree(parameters=PARAMETERS, **nodes):
    found = xr.DataTree.from_dict({name.replace("__", "/"): ds for name, ds in nodes.items()})
    found.attrs = {"parameters": parameters}
    return found


def networks(*traits):
    """Coordinates over `network`, "" and NaN where a trait is missing."""
    names = {name: type(t[name]) for t in traits for name in t}
    empty = {str: "", int: np.nan, bool: np.nan, float: np.nan}
    return {"network": [f"net{k}" for k in range(len(traits))]} | {
        name: ("network", [t.get(name, empty[kind]) for t in traits])
        for name, kind in names.items()
    }


# statistics


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_interval_of_textbook_cases(k, n, low, high):
    """Against the values of Newcombe (1998), Statist. Med. 17, 857."""
    assert statistics.wilson(k, n) == pytest.approx((low, high), abs=1e-4)


def test_better_has_a_direction_and_needs_enough_runs():
    assert statistics.better(runs(18, 20), runs(5, 20))
    assert not statistics.better(runs(5, 20), runs(18, 20))
    assert not statistics.better(runs(3, 4), runs(1, 4))
    assert not statistics.better(runs(7, 9), runs(7, 9))
    assert not statistics.better(runs(18, 20), runs(5, 20), p=0.06)


def test_paired_test_counts_seeds_not_conditions():
    """Forty conditions of four seeds, all in favour of one side, are four cases: p = 2/2⁴."""
    a = np.ones((40, 4), bool)
    assert statistics.sign_p(a, ~a) == pytest.approx(2 / 2**4)
    assert statistics.sign_p(a, a) == 1.0


def test_holm_keeps_the_order_and_never_lowers_a_p():
    p = np.array([0.04, 0.01, 0.03, 0.5])
    corrected = statistics.holm(p)
    assert corrected == pytest.approx([0.09, 0.04, 0.09, 0.5])
    assert (corrected >= p).all() and (np.diff(corrected[np.argsort(p)]) >= 0).all()
    assert statistics.holm([]).size == 0


def test_one_run_decides_nothing():
    for difference in (statistics.paired([0.9], [0.1]), statistics.welch([0.9], [0.1])):
        assert difference.p == 1.0 and difference.low == -np.inf
    assert statistics.paired([0.9, 0.9], [0.8, 0.8]).p == 0.5
    assert statistics.paired([0.9, 0.8], [0.9, 0.8]).p == 1.0


# looks


def test_every_number_of_shells_and_every_method_has_its_own_look():
    lattices = [look(LATTICE | {"size": 7, "shells": n}) for n in range(1, 9)]
    looks = [*lattices, *METHODS.values(), look({"family": "all_to_all", "size": 6})]
    assert len({one.color for one in looks}) == len(looks)
    assert len({(one.marker, str(one.line)) for one in lattices}) == len(lattices)  # in grey too
    assert lattices[4].label == "7×7, 5 shells" and shell_color(12) != shell_color(1)


def test_labels():
    square = LATTICE | {"size": 7, "shells": 12}
    assert label(square) == "7×7, 12 shells" and label(square, full=False) == "12 shells"
    other = {"family": "lattice", "kind": "honeycomb", "shape": "3x4", "shells": 2}
    assert label(other) == "honeycomb 3x4, 2 shells"
    assert (
        label(LATTICE | {"size": 7, "shells": 1, "skip_range": 3}, False) == "1 shell, skips of 3"
    )
    assert percents([0.3, 0.3]) == "30 %"


# 01


def errors(powers):
    """Errors that are powers of β, by estimator."""
    beta, seeds = np.array([0.001, 0.01, 0.1, 1.0]), 5
    spread = np.linspace(0.5, 2, seeds)
    powers = (*powers, 2, 8)
    values = np.stack([beta[:, None] ** power * spread for power in powers])[None]
    return xr.Dataset(
        {"relative_error": (("network", "estimator", "beta", "seed"), values)},
        networks({"family": "all_to_all", "size": 10})
        | {"estimator": ["centered", "one_sided", "tangent", "holomorphic"]}
        | {"beta": beta, "seed": np.arange(seeds)},
        {"off_target": 1.0},
    )


@pytest.mark.parametrize(
    ("powers", "verdict"), [((2, 1), CONSISTENT), ((1, 1), OPEN), ((1, 2), CONTRADICTED)]
)
def test_powers_of_the_gradient_error(powers, verdict):
    finding = equilibrium_findings.gradient_error(tree(gradient_error=errors(powers)))
    assert finding.verdict == verdict
    assert finding.powers["centered"] == pytest.approx((powers[0],) * 2)
    assert "1 rad from the free answers" in finding.measured
    off = abs(finding.estimate.value - {"centred": 2, "one-sided": 1}[_estimator(finding)])
    assert off == pytest.approx(max(abs(powers[0] - 2), abs(powers[1] - 1)), abs=1e-6)
    assert finding.estimate.n == 5 and finding.estimate.low <= finding.estimate.high


def _estimator(finding):
    return re.search(r"power of β, ([\w-]+),", finding.estimate.of)[1]


def unstable(large, seeds=20):
    """So many seeds of two networks with a centred error above one half at β = 0.1."""
    beta, estimators = (
        np.array([0.01, 0.1, 1.0]),
        ["one_sided", "centered", "tangent", "holomorphic"],
    )
    dims = ("network", "cost", "estimator", "beta", "seed")
    error = np.full((2, 2, 4, 3, seeds), 0.1)
    for n, k in enumerate(large):
        error[n, 0, 1, 1, :k] = 0.7
    error[1, 1, 3, 2] = np.nan
    coords = networks({"family": "all_to_all", "size": 10}, LATTICE | {"size": 5, "shells": 1}) | {
        "cost": ["log_cosine", "cosine"],
        "estimator": estimators,
        "beta": beta,
    }
    values = {"relative_error": (dims, error), "at_pole": (dims, 0.3 + 0 * error)}
    values["left_basin"] = (dims[:2] + dims[3:], np.full((2, 2, 3, seeds), 0.05))
    return xr.Dataset(values, coords | {"seed": np.arange(seeds)}, {"states": 2})


@pytest.mark.parametrize(
    ("large", "verdict"), [((0, 1), "yes"), ((0, 2), OPEN), ((8, 0), "no"), ((1, 20), "no")]
)
def test_gradients_as_training_meets_them(large, verdict):
    finding = equilibrium_findings.stability(tree(stability=unstable(large)))
    assert finding.verdict == verdict and tuple(finding.large.values()) == large
    assert finding.share["cosine", "holomorphic"][2] == 0.5  # what is no number is off
    assert finding.share["log_cosine", "centered"][1] == pytest.approx(sum(large) / 40)
    assert "30% of the samples" in finding.measured and "5% leave" in finding.measured


def equilibria(growth=(2.0, 4.0, 16.0)):
    coords = networks(
        *({"family": "all_to_all", "size": n, "n_sites": n} for n in (10, 20, 40)),
        LATTICE | {"size": 3, "shells": 1, "n_sites": 9},
        LATTICE | {"size": 5, "shells": 1, "n_sites": 25},
        LATTICE | {"size": 7, "shells": 1, "n_sites": 49},
    )
    dims = ("network", "seed")
    reached = np.array([*growth, 3, 9, 700])[:, None] * np.ones(4)
    once = np.array([0, 0, 0, 0, 2, 690])[:, None] * np.ones(4)
    return xr.Dataset(
        {
            "reached": (dims, reached),
            "once": (dims, once),
            "twice": (dims, once / 2),
            "same_probability": (dims, 1 / reached),
            "smallest_eigenvalue": (dims, 0.1 / reached),
        },
        coords | {"seed": np.arange(4)},
        {"initial_states": 1000},
    )


def test_growth_of_the_number_of_equilibria():
    found = equilibrium_findings.equilibria(tree(equilibria=equilibria()))
    assert found.growth["all-to-all"] == pytest.approx([10 / np.log10(2)] * 3)
    sites, low, high = found.growth["1 shell"]  # of the two of which enough was met
    assert low <= sites <= high and found.uncovered == ["7×7, 1 shell"]
    number, coverage = equilibrium_findings.chao(equilibria())
    assert number.values[4, 0] == 9 + 2 * 1 / (2 * (1 + 1)) and coverage.values[
        5, 0
    ] == pytest.approx(0.31)


def relaxing():
    time, sites = np.linspace(0, 20, 41), 49
    decay = np.exp(-time)
    role = ["input"] * 2 + ["hidden"] * 46 + ["output"]
    shift = np.stack([s * (1 - decay)[:, None] * np.ones(sites) * 0.1 for s in (1, -1)])
    return xr.Dataset(
        {
            "phase": (("time", "site"), decay[:, None] * np.ones(sites)),
            "shift": (("nudging", "time", "site"), shift),
            "flow_energy": ("time", decay),
            "fast_energy": ("sweep", 10.0 ** -np.arange(12)),
        },
        {"time": time, "sweep": np.arange(12), "nudging": [0.5, -0.5], "role": ("site", role)},
        {"beta": 0.5, "target": 1.5, "traits": LATTICE | {"size": 7, "shells": 4, "distance": 1}},
    )


def basics():
    return tree(
        gradient_error=errors((2, 1)),
        stability=unstable((3, 8)),
        equilibria=equilibria(),
        dynamics=relaxing(),
    )


# 02


def compared(fast, flow, seeds=40):
    traits = [
        {"family": "all_to_all", "size": 6, "solver": solver}
        for solver in ("fast", "gradient_flow")
    ]
    solved = np.array([runs(fast, seeds), runs(flow, seeds)], float)
    values = {"test_solved": (("network", "seed"), solved)}
    return xr.Dataset(values, networks(*traits) | {"seed": np.arange(seeds)})


@pytest.mark.parametrize(("flow", "apart"), [(38, []), (10, ["all-to-all, 6 sites"])])
def test_solvers_differ_only_where_the_test_says_so(flow, apart):
    assert xor_findings.solvers(tree(solver_comparison=compared(40, flow))).apart == apart


# all


DRAWN = [
    (module, name, made)
    for module, made in (
        (drawn_equilibrium, basics),
        (drawn_xor, made_xor.tree),
        (drawn_responses, made_responses.tree),
        (drawn_iris, made_tables.tree),
    )
    for name in module.FIGURES
]


@pytest.mark.parametrize(("module", "name", "made"), DRAWN, ids=[name for _, name, _ in DRAWN])
def test_figures_draw_and_caption_their_finding(module, name, made):
    """A bold sentence, then at most 60 words; every axis has a label or names its ticks."""
    figure, results = module.FIGURES[name], made()
    finding = figure.finding(results)
    caption = figure.caption(finding)
    bold, text = re.fullmatch(r"\*\*(.+?\.)\*\* (.+)", caption).groups()
    assert len(text.split()) <= 60, len(text.split())
    assert "reproduced" not in caption and "**" not in bold
    for statement in statements(finding):
        assert isinstance(statement, Finding)
        for field in ("statement", "whose", "rule", "measured", "verdict", "by"):
            assert getattr(statement, field).strip()
        ours = statement.estimate
        assert ours.low <= ours.value <= ours.high and ours.n > 0 and ours.of
    with mpl.rc_context(RC):
        canvas = figure.draw(results, finding)
        canvas.draw_without_rendering()
    mpl.pyplot.close(canvas)
