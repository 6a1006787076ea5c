"""Names and meanings that other programs rely on."""

import subprocess
import sys

import numpy as np
import pytest

import xyep

NETWORKS = {
    "square": lambda: xyep.square_lattice(
        (7, 7), shells=4, inputs=[(3, 2), (3, 4)], outputs=[(3, 3)]
    ),
    "all to all": lambda: xyep.all_to_all(6, inputs=2, outputs=1),
    "layered": lambda: xyep.layered([2, 4, 1]),
    "any graph": lambda: xyep.Network(
        edges=[(0, 1), (1, 2), (2, 3)], inputs=[0, 3], outputs=[1], positions=None, tying=None
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_line(name, tmp_path):
    net, task = NETWORKS[name](), xyep.load_task("xor")
    p = net.init_parameters(seed=0)
    assert p.couplings.shape == (
        net.n_parameters,
    ) and p.bias_amplitude.shape == p.bias_phase.shape == (net.n_sites,)
    eq = xyep.relax(net, p, task.inputs, seed=0, method="fast", tol=1e-9)
    assert (
        eq.phases.shape == (4, net.n_sites) and eq.converged.all() and (eq.residual <= 1e-9).all()
    )
    np.testing.assert_array_equal(eq.phases[:, : net.n_inputs], task.inputs)
    flow = xyep.relax(net, p, task.inputs, seed=0, method="gradient_flow", tol=1e-6)
    assert flow.phases.shape == eq.phases.shape
    assert xyep.energy(net, p, eq.phases).shape == (4,)
    for estimator in ("centered", "one_sided"):
        g = xyep.ep_gradient(
            net, p, task.inputs, task.targets, beta=0.1, estimator=estimator, seed=0
        )
        assert g.couplings.shape == p.couplings.shape and g.bias_phase.shape == p.bias_phase.shape
    assert (
        xyep.implicit_gradient(net, p, task.inputs, task.targets, seed=0).couplings.shape
        == p.couplings.shape
    )
    tree = xyep.train(net, task, epochs=3, seed=0, store=tmp_path / "x.zarr")
    assert tree["cost"].dims == ("epoch",)
    assert xyep.nudge_response(net, p, eq, task.targets, beta=0.01).dims == ("sample", "site")
    assert xyep.input_response(net, p, eq).dims == ("sample", "site", "input")


def test_sites_and_couplings_carry_coordinates():
    net = NETWORKS["square"]()
    assert list(net.role[:2]) == ["input", "input"] and net.role[-1] == "output"
    assert {"x", "y", "layer", "channel", "role"} <= set(net.site_coords())
    assert set(net.coupling_coords()) == {
        "source",
        "target",
        "parameter",
        "length",
        "shell",
    }


def test_importing_xyep_draws_nothing_and_trains_nothing():
    code = "import sys, xyep; print('matplotlib' in sys.modules, 'papermill' in sys.modules)"
    assert subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split() == ["False", "False"]
