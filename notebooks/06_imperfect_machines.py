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
# # 6. Imperfect machines
#
# A machine is never the network that it was built as. This notebook simulates machines
# (`xyep.Machine`) in which one thing is wrong, and asks how wrong it may be:
#
# * **bits**: couplings and bias amplitudes take 2^bits values, from −4 to 4 times the rms coupling;
# * **read_bits**: phases are read as one of 2^read_bits values;
# * **mismatch**: each coupling is off by a fixed factor, 1 + mismatch × a normal number;
# * **asymmetry**: J_ij and J_ji are off by fixed opposite factors, 1 ± asymmetry × a normal number;
# * **drift**: couplings wander, in the course of a training by this rms distance;
# * **cut**: this share of the couplings is missing;
# * **dead**: this share of the hidden sites is stuck at a random phase;
# * **detuning**: sites have frequencies of their own, torques of this rms size;
# * **temperature**: each visit to a site draws its phase from a heat bath, in the free and in the
#   nudged phases, and so does the test.
#
# Drift, detuning and temperature are in units of the rms coupling of the trained network. States
# are perturbed, not gradients: the gradient is the centred estimate from phases as they are read,
# with tangent nudging by the error that is read. The controller keeps parameters in full precision
# and does not know what is wrong.
#
# Each machine is imperfect **at the end**, after it was trained as an ideal one; **while
# training**, from the first update on; or it is **healed**: damaged after training and then trained
# further. Its control is the ideal machine of the same seed, trained as long.
#
# **Questions, decided before these runs, after earlier ones.** α = 0.05. Levels, sizes and
# learning rates were chosen on seeds from 100 on. The earlier runs had the same seeds and had been
# seen: their dense network was less right than the local one, and their correction in question 1
# had been changed from Holm's to Bonferroni's on the way. A seed draws the initial parameters and
# the copy of the machine.
#
# 1. *The sheet: what may a builder allow?* On images: the loss of right answers, control less
#    machine, is shown to be below half a point (paired t-test over seeds, one-sided). On XOR: more
#    than three quarters of the seeds solve it, from at least 95 % of fresh initial states (exact
#    binomial test, one-sided). Levels of an imperfection are tested in order, from the mildest on,
#    and the first that is not shown ends it: each of the nine has α/9 (Bonferroni), for each task
#    and each time of damage by itself. With 20 seeds XOR passes only if all of them solve it: one
#    seed that fails makes a dash. The claim of oscillator Ising machines, couplings of 10 bits and
#    readings of 4 while training, is read off the same tests.
# 2. *Does a machine lose less if it is trained as it is?* At the largest level of each
#    imperfection, right answers while training against at the end, paired t-test over seeds, for
#    both tasks; Holm's correction over all. Yes if more in every one, no if fewer in every one.
# 3. *Does further training heal?* The same with healed against at the end.
# 4. *Does a local network lose more than a dense one?* Images, at the largest level of each
#    imperfection, at the end; the dense one is layered, of about equal accuracy without damage.
#    Welch's t-test of the losses, Holm's correction. Yes if more in every one, no if less in every
#    one.
# 5. *Does the holomorphic estimator give better gradients than the centred one if phases are read
#    with noise, at an equal number of readings?* Each at its own best β, chosen on the even seeds;
#    tested on the odd ones by a paired t-test of the logarithm of the error; Holm's correction over
#    the noises. Yes if better for every noise, no if worse for every one.

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # runs at a time; None for one a core. Results do not depend on it
scheduler = None  # "threads", "processes" (default) or the address of a dask.distributed scheduler
images = "mnist"  # in 14×14 pixels; or "digits", which needs no download
samples = [5000, 4000]  # MNIST's images for training and for the test
image_seeds = 8
image_epochs = 3
image_further = 1  # epochs by which a damaged machine is healed
learning_rate = 0.02  # on images, at the start
hidden = 32  # of the dense network
dense_rate = 0.005
dense_epochs = 10  # more than the local one needs for as many right answers
xor_place = [7, 4, 2]  # size, shells and distance of the inputs
xor_seeds = 20
xor_epochs = 300
xor_further = 100
levels = {
    "bits": [10, 6, 4, 3, 2],
    "read_bits": [8, 6, 5, 4, 2],
    "mismatch": [0.05, 0.1, 0.3],
    "asymmetry": [0.05, 0.1, 0.3],
    "drift": [0.05, 0.1, 0.3],
    "cut": [0.005, 0.02, 0.1],
    "dead": [0.01, 0.03, 0.1],
    "detuning": [0.2, 0.5, 2.0],
    "temperature": [0.003, 0.01, 0.03],
}
noises = [0.001, 0.01, 0.1]  # of a reading, in rad
betas = [0.01, 0.03, 0.1, 0.3, 0.6, 1.0, 2.0]
noise_seeds = 40

# %%
import xyep
from xyep.paper import figures, studies
from xyep.settings import make_training

notebook = "06_imperfect_machines"
study = studies.Study(notebook, globals())
damages = studies.trials(levels, studies.WHEN)


def ideal(node):
    """Numbers of a node alone: its names and attributes differ once they were stored."""
    return study.nodes[node].drop_vars("network").drop_attrs()


