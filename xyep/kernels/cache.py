"""Compiled kernels on disk, written by several processes at once.

Numba numbers the files of a kernel's signatures in order, so that two processes which compile two signatures at the same time give both
the same name, and the cache hands one of them out for the other: a TypingError in whoever loads it. Here each file has a name of its own;
what is left of such a race is an entry lost from the index, which is compiled once more.
"""

from uuid import uuid4

from numba.core.caching import IndexDataCacheFile


def _data_name(self, number):
    return (
        self._data_name_pattern.format(number=number).removesuffix(".nbc")
        + f"-{uuid4().hex[:16]}.nbc"
    )


IndexDataCacheFile._data_name = _data_name
