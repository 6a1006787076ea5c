"""Findings of notebooks 03 and 04: verdicts follow from the numbers, in either direction.

Each row is computed again here from the nodes, with xarray and SciPy alone.
"""

import made_responses
import made_tables
import numpy as np
import pytest
from scipy import stats

from xyep.paper.findings import CONSISTENT, CONTRADICTED, NOT_FOUND, OPEN, iris, responses, skips
from xyep.paper.studies import iris as tables
from xyep.paper.studies import responses as travelling


def holm(p):
    p, found = list(p), np.ones(len(p))
    for k, place in enumerate(np.argsort(p)):
        found[place] = max(found[np.argsort(p)[:k]].tolist() + [min(1, p[place] * (len(p) - k))])
    return found


# --- 03


@pytest.mark.parametrize(("weaker", "verdict"), [(0.5, "yes"), (1.0, OPEN), (2.0, "no")])
def test_far_response(weaker, verdict):
    tree = made_responses.tree(weaker=weaker)
    finding = responses.weakened(tree)
    assert finding.verdict == verdict
    ds = tree["responses"].to_dataset()
    far = (ds["role"] == "hidden") & (ds["output_distance"] >= 3)
    log = np.log(ds["nudge_response"].where(far).mean("site"))
    change = log.sel(state="epoch 2000") - log.sel(state="epoch 0")
    np.testing.assert_allclose([c.mean for c in finding.changes.values()], change.mean("seed"))
    p = holm(stats.ttest_1samp(change.values, 0, axis=1).pvalue)
    np.testing.assert_allclose(list(finding.p.values()), p)


@pytest.mark.parametrize(
    ("populations", "verdict"),
    [
        ((2, 9, 30, 5, 6), CONSISTENT),  # before, early, after, noise, moved
        ((2, 9, 30, 29, 6), OPEN),
        ((30, 9, 30, 5, 6), OPEN),
        ((2, 9, 8, 5, 6), NOT_FOUND),
    ],
)
def test_regions_need_more_than_each_control(populations, verdict):
    finding = responses.regions(made_responses.tree(populations=populations))
    assert finding.verdict == verdict
    table = [
        [[populations[2], 40 - populations[2]], [populations[k], 40 - populations[k]]]
        for k in (0, 3, 4)
    ]
    p = holm([stats.fisher_exact(t).pvalue for t in table] * 2)
    np.testing.assert_allclose(list(finding.p.values()), p)


def test_the_border_is_among_hidden_sites():
    ds = responses.responses_of(made_responses.tree()).isel(network=0)
    ds["nudge_response"][...] = 0.05
    ds["nudge_response"][..., 0], ds["nudge_response"][..., 5 * 7 + 5] = 1.0, 100.0
    share = responses.affected_share(ds, 0.1)
    np.testing.assert_allclose(share, 1 / 46)
    np.testing.assert_allclose(responses.affected_share(ds, 0.04), 1.0)


@pytest.mark.parametrize(
    ("solved", "verdict"),
    [
        (((0, 10, 25, 36, 30), (0, 4, 20, 36, 30)), CONSISTENT),
        (((0, 20, 20, 20, 30), (0, 4, 20, 36, 30)), OPEN),
        (((0, 20, 21, 20, 40), (0, 20, 20, 20, 40)), OPEN),
        (((0, 36, 20, 4, 30), (0, 20, 20, 20, 30)), CONTRADICTED),
    ],
)
def test_longer_skips(solved, verdict):
    tree = made_responses.tree(solved=solved)
    finding = skips.longer(tree)
    assert finding.verdict == verdict and finding.couplings == (220, 275)
    ds, p = tree["skips"].to_dataset(), []
    for distance in (4, 6):
        one = ds.isel(network=((ds["distance"] == distance) & (ds["skip_range"] > 0)).values)
        k, n, x = (one["test_solved"] >= 0.95).sum("seed").values, 40, one["skip_range"].values
        share = k.sum() / (n * len(x))
        score = (x * (k - n * share)).sum()
        variance = share * (1 - share) * n * ((x - x.mean()) ** 2).sum()
        p.append(2 * stats.norm.sf(abs(score) / np.sqrt(variance)) if variance else 1.0)
    np.testing.assert_allclose(list(finding.p.values()), holm(p), atol=1e-12)


@pytest.mark.parametrize(("tells", "verdict"), [(2.0, "yes"), (0.0, OPEN), (-2.0, OPEN)])
def test_prediction_within_networks(tells, verdict):
    tree = made_responses.tree(tells=tells)
    finding = skips.predicts(tree)
    assert finding.verdict == verdict
    ds, p, auc = tree["skips"].to_dataset().isel(snapshot=1), [], []
    for what in ("far_response", "signal"):
        for k in ds["network"].values:
            yes = ds["test_solved"].sel(network=k).values >= 0.95
            if 5 <= yes.sum() <= 35:
                values = ds[what].sel(network=k).values
                test = stats.mannwhitneyu(values[yes], values[~yes])
                auc.append(test.statistic / (yes.sum() * (~yes).sum()))
                p.append(test.pvalue)
    found = [a for areas in finding.areas.values() for a in areas.values()]
    np.testing.assert_allclose([a.auc for a in found], auc)
    np.testing.assert_allclose([a.p for a in found], holm(p))


