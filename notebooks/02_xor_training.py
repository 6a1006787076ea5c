# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2. Which lattices learn XOR?
#
# XOR is the smallest task that no linear device solves: with inputs ±π/2, the output must be +π/2 where they differ and −π/2 where they
# agree. Here all-to-all networks, a layered network and square lattices learn it by equilibrium propagation, each from many random
# initial parameters ("seeds"). Two things vary on the lattice: the **range of the couplings** (out to the 1st … 4th nearest
# neighbours, 4, 8, 12 or 20 partners a site; "shells"), and the **distance** between the clamped inputs and the output.
#
# Each epoch draws M random initial states for each of the four patterns, relaxes them to the free equilibrium, nudges the output by ±β,
# and changes every coupling by what its two sites show. A run counts as *solved* when, after training, all four patterns are answered
# right at once from at least 95 % of 200 fresh random initial states. The last epoch counts; none is selected.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
epochs = 1000
seeds = 100  # of each ensemble
learning_rate = 0.02  # Adam
initial_states = 5  # M
beta = 0.1
lattice_sizes = [3, 5, 7]
shells = [1, 2, 3, 4]
map_sizes = [5, 7, 9, 11]
map_distances = [1, 2, 3, 4, 6, 8, 10]
map_seeds = 12
compare_seeds = 40
compare_epochs = 300

# %%
import xyep
from xyep.paper import figures, studies
from xyep.training import make_training

notebook = "02_xor_training"
parameters = {
    "epochs": epochs,
    "seeds": seeds,
    "learning_rate": learning_rate,
    "initial_states": initial_states,
    "beta": beta,
    "lattice_sizes": lattice_sizes,
    "shells": shells,
    "map_sizes": map_sizes,
    "map_distances": map_distances,
    "map_seeds": map_seeds,
    "compare_seeds": compare_seeds,
    "compare_epochs": compare_epochs,
}
study = studies.Study(notebook, profile, parameters, workers, scheduler)
training = make_training(
    epochs=epochs,
    optimizer=xyep.Adam(learning_rate),
    initial_states=initial_states,
    beta=beta,
    record_every=max(1, epochs // 100),
    snapshots=(epochs,),
    responses=(),  # notebook 03 looks at them
    probe_samples=4,
)

# %% [markdown]
# ## 2.1 Ensembles
#
# Distances and costs over epochs for every network, and the networks after training. Nothing below knows what kind of network it
# trains: an architecture is only a list of couplings.

# %%
networks = studies.xor_networks(lattice_sizes, shells)
study.train(studies.xor_ensembles, networks, training, seeds)

# %% [markdown]
# ## 2.2 Distance, range and size
#
# The same training for inputs at growing distance from the output, on lattices of growing size.

# %%
study.train(
    studies.success_map, map_sizes, shells, map_distances, training, map_seeds, node="success"
)

# %% [markdown]
# ## 2.3 Does the dynamics matter?
#
# The fast relaxation and the physical gradient flow reach minima of the same energy, but from one initial state not always the same
# minimum. Trained with either, do networks succeed equally often?

# %%
small = {
    name: net for name, net in studies.xor_networks([3, 5], [1, 4]).items() if "far" not in name
}
small = {
    name: small[name] for name in small if name not in ("all_to_all_10", "near_square_5x5_shells4")
}
study.train(studies.compare_solvers, small, compare_epochs, compare_seeds, node="solver_comparison")
tree = study.finish()

# %% [markdown]
# ## 2.4 What came out

# %%
figures.show(notebook, "02_learning_curves", tree, profile)

# %%
figures.show(notebook, "02_success", tree, profile)

# %% [markdown]
# Inputs beside the output are learned by nearly every lattice with long couplings. What decides is not the size of the lattice but how
# far the inputs are from where the cost is read:

# %%
figures.show(notebook, "02_success_over_distance", tree, profile)

# %%
figures.show(notebook, "02_solver_comparison", tree, profile)
