"""Notebook 05: ordinary networks, ReLU sites and backpropagation, coupled as networks here are."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ...ensembles import cores
from ...lattices import layered
from ...network import Network
from ...optimizers import Adam, cosine
from ...random import normal, permutation
from ...settings import IMAGES
from ...tasks import Task
from ...workers import compute

#: Samples that answer at a time.
_CHUNK = 4096
#: Streams of random numbers within one seed.
_DRAWN, _ORDER = 1 << 20, 1 << 21
#: Of each setting, the first value that is tried, and the factor between those tried. By powers of
#: two, so that a value that is met again is the same number.
START = {"learning_rate": 0.002, "decay": 0.03}
FACTORS = {"learning_rate": 2.0, "decay": 4.0}
#: Values of a setting that are tried at most, and searches over all settings.
MOST, ROUNDS = 8, 4


class Setting(NamedTuple):
    """How a network is trained: Adam's learning rate, falling as a cosine; decay of weights."""

    learning_rate: float
    decay: float


def masks(net: Network) -> list[np.ndarray]:
    """From each layer to the next, (site below, site above): where there is a coupling.

    Raises
    ------
    ValueError
        For couplings that are not from one layer to the next.

    >>> import xyep
    >>> [mask.shape for mask in masks(xyep.layered([4, 3, 2]))]
    [(4, 3), (3, 2)]
    """
    low, high = net.layer[net.edges].T
    if np.any(high != low + 1):
        raise ValueError("net: has couplings within a layer or beyond the next one; none may be")
    first = np.searchsorted(net.layer, np.arange(net.layer[-1] + 2))
    found = []
    for a, b, c in zip(first, first[1:], first[2:]):
        mask = np.zeros((b - a, c - b), bool)
        i, j = net.edges[(net.edges[:, 0] >= a) & (net.edges[:, 0] < b)].T
        mask[i - a, j - b] = True
        found.append(mask)
    return found


def pixels(inputs: np.ndarray) -> np.ndarray:
    """Phases from −π/2 to π/2 as intensities from 0 to 1."""
    return (inputs / np.pi + 0.5).astype(np.float32)


