"""Findings of notebooks 04 to 07: verdicts follow from numbers, captions are short."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from xyep import load_task, stacked_lattices
from xyep.paper.figures import guidelines as guideline_figures
from xyep.paper.figures import images as image_figures
from xyep.paper.figures.controls import FIGURES as CONTROLS
from xyep.paper.findings import (
    OPEN,
    calculator,
    guidelines,
    images,
    inside,
    scaling,
    statements,
    technologies,
)
from xyep.paper.studies import bracketed, chosen, image_networks


def over_network(traits, **variables):
    """A Dataset over ``network``, of traits as an ensemble has them: missing ones are "" or NaN."""
    names = list(dict.fromkeys(name for t in traits for name in t))
    text = {name for name in names for t in traits if isinstance(t.get(name), str)}
    coords = {
        name: ("network", [t.get(name, "" if name in text else np.nan) for t in traits])
        for name in names
    }
    coords["network"] = [f"n{k}" for k in range(len(traits))]
    dims = ("network", "seed", "epoch")
    data = {
        name: value if isinstance(value, tuple) else (dims[: np.ndim(value)], np.array(value))
        for name, value in variables.items()
    }
    return xr.Dataset(data, coords)


def lattice(size=5, shells=1, couplings=40, **more):
    fixed = {"family": "lattice", "kind": "square", "size": size, "shells": shells}
    return (
        fixed | {"skip_range": 0, "skips": 0, "n_couplings": couplings, "n_sites": size**2} | more
    )


# --- 05


def stack(channels=1, shared=False, intra_shells=0, couplings=None):
    return {
        "family": "stack",
        "channels": channels,
        "shared": float(shared),
        "intra_shells": intra_shells,
        "hidden": 529 * channels,
        "n_couplings": couplings or 24_334 * channels + 1000 * intra_shells,
        "wire_length": 1e5 * channels,
        "readout_couplings": 0.22,
        "readout_wire": 0.56,
    }


def dense(hidden):
    more = {"readout_couplings": 0.01, "readout_wire": 0.02}
    sizes = {"hidden": hidden, "n_couplings": 794 * hidden, "wire_length": 8e3 * hidden}
    return {"family": "layered", "sizes": f"784-{hidden}-10"} | sizes | more


IMAGES = {
    "one": (stack(), 0.980),
    "four": (stack(4), 0.984),
    "shared": (stack(1, True), 0.968),
    "shared 4": (stack(4, True), 0.9838),
    "SQ": (stack(1, intra_shells=1), 0.9805),
    "4NSQ": (stack(1, intra_shells=4), 0.9807),
    "few": (dense(31), 0.94),
    "many": (dense(529), 0.973),
}


def image_dataset(spread=0.0005, seeds=3, **accuracy):
    rows = [(t, accuracy.get(name, mean)) for name, (t, mean) in IMAGES.items()]
    scatter = spread * np.linspace(-1, 1, seeds)
    right = np.array([mean + np.roll(scatter, k) for k, (_, mean) in enumerate(rows)])
    history = np.repeat(right[:, :, None], 2, axis=2)
    ds = over_network(
        [t for t, _ in rows], test_accuracy=right, validation_accuracy=history, accuracy=history
    )
    return ds.assign(seconds=(("network", "seed"), right)).assign_attrs(task="mnist")


def test_where_answers_are_kept_images_count_too():
    """Equal accuracies of seeds, on few images: what seems sure is not."""
    plain = image_dataset(0.0001, four=0.985)
    few = np.zeros((len(IMAGES), 3, 200), bool)
    for n, share in enumerate(plain["test_accuracy"].mean("seed").values):
        few[n, :, : round(200 * share)] = True
    kept = plain.assign(right=(("network", "seed", "image"), few))
    (a, *_), (b, *_) = (images.questions(images.networks(ds)) for ds in (plain, kept))
    assert a.verdict == "yes" and b.verdict == OPEN
    assert b.difference.low < 0 < b.difference.high


def answers(ds):
    return {q.other.network: q for q in images.questions(images.networks(ds))}


def test_five_questions_are_corrected_together():
    asked = answers(image_dataset())
    assert len(asked) == 5 and {q.of for q in asked.values()} == {5}
    assert [q.verdict for q in asked.values()].count(OPEN) == 3
    assert asked["n1"].verdict == "yes" and asked["n2"].verdict == "no"
    raw = [q.difference.p for q in asked.values()]
    assert all(q.p >= p for q, p in zip(asked.values(), raw))
    assert sum(p < 0.05 for p in raw) >= 2


def test_two_standard_errors_of_three_seeds_decide_nothing():
    """A difference of 2.2 standard errors, with which an earlier version said yes."""
    spread = 0.0005
    error = np.sqrt(2) * spread / np.sqrt(3)
    asked = answers(image_dataset(spread, **{"4NSQ": 0.980 + 2.2 * error}))
    assert asked["n5"].difference.p > 0.05 and asked["n5"].verdict == OPEN


@pytest.mark.parametrize(
    ("spread", "four", "verdict"),
    [
        (0.0005, 0.984, "consistent with the paper"),
        (0.0005, 0.960, "not found"),
        (0.02, 0.973, OPEN),
    ],
)
def test_few_couplings_are_compared_by_an_interval(spread, four, verdict):
    others = {"one": 0.95, "SQ": 0.95, "4NSQ": 0.95, "shared": 0.95, "shared 4": 0.95}
    found = images.sparse(images.networks(image_dataset(spread, four=four, **others)))
    assert found.verdict == verdict
    assert found.local.couplings * 4 <= found.dense.couplings
    assert "read-out of a stack is dense" in found.measured and "56%" in found.measured


def tried(traits, best=1):
    """Three values of β tried for each network, of which number `best` is chosen."""
    rows = [t | {"beta": b, "tuned": name} for name, t in traits.items() for b in (0.1, 0.3, 0.9)]
    right = [[0.95 - 0.01 * abs(k - best)] * 2 for _ in traits for k in range(3)]
    marks = [k == best for _ in traits for k in range(3)]
    ds = over_network(rows, validation_accuracy=np.array(right)).assign(chosen=("network", marks))
    return ds.assign_attrs(settings=["beta"], task="mnist", epochs=3)


@pytest.mark.parametrize(("best", "ends"), [(0, ["beta"]), (1, []), (2, ["beta"])])
def test_settings_chosen_are_those_marked_and_ends_are_counted(best, ends):
    ds = tried({"a": stack(), "b": dense(31)}, best)
    assert chosen(ds) == {name: {"beta": (0.1, 0.3, 0.9)[best]} for name in "ab"}
    assert [one.ends for one in images.tuned(ds)] == [ends, ends]


@pytest.mark.parametrize(
    ("right", "bracketed"), [((0.9, 0.95, 0.96), False), ((0.9, 0.95, 0.95), True)]
)
def test_a_better_neighbour_that_was_not_taken_is_told(right, bracketed):
    ds = tried({"a": stack()}, 1)
    ds["validation_accuracy"] = ds["validation_accuracy"].copy(data=np.array([right, right]).T)
    assert images.tuned(ds)[0].ends == ([] if bracketed else ["beta"])


def test_settings_are_bracketed_on_validation_images():
    task = load_task("digits", validation=0.5)
    nets = image_networks((8, 8), 4, [1], [], [], [4])
    ds = bracketed(nets, task, {"beta": 0.3}, 1, 1, scheduler="threads")
    for name, point in chosen(ds).items():
        one = ds.isel(network=np.flatnonzero(ds["tuned"].values == name))
        right = dict(zip(one["beta"].values.tolist(), one["validation_accuracy"].values[:, 0]))
        assert len(right) >= 3 and right[point["beta"]] == max(right.values())
    assert not any(one.ends for one in images.tuned(ds))


@pytest.mark.parametrize(("last", "verdict"), [(0.98, "yes"), (0.9, "no"), (0.951, OPEN)])
def test_protocols_are_compared_by_their_ends(last, verdict):
    ds = image_dataset().isel(network=[0, 1]).drop_vars(["validation_accuracy", "accuracy"])
    means = np.array([[0.95], [last]]) + 0.001 * np.linspace(-1, 1, 3)
    more = {"cosine": 0.9, "epochs_done": 12.0, "sweeps": 30.0}
    ds = ds.assign(test_accuracy=(("network", "seed"), means))
    ds = ds.assign({k: (("network", "seed"), np.full((2, 3), v)) for k, v in more.items()})
    ds = ds.assign_coords(network=["published", "rate"])
    found = images.protocols(xr.DataTree.from_dict({"protocols": ds}))
    assert found.verdict == verdict and found.steps[0].epochs == 12


def image_tree():
    ds = image_dataset()
    site = {"role": ["input"] * 4 + ["hidden"] * 4 + ["output"] * 2}
    edges = np.array([(i, h) for i in range(4) for h in range(4, 8)])
    rng = np.random.default_rng(0)
    child = xr.Dataset(
        {
            "coupling": (("seed", "snapshot", "coupling"), rng.normal(size=(3, 2, 16))),
            "nudge_response": (
                ("seed", "snapshot", "sample", "site"),
                rng.normal(size=(3, 2, 5, 10)),
            ),
            "phase": (("seed", "snapshot", "sample", "site"), rng.normal(size=(3, 2, 5, 10))),
        },
        {
            "role": ("site", site["role"]),
            "snapshot": [0, 2],
            "source": ("coupling", edges[:, 0]),
            "target": ("coupling", edges[:, 1]),
        },
    )
    right = xr.Dataset(
        {"test_accuracy": ("classifier", [0.956, 0.97])},
        {"classifier": ["nearest neighbour", "support vectors, RBF"]},
    )
    small = ds.isel(network=[0, 2, 7])
    settings = tried({f"n{k}": t for k, (t, _) in enumerate(IMAGES.values())})
    nodes = {"images": ds.assign_coords(epoch=[1, 12]), "images/n0": child, "settings": settings}
    nodes |= {"digits": small}
    nodes |= {"digits_settings": tried({"n0": stack(), "n2": stack(1, True), "n7": dense(9)})}
    steps = ("published", "tangent", "rate", "both_sides", "entropy", "aligned", "short")
    protocols = over_network(
        [stack() | {"protocol": name} for name in steps],
        test_accuracy=np.full((7, 3), 0.97) + 0.001 * np.arange(3),
        cosine=np.full((7, 3), 0.9),
        epochs_done=np.full((7, 3), 12.0),
        sweeps=np.full((7, 3), 30.0),
    )
    nodes["protocols"] = protocols.assign_coords(network=list(steps)).assign_attrs(task="mnist")
    aim = {"window": 6, "readout": "dense", "epochs": 20, "at_least": 0.991}
    best = over_network(
        [stack() | aim], test_accuracy=np.full((1, 3), 0.99), seconds=np.full((1, 3), 30.0)
    )
    nodes["best"] = best.assign_attrs(task="mnist")
    return xr.DataTree.from_dict(nodes | {"digit_baselines": right})


def test_windows_lie_where_their_sites_are():
    net = stacked_lattices((6, 6), window=3)
    role = np.array(["hidden"] * net.n_sites)
    role[net.inputs], role[net.outputs] = "input", "output"
    edges = net.edges[np.random.default_rng(0).permutation(net.n_couplings)]
    coords = {"role": ("site", role)}
    coords |= {"source": ("coupling", edges[:, 0]), "target": ("coupling", edges[:, 1])}
    # each coupling says which input it comes from
    ds = xr.Dataset({"coupling": ("coupling", edges[:, 0])}, coords)
    number = np.arange(36).reshape(6, 6)
    wanted = [[number[r : r + 3, c : c + 3] for c in range(4)] for r in range(4)]
    np.testing.assert_array_equal(inside.windows_of(ds), wanted)


@pytest.mark.parametrize(("right", "verdict"), [(0.98, "yes"), (0.94, "no"), (0.956, OPEN)])
def test_digits_are_compared_with_a_nearest_neighbour_too(right, verdict):
    tree = image_tree()
    ds = tree["digits"].to_dataset()
    tree["digits"] = xr.DataTree(
        ds.assign(test_accuracy=0 * ds["test_accuracy"] + right + [-1e-3, 0, 1e-3])
    )
    assert images.small(tree).digits.verdict == verdict


# --- 07


SIZES = (21, 31, 43, 61)


def guideline_tree(solved=(2, 18), seeds=20, surprise=1.0, far=1.0):
    """Success of `solved` of 20 seeds at the worse and the better setting of everything.

    Times to settle grow with the edge, and are longer by the factor `surprise` on the largest
    lattice; so are epochs to solve, which do not depend on size, by `far`.
    """
    rng = np.random.default_rng(0)
    few, many = ((np.arange(seeds) < k).astype(float) for k in solved)
    kinds = [(1, 0, 0, 84), (4, 0, 0, 346), (1, 3, 20, 168), (1, 0, 84, 168)]
    lattices = [
        lattice(size, s, n, skip_range=r, skips=k, distance=size // 2)
        for size in SIZES
        for s, r, k, n in kinds
    ]
    rates = np.array([0.8, 0.4, 0.5, 0.1] * 4)[:, None] * rng.uniform(0.9, 1.1, (16, seeds))
    profile = -rates[..., None] * np.arange(31)
    profile[:4, :, 11:] = np.nan
    reach = over_network(lattices, decay_rate=rates)
    profiles = {"log_response": profile, "lost": 0.01 * (profile < -8)}
    reach = reach.assign(
        {name: (("network", "seed", "output_distance"), x) for name, x in profiles.items()}
    ).assign_coords(output_distance=np.arange(31))
    size = np.repeat([*SIZES[:-1], surprise * SIZES[-1]], 4)[:, None]
    time = size * rng.uniform(0.8, 1.2, (16, seeds))
    settle = over_network(lattices, sweeps=2 * time, time=time, unconverged=0 * time)
    trained = over_network(
        [lattice(7, s, distance=d) for d in (1, 3) for s in (1, 4)],
        decay_rate=(
            ("network", "seed", "when"),
            rng.uniform(0.9, 1.1, (4, seeds, 2)) * np.array([0.4, 0.8]),
        ),
    ).assign_coords(when=["before", "after"])
    skips = over_network(
        [lattice(11, s, n, skip_range=r, skips=k, distance=4) for s, r, k, n in kinds],
        test_solved=np.array([few, few, many, many]),
    )
    m = [lattice(5, s, distance=2, initial_states=m) for s in (1, 4) for m in (1, 2, 5)]
    states = over_network(
        m, test_solved=np.array([few, few, many] * 2), sweeps=np.full((6, seeds), 20.0)
    )
    nodes = {"reach": reach, "relaxation": settle.assign_attrs(tolerance=1e-3)}
    nodes |= {"trained_reach": trained, "skips": skips, "initial_states": states}
    for node, dim, values in (
        ("stopped_early", "tolerance", (1e-4, 0.1)),
        ("readout_noise", "phase_error", (0.03, 0.1)),
    ):
        points = [
            {"estimator": e, "beta": b, dim: v}
            for e in ("centered", "one_sided")
            for b in (0.01, 0.1, 1.0)
            for v in values
        ]
        runs = [many if p["beta"] == 0.1 and p["estimator"] == "centered" else few for p in points]
        nodes[node] = over_network(
            [lattice(5, 4, distance=2) | p for p in points], test_solved=np.array(runs)
        )
    cells = [(size, 1, 2) for size in (*SIZES[:2], 11)]
    cells += [(11, 1, 4)]
    known = [lattice(n, s, distance=d, group="map" if n == 11 else "size") for n, s, d in cells]
    epochs = np.array([[200.0], [200.0], [200.0], [np.nan]]) * rng.uniform(0.8, 1.2, (4, seeds))
    nodes["xor_times"] = over_network(known, epochs=epochs).assign_attrs(limit=1000)
    large = [lattice(n, 1, distance=2) for n in SIZES[2:]]
    epochs = np.array([[200.0], [200.0 * far]]) * rng.uniform(0.8, 1.2, (2, seeds))
    nodes["larger"] = over_network(large, epochs=epochs).assign_attrs(limit=400)
    for node in ("xor_times", "larger"):
        nodes[node] = nodes[node].assign_coords(seed=np.arange(seeds))
    images_of = image_dataset()
    nodes["density"] = images_of.isel(epoch=-1).drop_vars("accuracy")
    rows = [stack(k) for k in (1, 2, 4, 8)]
    error = 0.02 * np.array([1, 2, 4, 8])[:, None] ** -0.5 * rng.uniform(0.95, 1.05, (4, seeds))
    nodes["channels"] = over_network(rows, test_accuracy=1 - error, seconds=error)
    for node in ("density", "skips", "trained_reach"):
        nodes[node] = nodes[node].assign_attrs(source="another")
    for node in ("initial_states", "stopped_early", "readout_noise"):
        nodes[node] = nodes[node].assign_attrs(epochs=300)
    return xr.DataTree.from_dict(nodes)


def verdicts(tree):
    found = guidelines.recommendations(tree)
    return {
        row.statement: row.verdict for row in found if isinstance(row, guidelines.Recommendation)
    }


def test_recommendations_need_corrected_p():
    clear, none = verdicts(guideline_tree()), verdicts(guideline_tree((10, 12)))
    for start in ("Regular skips solve more seeds than none", "Within 300 epochs, β = 0.1 solves"):
        (one,) = (text for text in clear if text.startswith(start))
        assert clear[one] == "yes" and none[one] == OPEN
    assert clear["Regular skips solve more seeds than as many random ones"] == OPEN
    assert clear["Training shortens the reach, 1 shell"] == "yes"
    # no precision that was tried hurts; that is not shown, not shown to be harmless
    assert {v for text, v in clear.items() if "costs successes" in text} == {OPEN}


def test_p_values_are_those_of_all_tests_together():
    found = guidelines.recommendations(guideline_tree())
    rows = [r for r in found if isinstance(r, guidelines.Recommendation)]
    assert min(r.p for r in rows if r.p > 0) >= 0 and max(r.p for r in rows) == 1.0
    assert all("test" in r.rule and "test" not in r.numbers.replace("tested", "") for r in rows)
    text = guidelines.table(guidelines.recommendations(guideline_tree()))
    assert "for a thousand" in text and "not shown to hurt" not in text
    assert text.count("\n") == 1 + len(guidelines.recommendations(guideline_tree()))


def test_random_skips_have_no_decay_length():
    found = guidelines.reach(guideline_tree())
    lengths = {name: row.length for name, row in found.largest.items()}
    assert lengths.pop("1 shell, random skips") is None and len(lengths) == 3
    assert all(span.low <= span.value <= span.high for span in lengths.values())


def test_a_decay_that_may_be_none_has_no_longest_length():
    assert guidelines.decay_length(np.array([-0.1, 0.1, 0.2])).high == np.inf


def test_a_power_is_found_and_the_largest_lattice_tests_it():
    found = scaling.scalings(guideline_tree())
    time = found["time"]
    assert {found[name].verdict for name in ("time", "epochs", "error")} == {"yes"}
    assert set(time.laws) == {"1 shell", "4 shells", "1 shell, skips of 3"}  # none of random skips
    for law in time.laws.values():
        assert law.power.low < 1 < law.power.high and law.power.high - law.power.low < 0.5
        assert 0.9 < law.ratio.value < 1.1 and law.ratio.low < law.ratio.value < law.ratio.high
        assert law.value(61).value == pytest.approx(61, rel=0.1)
        assert law.at(1000).mean() == pytest.approx(np.log(1000), abs=0.5)
    assert "Of the sites" in found["reach"].aside


@pytest.mark.parametrize(("surprise", "verdict"), [(1.0, "yes"), (1.5, "no"), (4.0, "no")])
def test_a_law_that_misses_the_largest_lattice_is_refused(surprise, verdict):
    found = scaling.settling(guideline_tree(surprise=surprise))[0]
    assert found.verdict == verdict and (len(found.missed) == 0) == (verdict == "yes")


def test_a_law_of_few_seeds_decides_nothing():
    assert scaling.settling(guideline_tree((1, 2), seeds=2))[0].verdict == OPEN


def test_runs_that_had_not_learned_are_counted():
    tree = guideline_tree()
    assert tree["larger"].attrs["limit"] == 400
    late = tree["larger"].to_dataset()
    late["epochs"][1, :3] = np.nan
    law = scaling.learning(tree.assign(larger=xr.DataTree(late)))
    assert law.aside.endswith("twice the limit: 3") and law.laws
    (one,) = law.laws.values()
    np.testing.assert_allclose(np.exp(one.logs[-1, :3]), 800)
    assert one.sizes.tolist() == [11, *SIZES]


def test_the_error_is_a_power_of_the_couplings():
    sizes = (1, 2, 4, 8)
    rows = [stack(k) for k in sizes] + [stack(1, True), stack(1, intra_shells=1), dense(31)]
    right = 1 - 0.02 * np.array([*np.array(sizes) ** -0.5, 1, 1, 1])[:, None] * [0.98, 1.0, 1.02]
    nets = images.networks(over_network(rows, test_accuracy=right, seconds=0 * right))
    found = scaling.accuracy(nets)
    (law,) = found.laws.values()
    assert law.power.mean == pytest.approx(-0.5) and len(law.sizes) == 4
    assert found.verdict == "yes" and scaling.accuracy(nets[:3]) is None


def test_seconds_and_joules_of_an_answer():
    found = technologies.answers(guideline_tree())
    rings, *others = technologies.TECHNOLOGIES
    time = found.law.value(61)
    assert found.seconds(rings, 61).value == pytest.approx(time.value / 1e8)
    energy = time.value / 1e8 * 61**2 * 0.042 / 1968
    assert found.joules(rings, 61).value == pytest.approx(energy)
    assert {found.joules(one, 61) for one in others} == {None}
    text = technologies.table(found)
    assert text.count("not known") == 2 * len(others) and "10⁸ rad/s" in text
    bibliography = (Path(__file__).parents[1] / "docs" / "references.bib").read_text("utf-8")
    assert all(f"{{{one.reference}," in bibliography for one in technologies.TECHNOLOGIES)


def test_the_calculator_says_where_it_goes_beyond_the_data():
    found = calculator.calculator(guideline_tree())
    assert (found.size, found.limit) == (11, 1000)
    near, far = found(2, 1, 300), found(4, 1, 300)
    assert (near.share, far.share, near.told) == (1.0, 0.0, ())
    middle = found(3.5, 1, 300)
    assert middle.share == pytest.approx(0.25) and near.low > middle.low > far.low
    assert "interpolated" in str(middle) and str(near).endswith("measured")
    assert found(9, 1, 300)[:3] == far[:3] and "extrapolated" in str(found(9, 1, 300))
    assert "extrapolated" in str(found(1, 1, 300)) and "1000 epochs" in str(found(2, 1, 5000))
    assert found(2, 1, 100).share == 0.0
    with pytest.raises(ValueError, match="shells: found 3; measured are 1"):
        found(2, 3)
    with pytest.raises(ValueError, match="distance"):
        found(0.5, 1)


# --- all

TREES = [
    (image_figures, image_tree),
    (guideline_figures, guideline_tree),
]
ALL = [
    (module, tree, name)
    for module, tree in TREES
    for name in module.FIGURES
    if name not in CONTROLS  # which have tests of their own
]


@pytest.mark.parametrize(("module", "tree", "name"), ALL, ids=[name for *_, name in ALL])
def test_figures_draw_and_captions_are_short(module, tree, name):
    tree, figure = tree(), module.FIGURES[name]
    finding = figure.finding(tree)
    drawn = figure.draw(tree, finding)
    drawn.canvas.draw()
    for axis in drawn.axes:
        if axis.get_xlabel() or axis.get_ylabel():
            assert axis.has_data() or axis.images or axis.collections
    plt.close(drawn)
    caption = figure.caption(finding)
    first, bold, rest = caption.split("**")
    assert first == "" and bold.endswith(".")
    assert len(rest.split()) <= 60, f"{len(rest.split())} words: {rest}"


def test_every_statement_is_made_once():
    made = [
        s for module, tree, name in ALL for s in statements(module.FIGURES[name].finding(tree()))
    ]
    assert len({s.statement for s in made}) == len(made) == 1 + 1 + 5 + 1 + 1 + 5
    for statement in made:
        assert statement.rule and statement.whose and statement.measured
