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
# A stack has a lattice of inputs, one for each pixel; a hidden lattice above it, each site of which
# is coupled to a 6×6 window of the inputs under it; and ten outputs. The paper calls such a stack a
# locally connected layer. The couplings from the inputs are local, but the read-out is not: each
# output is coupled to *all* hidden sites, and these long couplings are most of the wire. Without
# couplings within the hidden lattice, hidden sites feel each other through the outputs only.
#
# Pixels are phases from −π/2 (black) to π/2 (white); an answer is the output with the largest
# sin φ. Three choices are ours, not the paper's:
#
# * The cost is the **cross-entropy** of p_o ∝ exp(10 sin φ_o): −log(1 + cos) goes on pulling at
#   right answers, and its pole makes the gradient of very wrong ones explode. Its nudging needs a
#   sum over the ten outputs, so a device needs a circuit for it that is not local.
# * Each site **starts along its field** of inputs, bias and the sites before it, so that an image
#   has one answer.
# * The phases are relaxed for **few sweeps**. How far from rest they are left is stored.
#
# **Questions, decided before the runs.** α = 0.05. A network is one architecture with settings of
# its own, chosen on validation images; the test images are looked at once, after the last epoch.
# The aims of question 4 are an exception.
#
# 1. *What does the published training give, and what does each of our changes bring?* One channel,
#    trained as public notes on the paper say, with tangent nudging aside, then with one more change
#    at a time, on top of those before: our optimizer (batches of 128, Adam at 0.005 falling to 0,
#    decay of the couplings, 12 epochs), nudging both ways, the cost with β = 0.3, the start, few
#    sweeps. Ours less published: Welch's test over `protocol_seeds` seeds.
# 2. *Are local stacks comparable to dense layers?* The local network that is best on validation
#    images, of at most a quarter of the couplings of the best dense one: comparable if the 95 %
#    interval of the difference is above −0.3 points.
# 3. *Weight sharing, channels, couplings within the hidden lattice* (nearest neighbours, SQ, or 20
#    neighbours, 4NSQ, which is read here as four shells): differences in test accuracy, Holm's
#    correction over all of them.
# 4. *How far does it come?* Three aims, set after single runs that had seen the test images, in
#    test accuracy at the last epoch, trained on images and copies moved by a pixel: one channel
#    99.1 %, a stack whose read-out is local too 98.8 %, any local stack 99.4 %. Reached if the
#    95 % interval of the mean over `aim_seeds` seeds is above.
# 5. *What is due to XY sites, what to their training, what to feedback?* (a) ReLU sites and
#    backpropagation against XY sites and equilibrium propagation, same couplings, moved copies; (b)
#    trained windows against frozen random ones; (c) few sweeps at β = 0.3 cost at most half a point
#    against the exact gradient; (d) a reading without feedback costs one channel at most half a
#    point. t-tests over seeds, paired where initial states are the same, Holm over these four.
#
# Standard errors of 2 and 3 are over seeds and over test images: the answers to every image are
# stored.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
task = "mnist"  # or "digits": 8×8 images that come with scikit-learn
validation = 0.0833333  # of the training images, on which the settings are chosen
published_epochs = 200
step_epochs = 12  # of each step from there to our settings
protocol_seeds = 3
settings = {"learning_rate": 0.005, "beta": 0.1, "coupling_decay": 0.2}  # where brackets start
tuning_epochs = 2
tuning_seeds = 2
further = "shared_1"  # whose search ended three steps from its start: it goes on from there
epochs = 8
seeds = 4
window = 6
channels = [1, 4]
shared_channels = [1]
intra_shells = [1, 4]
dense = []  # hidden sites of further dense networks
snapshots = [0, 1, 8]  # of the local networks of one channel; the last one is `epochs`
aims = {  # stacks, how long they learn, and the share of test images to be answered right
    "one channel": {
        "at_least": 0.991,
        "window": 10,
        "epochs": 12,
        "beta": 0.1,
        "coupling_decay": 0.05,
    },
    "four channels": {
        "at_least": 0.994,
        "window": 10,
        "channels": 4,
        "epochs": 8,
        "learning_rate": 0.0025,
        "beta": 0.1,
        "coupling_decay": 0.05,
    },
    "all local": {  # the read-out too
        "at_least": 0.988,
        "window": 12,
        "channels": 8,
        "readout": 14,
        "epochs": 6,
        "beta": 0.1,
        "coupling_decay": 0.05,
    },
    "one epoch": {"window": 10, "epochs": 1, "beta": 0.1, "coupling_decay": 0.05},
}
aim_seeds = 5
control_epochs = 4  # of the controls, on images as they are
moved_epochs = 1  # the same with moved copies, nine times as many images an epoch
control_seeds = 3
tuning_updates = 300  # of the ReLU networks, for each setting tried
exact_images = 3000
exact_epochs = 4
exact_seeds = 5
reading_epochs = 2
reading_seeds = 3
reading_sweeps = [1, 2, 5, 10]
small_seeds = 6  # of the 8×8 digits in the last section
small_epochs = 12
small_settings = {"cost_scale": 4.0, "beta": 0.1, "coupling_decay": 0.05}
small_channels = 16
small_hidden = 200  # sites of the dense network

