"""One training loop for every network and task."""

from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from .blocks import angles, over_threads
from .checks import check_choice, check_integer, check_number, check_options
from .cost import CrossEntropy, LogCosine, as_cost, check_classes, mismatch
from .gradients import ESTIMATORS, EPGradient
from .optimizers import SGD, Adam, schedule
from .relaxation import GaussSeidel, GradientFlow, random_phases, relax
from .responses import input_response, nudge_response, pattern_response

# streams of random numbers within one seed; the first counter is the epoch
_VALIDATION, _FINAL, _PROBE = (1 << 20) + 1, (1 << 20) + 2, (1 << 20) + 3


#: What snapshots can tell beyond parameters and phases.
RESPONSES = ("nudge_response", "input_response", "pattern_response")


@dataclass(frozen=True)
class Training:
    """How to train; every field is stored with the result.

    epochs : passes over the training samples
    batch_size : samples an update; None takes all
    initial_states : M random initial states a sample, drawn anew in each update
    start : "random" (M of them), or "aligned" (the same one each time, see `relax`; M = 1)
    beta, estimator, cost : of the EP gradient
    optimizer : `Adam` or `SGD`;  schedule : "constant", "linear" or "cosine"
    coupling_decay : λ; each update also shrinks all couplings by the factor 1 − ηλ, η being the learning rate
    solver, nudged_solver : of the free and (default: the same) of the nudged phases
    record_every : epochs between two entries of the history
    snapshots : epochs after which couplings, biases, phases and responses are kept; 0 is the initial state
    responses : which of `RESPONSES` snapshots hold, at equilibria to the precision of a default `GaussSeidel`; the input response needs a
        factorisation of the Hessian, and memory, for every probe
    response_beta : β of the nudge response, default that of the training; 0 takes the limit
    probe_samples, probe_states : the first training samples, and initial states each, that snapshots show
    final_states : fresh random initial states from which the trained network is tested; 0 leaves the test out
    """

    epochs: int = 1000
    batch_size: int | None = None
    initial_states: int = 5
    start: str = "random"
    beta: float = 0.1
    estimator: str = "centered"
    cost: LogCosine | CrossEntropy = field(default_factory=LogCosine)
    optimizer: Adam | SGD = field(default_factory=Adam)
    schedule: str = "constant"
    coupling_decay: float = 0.0
    solver: GaussSeidel | GradientFlow = field(
        default_factory=lambda: GaussSeidel(tol=1e-4, dtype="float32", max_sweeps=300)
    )
    nudged_solver: GaussSeidel | GradientFlow | None = None
    record_every: int = 1
    snapshots: tuple = ()
    responses: tuple = RESPONSES
    response_beta: float | None = None
    probe_samples: int = 16
    probe_states: int = 1
    final_states: int = 200

    def __post_init__(self):
        check_integer("epochs", self.epochs, 1)
        if self.batch_size is not None:
            check_integer("batch_size", self.batch_size, 1)
        for name in ("initial_states", "record_every", "probe_samples", "probe_states"):
            check_integer(name, getattr(self, name), 1)
        check_integer("final_states", self.final_states, 0)
        check_choice("start", self.start, ("random", "aligned"))
        if self.start == "aligned" and (self.initial_states > 1 or self.final_states > 1):
            raise ValueError(
                "initial_states: an aligned start is one state; initial_states=1 and final_states of 0 or 1 are needed"
            )
        check_number("beta", self.beta, exclude=(0.0,))
        if self.response_beta is None:
            object.__setattr__(self, "response_beta", self.beta)
        check_number("response_beta", self.response_beta)
        check_choice("estimator", self.estimator, tuple(ESTIMATORS))
        object.__setattr__(self, "cost", as_cost(self.cost))
        for name, kinds in (("optimizer", (Adam, SGD)), ("solver", (GaussSeidel, GradientFlow))):
            if not isinstance(getattr(self, name), kinds):
                raise TypeError(
                    f"{name}: found {getattr(self, name)!r}; {' or '.join(k.__name__ for k in kinds)} is needed"
                )
        if self.nudged_solver is None:
            object.__setattr__(self, "nudged_solver", self.solver)
        kinds = [(type(s), getattr(s, "dtype", None)) for s in (self.solver, self.nudged_solver)]
        if kinds[0] != kinds[1]:
            raise TypeError(
                f"nudged_solver: found {self.nudged_solver!r}; it must be of the kind and dtype of solver={self.solver!r}"
            )
        object.__setattr__(
            self,
            "responses",
            tuple(check_choice("responses", r, RESPONSES) for r in self.responses),
        )
        schedule(self.schedule)
        check_number("coupling_decay", self.coupling_decay, 0.0)
        snapshots = tuple(check_integer("snapshots", s, 0, self.epochs) for s in self.snapshots)
        if list(snapshots) != sorted(set(snapshots)):
            raise ValueError(
                f"snapshots: found {self.snapshots}; ascending epochs, each once, are needed"
            )
        object.__setattr__(self, "snapshots", snapshots)

    @cached_property
    def recorded(self):
        """Epochs of the history: the first, each multiple of `record_every`, and the last."""
        return np.unique(
            [1, *range(self.record_every, self.epochs + 1, self.record_every), self.epochs]
        )

    def describe(self):
        """As nested plain values, for attributes."""
        plain = asdict(self)
        for name in ("cost", "optimizer", "solver", "nudged_solver"):
            plain[name] = {"kind": type(getattr(self, name)).__name__, **plain[name]}
        return plain | {"snapshots": list(self.snapshots), "responses": list(self.responses)}


