"""Statements of notebooks 01 and 02 computed again from the stores, with xarray and SciPy alone.

Nothing of xyep is used but what it says, which is compared at the end of each test.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import optimize, stats

ROOT = Path(__file__).parents[1]


@cache
def stored(notebook):
    path = ROOT / "results" / "paper" / f"{notebook}.zarr"
    if not path.exists():
        pytest.skip("the paper's results are not in this folder")
    return xr.open_datatree(path).load()


@cache
def said(notebook, figure):
    """What xyep finds: the only thing of it that is used here."""
    from xyep.paper.figures import figures_of
    from xyep.store import read_tree

    tree = read_tree(ROOT / "results" / "paper" / f"{notebook}.zarr")
    return figures_of(notebook)[figure].finding(tree)


def holm(p):
    order = np.argsort(p)
    raised = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)).clip(max=1)
    return np.array([raised[list(order).index(k)] for k in range(len(p))])


# ------------------------------------------------------------------------------------------- 01

ONE = "01_equilibrium_propagation"


def test_powers_of_the_gradient_error():
    error = stored(ONE)["gradient_error"]["relative_error"]
    small = error.where(error["beta"] <= 0.1, drop=True).median("seed")
    slopes = {
        name: [
            stats.linregress(np.log(small["beta"]), np.log(small.sel(estimator=name, network=n)))
            for n in small["network"].values
        ]
        for name in ("centered", "one_sided")
    }
    finding = said(ONE, "01_gradient_error")
    for name, lines in slopes.items():
        found = [line.slope for line in lines]
        np.testing.assert_allclose(finding.powers[name], (min(found), max(found)), rtol=1e-6)
    worst = max(
        abs(line.slope - p) for n, p in (("centered", 2), ("one_sided", 1)) for line in slopes[n]
    )
    power = 2 if "centred" in finding.estimate.of else 1
    assert abs(finding.estimate.value - power) == pytest.approx(worst, rel=1e-6)
    ends = np.array([finding.powers["centered"], finding.powers["one_sided"]])
    assert (np.abs(ends - [[2], [1]]) < 0.2).all() == (finding.verdict[:10] == "consistent")


def test_gradients_as_training_meets_them():
    ds = stored(ONE)["stability"].to_dataset()
    error = ds["relative_error"].sel(cost="log_cosine", estimator="centered", beta=0.1)
    large = (~(error <= 0.5)).sum("seed").values
    low = [
        stats.binomtest(int(k), ds.sizes["seed"]).proportion_ci(0.95, "wilson").low for k in large
    ]
    finding = said(ONE, "01_stability")
    assert list(finding.large.values()) == large.tolist()
    assert (finding.verdict == "no") == (max(low) > 0.05)
    row = finding.estimate
    assert (row.value, row.n) == (100 * large.max() / ds.sizes["seed"], ds.sizes["seed"])
    np.testing.assert_allclose(row.low, 100 * low[int(large.argmax())], atol=1e-9)


# ------------------------------------------------------------------------------------------- 02

TWO = "02_xor_training"


def censored(epochs, limit):
    epochs = epochs.values.ravel()
    late = np.isnan(epochs)
    return stats.CensoredData.right_censored(np.where(late, limit, epochs), late)


@pytest.mark.parametrize("name", ["harder", "longer"])
def test_epochs_against_as_many_couplings(name):
    ds = stored(TWO)["epochs"].to_dataset()
    limit = ds.attrs["limit"]
    near = ds.sel(network=(ds["group"] == "map") & (ds["shells"] == 1))
    dense = ds.sel(network=(ds["family"] == "all_to_all"))
    closest = np.abs(dense["n_couplings"] - near["n_couplings"][0]).argmin("network")
    finding = getattr(said(TWO, "02_epochs"), name)
    p, slower = [], []
    for distance in finding.medians:
        mine = near["epochs"].where(near["distance"] == distance, drop=True)
        thin = ds["epochs"].sel(network=(ds["group"] == "thinned") & (ds["distance"] == distance))
        other = dense["epochs"].isel(network=closest) if name == "harder" else thin
        other = other.values[np.asarray(ds["seconds"].sel(network=other["network"]).notnull())]
        p.append(stats.logrank(censored(mine, limit), censored(xr.DataArray(other), limit)).pvalue)
        late = [np.nan_to_num(x, nan=2 * limit) for x in (mine.values, other)]
        slower.append(np.log(late[0]).mean() > np.log(late[1]).mean())
    np.testing.assert_allclose(list(finding.p.values()), holm(np.array(p)), rtol=1e-6)
    many = np.sum((holm(np.array(p)) < 0.05) & slower)
    assert len(finding.slower) == many


def lattices():
    ds, felt = (stored(TWO)[n].to_dataset() for n in ("epochs", "responses"))
    ds = ds.sel(network=felt["network"].values)
    return ds.assign_coords(x=("network", -felt["log_response"].mean("seed").values)), float(
        ds.attrs["limit"]
    )


def regression(columns, epochs, limit, grid):
    """Maximum likelihood of a censored normal in log10, by a simplex."""
    late = np.isnan(epochs)
    upper = np.log10(np.where(late, limit, epochs))
    before = np.concatenate([[grid[0] / 2], grid])[
        np.searchsorted(grid, np.where(late, limit, epochs))
    ]

    def loss(theta):
        mean, s = columns @ theta[:-1], np.exp(theta[-1])
        inside = stats.norm.cdf(upper, mean, s) - stats.norm.cdf(np.log10(before), mean, s)
        return -np.log(np.where(late, stats.norm.sf(upper, mean, s), inside).clip(1e-300)).sum()

    start = np.r_[np.linalg.lstsq(columns, upper, rcond=None)[0], np.log(0.3)]
    options = {"maxiter": 20000, "maxfev": 20000, "xatol": 1e-6, "fatol": 1e-6}
    for _ in range(3):
        start = optimize.minimize(loss, start, method="Nelder-Mead", options=options).x
    return start[:-1]


def looks(limit):
    """As notebook 02 says: 50 times what is about geometric in steps of a quarter."""
    steps = round(np.log(limit / 50) / np.log(1.25))
    return np.unique((50 * np.round(np.geomspace(1, limit / 50, steps + 1))).astype(int))


def test_slope_of_the_line_and_its_offset_for_triangular_lattices():
    ds, limit = lattices()
    far = ds["distance"] > 1
    square, other = (ds.sel(network=far & (ds["group"] == g)) for g in ("map", "other"))
    tables = []
    for one in (square, other):
        epochs = one["epochs"].transpose("network", "seed").values
        tables.append((np.repeat(one["x"].values, epochs.shape[1]), epochs.ravel()))
    (x, epochs), (x2, epochs2) = tables
    line = regression(np.column_stack([np.ones_like(x), x]), epochs, limit, looks(limit))
    finding = said(TWO, "02_law")
    np.testing.assert_allclose(finding.line.line.b, line, atol=2e-3)
    # the offset alone, the line's part subtracted, by shifting the looks of each run
    both = np.column_stack([np.ones_like(x2), x2])
    found = optimize.minimize_scalar(
        lambda d: abs(shifted(both @ line + d, epochs2, limit)), bounds=(-2, 2), method="bounded"
    )
    assert finding.elsewhere.offset[0] == pytest.approx(found.x, abs=0.02)


def shifted(mean, epochs, limit):
    """Score of an offset: sum over runs of the expected residual, zero at the best one."""
    s = said(TWO, "02_law").line.line.s
    grid, late = looks(limit), np.isnan(epochs)
    upper = np.log10(np.where(late, limit, epochs))
    lower = np.log10(
        np.concatenate([[grid[0] / 2], grid])[np.searchsorted(grid, 10**upper * 0.999)]
    )
    a, b = (np.where(late, upper, lower) - mean) / s, np.where(late, np.inf, (upper - mean) / s)
    return stats.truncnorm.mean(a, b).sum()


def test_size():
    ds = stored(TWO)["epochs"].to_dataset()
    cells = {
        (int(s), int(d))
        for s, d, g in zip(ds["shells"].values, ds["distance"].values, ds["group"].values)
        if g == "size"
    }
    keep = ds["group"].isin(["map", "size"]).values & [
        (s, d) in cells for s, d in zip(ds["shells"].values, ds["distance"].values)
    ]
    mine, rows, epochs = ds.isel(network=np.flatnonzero(keep)), [], []
    for k in range(mine.sizes["network"]):
        one = mine.isel(network=k)
        cell = [(int(one["shells"]), int(one["distance"])) == c for c in sorted(cells)]
        rows += [[*cell, np.log2(one["size"].item())]] * one.sizes["seed"]
        epochs += one["epochs"].values.tolist()
    limit = float(ds.attrs["limit"])
    slope = regression(np.array(rows, float), np.array(epochs), limit, looks(limit))[-1]
    finding = said(TWO, "02_law").size
    sizes = mine["size"].values
    assert finding.change[0] == pytest.approx(slope * np.log2(sizes.max() / sizes.min()), abs=0.01)


def test_wires():
    wires, controls = (stored(TWO)[n].to_dataset() for n in ("wires", "controls"))
    count = {
        (str(ds["start"].values[k]), int(ds["distance"].values[k])): int(
            ds["epochs"].isel(network=k).notnull().sum()
        )
        for ds in (wires, controls)
        for k in range(ds.sizes["network"])
    }
    n, pairs = wires.sizes["seed"], [k for k in count if k[0] in ("cut", "scattered") and k[1] >= 4]
    p = [
        stats.fisher_exact(
            [[count["wires", d], n - count["wires", d]], [count[c, d], n - count[c, d]]]
        )
        for c, d in pairs
    ]
    finding = said(TWO, "02_wires")
    assert {(s, d): k for s, found in finding.solved.items() for d, k in found.items()} == count
    p = holm(np.array([test.pvalue for test in p]))
    np.testing.assert_allclose([finding.p[pair] for pair in pairs], p, rtol=1e-6)
    enough = all(k >= 0.9 * n for (s, _), k in count.items() if s == "wires")
    assert (finding.verdict == "yes") == (enough and bool((p < 0.05).all()))


def test_nudged_sweeps():
    ds = stored(TWO)["sweeps"].to_dataset()
    limit, runs = float(ds.attrs["limit"]), {}
    for k in range(ds.sizes["network"]):
        one = ds.isel(network=k)
        key = int(one["shells"]), int(one["distance"]), int(one["nudged_sweeps"])
        epochs = one["epochs"].values.astype(float)
        runs[key] = stats.CensoredData.right_censored(
            np.where(np.isnan(epochs), limit, epochs), np.isnan(epochs)
        )
    left = ds["unreached"].groupby("nudged_sweeps").max()
    finding = said(TWO, "02_sweeps")
    far = {s: max(d for s_, d, _ in runs if s_ == s) for s, _, _ in runs}
    near = {s: min(d for s_, d, _ in runs if s_ == s) for s, _, _ in runs}
    pairs = [(s, int(n)) for s in far for n in left["nudged_sweeps"][left == 0]]
    p = [stats.logrank(runs[s, far[s], n], runs[s, near[s], n]).pvalue for s, n in pairs]
    np.testing.assert_allclose([finding.reached.p[k] for k in pairs], holm(np.array(p)), rtol=1e-6)
    more = sorted({n for _, _, n in runs})[1:]
    pairs = [(s, far[s], n) for s in far for n in more]
    p = [stats.logrank(runs[s, d, 4], runs[s, d, n]).pvalue for s, d, n in pairs]
    np.testing.assert_allclose([finding.longer.p[k] for k in pairs], holm(np.array(p)), rtol=1e-6)


# ------------------------------------------------------------------------------------------- 03

THREE = "03_xor_lattice_responses"


def test_far_response():
    ds = stored(THREE)["responses"].to_dataset()
    far = (ds["role"] == "hidden") & (ds["output_distance"] >= 3)
    log = np.log(ds["nudge_response"].astype(float).where(far).mean("site"))
    change = (log.isel(state=2) - log.isel(state=0)).transpose("network", "seed").values
    p = holm(stats.ttest_1samp(change, 0, axis=1).pvalue)
    finding = said(THREE, "03_decay")
    found = [c.mean for c in finding.changes.values()]
    np.testing.assert_allclose(found, change.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(list(finding.p.values()), p, rtol=1e-6)
    assert (finding.verdict == "yes") == bool(((p < 0.05) & (change.mean(axis=1) < 0)).all())


def test_regions():
    ds = stored(THREE)["responses"].to_dataset()
    two = (ds["populations"] > 10).sum("seed").transpose("network", "state").values
    n, p, more = ds.sizes["seed"], [], []
    for before, _, after, noise, moved in two:
        for control in (before, noise, moved):
            p.append(stats.fisher_exact([[after, n - after], [control, n - control]]).pvalue)
            more.append(after > control)
    finding, p = said(THREE, "03_regions"), holm(np.array(p))
    np.testing.assert_allclose(list(finding.p.values()), p, rtol=1e-6)
    holds = ((p < 0.05) & more).reshape(-1, 3).all(axis=1)
    tops = [stats.binomtest(int(k), n).proportion_ci(0.95, "wilson").high for k in two[:, 2]]
    words = "consistent" if holds.all() else "not found"
    nothing = not holds.any() and max(tops) < 0.5
    assert finding.verdict.startswith(words if holds.all() or nothing else "open")


def test_longer_skips_at_equal_couplings():
    ds, p, rising = stored(THREE)["skips"].to_dataset(), [], []
    finding = said(THREE, "03_skips").longer
    for distance in finding.p:
        one = ds.isel(network=((ds["distance"] == distance) & (ds["skip_range"] > 0)).values)
        assert len(set(one["n_couplings"].values)) == 1
        k = (one["test_solved"] >= 0.95).sum("seed").values
        x, n = one["skip_range"].values, one.sizes["seed"]
        share = k.sum() / (n * len(x))
        score = (x * (k - n * share)).sum()
        spread = np.sqrt(share * (1 - share) * n * ((x - x.mean()) ** 2).sum())
        p.append(2 * stats.norm.sf(abs(score) / spread))
        rising.append(score > 0)
    p = holm(np.array(p))
    np.testing.assert_allclose(list(finding.p.values()), p, rtol=1e-5)
    held = (p < 0.05) & rising
    assert finding.verdict.startswith("consistent") == bool(held.all())


def test_early_responses_and_success():
    ds, p, auc = stored(THREE)["skips"].to_dataset().isel(snapshot=1), [], []
    for what in ("far_response", "signal"):
        for k in ds["network"].values:
            yes = ds["test_solved"].sel(network=k).values >= 0.95
            if 5 <= yes.sum() <= yes.size - 5:
                values = ds[what].sel(network=k).values
                test = stats.mannwhitneyu(values[yes], values[~yes])
                auc.append(test.statistic / (yes.sum() * (~yes).sum()))
                p.append(test.pvalue)
    finding, p = said(THREE, "03_skips").predicts, holm(np.array(p))
    found = [a for areas in finding.areas.values() for a in areas.values()]
    np.testing.assert_allclose([(a.auc, a.p) for a in found], np.array([auc, p]).T, rtol=1e-6)
    most = ((p < 0.05) & (np.array(auc) > 0.5)).reshape(2, -1).mean(axis=1) > 0.5
    assert (finding.verdict == "yes") == bool(most.any())


def test_cuts():
    solved = stored(THREE)["cuts"]["test_solved"] >= 0.95
    p = []
    for a, b in (("carriers", "others"), ("skips", "neighbours")):
        a, b = solved.sel(arm=a).values, solved.sel(arm=b).values
        only = int((a & ~b).sum()), int((b & ~a).sum())
        p.append(stats.binomtest(only[0], max(1, sum(only))).pvalue)
    finding = said(THREE, "03_cuts")
    assert [int(r.sum()) for r in finding.solved.values()] == solved.sum("seed").values.tolist()
    np.testing.assert_allclose(list(finding.p.values()), holm(np.array(p)), rtol=1e-6)


# ------------------------------------------------------------------------------------------- 04

FOUR = "04_iris_system_size"


def chosen(ds):
    """Test accuracy (network, run) at the learning rate that is best in validation."""
    score = (ds["validation_accuracy"] - 1e-6 * ds["validation_cost"]).argmax("learning_rate")
    return ds["test_accuracy"].isel(learning_rate=score).astype(float)


def division(values):
    return values.values.reshape(-1, 5).mean(axis=1)


def tost(difference, margin=0.02):
    return max(
        stats.ttest_1samp(difference, margin, alternative="less").pvalue,
        stats.ttest_1samp(difference, -margin, alternative="greater").pvalue,
    )


def best(ds, family):
    """The network and rate that are best in validation, of each run."""
    mine = ds.isel(network=ds["family"].isin(family).values)
    score = (mine["validation_accuracy"] - 1e-6 * mine["validation_cost"]).transpose("run", ...)
    place = score.values.reshape(mine.sizes["run"], -1).argmax(axis=1)
    test = mine["test_accuracy"].astype(float).transpose("run", ...).values
    picked = np.take_along_axis(test.reshape(len(test), -1), place[:, None], 1)[:, 0]
    return picked.reshape(-1, 5).mean(axis=1)


def test_networks_within_the_margin():
    differences = []
    for table in ("iris", "digits"):
        ds = stored(FOUR)[table].to_dataset()
        test = chosen(ds)
        near = ds["network"][(ds["family"] == "lattice") & (ds["shells"] == 1)]
        near = min(near.values, key=lambda n: int(ds["n_couplings"].sel(network=n)))
        for family in ("all_to_all", "layered"):
            names = ds["network"].values[ds["family"].values == family]
            dense = min(names, key=lambda n: int(ds["n_couplings"].sel(network=n)))
            apart = test.sel(network=near, drop=True) - test.sel(network=dense, drop=True)
            differences.append(division(apart))
        differences.append(best(ds, ["lattice"]) - best(ds, ["all_to_all", "layered"]))
    found = said(FOUR, "04_margin").comparable
    equal = [e for one in found for e in one.pairs.values()]
    means, p = [d.mean() for d in differences], holm(np.array([tost(d) for d in differences]))
    np.testing.assert_allclose([e.difference.mean for e in equal], means, atol=1e-6)
    np.testing.assert_allclose([e.p for e in equal], p, rtol=1e-3)
    for one, decides in zip(found, (p[:2], p[2:3], p[3:5], p[5:])):
        assert (one.verdict in ("consistent with the paper", "yes")) == bool((decides < 0.05).all())


def test_plain_classifiers_within_the_margin():
    p, means = [], []
    for table in ("iris", "digits"):
        mine = best(stored(FOUR)[table].to_dataset(), ["lattice"])
        ds = stored(FOUR)[f"{table}_baselines"].to_dataset()
        place = (ds["validation_accuracy"] - 1e-6 * ds["validation_cost"]).argmax("setting")
        for other in ds["test_accuracy"].isel(setting=place).astype(float):
            means.append((mine - division(other)).mean())
            p.append(tost(mine - division(other)))
    found = list(said(FOUR, "04_margin").plain.pairs.values())
    np.testing.assert_allclose([e.difference.mean for e in found], means, atol=1e-6)
    np.testing.assert_allclose([e.p for e in found], holm(np.array(p)), rtol=1e-3)


@pytest.mark.parametrize(("axis", "other"), [("size", "distance"), ("distance", "size")])
def test_size_and_distance(axis, other):
    ds = stored(FOUR)["rows"].to_dataset()
    test, p = chosen(ds), []
    for s in np.unique(ds["shells"]):
        for k in np.unique(ds[other]):
            one = test.isel(network=((ds["shells"] == s) & (ds[other] == k)).values)
            first, last = (
                one.isel(network=int(f(one[axis].values))) for f in (np.argmin, np.argmax)
            )
            p.append(tost(division(last) - division(first)))
    finding = getattr(said(FOUR, "04_size"), axis)
    p = holm(np.array(p))
    np.testing.assert_allclose([e.p for e in finding.pairs.values()], p, rtol=1e-3)
    assert (finding.verdict == "no") == bool((p < 0.05).all())


# ------------------------------------------------------------------------------------------- 06

SIX = "06_imperfect_machines"


def machines(node, what="accuracy"):
    """(kind, number of the level, when) → values of the seeds, the mildest level first."""
    ds = stored(SIX)[node].to_dataset()
    table = {}
    for n in range(ds.sizes["network"]):
        kind, when = str(ds["kind"].values[n]), str(ds["when"].values[n])
        table.setdefault((kind, when), []).append((float(ds["level"].values[n]), n))
    found = {}
    for (kind, when), levels in table.items():
        for order, (_, n) in enumerate(sorted(levels, reverse="bits" in kind)):
            found[kind, order, when] = ds[what].values[n]
    return found


def kinds_of(found):
    last = {}
    for kind, order, _ in found:
        if kind != "none":
            last[kind] = max(order, last.get(kind, 0))
    return last


def test_the_sheet_of_imperfect_machines():
    sheet = said(SIX, "06_sheet")
    for node, what in (("images", "accuracy"), ("xor", "test_solved")):
        found = machines(node, what)
        kinds = kinds_of(found)
        for when in ("at the end", "while training", "healed"):
            for kind, last in kinds.items():
                passed = 0
                for order in range(last + 1):
                    runs = found[kind, order, when]
                    if node == "xor":
                        k = int((runs >= 0.95).sum())
                        p = stats.binom.sf(k - 1, len(runs), 0.75)
                    else:
                        loss = found["none", 0, when] - runs
                        t = (loss.mean() - 0.005) / (loss.std(ddof=1) / np.sqrt(len(loss)))
                        p = stats.t.cdf(t, len(loss) - 1)
                    if not p < 0.05 / len(kinds):
                        break
                    passed += 1
                one = sheet.tried[node, when][kind]
                assert one.allowed == (one.levels[passed - 1] if passed else None), (node, kind)
    losses = {}
    found = machines("images")
    for kind, order in (("bits", 0), ("read_bits", 3)):
        losses[kind] = found["none", 0, "while training"] - found[kind, order, "while training"]
        assert sheet.enough.loss[kind].mean == pytest.approx(losses[kind].mean(), abs=1e-12)
    p = [stats.ttest_1samp(loss, 0.005, alternative="greater").pvalue for loss in losses.values()]
    assert (sheet.enough.verdict == "no") == bool((holm(p) < 0.05).any())


def test_training_and_healing_of_damage():
    finding = said(SIX, "06_loss")
    tables = {node: machines(node) for node in ("images", "xor")}
    for better, when in ((finding.trained, "while training"), (finding.heals, "healed")):
        change = {
            (node, kind): found[kind, last, when] - found[kind, last, "at the end"]
            for node, found in tables.items()
            for kind, last in kinds_of(found).items()
        }
        p = holm([stats.ttest_1samp(c, 0).pvalue for c in change.values()])
        np.testing.assert_allclose(list(better.p.values()), p, rtol=1e-6)
        up = sum(c.mean() > 0 and q < 0.05 for c, q in zip(change.values(), p))
        down = sum(c.mean() < 0 and q < 0.05 for c, q in zip(change.values(), p))
        assert (better.verdict == "yes", better.verdict == "no") == (up == len(p), down == len(p))


def test_damage_of_local_and_dense_networks():
    finding = said(SIX, "06_dense")
    local, dense = machines("images"), machines("dense")
    p, signs = [], []
    for kind, last in kinds_of(local).items():
        a, b = (
            found["none", 0, "at the end"] - found[kind, last, "at the end"]
            for found in (local, dense)
        )
        p.append(stats.ttest_ind(a, b, equal_var=False).pvalue)
        signs.append(a.mean() > b.mean())
        assert finding.changes[kind].mean == pytest.approx(a.mean() - b.mean(), abs=1e-12)
    certain = holm(p) < 0.05
    assert finding.larger == (certain & np.array(signs)).sum()
    assert finding.smaller == (certain & ~np.array(signs)).sum()


def test_noisy_readings_of_holomorphic_gradients():
    finding = said(SIX, "06_noise")
    error = stored(SIX)["read_noise"]["relative_error"].isel(network=0)
    even = error["seed"] % 2 == 0
    change = []
    for noise in error["noise"].values:
        runs = []
        for name in ("holomorphic", "centered"):
            one = error.sel(noise=noise, estimator=name)
            beta = one.where(even, drop=True).median("seed").idxmin("beta")
            runs.append(np.log(one.sel(beta=beta).where(~even, drop=True).values))
        change.append(stats.ttest_rel(*runs))
    np.testing.assert_allclose(list(finding.p.values()), holm([c.pvalue for c in change]))
    means = [c.statistic < 0 for c in change]
    certain = holm([c.pvalue for c in change]) < 0.05
    assert (finding.verdict == "yes") == bool((certain & means).all())


# ------------------------------------------------------------------------------------------- 05

FIVE = "05_mnist_stacked_lattices"


def over_seeds_and_images(a, b):
    """Difference of two networks' (seed, image) answers, its interval and p."""
    parts = [x.mean(axis=1).var(ddof=1) / len(x) for x in (a, b)]
    images = a.mean(axis=0) - b.mean(axis=0)
    parts.append(images.var(ddof=1) / len(images))
    n = [len(a) - 1, len(b) - 1, len(images) - 1]
    df = sum(parts) ** 2 / sum(v**2 / k for v, k in zip(parts, n))
    mean, error = a.mean() - b.mean(), np.sqrt(sum(parts))
    half = stats.t.ppf(0.975, df) * error
    return mean, mean - half, mean + half, 2 * stats.t.sf(abs(mean) / error, df)


