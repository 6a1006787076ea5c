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
# # 3. How responses travel through a lattice
#
# A coupling learns only if the nudging of the output is felt at its two ends, and only if these ends also feel the inputs. On a lattice
# neither is certain. Two responses tell:
#
# * the **nudge response** (φ_i^β − φ_i^−β)/(2β) of site i: the signal that every update near i is built from
# * the **input response**: how much φ_i changes between the patterns of the task (and ∂φ_i/∂x_k, also stored).
#
# Sites whose nudge response is at least a tenth of the largest form the *affected region*, the others the *marginal region*. The paper
# states that longer couplings help because they keep the long-range response alive during training. Here both are recorded at
# several epochs, for lattices that succeed and for lattices that fail.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
epochs = 1000
seeds = 24
learning_rate = 0.02  # Adam
initial_states = 5
beta = 0.1
size = 7  # of the square lattices
distances = [1, 3]  # of the inputs from the output
shells = [1, 2, 3, 4]
snapshots = [0, 3, 10, 30, 100, 300, 1000]
skip_placements = [
    [7, 3],
    [11, 4],
]  # size and distance of the inputs, of lattices with skip couplings
skip_range = 3
skip_shells = [1, 2, 4]  # of lattices without, for comparison
skip_seeds = 30

# %%
import xyep
from xyep.paper import figures, studies
from xyep.training import make_training

notebook = "03_xor_lattice_responses"
parameters = {
    "epochs": epochs,
    "seeds": seeds,
    "learning_rate": learning_rate,
    "initial_states": initial_states,
    "beta": beta,
    "size": size,
    "distances": distances,
    "shells": shells,
    "snapshots": snapshots,
    "skip_placements": skip_placements,
    "skip_range": skip_range,
    "skip_shells": skip_shells,
    "skip_seeds": skip_seeds,
}
snapshots = [
    *(s for s in snapshots if s < epochs),
    epochs,
]  # the last one is of the trained network
study = studies.Study(notebook, profile, parameters, workers, scheduler)
training = make_training(
    epochs=epochs,
    optimizer=xyep.Adam(learning_rate),
    initial_states=initial_states,
    beta=beta,
    snapshots=tuple(snapshots),
    record_every=max(1, epochs // 100),
    final_states=200,
)

# %% [markdown]
# ## 3.1 Training with snapshots
#
# The same initial states are used at every snapshot, so that what changes between snapshots is due to training.

# %%
placements = [(size, d) for d in distances]
study.train(studies.response_ensembles, placements, shells, training, seeds)

# %% [markdown]
# ## 3.2 Training with skip couplings
#
# More shells make couplings longer *and* more numerous. To tell the two apart, lattices of nearest neighbours get further couplings:
# between sites `skip_range` apart along rows and columns, or as many between random pairs, drawn anew for each seed. The second
# shell (next-nearest neighbours, along diagonals) adds about as many, but short ones. The inputs are three or more sites away from the
# output, where nearest neighbours alone fail. On the smaller lattice a skip of 3 joins inputs and output directly; on the larger one, with
# the inputs at distance 4, it does not.

# %%
study.train(
    studies.skip_training,
    skip_placements,
    skip_shells,
    skip_range,
    training,
    skip_seeds,
    node="skips",
)
tree = study.finish()
{
    name: f"{int((node['test_solved'] >= 0.95).sum())} of {node['test_solved'].size} solved"
    for name, node in tree.items()
}

# %% [markdown]
# ## 3.3 A lattice that succeeds, and one that fails

# %%
figures.show(notebook, "03_maps_success", tree, profile)

# %%
figures.show(notebook, "03_maps_failure", tree, profile)

# %% [markdown]
# ## 3.4 How far is the nudging felt?

# %%
figures.show(notebook, "03_decay", tree, profile)

# %% [markdown]
# ## 3.5 Affected and marginal regions

# %%
figures.show(notebook, "03_regions", tree, profile)

# %% [markdown]
# ## 3.6 What skip couplings do
#
# The response in radians has two factors: how strongly the output is pulled, which vanishes as the output gets its answers right, and how
# much of its movement arrives elsewhere. The last panel divides the first out.

# %%
figures.show(notebook, "03_skips", tree, profile)
