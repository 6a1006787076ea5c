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
# XOR is the smallest task that no linear device solves. With inputs ±π/2, the output must be +π/2
# where the inputs differ and −π/2 where they agree. Networks learn it by equilibrium propagation,
# each from many random initial parameters ("seeds"). Two things vary on the square lattices: the
# **range of the couplings** (out to the 1st … 4th nearest neighbours, 4, 8, 12 or 20 partners a
# site; "shells") and the **distance** between the clamped inputs and the output, in lattice
# constants.
#
# Each epoch draws M random initial states for each of the four patterns, relaxes them by 15
# sweeps towards the free equilibrium, nudges the output by ±β for 6 sweeps, and changes every
# coupling by what its two sites show. A run *solves XOR* if after the last epoch all four
# patterns are answered right at once from at least 95 % of 200 fresh random initial states. All
# networks are given the same epochs and the same learning rate, neither of which was tuned: what
# follows is about success **within these epochs at this learning rate**, and not about whether a
# lattice can learn XOR at all.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
epochs = 1000  # given to every network
seeds = 100  # of each ensemble
learning_rate = 0.02  # Adam
initial_states = 5  # M
beta = 0.1  # nudging strength
lattice_sizes = [3, 5, 7]  # of the ensembles
shells = [1, 2, 3, 4]  # range of the couplings
map_sizes = [5, 7, 9, 11]  # of the map over distance
map_distances = [1, 2, 3, 4, 6, 8, 10]  # where the size allows
map_seeds = 12  # of each lattice of the map
compare_seeds = 40  # for the comparison of solvers
compare_epochs = 300  # for the comparison of solvers

# %%
import xyep
from xyep.paper import figures, studies
from xyep.settings import make_training

notebook = "02_xor_training"
study = studies.Study(notebook, globals())
training = make_training(
    epochs=epochs,
    optimizer=xyep.Adam(learning_rate),
    initial_states=initial_states,
    beta=beta,
    record_every=max(1, epochs // 100),
)

# %% [markdown]
# ## 2.1 Ensembles
#
# Mismatch and cost over epochs for every network, and a test after training. The training does
# not know what kind of network it is given: a network is a list of couplings.

# %%
networks = studies.xor_networks(lattice_sizes, shells)
study.train(studies.xor_ensembles, networks, training, seeds, node="ensembles")

# %% [markdown]
# ## 2.2 Distance, range and size
#
# The same training for inputs at growing distance from the output, on lattices of growing size.
# Up to half the size, the output lies in the middle between the inputs. Beyond, it lies on one
# border and the inputs on two others (`xyep.xor_lattice`): distance and geometry change together.

# %%
study.train(
    studies.success_map, map_sizes, shells, map_distances, training, map_seeds, node="success"
)

# %% [markdown]
# ## 2.3 Does the dynamics matter?
#
# From one initial state, sweeps and the physical gradient flow do not always reach the same
# equilibrium. Are networks trained with either one as successful? Here both relax to one
# tolerance.

# %%
lattices = [xyep.xor_lattice(size, s) for size, s in ((3, 1), (3, 4), (5, 1))]
small = {net.name: net for net in (xyep.all_to_all(6), xyep.layered([2, 4, 1]), *lattices)}
study.train(studies.compare_solvers, small, compare_epochs, compare_seeds, node="solver_comparison")
tree = study.finish()

# %% [markdown]
# ## 2.4 Results

# %%
figures.show(notebook, "02_learning_curves", tree, study.profile)

# %%
figures.show(notebook, "02_success_over_distance", tree, study.profile)

# %%
figures.show(notebook, "02_solver_comparison", tree, study.profile)

# %% [markdown]
# **What we learn.** Within these epochs, fewer seeds solve XOR the farther the inputs are from the
# output and the shorter the couplings. Distance alone does not decide: lattices of another size, at
# the same distance, can do better or worse (see below the map).
#
# **What we do not know.** How long training takes: a lattice that fails here may only be slow.
# Whether range or number of couplings helps, as more shells bring both. What another learning
# rate would do.
#
# **References.** Q. Wang, C. C. Wanjura and F. Marquardt, *Dependence of equilibrium propagation
# training success on network architecture*, arXiv:2601.21945; the same authors, *Training coupled
# phase oscillators as a neuromorphic platform using equilibrium propagation*, arXiv:2402.08579
# (XOR, M = 5).