class Relu:
    """x → max(0, x W + b) from layer to layer, in float32; the last layer is a softmax.

    Weights are where the network has couplings, at first N(0, 2/n) for n of them into a site;
    biases are 0. ``theta`` has all weights, then all biases. With `frozen`, the weights into the
    first hidden layer, and its biases, stay as they are.

    >>> import xyep
    >>> net = Relu(xyep.layered([64, 9, 10]), seed=0)
    >>> net.answers(np.zeros((3, 64), np.float32)).shape, net.theta.shape
    ((3,), (685,))
    """

    def __init__(self, net: Network, seed: int, frozen: bool = False) -> None:
        whole = masks(net)
        sizes = [int(mask.sum()) for mask in whole] + [mask.shape[1] for mask in whole]
        ends = np.cumsum([0, *sizes])
        self.parts = [slice(a, b) for a, b in zip(ends, ends[1:])]
        self.places = [slice(None) if m.all() else np.flatnonzero(m) for m in whole]
        self.weights = [np.zeros(mask.shape, np.float32) for mask in whole]
        self.first, n = int(frozen), len(whole)
        #: What decays: the weights that are learned.
        self.learned = slice(int(ends[self.first]), int(ends[n]))
        self.theta = np.zeros(ends[-1])
        for k, mask in enumerate(whole):
            scale = np.sqrt(2.0 / np.maximum(mask.sum(axis=0), 1))
            drawn = normal(mask.shape, seed, _DRAWN, k) * scale
            self.theta[self.parts[k]] = drawn[mask]
        self.unpack()

    def unpack(self) -> None:
        """Weights and biases as `theta` has them."""
        n = len(self.weights)
        for weight, place, part in zip(self.weights, self.places, self.parts):
            weight.reshape(-1)[place] = self.theta[part]
        self.biases = [self.theta[part].astype(np.float32) for part in self.parts[n:]]

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """States of all layers."""
        states = [x]
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = states[-1] @ weight + bias
            states.append(np.maximum(x, 0.0) if k < len(self.weights) - 1 else x)
        return states

    def answers(self, x: np.ndarray) -> np.ndarray:
        return self.forward(x)[-1].argmax(axis=1)

    def gradient(self, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Of the mean cross-entropy, along `theta`; 0 for what is frozen."""
        *states, last = self.forward(x)
        error = np.exp(last - last.max(axis=1, keepdims=True))
        error /= error.sum(axis=1, keepdims=True)
        error[np.arange(len(x)), labels] -= 1.0
        error /= np.float32(len(x))
        found, n = np.zeros_like(self.theta), len(states)
        for k in range(n - 1, self.first - 1, -1):
            found[self.parts[k]] = (states[k].T @ error).reshape(-1)[self.places[k]]
            found[self.parts[n + k]] = error.sum(axis=0)
            if k > self.first:
                error = (error @ self.weights[k].T) * (states[k] > 0)
        return found


def train_relu(
    net: Network, task: Task, updates: int, setting: Setting, seed: int, frozen: bool = False
) -> dict[str, float]:
    """Accuracies on validation and test images after so many updates, each of 128 images."""
    relu, train, rule = Relu(net, seed, frozen), task.numbers("train"), Adam(setting.learning_rate)
    size = min(IMAGES["batch_size"], len(train))
    each, moments = len(train) // size, rule.init(relu.theta)
    for step in range(updates):
        if step % each == 0:
            order = train[permutation(len(train), seed, _ORDER, step // each)]
        rows = order[step % each * size :][:size]
        rate = setting.learning_rate * cosine(step / updates)
        gradient = relu.gradient(pixels(task.inputs[rows]), task.labels[rows])
        relu.theta = rule.update(relu.theta, gradient, moments, step + 1, rate)
        relu.theta[relu.learned] *= 1 - rate * setting.decay
        relu.unpack()
    return {f"{name}_accuracy": _score(relu, task, name) for name in ("validation", "test")}


def _score(relu: Relu, task: Task, name: str) -> float:
    rows = task.numbers(name)
    parts = [rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK)]
    right = [relu.answers(pixels(task.inputs[part])) == task.labels[part] for part in parts]
    return float(np.concatenate(right).mean())


def searched(score: Callable[[float], float], start: float, factor: float) -> dict[float, float]:
    """Values tried, ascending, and their scores: on from three until the best lies inside.

    At most `MOST` are tried: whether the best of them lies inside is to be looked at.

    >>> list(searched(lambda x: -abs(x - 8.0), 1.0, 2.0))
    [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    """
    tried = {x: score(x) for x in (start / factor, start, start * factor)}
    while len(tried) < MOST:
        low, high = min(tried), max(tried)
        best = max(tried, key=tried.__getitem__)
        if low < best < high:
            break
        more = low / factor if best == low else high * factor
        tried[more] = score(more)
    return dict(sorted(tried.items()))


def tuned(
    net: Network, task: Task, updates: int, frozen: bool
) -> tuple[Setting, dict[Setting, float]]:
    """Setting of the best accuracy on validation images, and all that were tried.

    Learning rate and decay are searched for in turn until neither moves, so that each has worse
    values on both sides while the other is as chosen. One seed, which no final run has.
    """
    tried: dict[Setting, float] = {}

    def score(setting: Setting) -> float:
        if setting not in tried:
            found = train_relu(net, task, updates, setting, 1000, frozen)
            tried[setting] = found["validation_accuracy"]
        return tried[setting]

    now = Setting(**START)
    for _ in range(ROUNDS):
        before = now
        for name, factor in FACTORS.items():

            def along(value: float, at: Setting = now, name: str = name) -> float:
                return score(at._replace(**{name: value}))

            found = searched(along, getattr(now, name), factor)
            now = now._replace(**{name: max(found, key=found.__getitem__)})
        if now == before:
            break
    return now, tried


def relu_networks(stack: Network) -> dict[str, tuple[Network, bool]]:
    """Coupled as a stack is, the same with its windows frozen, two dense networks, and none hidden.

    The dense ones have as many hidden sites, or as many couplings.
    """
    n, out = stack.n_inputs, stack.n_outputs
    hidden = stack.n_free - out
    few = round(stack.n_couplings / (n + out))
    return {
        "relu_local": (stack, False),
        "relu_frozen": (stack, True),
        "relu_dense": (layered([n, hidden, out]), False),
        "relu_few": (layered([n, few, out]), False),
        "softmax": (layered([n, out]), False),
    }


def _one(shared: tuple[Mapping[str, tuple[Network, bool]], Task], own: tuple[Any, ...]) -> Any:
    networks, task = shared
    name, updates, setting, seed = own
    net, frozen = networks[name]
    if setting is None:
        return tuned(net, task, updates, frozen)
    return train_relu(net, task, updates, setting, seed, frozen)


def feedforward(
    stack: Network, task: Task, epochs: int, tuning_updates: int, seeds: int
) -> xr.Dataset:
    """`relu_networks` of a stack, tuned on validation images and trained by backpropagation.

    Every product of matrices is the processor's own (BLAS), on one thread: another processor rounds
    otherwise and gives accuracies that differ in some images. So `xyep verify` checks the digest of
    these numbers, and does not compute them anew.
    """
    from threadpoolctl import threadpool_limits

    networks = relu_networks(stack)
    updates = epochs * (len(task.numbers("train")) // IMAGES["batch_size"])
    found: dict[Any, Any] = {}

    def run(calls: list[Any]) -> None:
        shared = networks, task
        with threadpool_limits(1):
            keyed = [(call[::3], shared, call) for call in calls]  # by name and seed
            compute(_one, keyed, found.__setitem__, cores(), "threads")

    run([(name, tuning_updates, None, -1) for name in networks])
    settings = {name: found[name, -1] for name in networks}
    run([(n, updates, settings[n][0], s) for s in range(seeds) for n in networks])
    most = max(len(tried) for _, tried in settings.values())
    trials = np.full((len(networks), most, 3), np.nan)
    for k, (_, tried) in enumerate(settings.values()):
        trials[k, : len(tried)] = [(*setting, right) for setting, right in tried.items()]
    about: dict[str, tuple[Any, Any, str]] = {
        f"{kind}_accuracy": (
            ("control", "seed"),
            [[found[n, s][f"{kind}_accuracy"] for s in range(seeds)] for n in networks],
            f"share of right answers on {kind} samples",
        )
        for kind in ("validation", "test")
    }
    for k, name in enumerate(Setting._fields):
        chosen = [setting[k] for setting, _ in settings.values()]
        about[name] = ("control", chosen, name.replace("_", " "))
        about[f"tried_{name}"] = (("control", "trial"), trials[..., k], f"{name} tried")
    about["tried_accuracy"] = (("control", "trial"), trials[..., 2], "on validation samples")
    weights = [net.n_couplings for net, _ in networks.values()]
    about["n_couplings"] = ("control", weights, "weights")
    made = {
        name: (dims, np.asarray(values), {"long_name": words, "units": "1"})
        for name, (dims, values, words) in about.items()
    }
    described = {"control": "which control", "seed": "seed of the run"}
    coords = {"control": list(networks), "seed": np.arange(seeds)}
    return xr.Dataset(
        made,
        {n: (n, coords[n], {"long_name": described[n], "units": "1"}) for n in coords},
        {
            "updates": updates,
            "tuning_updates": tuning_updates,
            "task": task.name,
            "data_sha256": task.digest,
        },
    )
