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
# # 2. How long does a lattice need to learn XOR?
#
# XOR is the smallest task that no linear device solves. With inputs ±π/2, the output must be +π/2
# where the inputs differ and −π/2 where they agree. A network that has not learned it after a
# thousand epochs may only be slow. So the question here is not whether a lattice learns XOR, but
# **after how many epochs**, and what sets this number.
#
# **One geometry.** One input lies `distance` rows above the output, the other as many columns to
# its left, all away from the borders (`xyep.xor_lattice`). Couplings reach out to the 1st … 4th
# nearest neighbours (4, 8, 12 or 20 partners a site; "shells").
#
# **What is measured.** Training is looked at after 50, 100, 150, … epochs, in steps of about a
# quarter. A run has *solved XOR* at the first look at which all four patterns are answered right
# at once from at least 95 % of 200 fresh random initial states; there it ends. A run that has not
# solved it within the limit is censored: its number of epochs is larger than that.
#
# **A limit of the method.** The nudged phases are cut after 4 sweeps, the default. A sweep carries
# the nudge on by a few sites only: on 11×11 sites with nearest neighbours alone, half of the
# couplings are not reached in an untrained network. This was noticed after the first runs.
# Question 7 was then added, with its rules, and run on seeds that no pilot had used.
#
# **Questions, decided before the runs**, the seventh before its own. Every run is one seed of one
# network; α = 0.05 throughout.
#
# 1. *Are lattices harder to train than all-to-all networks?* Nearest neighbours against an
#    all-to-all network with as many couplings, at each distance: log-rank tests, Holm's correction.
# 2. *Does longer range help, at an equal number of couplings?* Lattices of four shells thinned at
#    random to the number of couplings of nearest neighbours alone, another draw for each seed,
#    against these, at each of three distances: log-rank tests, Holm's correction.
# 3. *What sets the number of epochs?* Four quantities are tried in a line for log₁₀(epochs), fitted
#    by maximum likelihood with censoring: distance, hops, distance over the longest coupling, and
#    −log₁₀ of the response of the output to an input **before training**. Distance 1 is left out:
#    in pilot runs, on other seeds, it took nearest neighbours longer than distance 2, as the inputs
#    are coupled to the output directly and share few hidden sites. One line for all ranges holds
#    if no range lies off it by more than a factor of 2 (95 % intervals, clustered by network).
# 4. *Does the line hold for lattices that were not used to find it?* Triangular lattices: yes if
#    their offset from the line lies within a factor of 2, with its interval.
# 5. *Does size matter, with the terminals where they are?* Not if the change from the smallest to
#    the largest lattice lies within a factor of 2, with its interval.
# 6. *Do strong couplings on paths from the inputs towards the output ("wires") make distance
#    harmless?* Yes if at every distance at least 90 % of the seeds solve XOR, and, from distance 4
#    on, more than with the same couplings cut off at the inputs or scattered (Fisher's exact test,
#    Holm's correction).
# 7. *Is it the lattice, or nudges that do not come far?* With 8 and 16 nudged sweeps, leaving no
#    coupling out: the largest distance of each range against the smallest. And at the largest one,
#    more sweeps against 4. Log-rank tests, Holm's correction within each.
#
# The learning rate is the best of a grid on seeds that are used for nothing else.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
seeds = 40  # of each network
limit = 20000  # epochs after which a run is given up
size = 11  # of the lattices
shells = [1, 2, 3, 4]  # range of the couplings
distances = [1, 2, 3, 4, 5, 6]
sizes = [7, 11, 15, 21]  # with the terminals where they are
size_cells = [[1, 2], [2, 3], [4, 4]]  # shells and distance of these
other_kind = "triangular"  # to test what square lattices show
other_shells = [1, 2]
other_distances = [1, 2, 3, 4]
thinned_distances = [2, 3, 4]
nudged_sweeps = [4, 6, 8, 16]  # of the nudged phases; 4 everywhere else
sweep_cells = [[1, 2], [1, 3], [1, 4], [2, 2], [2, 4], [4, 2], [4, 4], [4, 6]]  # shells, distance
sweep_limit = 8000  # epochs
response_seeds = 16  # untrained networks whose responses are measured
response_states = 8  # initial states of each pattern
learning_rates = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]  # Adam
rate_cells = [[1, 2], [1, 3], [2, 4], [4, 6]]  # shells and distance
rate_seeds = 16
wire_distances = [2, 3, 4, 5, 6, 7, 8, 9, 10]
control_distances = [2, 4, 6, 8, 10]  # of wires cut or scattered, and of random starts
wire_strength = 300.0
wire_strengths = [10.0, 30.0, 100.0, 300.0, 1000.0]
strength_distances = [4, 7, 10]
wire_sweeps = 80  # of the free phases: a wire settles slowly
wire_limit = 3000  # epochs
compare_seeds = 40  # for the comparison of solvers
compare_epochs = 300

# %%
import xyep
from xyep.paper import figures, studies

notebook = "02_xor_training"
study = studies.Study(notebook, globals())
tuning = range(1000, 1000 + rate_seeds)  # seeds of their own