def test_images():
    ds = stored(FIVE)["images"].to_dataset()
    right = {str(n): ds["right"].sel(network=n).values.astype(float) for n in ds["network"].values}
    asked = said(FIVE, "05_questions")
    found = [over_seeds_and_images(right[q.other.network], right[q.base.network]) for q in asked]
    for question, (mean, low, high, _) in zip(asked, found):
        np.testing.assert_allclose(question.difference[:3], (mean, low, high), atol=1e-9)
    np.testing.assert_allclose(
        [q.p for q in asked], holm(np.array([f[3] for f in found])), rtol=1e-6
    )
    last = ds["validation_accuracy"].isel(epoch=-1).mean("seed")
    is_dense = ds["family"].values == "layered"
    best = ds["network"].values[is_dense][np.argmax(last.values[is_dense])]
    few = ~is_dense & (4 * ds["n_couplings"].values <= int(ds["n_couplings"].sel(network=best)))
    local = ds["network"].values[few][np.argmax(last.values[few])]
    sparse = said(FIVE, "05_couplings").sparse
    assert (sparse.local.network, sparse.dense.network) == (local, best)
    mean, low, high, _ = over_seeds_and_images(right[str(local)], right[str(best)])
    np.testing.assert_allclose(sparse.difference[:3], (mean, low, high), atol=1e-9)
    assert (sparse.verdict == "consistent with the paper") == (low > -0.003)


