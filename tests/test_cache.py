"""Kernels compiled by several processes at once."""

import pickle

import pytest
from numba.core.caching import IndexDataCacheFile

import xyep  # noqa: F401  importing it is what is tested


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_processes_that_compile_at_once_do_not_take_each_others_kernels(
    tmp_path, monkeypatch, order
):
    """Both read the index before either has written it, as two workers do that begin together."""
    first, second = (IndexDataCacheFile(str(tmp_path), "kernel", "source") for _ in range(2))
    for cache in (first, second):
        monkeypatch.setattr(cache, "_dump", pickle.dumps)
    with monkeypatch.context() as patch:
        for cache in (first, second):
            patch.setattr(cache, "_load_index", dict)
        for key in order:
            (first if key == "a" else second).save(key, f"code of {key}")
    for cache in (first, second):
        for key in "ab":
            assert cache.load(key) in (None, f"code of {key}")
        assert cache.load(order[-1]) == f"code of {order[-1]}"
    assert len(list(tmp_path.glob("*.nbc"))) == 2
