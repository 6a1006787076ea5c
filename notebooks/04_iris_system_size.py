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
# # 4. Iris: does size help, or hinder?
#
# Four measurements of a flower tell its species, one of three. A few sites are enough for this,
# and a linear classifier does it well. So the question can be turned around: what happens to
# learning when a network has more and more sites that the task does not need? Iris is learned
# here by all-to-all networks, by networks with one hidden layer, and by square lattices, all of
# growing size. On lattices the four inputs and three outputs are placed in two ways:
#
# * **beside** each other, in a block of 3×3 sites in the middle: a larger lattice only adds
#   surroundings, and every input is coupled to an output directly;
# * on **opposite** edges: in a larger lattice, signals have farther to go, so that size and
#   distance grow together.
#
# Features are scaled to phases between −π/2 and π/2. The answer is the output with the largest
# sin φ. The flowers are divided into five stratified folds: run s tests fold s mod 5, so that
# five runs test every flower once, and the next five divide the flowers again. Each run has its
# own initial parameters, and is tested once, after its last epoch, from 20 random initial states
# a flower. Intervals are thus over folds, divisions and initial parameters together; as runs
# share training flowers, they are too narrow for new flowers.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
epochs = 300
seeds = 20  # of each network; a multiple of five tests all flowers equally often
sizes = [3, 5, 7, 9, 11, 13]  # of the lattices; inputs opposite outputs need at least 4
shells = [1, 2, 4]
all_to_all = [8, 10, 12, 16, 24, 32, 48]  # sites
hidden = [1, 2, 4, 8, 16, 32]  # sites of the layered networks
costs = ["log_cosine", "cross_entropy"]
learning_rates = [0.05, 0.1, 0.2, 0.4]  # of Adam, decaying to 0 as half a cosine
tuning_size = 7  # of the lattices on which costs and learning rates are compared
tuning_seeds = 10
skip_size = 9
skips = [5, 10, 20, 40, 80]  # long couplings added to a lattice

# %%
from xyep.paper import figures, studies

notebook = "04_iris_system_size"
study = studies.Study(notebook, globals())

# %% [markdown]
# ## 4.1 Settings, chosen on validation flowers
#
# All networks are trained alike. 15 % of the flowers that are not tested are set aside; the cost
# and the learning rate are those with the highest mean accuracy on them, over one network of each
# kind. These runs have other seeds and divisions than those below. But there are only 150
# flowers: each flower that is tested below was in training or validation in some division here.
# The rest was fixed by hand before, on validation flowers too: β = 0.1, one random initial state
# a flower and epoch, all flowers in one batch, no decay of the couplings.

# %%
candidates = studies.iris_networks([tuning_size], [max(shells)], [12], [8])
study.train(
    studies.tune_iris, candidates, costs, learning_rates, epochs, tuning_seeds, node="tuning"
)
tuning = study.nodes["tuning"]
settings = studies.best_settings(tuning)
print(settings)
right = (100 * tuning["validation_accuracy"].mean("seed")).to_dataframe()
right.pivot_table("validation_accuracy", ["trained_cost", "learning_rate"], "family").round(1)

# %% [markdown]
# ## 4.2 Ensembles over size, and linear classifiers
#
# The linear classifiers of scikit-learn learn from the same training flowers and are tested on
# the same folds.

# %%
networks = studies.iris_networks(sizes, shells, all_to_all, hidden)
study.train(studies.iris_ensembles, networks, settings, epochs, seeds, node="networks")
study.train(
    studies.iris_skips, skip_size, min(shells), skips, settings, epochs, seeds, node="skips"
)
study(studies.iris_baselines, seeds, node="baselines")
tree = study.finish()

# %% [markdown]
# ## 4.3 Size
#
# A run counts as trained if it answers at least 90 % of its test flowers right.

# %%
figures.show(notebook, "04_size", tree, study.profile)

# %% [markdown]
# ## 4.4 What does an answer cost?
#
# Couplings are what a device must provide. Sweeps to equilibrium are the time that it, or its
# simulation, takes to answer. Accuracies count as comparable here if the 95 % interval of their
# difference lies within 2 points, a margin set before the runs.

# %%
figures.show(notebook, "04_couplings", tree, study.profile)

# %%
figures.show(notebook, "04_sweeps", tree, study.profile)

# %% [markdown]
# ## 4.5 Long couplings
#
# To the lattice of nearest neighbours with inputs opposite outputs a few couplings are added,
# either between random sites ("skips", a small world) or between all neighbours that are a
# little farther away (shells).

# %%
figures.show(notebook, "04_skips", tree, study.profile)

# %% [markdown]
# **What we learn.** Size in itself, with inputs and outputs left in their place, makes little
# difference here. Where inputs and outputs move apart as the lattice grows, the error grows. A
# linear classifier is a bar that none of these networks is shown to pass: Iris tells whether a
# network can be trained, not whether it is a good classifier. A small lattice of several shells
# is nearly a dense network, so that the number of couplings belongs to every comparison.
#
# **What we do not know.** Whether size or distance is to blame on the lattices where both grow.
# Whether a *sparse* lattice is as good as a dense network, where the interval is wider than the
# margin. How much the settings, chosen for all networks at once, favour some of them.
#
# **References.** Q. Wang, C. C. Wanjura and F. Marquardt, *Dependence of equilibrium propagation
# training success on network architecture*, arXiv:2601.21945. B. Scellier and Y. Bengio,
# *Equilibrium propagation: bridging the gap between energy-based models and backpropagation*,
# arXiv:1602.05179. D. J. Watts and S. H. Strogatz, *Collective dynamics of "small-world"
# networks*, Nature 393, 440 (1998).
