"""Controls of notebook 05: ReLU networks, frozen windows, exact gradients, answers read early."""

import sys
import warnings

import made_controls
import matplotlib.pyplot as plt
import numpy as np
import pytest

import xyep
from xyep.paper.figures.controls import FIGURES
from xyep.paper.findings import statements
from xyep.paper.findings.controls import controls
from xyep.paper.studies import controls as studied
from xyep.paper.studies import exact_training, feedforward, frozen_windows, readings
from xyep.paper.studies.feedforward import MOST, Relu, Setting, masks, searched, train_relu

STACK = xyep.stacked_lattices((8, 8), 4)


@pytest.fixture(scope="module")
def digits():
    return xyep.load_task("digits", validation=1 / 6)


# ------------------------------------------------------------------------------- ReLU networks


def loss(relu, x, labels):
    last = relu.forward(x)[-1].astype(float)
    return float(np.mean(np.log(np.exp(last).sum(axis=1)) - last[np.arange(len(x)), labels]))


@pytest.mark.parametrize("frozen", [False, True])
def test_gradient_is_that_of_the_cross_entropy(frozen):
    net = xyep.stacked_lattices((5, 5), (2, 2), outputs=3)  # two hidden lattices
    relu = Relu(net, 1, frozen)
    # biases, without which a site is at its kink if all below it are silent
    relu.theta[net.n_couplings :] = np.random.default_rng(2).uniform(0.3, 0.5, 28)
    relu.unpack()
    x = np.random.default_rng(0).random((20, 25), dtype=np.float32)
    labels = np.arange(20) % 3
    found, step = relu.gradient(x, labels), 3e-4
    start, moved = relu.theta.copy(), np.zeros_like(relu.theta)
    for k in range(len(start)):
        for sign in (1, -1):
            relu.theta = start.copy()
            relu.theta[k] += sign * step
            relu.unpack()
            moved[k] += sign * loss(relu, x, labels) / (2 * step)
    learned = np.ones(len(start), bool)
    if frozen:
        learned[: masks(net)[0].sum()] = False
        learned[net.n_couplings :][: masks(net)[0].shape[1]] = False
    assert np.abs(found[learned] - moved[learned]).max() < 3e-3
    assert np.abs(moved[learned]).max() > 0.05
    assert np.all(found[~learned] == 0)


def test_weights_are_where_couplings_are():
    first, second = masks(STACK)
    assert first.sum() + second.sum() == STACK.n_couplings and second.all()
    i, j = STACK.edges[0]
    assert first[i, j - 64]
    relu = Relu(STACK, 0)
    assert np.array_equal(relu.weights[0] != 0, first)


def test_couplings_within_a_layer_are_refused():
    with pytest.raises(ValueError, match="net: has couplings within a layer"):
        masks(xyep.stacked_lattices((8, 8), 4, intra_shells=1))


def test_relu_learns_and_frozen_windows_stay(digits):
    setting, dense = Setting(0.005, 0.01), xyep.layered([64, 30, 10])
    found = train_relu(dense, digits, 200, setting, 0)
    assert found == train_relu(dense, digits, 200, setting, 0)
    assert found["test_accuracy"] > 0.85 > train_relu(dense, digits, 1, setting, 0)["test_accuracy"]
    relu = Relu(STACK, 3, frozen=True)
    before = relu.weights[0].copy()
    relu.theta[relu.learned] *= 0.5
    relu.unpack()
    assert np.array_equal(relu.weights[0], before)


def test_search_goes_on_until_the_best_lies_inside():
    assert list(searched(lambda x: -abs(x - 1), 1.0, 3.0)) == [1 / 3, 1.0, 3.0]
    endless = searched(lambda x: x, 1.0, 2.0)
    assert len(endless) == MOST and max(endless, key=endless.get) == max(endless)


def test_settings_are_searched_for_until_neither_moves(monkeypatch):
    module = sys.modules["xyep.paper.studies.feedforward"]

    def accuracy(net, task, updates, setting, seed, frozen):
        rate, decay = np.log2([setting.learning_rate / 0.002, setting.decay / 0.03])
        return {"validation_accuracy": -0.2 * (rate - decay / 2) ** 2 - 0.1 * (decay - 4) ** 2}

    monkeypatch.setattr(module, "train_relu", accuracy)
    best, tried = module.tuned(STACK, None, 1, False)
    around = [best._replace(learning_rate=best.learning_rate * x) for x in (0.5, 2.0)]
    around += [best._replace(decay=best.decay * x) for x in (0.25, 4.0)]
    assert all(tried[one] <= tried[best] for one in around)
    assert best == (4 * 0.002, 16 * 0.03)  # which one search of each does not reach


def test_feedforward_keeps_all_that_was_tried(digits):
    ds = feedforward(STACK, digits, 1, 3, 2)
    assert ds["control"].values.tolist()[0] == "relu_local" and ds.sizes["control"] == 5
    assert np.isfinite(ds["test_accuracy"]).all()
    for control in ds["control"].values:
        one = ds.sel(control=control)
        best = one["tried_accuracy"].max()
        here = (one["tried_learning_rate"] == one["learning_rate"]) & (
            one["tried_decay"] == one["decay"]
        )
        assert one["tried_accuracy"].where(here).max() == best
    assert all(ds[name].attrs.keys() >= {"long_name", "units"} for name in ds.variables)


