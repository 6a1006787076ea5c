"""One training loop for every network and task."""

from typing import Any

import numpy as np

from . import random
from .blocks import over_threads
from .checks import check_choice, check_instance, check_integer
from .contrast import EPGradient
from .cost import Cost, as_cost, check_targets, mismatch
from .estimators import as_estimator
from .kernels import loop
from .network import Network, Parameters
from .optimizers import SGD, Adam, schedule
from .relaxation import ALIGNED, Start, relax
from .responses import circular_difference, input_response, nudge_response, pattern_response
from .settings import RESPONSES, Training, given
from .solvers import GaussSeidel, Solver, as_solver
from .tasks import Task

# streams of random numbers within one seed; the first counter is the epoch
_VALIDATION, _FINAL, _PROBE = (1 << 20) + 1, (1 << 20) + 2, (1 << 20) + 3

KINDS = {"constant": loop.CONSTANT, "linear": loop.LINEAR, "cosine": loop.COSINE}

#: Samples that are evaluated at a time, to bound memory.
CHUNK = 4096
#: Test samples of which the distance from equilibrium is taken.
SOME = 1000

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
FINAL = (
    "test_accuracy",
    "test_mismatch",
    "test_solved",
    "test_unconverged",
    "off_equilibrium",
)


def evaluate(
    net: Network,
    parameters: Parameters,
    task: Task,
    *,
    initial_states: int = 1,
    start: str = "random",
    seed: int = 0,
    solver: str | Solver = "fast",
    cost: str | Cost = "log_cosine",
    threads: int = 1,
    counter: tuple[int, ...] = (),
) -> dict[str, Any]:
    """Answers to all samples of `task` from random initial states, or from the aligned one.

    Parameters
    ----------
    task : all its samples are asked; ``task.test`` has those of one split
    initial_states : random initial states a sample
    start, solver, cost, threads : as in `relax` and `Training`
    seed, counter : of the random initial states; `counter` separates several calls with one seed

    Returns
    -------
    dict with ``right``, (sample, initial state) booleans; the means ``cost`` and ``mismatch`` of C
    and of D = ½ Σ_o (1 − cos(φ_o − t_o)); ``accuracy``, the share of right answers; ``solved``, the
    share of initial states from which every sample is answered right; and ``unconverged``, the
    number of relaxations that are not at the residual asked for.

    >>> import xyep
    >>> net, task = xyep.all_to_all(6), xyep.load_task("xor")
    >>> score = evaluate(net, net.init_parameters(seed=0), task, initial_states=10)
    >>> score["right"].shape, 0 <= score["accuracy"] <= 1
    ((4, 10), True)
    """
    check_instance("net", net, Network)
    check_instance("task", task, Task)
    m, n = check_integer("initial_states", initial_states, 1), len(task)
    if check_choice("start", start, ("random", "aligned")) == "aligned" and m > 1:
        raise ValueError(
            f"initial_states: found {m} with start='aligned', which is one state; 1 is needed"
        )
    check_task(net, task)
    check_targets(as_cost(cost), task.targets)
    solver = as_solver(solver, name="solver")
    rows = np.repeat(np.arange(n), m)
    outputs, unconverged = np.empty((n * m, net.n_outputs)), 0
    for first in range(0, n * m, CHUNK):
        part = rows[first : first + CHUNK]
        inputs = np.asarray(task.inputs[part], float)
        initial: Any = start
        if start == "random":
            initial = random.phases(
                (n * m, net.n_free), seed, *counter, rows=(first, first + len(part))
            )
            initial = np.concatenate([inputs, initial], axis=1)
        keywords = {"initial": initial, "method": solver, "threads": threads, "warn": False}
        eq = relax(net, parameters, inputs, **keywords)
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


