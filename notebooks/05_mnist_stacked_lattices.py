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
# All networks, dense ones included, are tuned with the same care: nudging strength, learning rate and decay of the couplings are chosen for
# each on validation images, from one grid. Pixels are phases from −π/2 (black) to π/2 (white), an answer is the output with the largest
# sin φ. Three choices are ours, not the paper's:
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
validation = 0.0833333  # of the training images, on which the settings are chosen
grid = {"beta": [0.1, 0.3], "learning_rate": [0.002, 0.005, 0.01], "coupling_decay": [0.05, 0.2]}
channels_grid = {
    "beta": [0.1, 0.3],
    "learning_rate": [0.005, 0.01],
    "coupling_decay": [0.2],
}  # of more channels
tuning_epochs = 3
epochs = 12
seeds = 3
window = 6
channels = [1, 2, 4, 8]
shared_channels = [1, 4]
intra_shells = [1, 4]
dense = []  # hidden sites of further dense networks
snapshots = [0, 1, 4, 12]  # of the single-channel lattices
small_seeds = 10  # of the 8×8 digits in the last section
small_epochs = 12
small_grid = {"cost_scale": [4.0, 10.0], "beta": [0.1, 0.3], "coupling_decay": [0.05, 0.2]}
small_channels = 16
small_hidden = 200  # sites of the dense network

# %%
import xyep
from xyep.paper import figures, studies

notebook = "05_mnist_stacked_lattices"
parameters = {
    "task": task,
    "validation": validation,
    "grid": grid,
    "channels_grid": channels_grid,
    "tuning_epochs": tuning_epochs,
    "epochs": epochs,
    "seeds": seeds,
    "window": window,
    "channels": channels,
    "shared_channels": shared_channels,
    "intra_shells": intra_shells,
    "dense": dense,
    "snapshots": snapshots,
    "small_seeds": small_seeds,
    "small_epochs": small_epochs,
    "small_grid": small_grid,
    "small_channels": small_channels,
    "small_hidden": small_hidden,
}
snapshots = [
    *(s for s in snapshots if s < epochs),
    epochs,
]  # the last one is of the trained network
study = studies.Study(notebook, profile, parameters, workers, scheduler)
images = xyep.load_task(task, validation=validation)
side = round(images.inputs.shape[1] ** 0.5)

# %% [markdown]
# ## 5.1 The networks

# %%
networks = studies.image_networks(
    (side, side), window, channels, shared_channels, intra_shells, dense
)
for name, net in networks.items():
    print(
        f"{name:14} {net.n_free - net.n_outputs:6} hidden sites {net.n_couplings:8} couplings {net.n_parameters:8} of them free"
    )

# %% [markdown]
# ## 5.2 Choosing how to train
#
# Every point of the grid is trained for a few epochs and judged on the validation images; for networks of several channels, which take
# longer, of a smaller grid.

# %%
first = {name: net for name, net in networks.items() if name in studies.tuned_as(networks).values()}
more = {name: net for name, net in networks.items() if name not in first}
study.train(studies.tune_images, first, images, grid, tuning_epochs, node="tuning")
study.train(studies.tune_images, more, images, channels_grid, tuning_epochs, node="tuning_channels")
best = studies.chosen(study.nodes["tuning"]) | studies.chosen(study.nodes["tuning_channels"])
best

# %% [markdown]
# ## 5.3 Training
#
# The last epoch counts. The test images are looked at once, after it.

# %%
mapped = [name for name in networks if name == "lcl_1" or name.startswith("lcl_1_")]
for group in (first, more):
    options = {name: best[name] for name in group}
    study.train(
        studies.image_ensembles,
        group,
        images,
        epochs,
        seeds,
        options,
        [name for name in mapped if name in group],
        snapshots,
    )

# %% [markdown]
# ## 5.4 Small images
#
# The 8×8 digits that come with scikit-learn are few, 1437 for training, and those of the test come mostly from other writers. Copies moved
# by one pixel in eight directions and by half a pixel in four are added to the training images. Settings are chosen on the last 240
# training images, which are mostly other writers' as well; then all training images are used.

# %%
moves = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x] + [
    (0, 0.5),
    (0, -0.5),
    (0.5, 0),
    (-0.5, 0),
]
small = {
    f"digits_lcl_{small_channels}": xyep.stacked_lattices((8, 8), 4, channels=small_channels),
    f"digits_conv_{small_channels}": xyep.stacked_lattices(
        (8, 8), 4, channels=small_channels, shared=True
    ),
    f"digits_layered_{small_hidden}": xyep.layered([64, small_hidden, 10]),
}
digits = xyep.load_task("digits", validation=1 / 6, shifts=moves)
study.train(
    studies.tune_images,
    small,
    digits,
    small_grid,
    small_epochs,
    node="digits_tuning",
    batch_size=32,
)
best = studies.chosen(study.nodes["digits_tuning"])
digits = xyep.load_task("digits", validation=0, shifts=moves)
study.train(studies.image_ensembles, small, digits, small_epochs, small_seeds, best, batch_size=32)
tree = study.finish()
best

# %% [markdown]
# ## 5.5 What came out

# %%
figures.show(notebook, "05_curves", tree, profile)

# %%
figures.show(notebook, "05_couplings", tree, profile)

# %% [markdown]
# ## 5.6 What happens within the hidden lattice

# %%
figures.show(notebook, "05_maps", tree, profile)

# %% [markdown]
# ## 5.7 Small images, and what tuning is worth

# %%
figures.show(notebook, "05_digits", tree, profile)