@pytest.mark.parametrize(
    ("arms", "verdict"),
    [
        ((36, 12, 34, 10, 33), CONSISTENT),
        ((36, 33, 34, 10, 33), OPEN),
        ((36, 34, 12, 10, 33), CONTRADICTED),
    ],
)
def test_cuts_are_paired_by_seed(arms, verdict):
    finding = skips.cuts(made_responses.tree(arms=arms))
    assert finding.verdict == verdict
    apart = abs(arms[1] - arms[2]), abs(arms[3] - arms[4])  # in these all others agree
    p = holm([stats.binomtest(n, n).pvalue for n in apart])
    np.testing.assert_allclose(list(finding.p.values()), p)


def test_two_populations_need_two_peaks():
    rng = np.random.default_rng(3)
    one, apart = rng.normal(size=120), np.r_[rng.normal(size=60), rng.normal(6, 1, 60)]
    assert travelling.two_populations(one) < responses.BIC < travelling.two_populations(apart)
    assert travelling.two_populations(np.r_[one, 3 * one]) == 0.0  # two widths around one peak


def test_the_response_is_that_of_a_finite_nudge():
    """Movement of all sites for one of the output, held by a strong field a little aside."""
    import xyep

    net = xyep.xor_lattice(5, 1, 2)
    p, seed = net.init_parameters(1), 1
    found = travelling.response(net, (p, seed))
    inputs = np.repeat(xyep.load_task("xor").inputs, travelling.STATES, axis=0)
    free = xyep.relax(net, p, inputs, seed=seed, tol=1e-10, max_sweeps=50000).phases
    moved = []
    for shift in (1e-3, -1e-3):
        held = p._replace(bias_amplitude=p.bias_amplitude.copy(), bias_phase=p.bias_phase.copy())
        states = []
        for sample, state in zip(inputs, free, strict=True):
            held.bias_amplitude[-1], held.bias_phase[-1] = 1e6, state[-1] + shift
            states.append(
                xyep.relax(
                    net, held, sample[None], initial=state[None], tol=1e-6, max_sweeps=50000
                ).phases[0]
            )
        moved.append(np.array(states))
    response = (moved[0] - moved[1]) / 2e-3
    expected = np.sqrt(np.mean(response**2, axis=0))
    np.testing.assert_allclose(found.nudge, expected, rtol=1e-3, atol=1e-5)


def test_cuts_spare_terminals_and_match_sizes():
    import xyep

    net = travelling.skip_network(9, 3, 20, "4", 0)
    rng = np.random.default_rng(0)
    current, size = rng.random(net.n_couplings), rng.random(net.n_couplings)
    gone = {a: travelling.cut(net, a, 0.1, current, size, 0) for a in travelling.ARMS}
    ends = {*net.inputs, *net.outputs}
    for numbers in gone.values():
        assert not ends & set(net.edges[numbers].ravel()) and len({*numbers}) == len(numbers)
    assert len(gone["nothing"]) == 0 and len(gone["skips"]) == len(gone["neighbours"])
    assert set(net.shell[gone["skips"]]) == {0} and set(net.shell[gone["neighbours"]]) == {1}
    assert len(gone["carriers"]) == len(gone["others"]) == round(0.1 * net.n_couplings)
    assert current[gone["carriers"]].min() > current[gone["others"]].max()
    assert abs(size[gone["carriers"]].mean() - size[gone["others"]].mean()) < 0.05
    assert isinstance(net, xyep.Network)


def test_noise_has_nothing_to_learn():
    task = travelling.noise_task()
    patterns = {tuple(x): [] for x in task.inputs}
    for x, t in zip(task.inputs, task.targets[:, 0], strict=True):
        patterns[tuple(x)].append(t)
    assert len(patterns) == 4 and all(sum(t) == 0 and len(t) == 2 for t in patterns.values())


# --- 04


def by_division(values):
    return values.reshape(-1, 5).mean(axis=1)


def tost(difference, margin=0.02):
    return max(
        stats.ttest_1samp(difference, margin, alternative="less").pvalue,
        stats.ttest_1samp(difference, -margin, alternative="greater").pvalue,
    )


def verdicts(tree):
    return [one.verdict for one in iris.comparable(tree)]


def test_comparable_within_the_margin():
    tree = made_tables.tree(digits=(0.87, 0.86, 0.77, 0.87))
    found, p = iris.comparable(tree), []
    assert verdicts(tree) == [CONSISTENT, CONSISTENT, "no", "yes"]
    assert [one.divisions for one in found] == [10] * 4
    for table in ("iris", "digits"):
        test = tree[table]["test_accuracy"].isel(learning_rate=1).values  # best in validation
        dense, layered, near = (by_division(test[k]) for k in range(3))
        score = tree[table]["validation_accuracy"].isel(learning_rate=1).values
        best = [
            by_division(test[k][score[k].argmax(axis=0), np.arange(50)])
            for k in ([2, 3, 4], [0, 1])
        ]
        p += [tost(near - dense), tost(near - layered), tost(best[0] - best[1])]
    mine = [e.p for one in found for e in one.pairs.values()]
    np.testing.assert_allclose(mine, holm(p), rtol=1e-6)


