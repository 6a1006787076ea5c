"""Compiled kernels: numbers in, numbers out.

Nothing in this folder knows xarray, dask, files or figures (an import-linter rule in
``pyproject.toml`` keeps it so), and nothing here checks its input: shapes, finiteness and names are
checked once, in the NumPy tier above.

``vectors``     vectors of samples as a Numba type
``elementary``  sine, exponential, … with the same bits on every processor
``packing``     phases into unit vectors
``rows``        couplings in the order in which sites are visited
``fast``        over-relaxed Gauss–Seidel relaxation, and the contrast of two equilibria
``reference``   the same sweep in plain NumPy
``flow``        adaptive Runge–Kutta integration of the physical dynamics
``linear``      sparse linear systems, for responses
``updates``     the flat gradient, and one step of an optimizer
``compiling``   kernels together with all that they call
``cache``       compiled kernels on disk
"""

from collections.abc import Callable
from typing import Any

from numba import njit

from .cache import keep
from .compiling import KernelCompiler, PartCompiler, WithinKernels

#: Compile options of every kernel, each with its reason.
OPTIONS = {
    "nogil": True,  # ensembles run one training a thread
    "error_model": "numpy",  # the default checks each division, which stops vectorisation
    # fastmath stays off: it may reassociate sums, and results must not depend on the compiler
}


#: Options of what only kernels call: Python needs no way in.
PART = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

#: Options of what is called within inner loops, where vectors stay in registers.
INLINE = PART | {
    "forceinline": True,
    "_nrt": False,  # counting references to arrays would cost more than a visit to a site
}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: compiled once a machine, and kept."""
    return keep(njit(pipeline_class=KernelCompiler, **OPTIONS)(function))


def part(function: Callable[..., Any], options: dict[str, Any] = PART) -> Callable[..., Any]:
    """Decorator for what only kernels call."""
    found = njit(pipeline_class=PartCompiler, **options)(function)
    found.__class__ = WithinKernels
    return found


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for what is called within inner loops; such functions own and return no arrays."""
    return part(function, INLINE)


#: Smallest 1 + κ cos(φ − t) that the cost and its force distinguish: −log of less would be a pole
#: that no solver can step over.
POLE = 1e-6
