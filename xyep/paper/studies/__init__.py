"""The studies of the notebooks: what is run and measured; one module a group of notebooks."""

from .common import Study, earlier, ordered
from .equilibrium import (
    counted_networks,
    dynamics,
    equilibria,
    gradient_errors,
    group_states,
    sample_networks,
)
from .guidelines import (
    copied,
    density,
    initial_state_success,
    precision_success,
    reach,
    relaxation_times,
    trained_reach,
    untrained_lattices,
)
from .iris import (
    best_settings,
    iris_baselines,
    iris_ensembles,
    iris_networks,
    iris_skips,
    tune_iris,
)
from .mnist import chosen, digit_baselines, image_ensembles, image_networks, tune_images
from .xor import (
    compare_solvers,
    response_ensembles,
    response_size,
    skip_training,
    success_map,
    xor_ensembles,
    xor_networks,
)

__all__ = [
    "Study",
    "best_settings",
    "chosen",
    "compare_solvers",
    "copied",
    "counted_networks",
    "density",
    "digit_baselines",
    "dynamics",
    "earlier",
    "equilibria",
    "gradient_errors",
    "group_states",
    "image_ensembles",
    "image_networks",
    "initial_state_success",
    "iris_baselines",
    "iris_ensembles",
    "iris_networks",
    "iris_skips",
    "ordered",
    "precision_success",
    "reach",
    "relaxation_times",
    "response_ensembles",
    "response_size",
    "sample_networks",
    "skip_training",
    "success_map",
    "trained_reach",
    "tune_images",
    "tune_iris",
    "untrained_lattices",
    "xor_ensembles",
    "xor_networks",
]