# %%
import pandas as pd

import xyep
from xyep.paper import figures, studies

notebook = "05_mnist_stacked_lattices"
study = studies.Study(notebook, globals())
shots = [*(s for s in snapshots if s < epochs), epochs]
images = xyep.load_task(task, validation=validation)
side = round(images.inputs.shape[1] ** 0.5)

# %% [markdown]
# ## 5.1 As published, and what each change brings
#
# Batches of 200, 200 epochs, Adam at 10⁻⁴, one random initial state, β = 0.1, the logarithmic cost,
# one-sided nudging along the cost or its tangent, relaxed to equilibrium.

# %%
stack = xyep.stacked_lattices((side, side), window)
study.train(
    studies.trained_by,
    stack,
    images,
    studies.protocols(published_epochs, step_epochs),
    protocol_seeds,
    node="protocols",
)

# %% [markdown]
# ## 5.2 The networks

# %%
networks = studies.image_networks(
    (side, side), window, channels, shared_channels, intra_shells, dense
)
pd.DataFrame(
    {
        name: {"couplings": net.n_couplings, "free parameters": net.n_parameters}
        | {words: f"{share:.0%}" for words, share in studies.read_out(net).items()}
        for name, net in networks.items()
    }
).T

# %% [markdown]
# ## 5.3 Choosing how to train
#
# Learning rate, nudging strength and decay of the couplings are chosen for each network on
# validation images, one after the other: each is doubled and halved (β: times 3, decay: times 4)
# until the best value has a worse one on either side, the others being where they are then, at
# most three steps from the start. The network that would have gone on is searched once more from
# where it stopped. Every point has two seeds of its own. Two epochs decide for more, which favours
# large rates.

# %%
study.train(
    studies.bracketed, networks, images, settings, tuning_epochs, tuning_seeds, node="settings"
)
best = studies.chosen(study.nodes["settings"])
if further:
    more = {further: networks[further]}, images, best[further], tuning_epochs, tuning_seeds
    study.train(studies.bracketed, *more, node="settings_further")
    best |= studies.chosen(study.nodes["settings_further"])
pd.DataFrame(best).T

# %% [markdown]
# ## 5.4 Training

# %%
mapped = [
    name
    for name, net in networks.items()
    if net.traits["family"] == "stack" and net.traits["channels"] == 1
]
study.train(
    studies.image_ensembles, networks, images, epochs, seeds, best, mapped, shots, node="images"
)

# %% [markdown]
# ## 5.5 As well as we can
#
# All training images are learned here, and eight copies of each, moved by one pixel. The aims were
# set from single runs outside this repository, which had looked at the test images. Settings were
# then chosen by pilot runs on validation images, one seed each: window, nudging strength and decay
# of one channel; windows, channels, read-out and learning rate of the larger stacks after a single
# epoch. They are not bracketed. The last epoch counts.
#
# In the stack that is all local an output is coupled to 14×14 of the 17×17 places of the hidden
# lattice. In the pilot runs, smaller windows of the read-out answered less: an output does not see
# the whole image then.

# %%
moves = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
moved = xyep.load_task(task, validation=0, shifts=moves)
stacks = studies.best_stacks((side, side), aims)
study.train(studies.trained_best, stacks, moved, aims, aim_seeds, node="best")

# %% [markdown]
# ## 5.6 Network, training, feedback
#
# Ordinary networks (ReLU sites, backpropagation in float32, Adam, batches of 128, cross-entropy,
# decay of weights) learn the same images in as many updates: coupled exactly as the stack is; the
# same, its windows frozen as they start; dense, with as many hidden sites, and with as many
# weights; and a softmax alone. Learning rate and decay are searched for on validation images until
# neither moves (factors 2 and 4, one seed of its own, few updates). The XY stack, too, is trained
# with its windows frozen, at the settings of the trained one, which favours the latter. On fewer
# images it is also trained at rest, and by the exact gradient: nudged at β = 3·10⁻⁴ by a constant
# field, relaxed in float64 to 10⁻⁹; the cosine to the implicit gradient is stored.
#
# ReLU networks multiply matrices as the processor does (BLAS): on other processors some images are
# answered otherwise. `xyep verify` checks the digest of these numbers and does not compute them
# anew.

# %%
learned = xyep.load_task(task, validation=validation, shifts=moves)
updates = tuning_updates, control_seeds
study(studies.feedforward, stack, images, control_epochs, *updates, node="controls")
study(studies.feedforward, stack, learned, moved_epochs, *updates, node="controls_moved")
study.train(
    studies.frozen_windows,
    stack,
    {"plain": images, "moved": learned},
    {"plain": control_epochs, "moved": moved_epochs},
    control_seeds,
    {"plain": best["local_1"], "moved": best["local_1"] | {"coupling_decay": 0.05}},
    node="frozen",
)
study.train(
    studies.exact_training, stack, images, exact_images, exact_epochs, exact_seeds, node="exact"
)
read = {name: net for name, net in networks.items() if name.startswith("local_1")}
read["local_1_two"] = xyep.stacked_lattices((side, side), (window, window))
study.train(
    studies.readings, read, images, reading_epochs, reading_seeds, reading_sweeps, node="readings"
)
local = {"local_read_out": xyep.stacked_lattices((side, side), window, readout=2 * window)}
pd.DataFrame(studies.wiring(networks | local)).T