def check_task(net: Network, task: Task) -> None:
    """Raise unless a network has as many inputs and outputs as the task."""
    if task.inputs.shape[1] != net.n_inputs or task.targets.shape[1] != net.n_outputs:
        raise ValueError(
            f"task: {task.name} has {task.inputs.shape[1]} inputs and {task.targets.shape[1]} "
            f"outputs, but net has {net.n_inputs} and {net.n_outputs}; they must agree"
        )


#: Epochs of one compiled call at most, so that a keyboard interrupt is heard.
AT_ONCE = 256


class CompiledLoop:
    """Epochs of a run in one compiled call (`xyep.kernels.loop`): the bits of the general loop.

    For trainings whose update sees all samples at once, with an optimizer and a schedule of this
    package, and no callback but one that names its epochs; `of` gives None for others.
    """

    @classmethod
    def of(cls, run: "Run") -> "CompiledLoop | None":
        """The loop of a run, or None where the general loop is needed."""
        t = run.training
        whole = t.batch_size is None or t.batch_size >= len(run.train)
        known = type(t.optimizer) in (Adam, SGD) and isinstance(t.schedule, str)
        fast = isinstance(t.solver, GaussSeidel) and t.nudging == "cost"
        if not (whole and known and fast and (t.callback is None or t.asked is not None)):
            return None
        loop = cls(run)
        return loop if loop.single and (run.threads == 1 or len(loop.units) == 1) else None

    def __init__(self, run: "Run") -> None:
        t, n = run.training, len(run.train)
        batch, _ = run._batch(n)
        self.batch, self.rows = batch, np.repeat(run.train, t.initial_states)
        batch.load(run.task.inputs, run.task.targets, self.rows)
        self.single = len(batch.contrasts) == 1
        self.units = np.array(batch.layout.units)
        rule = t.optimizer
        assert isinstance(rule, (Adam, SGD)) and isinstance(t.schedule, str)
        if isinstance(rule, Adam):
            memories = rule.beta1, rule.beta2, rule.epsilon
        else:
            memories = rule.momentum, 0.0, 0.0
        self.rule = loop.Rule(
            loop.ADAM if isinstance(rule, Adam) else loop.SGD,
            rule.learning_rate,
            *memories,
            KINDS[t.schedule],
            float(t.coupling_decay),
            t.epochs,
        )
        length = ALIGNED if t.start == "aligned" else 0.0
        self.start = loop.Start(np.uint64(run.seed), length)

    def advance(self, run: "Run", stop: int) -> None:
        """Train until `stop` epochs are completed, and record."""
        t, a = run.training, run.arrays
        first = run.done + 1
        records = np.isin(np.arange(first, stop + 1), t.recorded)
        state = a["theta"], a["moments"]
        theta, kept = self.batch.epochs((first, stop), records, self.start, self.rule, state)
        if not np.isfinite(theta.sum()):
            raise FloatingPointError(
                f"epoch {first} to {stop}: parameters are no longer finite; lower the learning rate"
            )
        a["theta"], a["done"] = theta, np.array(stop)
        if records.any():
            k = int(np.searchsorted(t.recorded, first))
            epochs = int(records.sum())
            rows = np.tile(self.rows, epochs)
            run._means(slice(k, k + epochs), rows, *kept)
            if run.validation is not None and records[-1]:
                run._validate(k + epochs - 1, stop)


