"""snmalloc: one coarse figure, and nothing that gives memory back on request."""

import ctypes
from functools import cache
from typing import Any

from heapswap.runtime.stats.answering import Answering
from heapswap.runtime.stats.model import Detail, Heap

_COARSE = "snmalloc counts only the chunks that are in use"
_UNKNOWN = tuple((name, _COARSE) for name in ("allocated", "free", "resident", "mapped", "retained", "metadata"))
_ARENAS = ("arenas", "snmalloc has no arenas")


def version(answering: Answering) -> str:
    """What a bundled library says of itself; snmalloc has no function for it."""
    return dict(answering.told).get("version", "")


def read(answering: Answering, detail: Detail) -> Heap:  # noqa: ARG001 - it has no more to say
    """Chunks that hold blocks, those that a thread keeps for itself included."""
    function = _statistics(answering)
    if function is None:
        return Heap(unknown=(*_UNKNOWN, ("active", "this snmalloc has no sn_rust_statistics"), _ARENAS))
    current, peak = ctypes.c_size_t(), ctypes.c_size_t()
    function(ctypes.byref(current), ctypes.byref(peak))
    return Heap(active=current.value, unknown=(*_UNKNOWN, _ARENAS))


def release(answering: Answering) -> str:  # noqa: ARG001 - as every family's
    """Nothing: snmalloc keeps the memory of freed chunks."""
    return ""


@cache
def _statistics(answering: Answering) -> Any:
    return answering.brief("sn_rust_statistics", None, ctypes.c_void_p, ctypes.c_void_p)
