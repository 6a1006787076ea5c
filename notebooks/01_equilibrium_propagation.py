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
# # 1. Equilibrium propagation in XY networks
#
# A network of phases φ_i with couplings J_ij and bias fields (h_i, ψ_i) has the energy
#
# $$E = -\sum_{(ij)} J_{ij}\cos(\varphi_i-\varphi_j) - \sum_i h_i\cos(\varphi_i-\psi_i),$$
#
# and its free sites follow dφ_i/dt = −∂E/∂φ_i while the inputs are clamped. Where it comes to rest is the *free equilibrium*, and the
# phases of the outputs are the answer. To learn, the outputs are *nudged* towards their targets: the energy becomes E + βC with the cost
# C = −Σ log(1 + cos(φ_o − t_o)), and the network moves on to a *nudged equilibrium* close by. Equilibrium propagation says that comparing
# the two gives the gradient of the cost, with numbers that every coupling can measure at its own two ends:
#
# $$\frac{dC}{dJ_{ij}} \approx -\frac{\cos(\varphi_i-\varphi_j)|_{\beta} - \cos(\varphi_i-\varphi_j)|_{-\beta}}{2\beta}.$$

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper: where results and figures go
workers = None  # not used here
scheduler = None  # not used here
betas = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
seeds = 20  # random networks of each kind
initial_states = 300  # of each network whose equilibria are counted
sizes = [3, 5, 7, 11]  # of square lattices whose equilibria are counted

# %%
import xyep
from xyep.paper import figures, studies

notebook = "01_equilibrium_propagation"
parameters = {"betas": betas, "seeds": seeds, "initial_states": initial_states, "sizes": sizes}
study = studies.Study(notebook, profile, parameters)
task = xyep.load_task("xor")

# %% [markdown]
# ## 1.1 To equilibrium and beyond
#
# Two methods find equilibria. `gradient_flow` integrates the physical dynamics with an adaptive Runge–Kutta method. `fast` visits the
# sites in turn and turns each unit vector towards, and a little past, its local field; it evaluates no sine or cosine, and its
# energy never rises.

# %%
net = xyep.xor_lattice(7, shells=4)
study(studies.dynamics, net, 3, task, node="dynamics")

# %% [markdown]
# ## 1.2 Is the gradient right?
#
# At a free equilibrium the exact gradient follows from the Hessian H of the energy, dC/dθ = −(∂C/∂φ)ᵀ H⁻¹ ∂²E/∂φ∂θ. The one-sided
# estimator (β against 0) should miss it by O(β), the centred one (β against −β) by O(β²).

# %%
study(studies.gradient_errors, studies.sample_networks(), betas, seeds, node="gradient_error")

# %% [markdown]
# ## 1.3 How many equilibria?
#
# Random couplings frustrate each other. Many stable equilibria mean that answers depend on the initial state, which training must
# first overcome. The same initial states are relaxed with both methods, which may choose differently among the equilibria.

# %%
networks = {f"all_to_all_{n * n}": xyep.all_to_all(n * n) for n in sizes}
networks |= {f"square_{n}x{n}_shells{s}": xyep.xor_lattice(n, s) for s in (1, 4) for n in sizes}
study(studies.equilibria, networks, task, initial_states, max(2, seeds // 4), node="equilibria")
tree = study.finish()

# %% [markdown]
# ## 1.4 What came out

# %%
figures.show(notebook, "01_dynamics", tree, profile)

# %%
figures.show(notebook, "01_gradient_error", tree, profile)

# %% [markdown]
# The centred estimator is the one that all training below uses. It has one pitfall, which comes with the logarithmic cost: at −β an output
# that is nearly opposite its target is drawn into the pole of the cost. The gradient stays finite there, but it is no longer the
# derivative. The targets above are kept 1 rad from the free answers, so the figure shows the estimators and not the pole.

# %%
figures.show(notebook, "01_equilibria", tree, profile)
