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
# # 5. Images on stacked lattices
#
# A device that one can build has couplings between neighbours only. For images it may be a stack: a lattice of inputs, one phase a pixel,
# and above it a hidden lattice, each site of which is coupled to a 6×6 window of inputs under it and to the ten outputs. This notebook
# trains such stacks on handwritten digits and asks what the paper asks of them:
#
# * **weight sharing**: are couplings that are free at every place (locally connected, "local") better than shared ones (a convolution)?
# * **channels**: what do more hidden sites at each place bring?
# * **couplings within the hidden lattice**: nearest neighbours (SQ), or 20 neighbours (4NSQ, read as four shells)?
# * **density**: how do dense layers compare that have as many hidden sites, or as many couplings?
#
# All networks are trained alike. The settings were chosen by hand on validation images, with one channel, and not tuned again for each
# network, dense ones included. Pixels are phases from −π/2 (black) to π/2 (white), an answer
# is the output with the largest sin φ. Three choices are ours, not the paper's:
#
# * The cost is the **cross-entropy** of p_o ∝ exp(10 sin φ_o): −log(1 + cos) goes on pulling at answers that are right, and its pole
#   makes the gradient of those that are very wrong explode.
# * Each site **starts along its field** of inputs, bias and the sites before it, so that an image has one answer.
# * The phases are relaxed for **few sweeps**: what is left to relax is nearly the same at +β and −β and mostly cancels in the gradient.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
task = "mnist"  # or "digits": 8×8 images that come with scikit-learn
validation = 0.0833333  # of the training images, on which the settings were chosen
epochs = 12
seeds = 3
window = 6
channels = [1, 2, 4, 8]
shared_channels = [1, 4]
intra_shells = [1, 4]
dense = []  # hidden sites of further dense networks
snapshots = [0, 1, 4, 12]  # of the single-channel lattices

# %%
import xyep
from xyep import figures, studies

notebook = "05_mnist_stacked_lattices"
parameters = {
    "task": task,
    "validation": validation,
    "epochs": epochs,
    "seeds": seeds,
    "window": window,
    "channels": channels,
    "shared_channels": shared_channels,
    "intra_shells": intra_shells,
    "dense": dense,
    "snapshots": snapshots,
}
study = studies.Study(notebook, profile, parameters, workers, scheduler)
images = xyep.load_task(task, validation=validation)
side = round(images.inputs.shape[1] ** 0.5)

# %% [markdown]
# ## 5.1 The networks

# %%
networks = studies.image_networks((side, side), window, channels, shared_channels, intra_shells, dense)
for name, net in networks.items():
    print(f"{name:14} {net.n_free - net.n_outputs:6} hidden sites {net.n_couplings:8} couplings {net.n_parameters:8} of them free")

# %% [markdown]
# ## 5.2 Training
#
# The last epoch counts. The test images are looked at once, after it.

# %%
mapped = [name for name in networks if name == "lcl_1" or name.startswith("lcl_1_")]
study.train(studies.image_ensembles, networks, images, epochs, seeds, mapped, snapshots)
tree = study.finish()

# %% [markdown]
# ## 5.3 What came out

# %%
figures.show(notebook, "05_curves", tree, profile)

# %%
figures.show(notebook, "05_couplings", tree, profile)

# %% [markdown]
# ## 5.4 What happens within the hidden lattice

# %%
figures.show(notebook, "05_maps", tree, profile)
