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
# A coupling learns only if the nudging of the output is felt at its two ends, and only if these
# ends also feel the inputs. On a lattice neither is certain. Two responses tell:
#
# * the **nudge response** (φ_i^β − φ_i^−β)/(2β) of site i, in rad per unit of β: the signal that
#   every update near i is built from;
# * the **input response**: how much φ_i changes between the patterns of the task.
#
# Hidden sites whose nudge response is at least a tenth of the largest one of a hidden site are
# called *affected*, the others *marginal*. The paper says that lattices organise themselves into
# regions of both kinds, and that longer couplings help, as they keep the long-range response
# alive in training. Here the responses are recorded at several epochs, in runs that solve XOR and
# in runs that do not.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
epochs = 1000  # given to every network
seeds = 24  # of each lattice with snapshots
learning_rate = 0.02  # Adam
initial_states = 5  # for each pattern and epoch
beta = 0.1  # nudging strength
size = 7  # of the square lattices
distances = [1, 3]  # of the inputs from the output
shells = [1, 2, 3, 4]  # range of the couplings
snapshots = [0, 3, 10, 30, 100, 300, 1000]  # epochs; the last one is always `epochs`
skip_placements = [[7, 3], [11, 4]]  # size, and distance of the inputs, of lattices with skips
skip_range = 3  # length of the regular skips
skip_shells = [1, 2, 4]  # of lattices without, for comparison
skip_seeds = 30  # of each lattice with and without skips

# %%
import xyep
from xyep.paper import figures, studies
from xyep.settings import make_training

notebook = "03_xor_lattice_responses"
study = studies.Study(notebook, globals())
training = make_training(
    epochs=epochs,
    optimizer=xyep.Adam(learning_rate),
    initial_states=initial_states,
    beta=beta,
    snapshots=(*(epoch for epoch in snapshots if epoch < epochs), epochs),
    record_every=max(1, epochs // 100),
)

# %% [markdown]
# ## 3.1 Training with snapshots
#
# The same initial states are used at every snapshot, so that what changes between snapshots is
# due to training. As in notebook 02, a run *solves XOR* within these epochs at this learning
# rate, or not.

# %%
study.train(studies.response_ensembles, size, distances, shells, training, seeds, node="responses")

# %% [markdown]
# ## 3.2 Training with skip couplings
#
# More shells make couplings longer *and* more numerous. To tell the two apart, lattices of
# nearest neighbours get further couplings: between sites `skip_range` apart along rows and
# columns, or as many between random pairs, which each seed draws for itself. The second shell,
# along diagonals, adds about as many short ones. On the smaller lattice a skip of 3 joins inputs
# and output directly; on the larger one, with the inputs at distance 4, it does not.

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

# %% [markdown]
# ## 3.3 A run that solves XOR, and one that does not

# %%
figures.show(notebook, "03_maps", tree, study.profile)

# %% [markdown]
# ## 3.4 How far is the nudging felt?

# %%
figures.show(notebook, "03_decay", tree, study.profile)

# %% [markdown]
# ## 3.5 Affected and marginal regions
#
# An output that is right keeps a response of its own while less of it arrives elsewhere. The
# share is therefore taken among hidden sites alone, and runs that fail are shown beside those
# that solve XOR.

# %%
figures.show(notebook, "03_regions", tree, study.profile)

# %% [markdown]
# ## 3.6 What skip couplings do
#
# The response has two factors: how strongly the output is pulled, which vanishes once its answers
# are right, and how much of its movement arrives elsewhere. The second panel divides the first
# factor out.

# %%
figures.show(notebook, "03_skips", tree, study.profile)

# %% [markdown]
# **What we learn.** After training, nudging is felt less than before in most lattices; with short
# couplings it also fades with distance. How many seeds solve XOR with regular skips and without is
# tested above; the responses are only described.
#
# **What we do not know.** Whether skips help *because* responses survive: training may leave less
# of them in the runs that succeed. Whether there are two kinds of regions, rather than a smooth
# decay.
#
# **References.** Q. Wang, C. C. Wanjura and F. Marquardt, *Dependence of equilibrium propagation
# training success on network architecture*, arXiv:2601.21945. J. Gammell, S. Buckley, S. W. Nam
# and A. N. McCaughan, *Layer-skipping connections improve the effectiveness of equilibrium
# propagation on layered networks*, Frontiers in Computational Neuroscience 15, 627357 (2021).
