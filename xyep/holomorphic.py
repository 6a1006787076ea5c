"""The holomorphic estimator: equilibria of E + βC for complex β, exact up to |β|^N.

cos and sin are entire functions, so that the equilibrium φ(β) that grows out of the free one is a
holomorphic function of a complex nudging strength, up to the nearest singularity at a distance R:
a pole of the cost, or a β at which the Hessian of E + βC becomes singular. With N points
β_k = β e^{2πik/N} on a circle inside, Cauchy's formula for the derivative at 0,

    dC/dθ = Σ_k ∂E/∂θ|_β_k e^{−2πik/N} / (Nβ) + O((β/R)^N),

is exact to rounding at finite nudging (Laborieux & Zenke, arXiv:2209.00530). N = 2 is the centred
estimator. Equilibria are found by Newton's method, continued from point to point: a third oracle
for gradients beside finite differences and implicit differentiation, not a training method.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

from .checks import check_array
from .cost import Cost, CrossEntropy, LogCosine, at_pole, mismatch
from .estimators import Holomorphic
from .gradients import Gradient
from .kernels.linear import Factorisation
from .linear_response import LinearResponse, polished
from .network import Network, Parameters
from .relaxation import Start, relax
from .solvers import GaussSeidel

#: Newton steps from one point to the next after which a branch counts as lost.
STEPS = 40

#: Relative error from which on β counts as beyond the radius within which the points are exact.
EXACT = 1e-13


class _Branch:
    """The equilibrium of one sample as it moves with β, over the free sites."""

    def __init__(
        self,
        net: Network,
        p: Parameters,
        phases: np.ndarray,
        target: np.ndarray,
        cost: Cost,
        nudging: str,
    ) -> None:
        self.net, self.p, self.clamped, self.target = net, p, phases[: net.n_inputs], target
        self.cost, self.free = cost, phases[net.n_inputs :].astype(complex)
        linear = LinearResponse(net, p, phases)
        self.order, self.spring = linear.factorisation.envelope.order, linear.spring
        i, j = net.edges.T
        sign, rows = np.ones(len(i)), np.arange(len(i))
        ends = np.concatenate([i, j]), np.concatenate([rows, rows])
        full = coo_array((np.concatenate([sign, -sign]), ends), (net.n_sites, len(i)))
        self.incidence = csr_array(full.tocsr()[net.n_inputs :])
        self.weights = p.couplings[net.parameter]
        self.start = self.free.copy()
        self.pull: np.ndarray | None = None
        if nudging == "tangent":
            self.pull = self._cost_gradient(self.start[-net.n_outputs :])

    def _cost_gradient(self, outputs: np.ndarray) -> np.ndarray:
        """∂C/∂φ_o of complex phases; for tangent nudging that of Σ g_o sin(φ_o − φ_o⁰)."""
        if self.pull is not None:
            return self.pull * np.cos(outputs - self.start[-self.net.n_outputs :])
        if isinstance(self.cost, LogCosine):
            away, kappa = outputs - self.target, self.cost.sharpness
            return np.sin(away) / (1 + kappa * np.cos(away))
        if isinstance(self.cost, CrossEntropy):
            s, sine = self.cost.scale, np.sin(outputs)
            weight = np.exp(s * (sine - sine.real.max()))
            wanted = np.sin(self.target) > 0
            return -s * (wanted - weight / weight.sum()) * np.cos(outputs)
        found = np.asarray(self.cost.gradient(outputs[None], self.target[None]))[0]
        check_array("cost.gradient", found.real, outputs.shape)
        return found

    def _cost_curvature(self, outputs: np.ndarray, step: float = 1e-6) -> np.ndarray:
        """∂²C/∂φ_o∂φ_o', to what central differences give: it only steers Newton's method."""
        columns = [
            self._cost_gradient(outputs + step * e) - self._cost_gradient(outputs - step * e)
            for e in np.eye(len(outputs))
        ]
        found = np.stack(columns, axis=1) / (2 * step)
        return (found + found.T) / 2

    def everything(self, free: np.ndarray) -> np.ndarray:
        """Phases of all sites."""
        return np.concatenate([self.clamped, free])

    def torque(self, free: np.ndarray, beta: complex) -> np.ndarray:
        """∂(E + βC)/∂φ over the free sites."""
        phases, n = self.everything(free), self.net.n_inputs
        i, j = self.net.edges.T
        total = self.incidence @ (self.weights * np.sin(phases[i] - phases[j]))
        total = total + self.p.bias_amplitude[n:] * np.sin(free - self.p.bias_phase[n:])
        if beta:
            outputs = slice(-self.net.n_outputs, None)
            total[outputs] = total[outputs] + beta * self._cost_gradient(free[outputs])
        return total

    def factored(self, free: np.ndarray, beta: complex) -> Factorisation:
        """The Hessian of E + βC, ready to solve with."""
        phases, n, outputs = self.everything(free), self.net.n_inputs, self.net.n_outputs
        i, j = self.net.edges.T
        stiffness = diags_array(self.weights * np.cos(phases[i] - phases[j]))
        matrix = self.incidence @ stiffness @ self.incidence.T
        bias = self.p.bias_amplitude[n:] * np.cos(free - self.p.bias_phase[n:])
        matrix = matrix + diags_array(bias + self.spring)
        curved = self._cost_curvature(free[-outputs:]) * beta
        where = np.indices(curved.shape).reshape(2, -1) + len(free) - outputs
        matrix = matrix + coo_array((curved.ravel(), where), matrix.shape)
        return Factorisation(csr_array(matrix, dtype=complex), self.order)

    def follow(
        self, free: np.ndarray, before: complex, beta: complex
    ) -> tuple[np.ndarray, float, int]:
        """The equilibrium at β on the branch of `free` at `before`; its residual, and steps."""
        slope = np.zeros(len(free), complex)
        outputs = slice(-self.net.n_outputs, None)
        slope[outputs] = self._cost_gradient(free[outputs])
        free = free - (beta - before) * self.factored(free, before).solve(slope)
        left = self.torque(free, beta)
        for step in range(STEPS):
            size = np.abs(left).max()
            trial = free - self.factored(free, beta).solve(left)
            there = self.torque(trial, beta)
            if not np.abs(there).max() < size:
                return free, size, step
            free, left = trial, there
        return free, np.abs(left).max(), STEPS

    def slopes(self, free: np.ndarray) -> NDArray[np.complex128]:
        """∂E/∂θ of this state, flat."""
        net, p, phases = self.net, self.p, self.everything(free)
        i, j = net.edges.T
        bonds = -np.cos(phases[i] - phases[j])
        real, imag = (
            np.bincount(net.parameter, part, net.n_parameters) for part in (bonds.real, bonds.imag)
        )
        away = phases - p.bias_phase
        alive = np.arange(net.n_sites) >= net.n_inputs
        parts = real + 1j * imag, -np.cos(away) * alive
        return np.concatenate([*parts, -p.bias_amplitude * np.sin(away) * alive])


def holomorphic_gradient(
    net: Network,
    p: Parameters,
    inputs: np.ndarray,
    targets: np.ndarray,
    start: Start,
    beta: float,
    estimator: Holomorphic,
    cost: Cost,
    nudging: str,
    threads: int,
) -> Gradient:
    """The gradient of `ep_gradient` for a `Holomorphic` estimator."""
    initial: Any = start
    if callable(start):
        initial = np.concatenate([inputs, start(0, len(inputs))], axis=1)
    solver = GaussSeidel(tol=1e-12)
    eq = relax(net, p, inputs, initial=initial, method=solver, threads=threads, warn=False)
    betas, weights = (np.array(part) for part in estimator.points(beta))
    half = len(betas) // 2
    total = np.zeros(net.n_parameters + 2 * net.n_sites)
    residual, steps = np.zeros((half + 2, len(inputs))), np.zeros((half + 2, len(inputs)), int)
    beyond, pole = np.zeros(len(inputs), bool), np.zeros(len(inputs), bool)
    phases = np.array([polished(net, p, state) for state in eq.phases])
    residual[0], steps[0] = eq.residual, eq.iterations
    scale = 1.0 + np.abs(p.couplings).max(initial=0.0) + np.abs(p.bias_amplitude).max(initial=0.0)
    for s, (state, target) in enumerate(zip(phases, targets)):
        branch = _Branch(net, p, state, target, cost, nudging)
        free, before = branch.start, 0.0j
        fine, coarse, mean = np.zeros((3, len(total)))
        # φ at the conjugate of β is the conjugate of φ, so that half of the circle is enough
        for k in range(half + 1):
            free, residual[k + 1, s], steps[k + 1, s] = branch.follow(free, before, betas[k])
            before = betas[k]
            twice = 1.0 if k in (0, half) else 2.0
            slopes = branch.slopes(free)
            part = twice * (weights[k] * slopes).real
            mean = mean + twice * slopes.real / len(betas)
            fine, coarse = fine + part, coarse + (2 * part if k % 2 == 0 else 0.0)
        total += fine
        # the error falls as (β/R)^N: that of every other point is the root of that of all of them
        apart = np.abs(fine - coarse).max() / max(np.abs(fine).max(), 1e-300)
        # at −β, the far end of the half circle, the state of an unbroken branch is real, and the
        # mean over the circle is the value in its middle if there is no singularity inside
        size = np.abs(beta) * np.abs(fine).max()
        centre = np.abs(mean - branch.slopes(branch.start).real).max()
        real = np.abs(free.imag).max() < 1e-9 and centre < 1e-9 * size + 1e-14 * scale
        rest = residual[1:, s].max() < 1e-11 * scale
        beyond[s] = half % 2 or not (apart**2 < EXACT and real and rest)
        if nudging == "cost":
            pole[s] = at_pole(cost, free[-net.n_outputs :].real, target)
    outputs = phases[:, net.n_sites - net.n_outputs :]
    return Gradient(
        **net.unflatten(total / len(inputs))._asdict(),
        cost=cost(outputs, targets),
        mismatch=mismatch(outputs, targets),
        residual=residual,
        iterations=steps,
        converged=residual < 1e-9 * scale,
        at_pole=pole if nudging == "cost" else at_pole(cost, outputs, targets),
        beyond_radius=beyond,
        _phases=phases,
    )