def make_training(training=None, **options):
    """A `Training` from its fields, or a given one with some replaced."""
    base = (
        {} if training is None else {k: getattr(training, k) for k in Training.__dataclass_fields__}
    )
    for name, source in (
        ("nudged_solver", "solver"),
        ("response_beta", "beta"),
    ):  # which follow another field unless they are given
        if base and base[name] == base[source]:
            del base[name]
    return Training(**base | check_options("train", Training, options))


def evaluate(
    net,
    parameters,
    task,
    *,
    initial_states=1,
    start="random",
    seed=0,
    solver=None,
    cost="log_cosine",
    threads=1,
    counter=(),
):
    """Answers to all samples of `task` from fresh random initial states, or from the aligned one.

    Returns a dict with ``right`` (sample, initial state), and the means ``cost``, ``mismatch`` and ``accuracy``, with ``solved`` the
    share of initial states from which every sample is answered right, and ``unconverged`` the number of relaxations cut short.
    """
    m, n = check_integer("initial_states", initial_states, 1), len(task)
    check_choice("start", start, ("random", "aligned"))
    rows = np.repeat(np.arange(n), m)
    outputs, unconverged = np.empty((n * m, net.n_outputs)), 0
    for first in range(0, n * m, CHUNK):
        part = rows[first : first + CHUNK]
        initial, inputs = start, task.inputs[part]
        if start == "random":
            initial = random_phases(
                (n * m, net.n_free), seed, *counter, rows=(first, first + len(part))
            )
            initial = np.concatenate([inputs, initial], axis=1)
        eq = relax(
            net,
            parameters,
            inputs,
            initial=initial,
            method=solver or "fast",
            threads=threads,
            warn=False,
        )
        outputs[first : first + CHUNK] = eq.phases[:, net.n_sites - net.n_outputs :]
        unconverged += eq.n_unconverged
    targets = task.targets[rows]
    right = (task.classify(outputs) == task.labels[rows]).reshape(-1, m)
    return {
        "right": right,
        "cost": float(as_cost(cost)(outputs, targets).mean()),
        "mismatch": float(mismatch(outputs, targets).mean()),
        "accuracy": float(right.mean()),
        "solved": float(right.all(axis=0).mean()),
        "unconverged": unconverged,
    }


#: Samples that are evaluated at a time, to bound memory.
CHUNK = 4096

HISTORY = (
    "cost",
    "mismatch",
    "accuracy",
    "residual",
    "sweeps",
    "unconverged",
    "validation_cost",
    "validation_accuracy",
)
FINAL = ("test_accuracy", "test_mismatch", "test_solved", "test_unconverged")