# %% [markdown]
# ## 5.7 Small images
#
# The 8×8 digits that come with scikit-learn are few, 1437 for training, and those of the test
# come mostly from other writers. Copies moved by one pixel in eight directions and by half a
# pixel in four are added to the training images. Settings are bracketed on the last 240 training
# images, which are mostly other writers' as well; then all training images are used. Two
# classifiers of scikit-learn learn the same images, moved copies included, with default settings.

# %%
halves = [(0, 0.5), (0, -0.5), (0.5, 0), (-0.5, 0)]
small = {
    "small_local": xyep.stacked_lattices((8, 8), 4, channels=small_channels),
    "small_shared": xyep.stacked_lattices((8, 8), 4, channels=small_channels, shared=True),
    "small_layered": xyep.layered([64, small_hidden, 10]),
}
batches = {"batch_size": 32}
digits = xyep.load_task("digits", validation=1 / 6, shifts=[*moves, *halves])
study.train(
    studies.bracketed,
    small,
    digits,
    small_settings,
    small_epochs,
    1,
    node="digits_settings",
    **batches,
)
small_best = studies.chosen(study.nodes["digits_settings"])
digits = xyep.load_task("digits", validation=0, shifts=[*moves, *halves])
study.train(
    studies.image_ensembles,
    small,
    digits,
    small_epochs,
    small_seeds,
    small_best,
    node="digits",
    **batches,
)
study(studies.digit_baselines, digits, node="digit_baselines")
tree = study.finish()
pd.DataFrame(small_best).T

# %% [markdown]
# ## 5.8 What came out

# %%
figures.show(notebook, "05_protocols", tree, study.profile)

# %%
figures.show(notebook, "05_couplings", tree, study.profile)

# %%
figures.show(notebook, "05_questions", tree, study.profile)

# %%
figures.show(notebook, "05_controls", tree, study.profile)

# %%
figures.show(notebook, "05_readings", tree, study.profile)

# %%
figures.show(notebook, "05_marks", tree, study.profile)

# %% [markdown]
# ## 5.9 What happens within the hidden lattice

# %%
figures.show(notebook, "05_inside", tree, study.profile)

# %% [markdown]
# ## 5.10 Small images, and what tuning is worth

# %%
figures.show(notebook, "05_digits", tree, study.profile)

# %% [markdown]
# **What we learn.** The published training, as we read it, ends with twice the errors of ours
# after many more epochs. Optimizer, batches and decay together bring most of the difference.
# Cross-entropy and the aligned start seem to bring most of the rest, which three seeds do not
# show; nudging both ways brings nothing that is seen. Local stacks answer more right than dense XY
# layers of four times as many couplings; dense ReLU layers do about as well or better, so that
# what is beaten may be the training of dense XY layers. Four channels are a little better than
# one, couplings that are free at each place better than shared ones; couplings within the hidden
# lattice are not seen to help. Ordinary sites with the same couplings and images are better still,
# at settings searched for on those images, which those of the stack were not. Few sweeps and
# strong nudging cost nothing against the exact gradient, at their settings. The outputs take part
# in networks trained so: read without their feedback on the hidden sites, these lose several
# points. With moved copies, the stack whose read-out is local too answers as many right as was
# aimed at; four channels stay below their aim; whether one channel reaches its own is open.
#
# **What we do not know.** Whether our reading of the published training is the authors': it comes
# from public notes, and no number of the paper is compared. Whether longer or better tuned
# training would reach the other two aims. Whether any of it holds beyond MNIST: all networks
# answer the same test images, and the intervals over images do not stand for other kinds of
# images. Settings are bracketed one after the other, after few epochs, which can miss a better
# combination. But for one of the aims, every read-out is dense; the nudging of the cross-entropy
# needs a sum over all outputs: a device of which every part is local is not what is trained here.
#
# **References.** Q. Wang, C. C. Wanjura and F. Marquardt, *Dependence of equilibrium propagation
# training success on network architecture*, arXiv:2601.21945. Q. Wang, C. C. Wanjura and
# F. Marquardt, *Training coupled phase oscillators as a neuromorphic platform using equilibrium
# propagation*, arXiv:2402.08579. A. Laborieux, M. Ernoult, B. Scellier, Y. Bengio, J. Grollier
# and D. Querlioz, *Scaling equilibrium propagation to deep ConvNets by drastically reducing its
# gradient estimator bias*, arXiv:2101.05536. The marks of the field: A. Gower, *How to train an
# oscillator Ising machine using equilibrium propagation*, arXiv:2505.02103; T. Rageau and
# J. Grollier, *Training and synchronizing oscillator networks with equilibrium propagation*,
# arXiv:2504.11884; B. Scellier, *A fast algorithm to simulate nonlinear resistive networks*,
# arXiv:2402.11674.
