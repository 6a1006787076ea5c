"""Solvers: how a relaxation looks for an equilibrium, and when it stops."""

from dataclasses import dataclass, replace
from typing import Any

from .blocks import extent_of
from .checks import (
    check_choice,
    check_integer,
    check_number,
    check_options,
)
from .kernels.elementary import logarithm
from .kernels.fast import Stopping
from .network import Network

#: Sweeps after which a relaxation to a residual is given up.
MAX_SWEEPS = 20_000


@dataclass(frozen=True)
class GaussSeidel:
    """Over-relaxed Gauss–Seidel minimisation on unit vectors (`xyep.kernels.fast`).

    tol : largest torque max_i |∂E/∂φ_i| of a converged sample; default 1e-9 in float64, 1e-5 in
        float32
    sweeps : a fixed number of sweeps over all free sites instead, whatever the residual
    over_relaxation : μ in [0, 1]; 0 minimises over one phase at a time; towards 1 small deviations
        hardly decay. Default: 0.6 for a number of sweeps; towards a residual it follows the
        network, see `over_relaxation_for`.
    max_sweeps : after which a sample is given up
    dtype : "float64" or "float32"

    >>> GaussSeidel(dtype="float32").tol
    1e-05
    >>> GaussSeidel(sweeps=15)
    GaussSeidel(sweeps=15)
    """

    tol: float | None = None
    sweeps: int | None = None
    over_relaxation: float | None = None
    max_sweeps: int = MAX_SWEEPS
    dtype: str = "float64"

    def __post_init__(self) -> None:
        check_choice("dtype", self.dtype, ("float64", "float32"))
        if self.over_relaxation is not None:
            check_number("over_relaxation", self.over_relaxation, 0.0, 1.0)
        check_integer("max_sweeps", self.max_sweeps, 0, 2**24)  # which float32 still counts to
        if self.sweeps is not None:
            check_integer("sweeps", self.sweeps, 0, 2**24)
            if self.max_sweeps != MAX_SWEEPS:
                raise ValueError(
                    f"max_sweeps: found {self.max_sweeps} beside sweeps={self.sweeps}, which are "
                    "all done; one of the two is needed"
                )
            if self.tol is not None:
                raise ValueError(
                    f"tol: found {self.tol} beside sweeps={self.sweeps}; either a residual to reach"
                    " or a fixed number of sweeps is needed"
                )
        elif self.tol is None:
            object.__setattr__(self, "tol", 1e-9 if self.dtype == "float64" else 1e-5)
        if self.tol is not None:
            check_number("tol", self.tol, 0.0)

    def __repr__(self) -> str:
        return _short(self)

    def stopping(self, net: Network, confirm: bool = True) -> Stopping:
        """What the kernel needs; `confirm`: read the residual after a fixed number of sweeps."""
        fixed = self.sweeps is not None
        limit = self.sweeps if self.sweeps is not None else self.max_sweeps
        tol = -1.0 if self.tol is None else float(self.tol)
        mu = self.over_relaxation
        if mu is None:
            mu = 0.6 if fixed else over_relaxation_for(net)
        return Stopping(float(mu), tol, limit, confirm and fixed)


def over_relaxation_for(net: Network) -> float:
    """μ = 0.6 + 0.1 log₁₀(n/10), from 0.6 to 0.9, for n hidden sites that hidden sites connect.

    Soft modes extend over the hidden sites that are coupled to each other: the more there are, the
    more over-relaxation pays. To a residual of 1e-9, counted by the slowest of eight samples, it
    takes at most 1.4 times the sweeps of the best μ of a grid, on lattices from 7×7 to 50×50 with 1
    and 4 shells, stacks, layers and all-to-all networks.

    >>> import xyep
    >>> over_relaxation_for(xyep.layered([4, 100, 2])), over_relaxation_for(xyep.xor_lattice(11))
    (0.6, 0.707)
    """
    decades = float(logarithm(extent_of(net) / 10)) / 2.302585092994046
    return round(min(0.9, max(0.6, 0.6 + 0.1 * decades)), 3)