# ------------------------------------------------------------------------------- XY networks


def test_only_the_readout_is_trained(digits):
    rule = studied.ReadoutOnly.of(STACK, 0.01)
    theta = np.arange(1.0, STACK.n_parameters + 2 * STACK.n_sites + 1)
    changed = rule.update(theta, np.ones_like(theta), rule.init(theta), 1, 0.01) != theta
    to_output = np.isin(STACK.edges, STACK.outputs).any(axis=1)
    outputs = np.isin(np.arange(STACK.n_sites), STACK.outputs)
    assert np.array_equal(changed, np.concatenate([to_output, outputs, outputs]))
    options = {"plain": {"coupling_decay": 0.1}}
    ds = frozen_windows(STACK, {"plain": digits}, {"plain": 1}, 1, options, workers=1)
    assert ds["control"].values.tolist() == ["xy_local", "xy_frozen"]
    assert float(ds["test_accuracy"][0, 0]) != float(ds["test_accuracy"][1, 0])


def test_networks_whose_readout_does_not_come_last_are_refused():
    with pytest.raises(ValueError, match="net: parameters of the read-out must come last"):
        studied.ReadoutOnly.of(xyep.all_to_all(8, 3, 2), 0.01)


def test_weak_tangent_nudging_at_rest_is_the_exact_gradient(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xyep.NotConvergedWarning)
        ds = exact_training(STACK, digits, 128, 2, 1, workers=1)
    cosine = ds["cosine"].sel(seed=0)
    assert cosine.sel(network="exact") > 1 - 1e-6
    assert cosine.sel(network="short") < 1 - 1e-3
    assert ds.attrs["images"] == 128


def test_first_images_are_those_of_the_training_part(digits):
    part = studied.first_images(digits, 7)
    assert part.numbers("train").tolist() == digits.numbers("train")[:7].tolist()
    assert np.array_equal(part.numbers("test"), digits.numbers("test"))


def test_forward_answers_are_one_pass_from_inputs_to_outputs(digits):
    p, x = STACK.init_parameters(2), digits.inputs[:6]
    p = p._replace(bias_amplitude=np.where(np.arange(STACK.n_sites) < 64, 0.0, 0.3))
    state = np.zeros((6, STACK.n_sites), complex)
    state[:, :64] = np.exp(1j * x)
    for site in range(64, STACK.n_sites):
        to = STACK.edges[:, 1] == site
        field = state[:, STACK.edges[to, 0]] @ p.couplings[STACK.parameter[to]]
        field = field + p.bias_amplitude[site] * np.exp(1j * p.bias_phase[site])
        state[:, site] = field / np.abs(field)
    away = np.angle(np.exp(1j * studied.forward_answers(STACK, p, x)) / state[:, STACK.outputs])
    assert np.abs(away).max() < 1e-3


def test_readings_end_at_rest(digits):
    ds = readings({"a": STACK}, digits, 1, 1, [1, 1000], workers=1)
    right = ds["read_accuracy"].sel(network="a", seed=0)
    assert ds["reading"].values.tolist() == ["forward", "1", "1000", "rest"]
    assert float(right.sel(reading="rest")) == pytest.approx(float(ds["test_accuracy"][0, 0]))
    assert abs(float(right.sel(reading="1000") - right.sel(reading="rest"))) < 0.01
    assert float(right.sel(reading="forward")) != float(right.sel(reading="rest"))


# ------------------------------------------------------------------------------- findings


def verdicts(**changed):
    found = controls(made_controls.tree(**changed))
    return {one.short: one.verdict for one in found.answers}


def test_questions_are_decided_either_way():
    plain = {"relu": "yes", "windows": "yes", "exact": "yes", "feedback": "yes"}
    assert verdicts() == plain
    assert verdicts(relu_moved=0.98)["relu"] == "no"
    assert verdicts(relu_moved=0.985)["relu"] == "open"
    assert verdicts(frozen=0.99)["windows"] == "no"
    assert verdicts(exact=0.98)["exact"] == "no"
    assert verdicts(exact=0.975)["exact"] == "open"
    assert verdicts(forward=0.95)["feedback"] == "no"


def test_questions_are_corrected_together():
    found = controls(made_controls.tree())
    assert {one.of for one in found.answers} == {4}
    exact = next(one for one in found.answers if one.short == "exact")
    assert exact.difference.mean == pytest.approx(0.0) and exact.margin == 0.005
    assert "4 questions" in exact.measured and "margin −0.5 points" in exact.by


def test_a_setting_at_an_end_is_told():
    assert all(one.inside for one in controls(made_controls.tree()).controls)
    at_end = controls(made_controls.tree(best=2))
    assert not at_end["relu_local"].inside and at_end["xy_local"].inside


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_drawn_with_short_captions(name):
    tree, figure = made_controls.tree(), FIGURES[name]
    found = figure.finding(tree)
    plt.close(figure.draw(tree, found))
    bold, rest = figure.caption(found).removeprefix("**").split("**")
    assert bold.endswith(".") and len(rest.split()) <= 60
    if name == "05_controls":
        assert len(statements(found)) == 4
