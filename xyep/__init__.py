"""xyep: XY networks trained by equilibrium propagation on any lattice.

    import xyep

    net = xyep.square_lattice((7, 7), shells=4, inputs=[(3, 2), (3, 4)], outputs=[(3, 3)])
    tree = xyep.train(net, xyep.load_task("xor"), epochs=1000, seed=0)
    tree["test_solved"]

Phases are in radians, couplings and residuals in one common unit of energy, and time in its
inverse.
"""

from . import previews as previews
from .cases import Case, select
from .cells import CUBIC, HONEYCOMB, KAGOME, SQUARE, TRIANGULAR, UnitCell
from .cost import Cost, CrossEntropy, LogCosine, mismatch
from .datasets import load_task, read_idx
from .energy import energy, force, hessian
from .ensembles import train_ensemble
from .estimators import Centered, Estimator, Holomorphic, OneSided
from .explore import Explorer, explore
from .gradients import Gradient, GradientWarning, ep_gradient, implicit_gradient
from .lattices import (
    all_to_all,
    cubic_lattice,
    honeycomb_lattice,
    iris_lattice,
    kagome_lattice,
    lattice,
    layered,
    square_lattice,
    stacked_lattices,
    triangular_lattice,
    xor_lattice,
)
from .linear_response import ZeroModeError
from .machines import Built, Machine
from .network import Network, Parameters
from .optimizers import SGD, Adam, Optimizer, Schedule
from .records import parameters_of
from .relaxation import Equilibrium, NotConvergedWarning, relax
from .responses import (
    affected,
    circular_difference,
    input_response,
    nudge_response,
    pattern_response,
)
from .run import evaluate
from .settings import IMAGES, Callback, Training
from .solvers import GaussSeidel, GradientFlow, Reference
from .store import StoreError, read_tree, write_tree
from .tasks import Task
from .training import train
from .version import __version__ as __version__

__all__ = [
    "CUBIC",
    "HONEYCOMB",
    "IMAGES",
    "KAGOME",
    "SGD",
    "SQUARE",
    "TRIANGULAR",
    "Adam",
    "Built",
    "Callback",
    "Case",
    "Centered",
    "Cost",
    "CrossEntropy",
    "Equilibrium",
    "Estimator",
    "Explorer",
    "GaussSeidel",
    "Gradient",
    "GradientFlow",
    "GradientWarning",
    "Holomorphic",
    "LogCosine",
    "Machine",
    "Network",
    "NotConvergedWarning",
    "OneSided",
    "Optimizer",
    "Parameters",
    "Reference",
    "Schedule",
    "StoreError",
    "Task",
    "Training",
    "UnitCell",
    "ZeroModeError",
    "affected",
    "all_to_all",
    "circular_difference",
    "cubic_lattice",
    "energy",
    "ep_gradient",
    "evaluate",
    "explore",
    "force",
    "hessian",
    "honeycomb_lattice",
    "implicit_gradient",
    "input_response",
    "iris_lattice",
    "kagome_lattice",
    "lattice",
    "layered",
    "load_task",
    "mismatch",
    "nudge_response",
    "parameters_of",
    "pattern_response",
    "read_idx",
    "read_tree",
    "relax",
    "select",
    "square_lattice",
    "stacked_lattices",
    "train",
    "train_ensemble",
    "triangular_lattice",
    "write_tree",
    "xor_lattice",
]