class Run:
    """State of one training: parameters, optimizer and everything recorded so far, as plain arrays.

    ``advance`` goes on to an epoch. All randomness is a function of the seed and the epoch, so that
    a run restored from ``arrays`` continues bit for bit as if it had not been interrupted.
    """

    def __init__(
        self,
        net: Network,
        task: Task,
        training: Training,
        seed: int,
        threads: int = 1,
        parameters: Parameters | None = None,
    ) -> None:
        check_instance("net", net, Network)
        check_instance("task", task, Task)
        self.net, self.task, self.training, self.threads = net, task, training, threads
        self.seed = check_integer("seed", seed, 0, 2**63 - 1)
        check_task(net, task)
        check_targets(as_cost(training.cost), task.targets)
        self.train = task.numbers("train")
        self.validation = task.validation if "validation" in task.splits else None
        initial = net.init_parameters(seed) if parameters is None else parameters
        theta = net.check_parameters(initial).flatten()
        records, shots = len(training.recorded), len(training.snapshots)
        self.arrays: dict[str, np.ndarray] = {"done": np.array(0), "stopped": np.array(False)}
        self.arrays |= {"initial": theta.copy(), "theta": theta}
        self.arrays["moments"] = np.asarray(training.optimizer.init(theta))
        self.arrays |= {name: np.full(records, np.nan) for name in HISTORY}
        self.arrays |= {name: np.array(np.nan) for name in FINAL}
        self.arrays["snapshot_theta"] = np.full((shots, len(theta)), np.nan)
        probes = (shots, self.n_probes, net.n_sites)
        self.arrays["phase"] = np.full(probes, np.nan, np.float32)
        shapes = (probes, (*probes, net.n_inputs), (shots, net.n_sites))
        for name, shape in zip(RESPONSES, shapes):
            if name in training.responses:
                self.arrays[name] = np.full(shape, np.nan, np.float32)
        self._batches: dict[int, EPGradient] = {}

    @property
    def n_probes(self) -> int:
        """Probes of each snapshot: samples times initial states."""
        return min(self.training.probe_samples, len(self.train)) * self.training.probe_states

    @property
    def done(self) -> int:
        """Epochs completed."""
        return int(self.arrays["done"])

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or a callback has stopped the run."""
        return self.done >= self.training.epochs or bool(self.arrays["stopped"])

    @property
    def parameters(self) -> Parameters:
        """The present parameters."""
        return self.net.unflatten(self.arrays["theta"])

    def last(self, name: str) -> float:
        """The newest entry of the history, NaN before the first."""
        known = self.arrays[name][np.isfinite(self.arrays[name])]
        return float(known[-1]) if len(known) else float("nan")

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take the state of an earlier `Run` with the same arguments."""
        for name, values in self.arrays.items():
            if name not in arrays or arrays[name].shape != values.shape:
                raise ValueError(
                    f"checkpoint: found {name!r} missing or of another shape; the state of the "
                    "same run is needed"
                )
        self.arrays = {name: np.array(arrays[name]) for name in self.arrays}

    def advance(self, epochs: int | None = None) -> None:
        """Train until `epochs` are completed (default: all)."""
        stop = self.training.epochs if epochs is None else min(epochs, self.training.epochs)
        if self.done == 0:
            self._snapshot()
        loop = CompiledLoop.of(self)
        while self.done < stop and not self.finished:
            if loop is None:
                self._epoch(self.done + 1)
                self.arrays["done"] = np.array(self.done + 1)
            else:
                loop.advance(self, self._next_stop(stop))
            self._snapshot()
            if self._asks_callback() and given(self.training.callback)(self):
                self.arrays["stopped"] = np.array(True)
            if self.finished and self.training.final_states:
                self._final()

    def _asks_callback(self) -> bool:
        t = self.training
        return t.callback is not None and (t.asked is None or self.done in t.asked)

    def _batch(self, n: int) -> tuple[EPGradient, bool]:
        """Memory for the EP gradient of `n` samples, and whether it is new."""
        t = self.training
        if n in self._batches:
            return self._batches[n], False
        self._batches[n] = EPGradient(
            self.net,
            n * t.initial_states,
            beta=t.beta,
            estimator=as_estimator(t.estimator),
            nudging=given(t.nudging),
            cost=as_cost(t.cost),
            solver=t.solvers[0],
            nudged_solver=t.solvers[1],
            threads=self.threads,
        )
        return self._batches[n], True

    def _epoch(self, epoch: int) -> None:
        t, n = self.training, len(self.train)
        size = min(t.batch_size or n, n)
        n_batches = -(-n // size)
        order = np.arange(n) if n_batches == 1 else random.permutation(n, self.seed, epoch)
        place = int(np.searchsorted(t.recorded, epoch))
        record = place if t.recorded[place] == epoch else None
        measured, rate_of = [], schedule(t.schedule)
        for b in range(n_batches):
            keep = self.train[order[b * size : (b + 1) * size]]
            rows = np.repeat(keep, t.initial_states)
            batch, new = self._batch(len(keep))
            if new or n_batches > 1:
                batch.load(self.task.inputs, self.task.targets, rows)
            start = self._start(batch.n_samples, epoch, b)
            gradient = batch(self.parameters, start, confirm=record is not None)
            if record is not None:
                measured.append((rows, *batch.report()))
            step = (epoch - 1) * n_batches + b + 1
            rate = t.optimizer.learning_rate * rate_of((step - 1) / (t.epochs * n_batches))
            moments = self.arrays["moments"]
            theta = t.optimizer.update(self.arrays["theta"], gradient, moments, step, rate)
            theta[: self.net.n_parameters] *= 1 - rate * t.coupling_decay
            self.arrays["theta"] = theta
        if not np.isfinite(self.arrays["theta"].sum()):
            raise FloatingPointError(
                f"epoch {epoch}: parameters are no longer finite; lower the learning rate"
            )
        if record is not None:
            rows, outputs, residual, sweeps = zip(*measured)
            joined = (np.concatenate(a, axis=-1) for a in (residual, sweeps))
            self._record(record, epoch, np.concatenate(rows), np.concatenate(outputs), *joined)

    def _next_stop(self, stop: int) -> int:
        """The last epoch that can be reached without looking at the network on the way."""
        t, done = self.training, self.done
        later = [s for s in (*t.snapshots, *(t.asked or ())) if s > done]
        if self.validation is not None:
            later.append(int(t.recorded[np.searchsorted(t.recorded, done + 1)]))
        return min([stop, done + AT_ONCE, *later])

    def _start(self, n: int, *counter: int) -> Start:
        if self.training.start == "aligned":
            return "aligned"
        shape = n, self.net.n_free
        return lambda first, last: random.phases(shape, self.seed, *counter, rows=(first, last))

    def _record(
        self,
        k: int,
        epoch: int,
        rows: np.ndarray,
        outputs: np.ndarray,
        residual: np.ndarray,
        sweeps: np.ndarray,
    ) -> None:
        """Means over the relaxations of an epoch, entry `k`, of which `rows` are the samples."""
        self._means(slice(k, k + 1), rows, outputs, residual, sweeps)
        if self.validation is not None:
            self._validate(k, epoch)

    def _validate(self, k: int, epoch: int) -> None:
        score = self._evaluate(given(self.validation), 1, (epoch, _VALIDATION))
        self.arrays["validation_cost"][k] = score["cost"]
        self.arrays["validation_accuracy"][k] = score["accuracy"]

    def _means(
        self,
        entries: slice,
        rows: np.ndarray,
        outputs: np.ndarray,
        residual: np.ndarray,
        sweeps: np.ndarray,
    ) -> None:
        """Means over each epoch's relaxations; of several epochs, these follow each other."""
        a, t = self.arrays, self.training
        scores, cost_of = np.empty((4, len(rows))), as_cost(t.cost)

        def score(part: slice) -> None:
            targets, phases = self.task.targets[rows[part]], outputs[part]
            right = self.task.classify(phases) == self.task.labels[rows[part]]
            finite = np.isfinite(phases).all(axis=1)
            scores[:, part] = cost_of(phases, targets), mismatch(phases, targets), right, finite

        parts = [slice(first, first + CHUNK) for first in range(0, len(rows), CHUNK)]
        over_threads(score, parts, self.threads)
        epochs = entries.stop - entries.start
        each = scores.reshape(4, epochs, -1)
        a["cost"][entries], a["mismatch"][entries], a["accuracy"][entries] = each[:3].mean(axis=-1)
        free = residual[0].reshape(epochs, -1)
        a["residual"][entries] = np.sqrt((free**2).mean(axis=-1))
        a["sweeps"][entries] = sweeps.sum(axis=0).reshape(epochs, -1).mean(axis=-1)
        if t.asks_residual:
            free_solver, nudged_solver = t.solvers
            tols = np.array([[free_solver.tol], [nudged_solver.tol], [nudged_solver.tol]])
            converged = (residual <= tols.astype(float)).all(axis=0) & (scores[3] > 0)
            a["unconverged"][entries] = 1 - converged.reshape(epochs, -1).mean(axis=-1)

    def _evaluate(
        self, task: Task, initial_states: int, counter: tuple[int, ...]
    ) -> dict[str, Any]:
        t = self.training
        return evaluate(
            self.net,
            self.parameters,
            task,
            initial_states=initial_states,
            start=t.start,
            seed=self.seed,
            solver=t.test_solver,
            cost=t.cost,
            threads=self.threads,
            counter=counter,
        )

    def _final(self) -> None:
        t, test = self.training, self.task.test
        score = self._evaluate(test, t.final_states, (self.done, _FINAL))
        for name in FINAL[:-1]:
            self.arrays[name] = np.array(score[name.removeprefix("test_")], float)
        if not t.asks_residual:
            self.arrays["off_equilibrium"] = np.array(self._off_equilibrium(test))

    def _off_equilibrium(self, task: Task) -> float:
        """rms over sites and samples of how far the training's own relaxation stays from rest."""
        inputs, net = np.asarray(task.inputs[:SOME], float), self.net
        start: Any = self.training.start
        if start == "random":
            free = random.phases((len(inputs), net.n_free), self.seed, self.done, _FINAL)
            start = np.concatenate([inputs, free], axis=1)
        keywords: dict[str, Any] = {"threads": self.threads, "warn": False}
        solver, _ = self.training.solvers
        short = relax(net, self.parameters, inputs, initial=start, method=solver, **keywords)
        rest = GaussSeidel(tol=1e-5, dtype="float32", max_sweeps=2000)
        eq = relax(net, self.parameters, inputs, initial=short.phases, method=rest, **keywords)
        away = circular_difference(short.phases, eq.phases)[:, net.n_inputs :]
        return float(np.sqrt((away**2).mean()))

    def _snapshot(self) -> None:
        t, net, a = self.training, self.net, self.arrays
        if self.done not in t.snapshots:
            return
        k = t.snapshots.index(self.done)
        a["snapshot_theta"][k] = a["theta"]
        probes = np.repeat(self.train[: t.probe_samples], t.probe_states)
        inputs = np.asarray(self.task.inputs[probes], float)
        targets = np.asarray(self.task.targets[probes], float)
        # the same initial states at every snapshot, so that differences come from the training
        start: Any = t.start
        if start == "random":
            free = random.phases((len(inputs), net.n_free), self.seed, _PROBE)
            start = np.concatenate([inputs, free], axis=1)
        eq = relax(net, self.parameters, inputs, initial=start, threads=self.threads, warn=False)
        a["phase"][k] = eq.phases
        if "nudge_response" in t.responses:
            nudged: dict[str, Any] = {"cost": t.cost, "nudging": t.nudging, "threads": self.threads}
            beta = given(t.response_beta)
            response = nudge_response(net, self.parameters, eq, targets, beta, **nudged)
            a["nudge_response"][k] = response
        if "input_response" in t.responses:
            a["input_response"][k] = input_response(net, self.parameters, eq)
        if "pattern_response" in t.responses:
            pattern = np.repeat(np.arange(len(inputs) // t.probe_states), t.probe_states)
            a["pattern_response"][k] = pattern_response(net, eq.phases, pattern)
