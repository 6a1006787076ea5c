"""Update rules against their formulas, schedules, and what an optimizer of one's own must be."""

import pickle
import re

import numpy as np
import pytest

from xyep.optimizers import (
    SGD,
    Adam,
    Optimizer,
    Schedule,
    constant,
    cosine,
    linear,
    schedule,
)

THETA = np.array([1.0, -2.0, 0.5])
GRADIENTS = np.random.default_rng(1).normal(size=(50, 3))


def run(rule, rates):
    theta, state = THETA.copy(), rule.init(THETA)
    for step, (gradient, rate) in enumerate(zip(GRADIENTS, rates), 1):
        theta = rule.update(theta, gradient, state, step, rate)
    return theta


def test_adam_is_its_formula():
    rates = np.linspace(0.1, 0.01, 50)
    theta, m, v = THETA.copy(), np.zeros(3), np.zeros(3)
    for t, (g, rate) in enumerate(zip(GRADIENTS, rates), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(run(Adam(), rates), theta, rtol=1e-12)


def test_adam_after_many_updates_has_no_correction_left():
    rule, state = Adam(), np.ones((2, 3))
    later = rule.update(THETA, np.ones(3), state, 10**6, 0.1)
    np.testing.assert_allclose(later, THETA - 0.1)


def test_sgd_is_its_formula():
    theta, v = THETA.copy(), 0.0
    for g in GRADIENTS:
        v = 0.9 * v - 0.1 * g
        theta = theta + v
    np.testing.assert_allclose(run(SGD(), [0.1] * 50), theta, rtol=1e-12)


def test_the_arguments_of_an_update_stay_as_they_are():
    for rule in (Adam(), SGD()):
        theta, gradient, state = THETA.copy(), GRADIENTS[0].copy(), rule.init(THETA)
        assert rule.update(theta, gradient, state, 1, 0.1) is not theta
        np.testing.assert_array_equal(theta, THETA)
        np.testing.assert_array_equal(gradient, GRADIENTS[0])
        assert np.any(state)


def test_protocols():
    assert isinstance(Adam(), Optimizer) and isinstance(SGD(), Optimizer)
    for other in ("adam", None, 0.1, np.zeros(3)):
        assert not isinstance(other, Optimizer)
    assert isinstance(linear, Schedule) and not isinstance("linear", Schedule)


def test_schedules():
    p = np.linspace(0, 1, 11)[:-1]
    assert [constant(x) for x in p] == [1.0] * 10
    np.testing.assert_allclose([linear(x) for x in p], 1 - p)
    np.testing.assert_allclose([cosine(x) for x in p], (1 + np.cos(np.pi * p)) / 2, atol=1e-15)
    assert schedule("constant") is constant and schedule(constant) is constant
    assert schedule("cosine") is cosine


def warm_up(progress):
    return min(1.0, 10 * progress)


def test_a_schedule_of_ones_own():
    own = schedule(warm_up)
    assert own(0.05) == 0.5 and own(0.5) == 1.0 and own is not constant
    assert schedule(own) is own
    assert pickle.loads(pickle.dumps(own)) == own


BAD = [
    ("learning_rate", lambda: Adam(learning_rate=-0.1), ValueError),
    ("learning_rate", lambda: Adam(learning_rate=0), ValueError),
    ("learning_rate", lambda: Adam(learning_rate="0.1"), TypeError),
    ("learning_rate", lambda: Adam(learning_rate=True), TypeError),
    ("learning_rate", lambda: Adam(learning_rate=np.nan), ValueError),
    ("learning_rate", lambda: SGD(learning_rate=np.inf), ValueError),
    ("learning_rate", lambda: SGD(learning_rate=10**400), ValueError),
    ("learning_rate", lambda: SGD(learning_rate=None), TypeError),
    ("beta1", lambda: Adam(beta1=1.0), ValueError),
    ("beta1", lambda: Adam(beta1=-0.1), ValueError),
    ("beta2", lambda: Adam(beta2=1.5), ValueError),
    ("beta2", lambda: Adam(beta2=[0.9]), TypeError),
    ("epsilon", lambda: Adam(epsilon=0), ValueError),
    ("epsilon", lambda: Adam(epsilon=-1e-8), ValueError),
    ("momentum", lambda: SGD(momentum=1), ValueError),
    ("momentum", lambda: SGD(momentum="heavy"), TypeError),
    ("theta", lambda: Adam().update(THETA, np.zeros(2), np.zeros((2, 3)), 1, 0.1), ValueError),
    ("state", lambda: Adam().update(THETA, THETA, np.zeros((1, 3)), 1, 0.1), ValueError),
    ("state", lambda: SGD().update(THETA, THETA, np.zeros((2, 3)), 1, 0.1), ValueError),
    ("step", lambda: Adam().update(THETA, THETA, np.zeros((2, 3)), 0, 0.1), ValueError),
    ("schedule", lambda: schedule("stepwise"), ValueError),
    ("schedule", lambda: schedule(None), TypeError),
    ("schedule", lambda: schedule(0.1), TypeError),
    ("schedule", lambda: schedule(Adam), TypeError),
    ("schedule", lambda: schedule(lambda p: -1.0)(0.5), ValueError),
    ("schedule", lambda: schedule(lambda p: np.nan)(0.5), ValueError),
    ("schedule", lambda: schedule(lambda p: "half")(0.5), TypeError),
    ("schedule", lambda: schedule(lambda p: None)(0.5), TypeError),
]


@pytest.mark.parametrize("argument, call, error", BAD)
def test_bad_input(argument, call, error):
    with pytest.raises(error, match=rf"^{re.escape(argument)}\b.*: found .*need"):
        call()
