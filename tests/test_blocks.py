"""Blocks of samples, and the warning where the processor has no FMA."""

import warnings

import numpy as np
import pytest

import xyep
from xyep import blocks
from xyep.blocks import Layout


@pytest.mark.parametrize(
    ("machine", "host", "name", "features", "expected"),
    [
        ("x86_64", {"fma": True}, None, None, True),
        ("x86_64", {"fma": False, "sse2": True}, None, None, False),
        ("AMD64", {}, None, None, False),
        ("aarch64", {"neon": True}, None, None, True),  # always has it, without saying so
        ("arm64", {}, None, None, True),
        ("x86_64", {"fma": True}, "generic", "", False),
        ("x86_64", {"fma": True}, "haswell", "", True),
        ("x86_64", {"fma": True}, "generic", "+avx2,+fma", True),
        ("x86_64", {"fma": True}, None, "+avx,-fma", False),
        ("x86_64", {"fma": True}, None, "+avx", True),  # the host's name implies it
    ],
)
def test_fma_is_found(monkeypatch, machine, host, name, features, expected):
    monkeypatch.setattr(blocks.platform, "machine", lambda: machine)
    monkeypatch.setattr(blocks, "get_host_cpu_features", lambda: host)
    monkeypatch.setattr(blocks.config, "CPU_NAME", name)
    monkeypatch.setattr(blocks.config, "CPU_FEATURES", features)
    assert blocks.has_fma() is expected


def test_an_unknown_system_counts_as_fast(monkeypatch):
    def unknown():
        raise RuntimeError("failed to get host cpu features")

    monkeypatch.setattr(blocks, "get_host_cpu_features", unknown)
    assert blocks.has_fma()


def test_one_warning_without_fma(monkeypatch):
    net = xyep.all_to_all(6)
    p = net.init_parameters(seed=0)
    monkeypatch.setattr(blocks, "has_fma", lambda: False)
    blocks.warn_without_fma.cache_clear()
    with pytest.warns(RuntimeWarning, match="times slower") as caught:
        xyep.relax(net, p, [[0.0, 1.0]])
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xyep.relax(net, p, [[0.0, 1.0]])
    blocks.warn_without_fma.cache_clear()


@pytest.mark.parametrize("n_samples", [1, 7, 8, 33, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_phases_there_and_back(n_samples, dtype):
    net = xyep.square_lattice((3, 3), inputs=[(0, 0)], outputs=[(2, 2)])
    layout = Layout(net, n_samples, dtype)
    phases = np.random.default_rng(0).uniform(-3, 3, (n_samples, net.n_free))
    u = layout.empty(net.n_free)
    assert u.ctypes.data % blocks.LINE == 0
    layout.pack(phases, layout.samples(layout.everything), u, layout.everything)
    np.testing.assert_allclose(layout.unpack(u), phases, atol=1e-6 if dtype == "float32" else 1e-14)
    assert layout.mask.sum() == n_samples
    assert layout.units[0][0] == 0 and layout.units[-1][1] == layout.n_blocks