@dataclass(frozen=True)
class Reference:
    """The sweep of `GaussSeidel` in plain NumPy (`xyep.kernels.reference`), for tests and reading.

    tol, sweeps, over_relaxation, max_sweeps : as there, in float64

    >>> import xyep
    >>> net = xyep.all_to_all(6)
    >>> p, x = net.init_parameters(seed=0), [[1.0, 2.0]]
    >>> slow, fast = (xyep.relax(net, p, x, method=m) for m in (Reference(), GaussSeidel()))
    >>> bool(abs(slow.phases - fast.phases).max() < 1e-8)
    True
    """

    tol: float | None = None
    sweeps: int | None = None
    over_relaxation: float | None = None
    max_sweeps: int = MAX_SWEEPS

    def __post_init__(self) -> None:
        object.__setattr__(self, "tol", GaussSeidel(*vars(self).values()).tol)

    def __repr__(self) -> str:
        return _short(self)

    def stopping(self, net: Network) -> Stopping:
        """As of `GaussSeidel`."""
        return GaussSeidel(*vars(self).values()).stopping(net)


@dataclass(frozen=True)
class GradientFlow:
    """Adaptive Runge–Kutta integration of dφ/dt = −∂E/∂φ (`xyep.kernels.flow`).

    Time is in units of 1/coupling.

    tol : largest |dφ/dt| at which a sample has converged
    rtol, atol : error allowed in a step, relative and in radians
    max_time, max_steps : after which a sample is given up

    >>> GradientFlow(max_time=300.0)
    GradientFlow(max_time=300.0)
    """

    tol: float = 1e-8
    rtol: float = 1e-6
    atol: float = 1e-6
    max_time: float = 1e5
    max_steps: int = 1_000_000

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):
            check_number(name, getattr(self, name), 1e-15)
        check_number("tol", self.tol, 0.0)
        check_number("max_time", self.max_time, 0.0)
        check_integer("max_steps", self.max_steps, 0, 2**62)

    def __repr__(self) -> str:
        return _short(self)


Solver = GaussSeidel | GradientFlow | Reference
SOLVERS: dict[str, type[Solver]] = {
    "fast": GaussSeidel,
    "gradient_flow": GradientFlow,
    "reference": Reference,
}


def _short(solver: Any) -> str:
    """Only what differs from the defaults."""
    blank = type(solver)() if not getattr(solver, "sweeps", None) else type(solver)(sweeps=1)
    named = [f"{k}={v!r}" for k, v in vars(solver).items() if v != getattr(blank, k)]
    if getattr(solver, "sweeps", None) == 1:
        named.insert(0, "sweeps=1")
    return f"{type(solver).__name__}({', '.join(named)})"


def as_solver(method: str | Solver = "fast", *, name: str = "method", **options: Any) -> Solver:
    """A solver from its name and options (None: its default), or one with some options replaced.

    >>> as_solver("fast", tol=1e-6)
    GaussSeidel(tol=1e-06)
    """
    options = {name: value for name, value in options.items() if value is not None}
    if isinstance(method, (GaussSeidel, GradientFlow, Reference)):
        if not options:
            return method
        check_options(name, type(method), options)
        if "sweeps" in options and "tol" not in options:
            options["tol"] = None  # one replaces the other
        if "tol" in options and "sweeps" not in options and hasattr(method, "sweeps"):
            options["sweeps"] = None
        return replace(method, **options)
    if not isinstance(method, str) or method not in SOLVERS:
        raise (ValueError if isinstance(method, str) else TypeError)(
            f"{name}: found {method!r}; a solver or one of {', '.join(map(repr, SOLVERS))} is "
            "needed"
        )
    return SOLVERS[method](**check_options(f"{name} {method!r}", SOLVERS[method], options))
