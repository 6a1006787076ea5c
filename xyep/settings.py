"""How to train: `Training`, whose every field is stored with the result.

`IMAGES` are tested settings for images, any of which can be replaced:

>>> quick = IMAGES | {"epochs": 3}
>>> Training(**quick).nudged_solver.sweeps
5
"""

from dataclasses import asdict, dataclass, field, is_dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from .checks import check_choice, check_integer, check_number, check_options, found
from .cost import Cost, CrossEntropy, LogCosine, as_cost, as_nudging
from .digest import digest
from .estimators import Estimator, as_estimator, real_points
from .optimizers import Adam, Optimizer, Schedule, schedule
from .relaxation import check_beta
from .solvers import GaussSeidel, GradientFlow, Reference, Solver

_T = TypeVar("_T")

#: What snapshots can tell beyond parameters and phases.
RESPONSES = ("nudge_response", "input_response", "pattern_response")

#: Sweeps of the free and of the nudged phases in training. A nudged phase cut short learns better
#: and in less time than one relaxed to rest: on XOR lattices at β = 0.1, 20 + 4 sweeps solve more
#: seeds than 15 + 6, in as much time and fewer epochs. Two nudged sweeps do not reach far enough,
#: and longer ones solve fewer seeds (benchmarks/nudging.py).
FREE_SWEEPS, NUDGED_SWEEPS = 20, 4


@runtime_checkable
class Callback(Protocol):
    """Called after each epoch with the `xyep.run.Run`; returns True to stop the training there.

    One with an attribute ``epochs``, ascending integers, is called after these only, which leaves
    the others to the compiled loop.

    A run tells its epoch as ``run.done``, its parameters as ``run.parameters``, the newest entry of
    its history as ``run.last("cost")``, and all of it as arrays, such as ``run.arrays["cost"]``,
    NaN where nothing has been recorded yet. A result that depends on a callback can be resumed only
    if that follows from the run alone.

    >>> def solved(run):
    ...     return run.last("accuracy") == 1.0
    """

    def __call__(self, run: Any, /) -> bool | None:
        """Whether to stop."""
        ...


def given(value: _T | None) -> _T:
    """A field of `Training` whose default, None, ``__post_init__`` has replaced."""
    assert value is not None
    return value


def _default_solver() -> GaussSeidel:
    return GaussSeidel(sweeps=FREE_SWEEPS, dtype="float32")


def _default_test() -> GaussSeidel:
    return GaussSeidel(tol=1e-4, dtype="float32", max_sweeps=1000)


