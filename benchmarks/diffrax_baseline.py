"""The same physics in JAX: dφ/dt = −∂(E + βC)/∂φ integrated by diffrax, and its EP gradient.

As one would write it for speed in JAX: compiled once, vmap over samples (each with its own step
size), spread over the cores as separate devices, the constant field of bias and inputs computed
once, and dense matrices between layers, which for the read-out of the networks compared here are
the only couplings that the integrator sees (the local windows lie below clamped sites and enter
through one product with a matrix that is zero outside them). Tsit5 with a PI controller; T = 300
and rtol = 1e-3 are those of the code published for arXiv:2402.08579, atol = 1e-3 is chosen alike,
β = 0.1. `steady` ends a sample's integration at diffrax's steady-state event.

With a negative β the logarithmic cost has a pole at φ_o = t_o + π, into which an output near it is
drawn; an explicit integrator cannot follow it there, so the integration of such a sample ends when
an output comes within 45 mrad (in favour of the baseline's time).
"""

import os

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
POLE = 1e-6  # as in xyep.kernels
NEAR_POLE = 1e-3
BETA, TIME, RTOL = 0.1, 300.0, 1e-3

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", CORES)


class Baseline:
    """EP gradients of one network without couplings among hidden sites or among outputs.

    estimator : "centered" or "one_sided"
    tol : rtol and atol
    steady : with the steady-state event

    `load` parameters, then call the rest; what is compiled serves all parameters.
    """

    def __init__(self, net, estimator="centered", dtype="float32", tol=RTOL, steady=False):
        self.net, self.dtype = net, np.dtype(dtype)
        self.betas = {"centered": (BETA, -BETA), "one_sided": (BETA, 0.0)}[estimator]
        self.n, self.hidden = net.n_inputs, net.n_free - net.n_outputs
        i, j = net.edges.T
        self.below, top = i < self.n, self.n + self.hidden
        if (
            (j[self.below] >= top).any()
            or (i[~self.below] >= top).any()
            or (j[~self.below] < top).any()
        ):
            raise ValueError(
                f"net: found {net.name} with couplings within a layer or from inputs to "
                "outputs; one without is needed"
            )
        self._controller = diffrax.PIDController(rtol=tol, atol=tol, pcoeff=0.3, icoeff=0.4)
        self._event = diffrax.Event([self._at_pole] + [diffrax.steady_state_event()] * steady)
        everywhere, samples = PartitionSpec(), PartitionSpec("core")
        mesh = jax.make_mesh((CORES,), ("core",), axis_types=(AxisType.Auto,))
        phases = jax.vmap(self._phases, in_axes=(None, 0, 0, 0))
        shares = {
            "mesh": mesh,
            "in_specs": (everywhere, *(samples,) * 3),
            "out_specs": samples,
            "check_vma": False,
        }
        self._relax, self._contrast = (
            jax.jit(jax.shard_map(phases, **shares)),
            jax.jit(self._contrast_of),
        )

    def load(self, parameters):
        net, n = self.net, self.n
        i, j = net.edges.T
        couplings = parameters.couplings[net.parameter]
        windows, readout = np.zeros((n, self.hidden)), np.zeros((self.hidden, net.n_outputs))
        windows[i[self.below], j[self.below] - n] = couplings[self.below]
        readout[i[~self.below] - n, j[~self.below] - n - self.hidden] = couplings[~self.below]
        amplitude, direction = parameters.bias_amplitude[n:], parameters.bias_phase[n:]
        bias = amplitude, np.stack([np.cos(direction), np.sin(direction)])
        with self._precision():
            self._parameters = jax.tree.map(
                lambda part: jnp.asarray(part, self.dtype), (windows, readout, *bias)
            )

    def _precision(self):
        return jax.enable_x64(self.dtype == np.float64)

    def _velocity(self, time, phi, arguments):
        field, readout, target, beta = arguments
        cosine, sine = jnp.cos(phi), jnp.sin(phi)
        u = jnp.stack([cosine, sine])
        x, y = field + jnp.concatenate(
            [u[:, self.hidden :] @ readout.T, u[:, : self.hidden] @ readout], axis=1
        )
        away = phi[self.hidden :] - target
        nudge = beta * jnp.sin(away) / jnp.maximum(1 + jnp.cos(away), POLE)
        return (y * cosine - x * sine).at[self.hidden :].add(-nudge)

    def _at_pole(self, time, phi, arguments, **_):
        *_, target, beta = arguments
        return (beta < 0) & (jnp.cos(phi[self.hidden :] - target).min() < NEAR_POLE - 1)

    def _phases(self, parameters, initial, inputs, target):
        """Free and two nudged states of one sample; residual, steps, whether at the pole."""
        windows, readout, amplitude, direction = parameters
        field = (
            (amplitude * direction)
            .at[:, : self.hidden]
            .add(jnp.stack([jnp.cos(inputs), jnp.sin(inputs)]) @ windows)
        )
        states, start = [], initial
        for beta in (0.0, *self.betas):
            if states and beta == 0.0:
                states.append((start, jnp.zeros((), self.dtype), 0, False))
                continue
            arguments = field, readout, target, jnp.asarray(beta, self.dtype)
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(self._velocity),
                diffrax.Tsit5(),
                0.0,
                TIME,
                None,
                start,
                arguments,
                stepsize_controller=self._controller,
                event=self._event,
                saveat=diffrax.SaveAt(t1=True),
                adjoint=diffrax.ForwardMode(),
                max_steps=100_000,
                throw=False,
            )
            phi = solution.ys[0]
            residual = jnp.abs(self._velocity(0.0, phi, arguments)).max()
            states.append(
                (phi, residual, solution.stats["num_steps"], self._at_pole(0.0, phi, arguments))
            )
            start = states[0][0]
        phi, residual, steps, at_pole = (jnp.stack(parts) for parts in zip(*states))
        return phi, residual, steps, at_pole.any()

    def _contrast_of(self, parameters, states, inputs, weights):
        """Flat gradient, weighted over samples, from (sample, phase, free site) states."""
        net, n, hidden = self.net, self.n, self.hidden
        i, j = net.edges.T
        _, _, amplitude, (cosine, sine) = parameters
        first, second = (
            jnp.stack([jnp.cos(states[:, k]), jnp.sin(states[:, k])], axis=1) for k in (1, 2)
        )
        change = (first - second) * weights[:, None, None]
        clamped = jnp.stack([jnp.cos(inputs), jnp.sin(inputs)], axis=1)
        windows = jnp.einsum("sck,sci->ki", clamped, change[..., :hidden])

        def readout(u):
            return jnp.einsum("s,sci,sco->io", weights, u[..., :hidden], u[..., hidden:])

        pairs = jnp.where(
            self.below,
            windows[np.minimum(i, n - 1), np.minimum(j - n, hidden - 1)],
            (readout(first) - readout(second))[np.maximum(i - n, 0), np.maximum(j - n - hidden, 0)],
        )
        couplings = jnp.zeros(net.n_parameters, self.dtype)
        couplings = couplings.at[net.parameter].add(pairs, wrap_negative_indices=False)
        dx, dy = change.sum(axis=0)
        clamped_bias = jnp.zeros(n, self.dtype)
        parts = (
            couplings,
            clamped_bias,
            cosine * dx + sine * dy,
            clamped_bias,
            amplitude * (cosine * dy - sine * dx),
        )
        return -jnp.concatenate(parts) / (self.betas[0] - self.betas[1])

    def relax(self, inputs, targets, initial):
        """(sample, phase, free site) states, (sample, phase) residual and steps, (sample,) pole."""
        with self._precision():
            parts = (jnp.asarray(part, self.dtype) for part in (initial, inputs, targets))
            return jax.tree.map(
                np.asarray, jax.block_until_ready(self._relax(self._parameters, *parts))
            )

    def contrast(self, states, inputs, keep=None):
        """Flat gradient averaged over the samples, or over those to `keep`."""
        keep = np.ones(len(states)) if keep is None else np.asarray(keep, float)
        with self._precision():
            parts = (jnp.asarray(part, self.dtype) for part in (states, inputs, keep / keep.sum()))
            return np.asarray(self._contrast(self._parameters, *parts), float)

    def gradient(self, inputs, targets, initial):
        """One EP gradient of a multiple of as many samples as cores; and what `relax` returns."""
        relaxed = self.relax(inputs, targets, initial)
        return self.contrast(relaxed[0], inputs), relaxed