class Run:
    """State of one training: parameters, optimizer and everything recorded so far, as plain arrays.

    ``advance`` goes on to an epoch. All randomness is a function of the seed and the epoch, so that a run restored from ``arrays``
    continues bit for bit as if it had not been interrupted.
    """

    def __init__(self, net, task, training, seed, threads=1, parameters=None):
        self.net, self.task, self.training, self.threads = net, task, training, threads
        self.seed = check_integer("seed", seed, 0)
        if task.inputs.shape[1] != net.n_inputs or task.targets.shape[1] != net.n_outputs:
            raise ValueError(
                f"task: {task.name} has {task.inputs.shape[1]} inputs and {task.targets.shape[1]} outputs, "
                f"but net has {net.n_inputs} and {net.n_outputs}; they must agree"
            )
        check_classes(training.cost, task.targets)
        self.train, self.validation = (
            task.numbers("train"),
            task.validation if "validation" in task.splits else None,
        )
        theta = net.check_parameters(
            net.init_parameters(seed) if parameters is None else parameters
        ).flatten()
        records, shots = len(training.recorded), len(training.snapshots)
        self.arrays = {
            "done": np.array(0),
            "theta": theta,
            "moments": training.optimizer.init(theta),
        }
        self.arrays |= {name: np.full(records, np.nan) for name in HISTORY} | {
            name: np.array(np.nan) for name in FINAL
        }
        self.arrays["snapshot_theta"] = np.full((shots, len(theta)), np.nan)
        probes = (shots, self.n_probes, net.n_sites)
        self.arrays["phase"] = np.full(probes, np.nan, np.float32)
        shapes = (probes, (*probes, net.n_inputs), (shots, net.n_sites))
        self.arrays |= {
            r: np.full(shape, np.nan, np.float32)
            for r, shape in zip(RESPONSES, shapes)
            if r in training.responses
        }
        self._batches = {}

    @property
    def n_probes(self):
        return min(self.training.probe_samples, len(self.train)) * self.training.probe_states

    @property
    def done(self):
        """Epochs completed."""
        return int(self.arrays["done"])

    @property
    def finished(self):
        return self.done >= self.training.epochs

    @property
    def parameters(self):
        return self.net.unflatten(self.arrays["theta"])

    def restore(self, arrays):
        for name, values in self.arrays.items():
            if name not in arrays or arrays[name].shape != values.shape:
                raise ValueError(
                    f"checkpoint: {name!r} is missing or has another shape; the file belongs to another run"
                )
        self.arrays = {name: np.array(arrays[name]) for name in self.arrays}

    def advance(self, epochs=None):
        """Train until `epochs` are completed (default: all)."""
        stop = self.training.epochs if epochs is None else min(epochs, self.training.epochs)
        if self.done == 0:
            self._snapshot()
        while self.done < stop:
            self._epoch(self.done + 1)
            self.arrays["done"] = np.array(self.done + 1)
            self._snapshot()
            if self.finished and self.training.final_states:
                self._final()

    def _batch(self, n):
        """Memory for the EP gradient of `n` samples, and whether it is new."""
        t = self.training
        if n in self._batches:
            return self._batches[n], False
        phases = {
            "beta": t.beta,
            "estimator": t.estimator,
            "cost": t.cost,
            "solver": t.solver,
            "nudged_solver": t.nudged_solver,
        }
        self._batches[n] = EPGradient(
            self.net, n * t.initial_states, threads=self.threads, **phases
        )
        return self._batches[n], True

    def _epoch(self, epoch):
        t, n = self.training, len(self.train)
        size = min(t.batch_size or n, n)
        n_batches = -(-n // size)
        order = np.arange(n)
        if n_batches > 1:
            order = np.random.Generator(
                np.random.Philox(key=self.seed, counter=[0, 1, 0, epoch])
            ).permutation(n)
        record = np.searchsorted(t.recorded, epoch)
        record = record if t.recorded[record] == epoch else None
        measured = []
        rate_of = schedule(t.schedule)
        for b in range(n_batches):
            keep = self.train[order[b * size : (b + 1) * size]]
            rows = np.repeat(keep, t.initial_states)
            batch, new = self._batch(len(keep))
            if new or n_batches > 1:
                batch.load(self.task.inputs, self.task.targets, rows)
            gradient = batch(self.parameters, self._start(batch.n_samples, epoch, b))
            if record is not None:
                measured.append((rows, *batch.report()))
            step = (epoch - 1) * n_batches + b + 1
            rate = t.optimizer.learning_rate * rate_of((step - 1) / (t.epochs * n_batches))
            theta = t.optimizer.update(
                self.arrays["theta"], gradient, self.arrays["moments"], step, rate
            )
            theta[: self.net.n_parameters] *= 1 - rate * t.coupling_decay
            self.arrays["theta"] = theta
        if not np.isfinite(self.arrays["theta"].sum()):
            raise FloatingPointError(
                f"epoch {epoch}: parameters are no longer finite; lower the learning rate"
            )
        if record is not None:
            self._record(record, epoch, *map(np.concatenate, zip(*measured)))

    def _start(self, n, *counter):
        if self.training.start == "aligned":
            return "aligned"
        return lambda first, last: random_phases(
            (n, self.net.n_free), self.seed, *counter, rows=(first, last)
        )

    def _record(self, k, epoch, rows, outputs, residual, sweeps):
        """Means over the epoch's relaxations, of which `rows` are the samples; the last three are (relaxation, output or phase, …)."""
        a, t = self.arrays, self.training
        scores = np.empty((4, len(rows)))

        def score(part):
            targets, phases = (
                self.task.targets[rows[part]],
                angles(*np.moveaxis(outputs[part], -1, 0)).astype(float),
            )
            right = self.task.classify(phases) == self.task.labels[rows[part]]
            scores[:, part] = (
                t.cost(phases, targets),
                mismatch(phases, targets),
                right,
                np.isfinite(phases).all(axis=1),
            )

        over_threads(
            score,
            [slice(first, first + CHUNK) for first in range(0, len(rows), CHUNK)],
            self.threads,
        )
        a["cost"][k], a["mismatch"][k], a["accuracy"][k] = scores[:3].mean(axis=1)
        a["residual"][k], a["sweeps"][k] = residual.max(), sweeps.sum(axis=1).mean(dtype=float)
        converged = (residual <= [t.solver.tol, t.nudged_solver.tol, t.nudged_solver.tol]).all(
            axis=1
        ) & (scores[3] > 0)
        a["unconverged"][k] = 1 - converged.mean()
        if self.validation is not None:
            score = self._evaluate(self.validation, 1, (epoch, _VALIDATION))
            a["validation_cost"][k], a["validation_accuracy"][k] = score["cost"], score["accuracy"]

    def _evaluate(self, task, initial_states, counter):
        t = self.training
        keywords = {"start": t.start, "solver": t.solver, "cost": t.cost, "threads": self.threads}
        return evaluate(
            self.net,
            self.parameters,
            task,
            initial_states=initial_states,
            seed=self.seed,
            counter=counter,
            **keywords,
        )

    def _final(self):
        score = self._evaluate(
            self.task.test, self.training.final_states, (self.training.epochs, _FINAL)
        )
        for name in FINAL:
            self.arrays[name] = np.array(score[name.removeprefix("test_")], float)

    def _snapshot(self):
        t, net, a = self.training, self.net, self.arrays
        if self.done not in t.snapshots:
            return
        k = t.snapshots.index(self.done)
        a["snapshot_theta"][k] = a["theta"]
        probes = np.repeat(self.train[: t.probe_samples], t.probe_states)
        inputs, targets = self.task.inputs[probes], self.task.targets[probes]
        # the same initial states at every snapshot, so that differences between snapshots come from the training
        start = t.start
        if start == "random":
            start = np.concatenate(
                [inputs, random_phases((len(inputs), net.n_free), self.seed, _PROBE)], axis=1
            )
        eq = relax(net, self.parameters, inputs, initial=start, threads=self.threads, warn=False)
        a["phase"][k] = eq.phases
        if "nudge_response" in t.responses:
            nudged = {"cost": t.cost, "threads": self.threads}
            a["nudge_response"][k] = nudge_response(
                net, self.parameters, eq, targets, t.response_beta, **nudged
            )
        if "input_response" in t.responses:
            a["input_response"][k] = input_response(net, self.parameters, eq)
        if "pattern_response" in t.responses:
            a["pattern_response"][k] = pattern_response(
                net, eq.phases, np.repeat(np.arange(len(inputs) // t.probe_states), t.probe_states)
            )