# %% [markdown]
# ## 2.1 The learning rate
#
# Four lattices, easy and hard, at each rate. The rate with the smallest mean of log(epochs) over
# them is used for everything that follows.

# %%
study.train(
    studies.learning_rates, size, rate_cells, learning_rates, limit // 2, tuning, node="rates"
)
rate = studies.best_rate(study.nodes["rates"])
print(f"learning rate {rate:g}")

# %% [markdown]
# ## 2.2 Epochs to solve
#
# Lattices over range and distance, over size, of another kind, and thinned; all-to-all and layered
# networks with as many couplings as lattices of the shortest and the longest range.

# %%
nearest, longest = (xyep.xor_lattice(size, s).n_couplings for s in (shells[0], shells[-1]))
groups = {
    "map": studies.map_networks(size, shells, distances),
    "size": studies.size_networks(sizes, size_cells),
    "other": studies.map_networks(size, other_shells, other_distances, other_kind),
    "thinned": studies.thinned_networks(size, shells[-1], thinned_distances, seeds),
    "dense": studies.dense_networks([nearest, longest]),
}
study.train(studies.training_times, groups, limit, rate, seeds, node="epochs")

# %% [markdown]
# ## 2.3 Responses before training
#
# How strongly an input is felt at the output, in lattices that have not been trained: the change
# of the output's phase with an input's, at equilibria from random states.

# %%
lattices = {name: net for group in ("map", "size", "other") for name, net in groups[group].items()}
study(studies.untrained_responses, lattices, response_seeds, response_states, node="responses")

# %% [markdown]
# ## 2.4 Nudges that reach every coupling
#
# Some of the lattices again, with more sweeps in the nudged phases.

# %%
study.train(
    studies.nudged_sweeps,
    size,
    sweep_cells,
    nudged_sweeps,
    sweep_limit,
    rate,
    range(seeds),
    node="sweeps",
)

# %% [markdown]
# ## 2.5 Wires
#
# Nearest neighbours alone. A start with strong couplings on the shortest paths from the inputs
# makes the inputs felt near the output before anything is learned. The wires end two couplings
# before it, where hidden sites are needed.

# %%
wires = wire_limit, rate, wire_sweeps
study.train(
    studies.wired_training,
    strength_distances,
    wire_strengths,
    ["wires"],
    *wires,
    tuning,
    node="strengths",
)
study.train(
    studies.wired_training,
    wire_distances,
    [wire_strength],
    ["wires"],
    *wires,
    range(seeds),
    node="wires",
)
study.train(
    studies.wired_training,
    control_distances,
    [wire_strength],
    ["cut", "scattered", "random"],
    *wires,
    range(seeds),
    node="controls",
)

# %% [markdown]
# ## 2.6 Does the dynamics matter?
#
# From one initial state, sweeps and the physical gradient flow do not always reach the same
# equilibrium. Are networks trained with either one as successful? Here both relax to one
# tolerance.

# %%
small = [xyep.xor_lattice(n, s) for n, s in ((3, 1), (3, 4), (5, 1))]
small = {net.name: net for net in (xyep.all_to_all(6), xyep.layered([2, 4, 1]), *small)}
study.train(studies.compare_solvers, small, compare_epochs, compare_seeds, node="solver_comparison")
tree = study.finish()

# %% [markdown]
# ## 2.7 Results

# %%
figures.show(notebook, "02_learning_rate", tree, study.profile)

# %%
figures.show(notebook, "02_epochs", tree, study.profile)

# %%
figures.show(notebook, "02_law", tree, study.profile)

# %%
figures.show(notebook, "02_sweeps", tree, study.profile)

# %%
figures.show(notebook, "02_wires", tree, study.profile)

# %%
figures.show(notebook, "02_solver_comparison", tree, study.profile)

# %% [markdown]
# **What we learn.** Under one training, the epochs until XOR is solved span more than two orders
# of magnitude, from less than a hundred on dense networks to more than the limit on lattices. They
# grow with distance and fall with range. The size of a lattice, with the terminals where they are,
# is not seen to matter. Longer couplings help at an equal number of couplings only where the
# inputs are far. Nudges that reach every coupling do not make distance harmless: longer nudged
# phases take more epochs, not fewer. From a start with wires nearly all seeds solve XOR at every
# distance tried: inputs need only be brought to where the nudged output can teach.
#
# **What we do not know.** Why longer nudged phases train more slowly, though they come closer to
# equilibrium: the learning rate, chosen with 4 sweeps, was not chosen anew for them. What the line
# would be with other nudged phases: it is one of lattices and of 4 sweeps together. Whether runs
# that are censored here would solve XOR in the end. What learning rates, initial couplings or
# nudging strengths chosen for each network would do: all have the same here. Whether the line goes
# on beyond the responses measured.
#
# **References.** Q. Wang, C. C. Wanjura and F. Marquardt, *Dependence of equilibrium propagation
# training success on network architecture*, arXiv:2601.21945; the same authors, *Training coupled
# phase oscillators as a neuromorphic platform using equilibrium propagation*, arXiv:2402.08579
# (XOR, M = 5); topology-aware seeding of Kuramoto networks, arXiv:2604.10272.