@dataclass(frozen=True)
class Training:
    """How to train; every field is stored with the result.

    epochs : passes over the training samples
    batch_size : samples an update; None takes all
    initial_states : M random initial states a sample, drawn again in each update
    start : "random" (M of them), or "aligned" (the same one each time, see `relax`; M = 1)
    beta, estimator, nudging, cost : of the EP gradient, see `ep_gradient`
    optimizer : an `Optimizer`, such as `Adam` or `SGD`
    schedule : "constant", "linear", "cosine" or a `Schedule`
    coupling_decay : λ; each update also shrinks all couplings by the factor 1 − ηλ, η being the
        learning rate
    solver, nudged_solver : of the free and of the nudged phases. Default: 20 and 4 sweeps in
        float32, with which most seeds of XOR lattices were solved in equal time; with a `solver`
        given, the nudged phases take the same.
    test_solver : of validation and tests, by default to a residual of 1e-4
    record_every : epochs between two entries of the history
    snapshots : epochs after which couplings, biases, phases and responses are kept; 0 is the
        initial state
    responses : which of `RESPONSES` snapshots hold, at equilibria of a default `GaussSeidel`; the
        input response needs a factorisation of the Hessian, and memory, for every probe
    response_beta : β of the nudge response, default that of the training; 0 takes the limit
    probe_samples, probe_states : the first training samples, and initial states each, that
        snapshots show
    final_states : random initial states from which the trained network is tested; 0: no test
    callback : a `Callback`, which may stop the training early, after each epoch or after those in
        its attribute ``epochs``

    >>> Training(epochs=20).nudged_solver
    GaussSeidel(sweeps=4, dtype='float32')
    """

    epochs: int = 1000
    batch_size: int | None = None
    initial_states: int = 5
    start: str = "random"
    beta: float = 0.1
    estimator: str | Estimator = "centered"
    nudging: str | None = None
    cost: str | Cost = field(default_factory=LogCosine)
    optimizer: Optimizer = field(default_factory=Adam)
    schedule: str | Schedule = "constant"
    coupling_decay: float = 0.0
    solver: Solver | None = None
    nudged_solver: Solver | None = None
    test_solver: Solver = field(default_factory=_default_test)
    record_every: int = 1
    snapshots: tuple[int, ...] = ()
    responses: tuple[str, ...] = RESPONSES
    response_beta: float | None = None
    probe_samples: int = 16
    probe_states: int = 1
    final_states: int = 200
    callback: Callback | None = None

    def __post_init__(self) -> None:
        check_integer("epochs", self.epochs, 1)
        if self.batch_size is not None:
            check_integer("batch_size", self.batch_size, 1)
        for name in ("initial_states", "record_every", "probe_samples", "probe_states"):
            check_integer(name, getattr(self, name), 1)
        check_integer("final_states", self.final_states, 0)
        check_choice("start", self.start, ("random", "aligned"))
        if self.start == "aligned" and (self.initial_states > 1 or self.final_states > 1):
            raise ValueError(
                f"initial_states: found {self.initial_states}, and final_states="
                f"{self.final_states}, with start='aligned', which is one state; 1, and 0 or 1, "
                "are needed"
            )
        if self.start == "aligned" and self.probe_states > 1:
            raise ValueError(
                f"probe_states: found {self.probe_states} with start='aligned', which is one "
                "state; 1 is needed"
            )
        self._check_gradient()
        self._check_solvers()
        schedule(self.schedule)
        decay = check_number("coupling_decay", self.coupling_decay, 0.0)
        if decay * self.optimizer.learning_rate >= 1:
            raise ValueError(
                f"coupling_decay: found {decay:g} with a learning rate of "
                f"{self.optimizer.learning_rate:g}; less than {1 / self.optimizer.learning_rate:g} "
                "is needed, or an update turns couplings around"
            )
        if self.callback is not None and not callable(self.callback):
            raise TypeError(
                f"callback: found {found(self.callback)}; a function of the run is needed"
            )
        self._check_asked()
        self._check_shots()

    @property
    def asked(self) -> tuple[int, ...] | None:
        """Epochs after which the callback is called; None for all of them."""
        epochs = getattr(self.callback, "epochs", None)
        if epochs is not None and not isinstance(epochs, (tuple, list, range, np.ndarray)):
            raise TypeError(f"callback.epochs: found {found(epochs)}; a list of epochs is needed")
        return None if epochs is None else tuple(epochs)

    def _check_asked(self) -> None:
        if self.asked is not None:
            epochs = [check_integer("callback.epochs", e, 1) for e in self.asked]
            if epochs != sorted(set(epochs)):
                raise ValueError(
                    f"callback.epochs: found {self.asked}; ascending epochs, each once, are needed"
                )

    def _check_gradient(self) -> None:
        check_beta(self.beta)
        if self.response_beta is None:
            object.__setattr__(self, "response_beta", self.beta)
        check_beta(given(self.response_beta), zero=True, name="response_beta")
        cost = as_cost(self.cost)
        object.__setattr__(self, "cost", cost)
        object.__setattr__(self, "nudging", as_nudging(cost, self.nudging))
        real_points(as_estimator(self.estimator), self.beta)
        optimizer = self.optimizer
        if isinstance(optimizer, type) or not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optimizer: found {found(optimizer)}; Adam(), SGD() or an object with the "
                "methods of xyep.Optimizer is needed"
            )

    def _check_solvers(self) -> None:
        if self.solver is None:
            object.__setattr__(self, "solver", _default_solver())
            if self.nudged_solver is None:
                cut = replace(_default_solver(), sweeps=NUDGED_SWEEPS)
                object.__setattr__(self, "nudged_solver", cut)
        if self.nudged_solver is None:
            object.__setattr__(self, "nudged_solver", self.solver)
        for name in ("solver", "nudged_solver", "test_solver"):
            if not isinstance(getattr(self, name), (GaussSeidel, GradientFlow, Reference)):
                raise TypeError(
                    f"{name}: found {found(getattr(self, name))}; GaussSeidel(...) or "
                    "GradientFlow(...) is needed"
                )
        kinds = [(type(s), getattr(s, "dtype", None)) for s in (self.solver, self.nudged_solver)]
        if kinds[0] != kinds[1]:
            raise TypeError(
                f"nudged_solver: found {self.nudged_solver!r}; one of the kind and dtype of "
                f"solver={self.solver!r} is needed"
            )
        check_beta(self.beta, dtype=kinds[0][1] or "float64")

    def _check_shots(self) -> None:
        for name in ("responses", "snapshots"):
            if not isinstance(getattr(self, name), (tuple, list, range, np.ndarray)):
                raise TypeError(f"{name}: found {found(getattr(self, name))}; a list is needed")
        responses = tuple(check_choice("responses", r, RESPONSES) for r in self.responses)
        if len(set(responses)) < len(responses):
            raise ValueError(f"responses: found {responses}; each once is needed")
        object.__setattr__(self, "responses", responses)
        shots = tuple(check_integer("snapshots", s, 0, self.epochs) for s in self.snapshots)
        if list(shots) != sorted(set(shots)):
            raise ValueError(
                f"snapshots: found {self.snapshots}; ascending epochs, each once, are needed"
            )
        object.__setattr__(self, "snapshots", shots)

    @cached_property
    def recorded(self) -> np.ndarray:
        """Epochs of the history: the first, each multiple of `record_every`, and the last."""
        grid = range(self.record_every, self.epochs + 1, self.record_every)
        return np.unique([1, *grid, self.epochs])

    @property
    def asks_residual(self) -> bool:
        """Whether relaxations go on to a residual, rather than for a fixed number of sweeps."""
        return self.solvers[0].tol is not None

    @property
    def solvers(self) -> tuple[Solver, Solver]:
        """Of the free and of the nudged phases, as ``__post_init__`` has filled them in."""
        assert self.solver is not None and self.nudged_solver is not None
        return self.solver, self.nudged_solver

    def describe(self) -> dict[str, Any]:
        """As nested plain values, for attributes."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: _plain(value) for name, value in plain.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    name = getattr(value, "__qualname__", type(value).__qualname__)
    own = type(value).__module__.startswith("xyep.")
    if own and is_dataclass(value) and not isinstance(value, type):
        return {"kind": name, **asdict(value)}
    return {"kind": name, "digest": digest(value)}  # an object of the user's own: code and settings


#: Tested settings for images: ``xyep.train(net, task, **xyep.IMAGES)``. Few sweeps from an aligned
#: start, as what is left of the free relaxation mostly cancels between nudging with β and −β.
IMAGES: dict[str, Any] = {
    "epochs": 12,
    "batch_size": 128,
    "initial_states": 1,
    "start": "aligned",
    "beta": 0.3,
    "cost": CrossEntropy(10.0),
    "optimizer": Adam(0.005),
    "schedule": "cosine",
    "coupling_decay": 0.2,
    "solver": GaussSeidel(sweeps=10, dtype="float32", over_relaxation=0.5),
    "nudged_solver": GaussSeidel(sweeps=5, dtype="float32", over_relaxation=0.5),
    "probe_samples": 20,
    "responses": ("nudge_response", "pattern_response"),
    "response_beta": 0.0,
    "final_states": 1,
}


def make_training(training: Training | None = None, **options: Any) -> Training:
    """A `Training` from its fields, or a given one with some replaced.

    >>> make_training(Training(epochs=20), beta=0.2).response_beta
    0.2
    """
    if training is not None and not isinstance(training, Training):
        raise TypeError(f"training: found {found(training)}; a Training is needed")
    base: dict[str, Any] = {}
    if training is not None:
        base = {k: getattr(training, k) for k in Training.__dataclass_fields__}
        # fields that follow another one unless they are given
        if base["response_beta"] == base["beta"]:
            del base["response_beta"]
        if "solver" in options or base["nudged_solver"] == base["solver"]:
            del base["nudged_solver"]
        if "cost" in options:
            del base["nudging"]
    return Training(**base | dict(check_options("train", Training, options)))
