"""Compiled kernels: numbers in, numbers out.

Nothing in this folder knows xarray, dask, files or figures (an import-linter rule in ``pyproject.toml`` keeps it so), and
nothing here checks its input: shapes, finiteness and names are checked once, in the NumPy tier above.

``vectors``  vectors of samples as a Numba type
``packing``  phases into unit vectors
``fast``  over-relaxed Gauss–Seidel relaxation on unit vectors, and the contrast of two equilibria
``flow``  adaptive Runge–Kutta integration of the physical dynamics
``updates``  the flat gradient, and one step of an optimizer
"""

from hashlib import sha256
from pathlib import Path

#: Compile options of every kernel, each with its reason.
OPTIONS = {
    "nogil": True,  # ensembles run one training per thread
    "cache": True,  # compile once per machine, not once per notebook
    "error_model": "numpy",  # the default checks each division for zero, which stops vectorisation
    # fastmath stays off: it may reassociate sums, and results must not depend on how LLVM felt that day (but see simd.rsqrt)
}

#: Options of what is called within inner loops.
INLINE = (
    OPTIONS
    | {
        "forceinline": True,  # vectors stay in registers across calls
        "_nrt": False,  # counting references to the arrays, atomically, would cost more than a visit to a site; these own and return none
    }
)

#: Smallest 1 + κ cos(φ − t) that the cost and its force distinguish: −log of less would be a pole that no solver can step over.
POLE = 1e-6

#: Digest of the sources in this folder, part of the names of the types in ``vectors``. Numba's cache looks only at the file that a kernel
#: is in, and at its signature: so an edit of ``vectors``, after a ``git pull`` say, is seen by all kernels that have vectors in theirs.
SOURCES = sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()[:12]