def test_protocols_and_digits():
    ds = stored(FIVE)["protocols"]["test_accuracy"]
    first, last = ds.sel(network="published").values, ds.sel(network="short").values
    test = stats.ttest_ind(last, first, equal_var=False)
    found = said(FIVE, "05_protocols").difference
    np.testing.assert_allclose(found.mean, last.mean() - first.mean(), atol=1e-12)
    np.testing.assert_allclose(found.p, test.pvalue, rtol=1e-6)
    np.testing.assert_allclose(found[1:3], test.confidence_interval(0.95), rtol=1e-6)
    base = {"tangent": "published", "rate": "published", "both_sides": "rate"}
    base |= {"entropy": "both_sides", "aligned": "entropy", "short": "aligned"}
    pairs = {
        k: stats.ttest_ind(*(ds.sel(network=n).values for n in (k, b)), equal_var=False)
        for k, b in base.items()
    }
    changes = said(FIVE, "05_protocols").changes
    corrected = holm(np.array([test.pvalue for test in pairs.values()]))
    np.testing.assert_allclose([changes[k].p for k in pairs], corrected, rtol=1e-6)
    digits = said(FIVE, "05_digits").digits
    right = stored(FIVE)["digits"]["right"].sel(network=digits.best.network).mean("image").values
    interval = stats.t.interval(0.95, len(right) - 1, right.mean(), stats.sem(right))
    np.testing.assert_allclose(digits.mean[1:3], interval, rtol=1e-9)


