"""The studies of the notebooks: what is run and measured, as DataTrees; one module a group of notebooks."""

from .common import Study
from .equilibrium import dynamics, equilibria, gradient_errors, group_states, sample_networks
from .iris import best_settings, iris_ensembles, iris_networks, iris_skips, tune_iris
from .mnist import IMAGES, chosen, image_ensembles, image_networks, tune_images, tuned_as
from .xor import by_distance, compare_solvers, response_ensembles, response_size, success_map, xor_ensembles, xor_networks

__all__ = [
    "IMAGES",
    "Study",
    "best_settings",
    "by_distance",
    "chosen",
    "compare_solvers",
    "dynamics",
    "equilibria",
    "gradient_errors",
    "group_states",
    "image_ensembles",
    "image_networks",
    "iris_ensembles",
    "iris_networks",
    "iris_skips",
    "response_ensembles",
    "response_size",
    "sample_networks",
    "success_map",
    "tune_images",
    "tune_iris",
    "tuned_as",
    "xor_ensembles",
    "xor_networks",
]
