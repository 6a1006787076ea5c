"""The studies of the notebooks: what is run and measured; one module a group of notebooks."""

from .best import best_stacks, trained_best
from .common import Study, earlier, ordered
from .controls import exact_training, frozen_windows, readings, wiring
from .epochs import (
    best_rate,
    dense_networks,
    learning_rates,
    map_networks,
    size_networks,
    thinned_networks,
    training_times,
    untrained_responses,
    wired_training,
)
from .equilibrium import (
    counted_networks,
    dynamics,
    equilibria,
    gradient_errors,
    group_states,
    sample_networks,
    training_gradients,
)
from .feedforward import feedforward
from .guidelines import (
    copied,
    density,
    initial_state_success,
    precision_success,
    reach,
    relaxation_times,
    solving_times,
    trained_reach,
    untrained_lattices,
)
from .images import (
    bracketed,
    chosen,
    digit_baselines,
    image_ensembles,
    image_networks,
    read_out,
)
from .iris import baselines, nested, size_and_distance, table_networks
from .machines import (
    WHEN,
    Job,
    imperfect_machines,
    read_noise,
    small_images,
    trained_machines,
    trials,
)
from .protocols import protocols, trained_by
from .responses import cuts, skips, travelling
from .sweeps import nudged_sweeps
from .xor import compare_solvers

__all__ = [
    "trials",
    "trained_machines",
    "small_images",
    "read_noise",
    "imperfect_machines",
    "WHEN",
    "Job",
    "Study",
    "baselines",
    "best_stacks",
    "bracketed",
    "best_rate",
    "chosen",
    "compare_solvers",
    "copied",
    "counted_networks",
    "cuts",
    "dense_networks",
    "density",
    "digit_baselines",
    "dynamics",
    "earlier",
    "equilibria",
    "exact_training",
    "feedforward",
    "frozen_windows",
    "gradient_errors",
    "group_states",
    "image_ensembles",
    "image_networks",
    "initial_state_success",
    "learning_rates",
    "map_networks",
    "nested",
    "nudged_sweeps",
    "ordered",
    "precision_success",
    "protocols",
    "reach",
    "read_out",
    "readings",
    "relaxation_times",
    "sample_networks",
    "size_and_distance",
    "size_networks",
    "solving_times",
    "skips",
    "table_networks",
    "thinned_networks",
    "trained_best",
    "trained_by",
    "trained_reach",
    "training_gradients",
    "training_times",
    "travelling",
    "untrained_lattices",
    "untrained_responses",
    "wired_training",
    "wiring",
]