def test_aims():
    ds = stored(FIVE)["best"].to_dataset()
    found = {aim.net.network: aim for aim in said(FIVE, "05_marks").aims}
    aimed = ds["network"].values[~np.isnan(ds["at_least"].values)]
    assert sorted(found) == sorted(aimed)
    for name, aim in found.items():
        right = ds["test_accuracy"].sel(network=name).values
        low, high = stats.t.interval(0.95, len(right) - 1, right.mean(), stats.sem(right))
        np.testing.assert_allclose(aim.mean[:3], (right.mean(), low, high), rtol=1e-9)
        least = float(ds["at_least"].sel(network=name))
        assert (aim.verdict == "yes") == (low >= least)
        assert (aim.verdict == "no") == (high < least)


def test_controls():
    tree = stored(FIVE)
    relu, xy = tree["controls_moved"].to_dataset(), tree["frozen"].to_dataset()

    def of(control, images):
        keep = (xy["control"].values == control) & (xy["images"].values == images)
        return xy["test_accuracy"].values[keep][0]

    exact, read = tree["exact"].to_dataset(), tree["readings"].to_dataset()
    short, best = (exact["test_accuracy"].sel(network=n).values for n in ("short", "exact"))
    forward, rest = (read["read_accuracy"][0].sel(reading=r).values for r in ("forward", "rest"))
    ordinary = relu["test_accuracy"].sel(control="relu_local").values
    p = [
        stats.ttest_ind(ordinary, of("xy_local", "moved"), equal_var=False).pvalue,
        stats.ttest_rel(of("xy_local", "plain"), of("xy_frozen", "plain")).pvalue,
        stats.ttest_rel(short + 0.005, best).pvalue,
        stats.ttest_rel(forward + 0.005, rest).pvalue,
    ]
    answers = said(FIVE, "05_controls").answers
    np.testing.assert_allclose([a.p for a in answers], holm(np.array(p)), rtol=1e-6)
    differences = [
        ordinary.mean() - of("xy_local", "moved").mean(),
        (of("xy_local", "plain") - of("xy_frozen", "plain")).mean(),
        (short - best).mean(),
        (forward - rest).mean(),
    ]
    np.testing.assert_allclose([a.difference.mean for a in answers], differences, atol=1e-9)
    assert exact["cosine"].sel(network="exact").min() > 1 - 1e-6