# %% [markdown]
# ## 6.1 XOR on a lattice
#
# All four patterns, five random initial states each, and the settings of notebook 02.


# %%
def xor_training(epochs):
    return make_training(epochs=epochs, optimizer=xyep.Adam(0.02))


job = studies.Job(
    xyep.xor_lattice(*xor_place),
    xyep.load_task("xor"),
    xor_training(xor_epochs),
    xor_training(xor_further),
    sweeps=100,
    states=50,
)
study(studies.trained_machines, {"lattice": job}, xor_seeds, node="xor_ideal")
study(studies.imperfect_machines, damages, job, ideal("xor_ideal"), node="xor")

# %% [markdown]
# ## 6.2 Images on stacked lattices
#
# Images of 14×14 pixels, each the mean of four, windows of 5×5, one channel, and an all-to-all
# read-out. The settings are `xyep.IMAGES` but for smaller batches, a larger learning rate, less
# decay and fewer epochs, so that a run takes seconds. Further training starts at a quarter of the
# learning rate.

# %%
task, local, layers = studies.small_images(images, *samples, hidden)


def image_training(epochs, rate):
    changes = {"epochs": epochs, "optimizer": xyep.Adam(rate), "batch_size": 32}
    changes |= {"coupling_decay": 0.05, "responses": ()}
    return make_training(**xyep.IMAGES | changes)


def image_job(net, rate, epochs):
    training, further = image_training(epochs, rate), image_training(image_further, rate / 4)
    return studies.Job(net, task, training, further, sweeps=20, states=1)


job = image_job(local, learning_rate, image_epochs)
study(studies.trained_machines, {"local": job}, image_seeds, node="images_ideal")
study(studies.imperfect_machines, damages, job, ideal("images_ideal"), node="images")

# %% [markdown]
# ## 6.3 The same images on a dense network
#
# All-to-all between layers, damaged at the end. It learns for more epochs, so that it answers about
# as many images right: chosen on images that are neither learned nor tested.

# %%
job = image_job(layers, dense_rate, dense_epochs)
study(studies.trained_machines, {"dense": job}, image_seeds, node="dense_ideal")
at_the_end = studies.trials(levels, studies.WHEN[:1])
study(studies.imperfect_machines, at_the_end, job, ideal("dense_ideal"), node="dense")

# %% [markdown]
# ## 6.4 Noise of the readings, and β
#
# Exact equilibria of an untrained lattice, whose phases are read with independent normal errors.
# Either estimator takes eight readings a pattern. Both have tangent nudging; the holomorphic one
# follows the equilibrium to eight complex β.

# %%
lattices = {"5×5, 4 shells": xyep.xor_lattice(5, 4, 2)}
study(studies.read_noise, lattices, noises, betas, noise_seeds, node="read_noise")
tree = study.finish()

# %% [markdown]
# ## 6.5 The sheet

# %%
figures.show(notebook, "06_sheet", tree, study.profile)

# %% [markdown]
# ## 6.6 Right answers on images, seeds that solve XOR

# %%
figures.show(notebook, "06_loss", tree, study.profile)

# %%
figures.show(notebook, "06_xor", tree, study.profile)

# %% [markdown]
# ## 6.7 Local and dense

# %%
figures.show(notebook, "06_dense", tree, study.profile)

# %% [markdown]
# ## 6.8 Noise × |β|

# %%
figures.show(notebook, "06_noise", tree, study.profile)

# %% [markdown]
# **What we learn.** The sheet above. A machine that is wrong in a fixed way, by coarse or
# mismatched couplings, J_ij ≠ J_ji, frequencies, missing couplings or dead sites, mostly loses
# less at the largest levels tried if it is trained as it is, or trained further after the damage;
# so does one whose couplings wander. At milder levels a loss below half a point was shown at the
# end and not while training. Coarse readings and temperature cost more while training than at the
# end: neither question has the answer yes. Readings of 4 bits are too few on images. Of about
# equal accuracy, the local network loses more than the dense one to the coarsest readings and less
# to the largest mismatch; the others are open.
#
# **What we do not know.** What several imperfections do together. What averaging readings buys: a
# site is read once. Eight seeds of images show little while training, because two trainings of
# unequal machines scatter by more than half a point: a dash in the sheet is not a no. The dense
# network has more couplings and is trained longer, it is damaged at the end only, and the same
# damage is in units of its own couplings. Why coarse readings and temperature are worse while
# training is not tested. Bias amplitudes are as coarse as couplings, but not mismatched; inputs
# are exact. Images are small, and few. The holomorphic estimator needs complex phases, which no
# machine here has; a gain from it was not shown, and for the largest noise both best β are one
# step from the end of the grid.
#
# **References.** A. Gower, *How to train an oscillator Ising machine using equilibrium
# propagation*, arXiv:2505.02103. S. Dillavou, B. D. Beyer, M. Stern, A. J. Liu, M. Z. Miskin and
# D. J. Durian, *Machine learning without a processor: emergent learning in a nonlinear analog
# network*, arXiv:2311.00537. A. Laborieux and F. Zenke, *Holomorphic equilibrium propagation
# computes exact gradients through finite size oscillations*, arXiv:2209.00530. D. J. Best and
# N. I. Fisher, *Efficient simulation of the von Mises distribution*, Applied Statistics 28, 152
# (1979).