def test_far_below_is_contradicted_and_wide_is_open():
    low = made_tables.tree(iris=(0.95, 0.95, 0.8, 0.8), digits=(0.87, 0.87, 0.7, 0.7))
    assert verdicts(low) == [CONTRADICTED, CONTRADICTED, "no", "no"]
    tree = made_tables.tree(digits=(0.87, 0.87, 0.87, 0.87))
    noise = np.random.default_rng(1).normal(0, 0.1, (5, 3, 50))
    for table in ("iris", "digits"):
        tree[table]["test_accuracy"][...] += noise
    assert verdicts(tree) == [OPEN] * 4


def test_plain_classifiers():
    assert iris.plain(made_tables.tree()).verdict == "no"  # a ReLU network is better on digits
    even = made_tables.tree(digits=(0.86, 0.86, 0.86, 0.86), plain=((0.95,) * 3, (0.86,) * 3))
    finding = iris.plain(even)
    assert finding.verdict == "yes" and len(finding.pairs) == 6
    first = by_division(even["iris_baselines"]["test_accuracy"].values[0, 0])
    best = iris.best_of(even["iris"].to_dataset(), iris.LOCAL)
    assert finding.pairs["iris", "linear discriminant"].difference.mean == pytest.approx(
        (best - first).mean()
    )


@pytest.mark.parametrize(
    ("change", "size", "distance"),
    [((0.0, -0.1), "no", "yes"), ((-0.1, 0.0), "yes", "no"), ((-0.02, -0.02), OPEN, OPEN)],
)
def test_size_and_distance_are_told_apart(change, size, distance):
    tree = made_tables.tree(size=change[0], distance=change[1])
    finding = iris.sizes(tree)
    assert (finding.size.verdict, finding.distance.verdict) == (size, distance)
    ds, p = tree["rows"].to_dataset().isel(learning_rate=1), []
    for s in (1, 4):
        for d in (1, 2, 4):
            one = ds.isel(network=((ds["shells"] == s) & (ds["distance"] == d)).values)
            ends = [one.isel(network=(one["size"] == n).values) for n in (9, 17)]
            small, large = (by_division(end["test_accuracy"].values[0]) for end in ends)
            p.append(tost(large - small))
    np.testing.assert_allclose([e.p for e in finding.size.pairs.values()], holm(p), rtol=1e-6)


def test_settings_say_where_the_best_is_at_an_end():
    tree = made_tables.tree()
    assert iris.settings(tree).at_an_end == []
    tree["iris"]["validation_accuracy"][0, 2] = 1.0
    (gain,) = iris.settings(tree).at_an_end
    inside = float(tree["iris"]["validation_accuracy"][0, 1].mean())
    assert gain == pytest.approx(1.0 - inside)


@pytest.mark.parametrize("table", sorted(tables.KNOWN))
def test_five_runs_test_each_sample_once(table):
    found = [tables.fold(table, run) for run in range(10, 15)]
    tested = np.concatenate([task.numbers("test") for task in found])
    assert sorted(tested) == list(range(len(found[0])))
    for task in found:
        parts = [task.numbers(name) for name in ("train", "validation", "test")]
        assert len(set(np.concatenate(parts))) == sum(map(len, parts)) == len(task)
        for part in parts:
            shares = np.bincount(task.labels[part]) / np.bincount(task.labels)
            assert np.ptp(shares) < 0.03
        np.testing.assert_allclose(np.abs(task.inputs[parts[0]]).max(axis=0), np.pi / 2)
    other = tables.fold(table, 15)
    assert set(other.numbers("test")) != set(found[0].numbers("test"))


def test_networks_of_tables_are_where_they_should_be():
    for size in (9, 13):
        for distance in (1, 2, 4, 6):
            net = tables.rows_lattice(size, 1, distance)
            at = np.array(net.labels.tolist())
            assert set(np.diff(at[net.inputs, 1])) == set(np.diff(at[net.outputs, 1])) == {2}
            assert at[net.outputs[0], 0] - at[net.inputs[0], 0] == distance
            ends = at[[*net.inputs, *net.outputs]]
            assert ends.min() > 0 and ends.max() < size - 1
    small, large = (tables.block_lattice("digits", n, 1) for n in (7, 11))
    ends = [np.array(n.labels.tolist())[[*n.inputs, *n.outputs]] for n in (small, large)]
    assert (ends[0] - ends[0][0] == ends[1] - ends[1][0]).all()
    counts = {
        tables.acting(n) for n in tables.table_networks("digits", [16], [7], [7], []).values()
    }
    assert counts == {84}