# ------------------------------------------------------------------------------------------- 07

SEVEN = "07_what_to_build"


def powers(sizes, values):
    """Of each seed: power of the size without the last, and ln of the last over its prediction."""
    x, y = np.log(sizes), np.log(values)
    lines = [stats.linregress(x[:-1], column[:-1]) for column in y.T]
    missed = [column[-1] - (a.intercept + a.slope * x[-1]) for column, a in zip(y.T, lines)]
    return np.array([line.slope for line in lines]), np.array(missed)


def over_size(name):
    """Label → sizes and values (size, seed), of one law."""
    if name == "epochs":
        small, large = (stored(SEVEN)[node].to_dataset() for node in ("xor_times", "larger"))
        for s, d in {(int(s), int(d)) for s, d in zip(large["shells"], large["distance"])}:
            rows = {}
            for ds in (small, large):
                one = ds.sel(network=(ds["shells"] == s) & (ds["distance"] == d))
                epochs = one["epochs"].sel(seed=large["seed"]).fillna(2 * ds.attrs["limit"])
                rows |= dict(zip(one["size"].values.tolist(), epochs.values.astype(float)))
            words = f"{s} shell{'s' * (s > 1)}, distance {d}"
            yield words, np.array(sorted(rows)), np.array([rows[k] for k in sorted(rows)])
        return
    if name == "error":
        ds = stored(SEVEN)["channels"].to_dataset().sortby("n_couplings")
        wrong = 100 * (1 - ds["test_accuracy"].transpose("network", "seed").values)
        yield "local stacks", ds["n_couplings"].values, wrong.astype(float)
        return
    ds = stored(SEVEN)["reach" if name == "reach" else "relaxation"].to_dataset()
    values = 1 / ds["decay_rate"] if name == "reach" else ds[name]
    for (s, far), rows in {
        (int(s), int(r)): (ds["shells"] == s) & (ds["skip_range"] == r) & (ds["skips"] == 0)
        for s, r, k in zip(ds["shells"], ds["skip_range"], ds["skips"])
        if not k
    }.items():
        rows = rows & (ds["size"] > 20) if name == "reach" else rows
        one = values.sel(network=rows).sortby("size")
        words = f"{s} shell{'s' * (s > 1)}" + f", skips of {far}" * bool(far)
        yield words, one["size"].values, one.transpose("network", "seed").values


@pytest.mark.parametrize("name", ["time", "sweeps", "reach", "epochs", "error"])
def test_laws_over_size(name):
    finding = said(SEVEN, "07_scaling")[name]
    found, p = {}, {}
    for words, sizes, values in over_size(name):
        slopes, missed = powers(sizes, values)
        test = stats.ttest_1samp(missed, 0)
        interval, p[words] = test.confidence_interval(0.95), test.pvalue
        found[words] = np.exp([missed.mean(), interval.low, interval.high])
        law = finding.laws[words]
        assert law.power.mean == pytest.approx(slopes.mean(), rel=1e-6)
        assert (sizes[-1] == 61 or name == "error") and len(sizes) >= 4
        np.testing.assert_allclose(law.ratio, found[words], rtol=1e-6)
    assert set(found) == set(finding.laws)
    corrected = holm(np.array(list(p.values())))
    np.testing.assert_allclose([finding.p[k] for k in p], corrected, rtol=1e-6)
    factor = 1.1 if name == "error" else 2
    within = all(1 / factor < low and high < factor for _, low, high in found.values())
    expected = "no" if (corrected < 0.05).any() else "yes" if within else "open"
    assert finding.verdict == expected
