"""The EP gradient of batches: free and nudged phases by the kernels, and their contrast."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .blocks import Layout, Range, angles, graph_of, over_threads
from .cost import Cost, at_pole, nudge_of
from .estimators import Estimator, real_points
from .kernels import loop, updates
from .kernels.elementary import cosine, sine
from .kernels.fast import (
    Batch,
    Model,
    Phases,
    Report,
    Stopping,
    Sums,
    contrast_blocks,
    gradient_blocks,
)
from .network import Network, Parameters
from .relaxation import Start, pack_start, relax, tangents
from .solvers import GaussSeidel, Solver


class EPGradient:
    """The EP gradient of batches of one size; memory is kept from batch to batch.

    ``load`` inputs and targets (again where they change), then call it with parameters and a start
    (see `pack_start`).
    """

    def __init__(
        self,
        net: Network,
        n_samples: int,
        *,
        beta: float,
        estimator: Estimator,
        nudging: str,
        cost: Cost,
        solver: Solver,
        nudged_solver: Solver,
        threads: int,
    ) -> None:
        self.net, self.n_samples, self.cost, self.nudging = net, n_samples, cost, nudging
        self.solver, self.nudged_solver, self.threads = solver, nudged_solver, threads
        betas, weights = real_points(estimator, beta)
        # Σ w_k ∂E_k as contrasts of two states each, all but one against the same last state
        self.contrasts = [((b, betas[-1]), w) for b, w in zip(betas[:-1], weights[:-1])]
        self.layout = layout = Layout(net, n_samples, getattr(solver, "dtype", "float64"))
        free, clamped, target = (layout.empty(n) for n in (net.n_free, net.n_inputs, net.n_outputs))
        self._batch = Batch(free, clamped, target, layout.mask)
        units, shape = len(layout.units), (3, layout.n_blocks, layout.width)
        self._sums = Sums(np.zeros((units, net.n_parameters)), np.zeros((units, net.n_free, 2)))
        self.residual, self.iterations = np.zeros((2, *shape), layout.dtype)
        self._outputs = np.zeros((2, *target.shape), layout.dtype)
        self._report = Report(self.residual, self.iterations, self._outputs)
        self._unit = {unit: number for number, unit in enumerate(layout.units)}
        self._packed, self._gradient = False, None

    def load(self, inputs: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> None:
        """The next batch: these `rows` of (sample, input) and (sample, output) phases."""
        self._inputs, self.targets, self._rows, self._packed = inputs, targets[rows], rows, False

    @property
    def inputs(self) -> np.ndarray:
        """(sample, input) phases of the batch."""
        return self._inputs[self._rows]

    def __call__(self, parameters: Parameters, start: Start, confirm: bool = True) -> np.ndarray:
        """Flat gradient (see `Parameters.flatten`); `phases` and `report` tell where it was taken.

        `confirm` : read the residual of a state reached by a fixed number of sweeps.
        """
        psi = parameters.bias_phase
        direction = np.stack([cosine(psi), sine(psi)])
        solver, nudged = self.solver, self.nudged_solver
        vector = np.zeros(self.net.n_parameters + 2 * self.net.n_sites)
        state: Start | np.ndarray = start
        for number, (betas, weight) in enumerate(self.contrasts):
            phases = (0, 3) if number == 0 else (1, 3)
            if isinstance(solver, GaussSeidel) and isinstance(nudged, GaussSeidel):
                stops = solver.stopping(self.net, confirm), nudged.stopping(self.net, confirm)
                self._relax_fast(parameters, direction, start, betas, phases, stops)
            else:
                state = self._relax_generic(parameters, state, betas, phases)
            factor, amplitude = -weight / self.n_samples, parameters.bias_amplitude
            vector = vector + updates.gradient_of(self._sums, amplitude, direction, factor)
        return vector

    def _pack(self, blocks: Range) -> None:
        if not self._packed:
            samples, batch = self.layout.samples(blocks), self._batch
            self.layout.pack(self._inputs, self._rows[samples], batch.inputs, blocks)
            if self.nudging != "tangent":
                self.layout.pack(self.targets, samples, batch.target, blocks)

    def _relax_fast(
        self,
        p: Parameters,
        direction: np.ndarray,
        start: Start,
        betas: tuple[float, float],
        phases: Range,
        stops: tuple[Stopping, Stopping],
    ) -> None:
        layout, net, batch = self.layout, self.net, self._batch
        bias = (p.bias_amplitude * direction).T[net.n_inputs :].astype(layout.dtype, order="C")
        model = Model(graph_of(net), p.couplings.astype(layout.dtype), bias)
        nudges, laws = zip(*(nudge_of(self.cost, b, self.nudging) for b in (0.0, *betas)))
        law = next((law for law in laws if law is not None), None)

        def run(blocks: Range, chosen: Range) -> None:
            if chosen[0] == 0:
                self._pack(blocks)
                pack_start(layout, start, batch.u, blocks)
            unit = self._unit[blocks]
            sums = Sums(self._sums.coupling[unit], self._sums.site[unit])
            which = Phases(nudges, (stops[0], stops[1], stops[1]), *chosen)
            gradient_blocks(layout.lanes, blocks, batch, model, which, law, self._report, sums)

        if self.nudging == "tangent":
            if phases[0] == 0:
                over_threads(lambda blocks: run(blocks, (0, 1)), layout.units, self.threads)
            layout.pack_vectors(tangents(self.cost, self.outputs, self.targets), batch.target)
            phases = (1, 3)
        over_threads(lambda blocks: run(blocks, phases), layout.units, self.threads)
        self._packed = True

    def epochs(
        self,
        epochs: Range,
        records: NDArray[np.bool_],
        start: loop.Start,
        rule: loop.Rule,
        state: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Epochs in one compiled call: θ after them, and what `report` tells, of those recorded.

        `state` is θ and the optimizer's own, which changes in place. For `GaussSeidel`, a single
        contrast and nudging by the cost, with `load` done; see `kernels.loop`.
        """
        solver, nudged_solver = self.solver, self.nudged_solver
        assert isinstance(solver, GaussSeidel) and isinstance(nudged_solver, GaussSeidel)
        layout, batch = self.layout, self._batch
        self._pack(layout.everything)
        ((betas, weight),) = self.contrasts
        nudges, laws = zip(*(nudge_of(self.cost, b, self.nudging) for b in (0.0, *betas)))
        free, nudged = solver.stopping(self.net), nudged_solver.stopping(self.net)
        count = int(np.count_nonzero(records))
        shape = (count, 3, layout.n_blocks, layout.width)
        kept = loop.Kept(
            np.empty((count, layout.n_blocks, *batch.target.shape[1:]), layout.dtype),
            np.zeros(shape, layout.dtype),
            np.zeros(shape, layout.dtype),
        )
        phases = Phases(nudges, (free, nudged, nudged), 0, 3)
        units = np.array(layout.units)
        plan = loop.Plan(start, rule, graph_of(self.net), phases, weight, self.n_samples, units)
        law = next((law for law in laws if law is not None), None)
        if self._gradient is None:
            self._gradient = loop.gradient_for(layout.lanes, batch, plan, law, self._report)
        given = layout.lanes, epochs, plan, batch, self._gradient, law, *state
        theta = loop.train_epochs(*given, records, self._report, kept)
        found = []
        for values in kept[1:]:
            # (record, phase, block, lane) → (phase, record × sample)
            samples = layout.per_sample(values).astype(float)
            found.append(np.moveaxis(samples, 1, 0).reshape(3, -1))
        found[0][np.isnan(found[0])] = np.inf
        # (record, block, output, lane) → (record × sample, output)
        outputs = angles(kept.outputs[..., 0, :], kept.outputs[..., 1, :]).swapaxes(1, 2)
        outputs = layout.per_sample(outputs).swapaxes(1, 2).reshape(-1, outputs.shape[1])
        return theta, (outputs, found[0], found[1])

    def _relax_generic(
        self,
        p: Parameters,
        start: Start | np.ndarray,
        betas: tuple[float, float],
        phases: Range,
    ) -> np.ndarray | str:
        """The same phases with any solver; the contrast is the same kernel. Returns the start."""
        layout, net, batch = self.layout, self.net, self._batch
        everything = layout.everything
        if callable(start):
            start = np.concatenate([self.inputs, start(0, self.n_samples)], axis=1)
        states = [batch.u]
        for phase, beta in enumerate((0.0, *betas)):
            if phase and not beta:
                states.append(batch.u.copy())
                self._outputs[phase - 1] = batch.u[:, -net.n_outputs :]
                continue
            if phase < phases[0]:
                continue
            solver = self.nudged_solver if phase else self.solver
            keywords = {"targets": self.targets, "beta": beta, "cost": self.cost}
            keywords |= {"nudging": self.nudging, "threads": self.threads, "warn": False}
            eq = relax(net, p, self.inputs, initial=start, method=solver, **keywords)
            state = layout.empty(net.n_free) if phase else batch.u
            free = eq.phases[:, net.n_inputs :]
            layout.pack(free, layout.samples(everything), state, everything)
            self.residual[phase] = layout.spread(eq.residual)
            self.iterations[phase] = layout.spread(eq.iterations)
            if phase:
                states.append(state)
                self._outputs[phase - 1] = state[:, -net.n_outputs :]
            else:
                start = eq.phases
        self._pack(everything)
        sums = Sums(self._sums.coupling[0], self._sums.site[0])
        graph, n = graph_of(net), layout.n_blocks
        contrast_blocks(layout.lanes, n, states[1], states[2], batch, graph, sums)
        return start

    @property
    def outputs(self) -> np.ndarray:
        """(sample, output) phases of the free equilibrium."""
        return self.layout.unpack(self._batch.u[:, -self.net.n_outputs :])

    @property
    def phases(self) -> np.ndarray:
        """(sample, site) phases of the free equilibrium."""
        return np.concatenate([self.inputs, self.layout.unpack(self._batch.u)], axis=1)

    def lazy_phases(self) -> Callable[[], np.ndarray]:
        """The same when called, of a copy of the present state."""
        u, inputs, layout = self._batch.u.copy(), self.inputs, self.layout
        return lambda: np.concatenate([inputs, layout.unpack(u)], axis=1)

    def report(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(sample, output) phases at the free equilibrium, (phase, sample) residuals and sweeps."""
        found = (self.layout.per_sample(a).astype(float) for a in (self.residual, self.iterations))
        residual, sweeps = found
        residual[np.isnan(residual)] = np.inf  # an overflow has left no phases, and so no torque
        return self.outputs, residual, sweeps

    @property
    def at_pole(self) -> NDArray[np.bool_]:
        """(sample,) whether an output sits at a pole of the cost where ∂C/∂φ is taken."""
        if self.nudging == "tangent":
            return at_pole(self.cost, self.outputs, self.targets)
        used = [k for k, beta in enumerate(self.contrasts[-1][0]) if beta]
        nudged = (self.layout.unpack(self._outputs[k]) for k in used)
        return np.any([at_pole(self.cost, state, self.targets) for state in nudged], axis=0)

    def converged(self, residual: np.ndarray) -> NDArray[np.bool_]:
        """(phase, sample) whether each phase is at the residual asked for, if any was."""
        tol = [s.tol for s in (self.solver, self.nudged_solver, self.nudged_solver)]
        return np.stack([np.isfinite(r) if t is None else r <= t for r, t in zip(residual, tol)])
