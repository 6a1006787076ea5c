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
# Four measurements of a flower tell its species, one of three. This is nearly linear, so that a few sites suffice, and the question can
# be asked the other way round: what happens to learning when a network has more and more sites that the task does not need? Iris is
# learned here by all-to-all networks, by networks with one hidden layer and by square lattices, all of growing size. On lattices the
# four inputs and three outputs are placed in two ways:
#
# * **beside** each other, in a block of 3×3 sites in the middle: a larger lattice only adds surroundings;
# * on opposite **edges**: in a larger lattice, signals have farther to go.
#
# Features are scaled to phases between −π/2 and π/2. The answer is the output with the largest sin φ. Flowers are divided into five
# stratified folds: run s tests fold s mod 5, so that five runs test every flower once, and the next five divide the flowers anew; each run
# has its own initial parameters. A run is tested once, after its last epoch, from 20 fresh random initial states a flower. Spreads and
# standard errors are thus over folds, divisions and seeds at once.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
epochs = 300
seeds = 20  # of each network; a multiple of five tests all flowers equally often
sizes = [
    3,
    5,
    7,
    9,
    11,
    13,
]  # of the square lattices; inputs and outputs on opposite edges need at least 4
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
parameters = {
    "epochs": epochs,
    "seeds": seeds,
    "sizes": sizes,
    "shells": shells,
    "all_to_all": all_to_all,
    "hidden": hidden,
    "costs": costs,
    "learning_rates": learning_rates,
    "tuning_size": tuning_size,
    "tuning_seeds": tuning_seeds,
    "skip_size": skip_size,
    "skips": skips,
}
study = studies.Study(notebook, profile, parameters, workers, scheduler)

# %% [markdown]
# ## 4.1 Settings, chosen on validation flowers
#
# All networks are trained alike: 15 % of the flowers that are not tested are set aside, and the cost and the learning rate are those with
# the highest mean accuracy on them, over one network of each kind. These runs have other seeds and divisions than those below, and are
# not tested; but with 150 flowers in all, each flower that is tested below was in training or validation in some division here. The rest
# (β = 0.1, one random initial state a flower and epoch, all flowers in one batch, couplings that do not decay) was fixed by hand before, on
# validation flowers as well, where stronger nudging, smaller batches, more initial states or decay gained nothing.

# %%
candidates = studies.iris_networks([tuning_size], [max(shells)], [12], [8])
study.train(
    studies.tune_iris, candidates, costs, learning_rates, epochs, tuning_seeds, node="tuning"
)
validation = study.nodes["tuning"]["validation_accuracy"]
settings = studies.best_settings(study.nodes["tuning"])
print(settings)
(100 * validation.mean("seed")).to_series().unstack("network").assign(
    mean=lambda table: table.mean(axis=1)
).round(1)

# %% [markdown]
# ## 4.2 Ensembles over size
#
# For a few networks the tree also keeps couplings and biases before and after training.

# %%
networks = studies.iris_networks(sizes, shells, all_to_all, hidden)
mapped = [
    f"{placement}_square_{skip_size}x{skip_size}_shells{max(shells)}"
    for placement in ("beside", "edges")
]
study.train(studies.iris_ensembles, networks, settings, epochs, seeds, mapped)
study.train(studies.iris_skips, skip_size, min(shells), skips, settings, epochs, seeds)
tree = study.finish()

# %% [markdown]
# ## 4.3 Size and distance
#
# A run counts as trained if it answers at least 90 % of its test flowers right.

# %%
figures.show(notebook, "04_size", tree, profile)

# %% [markdown]
# Size by itself and size as distance are to be told apart: the two kinds of lattice have the same sites, couplings and settings, and
# differ only in where inputs and outputs are.
#
# ## 4.4 What does an answer cost?
#
# Couplings are what a device must provide, and sweeps to equilibrium are the time that it, or its simulation, takes to answer.

# %%
figures.show(notebook, "04_couplings", tree, profile)

# %%
figures.show(notebook, "04_sweeps", tree, profile)

# %% [markdown]
# ## 4.5 Long couplings
#
# What distance takes, couplings over a distance may give back. To the lattice with couplings between nearest neighbours and with
# inputs and outputs on opposite edges a few couplings are added, either between sites drawn at random ("skips", a small world) or
# between all neighbours farther away (shells).

# %%
figures.show(notebook, "04_skips", tree, profile)
