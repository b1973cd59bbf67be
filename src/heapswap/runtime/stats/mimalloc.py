"""mimalloc: `mi_process_info` and `mi_collect`. A build for release counts neither blocks nor resident pages."""

import ctypes
from functools import cache
from typing import Any

from heapswap.runtime.stats.answering import Answering
from heapswap.runtime.stats.model import Detail, Heap

_COUNTS = "mimalloc counts blocks only in a build for debugging"
_UNKNOWN = (
    ("allocated", _COUNTS),
    ("free", _COUNTS),
    ("active", "mimalloc counts its pages a thread at a time, and only when the thread collects"),
    ("resident", "mimalloc counts what it committed, which has memory behind it only where it was touched"),
    ("retained", "mimalloc does not tell it apart from what it committed"),
    ("metadata", "mimalloc does not count it"),
    ("arenas", "mimalloc gives no figures for each"),
)
_PLACES = 8
_COMMITTED = 5


def version(answering: Answering) -> str:
    """``3.3.2`` of 30302; ``2.0.9`` of 209, as older releases spell it."""
    function = answering.brief("mi_version", ctypes.c_int)
    return spelled(function()) if function else ""


def spelled(number: int) -> str:
    """A version number in words: two digits a part from five digits on, one digit before."""
    base = 100 if number >= 10_000 else 10
    return f"{number // base**2}.{number // base % base}.{number % base}"


def read(answering: Answering, detail: Detail) -> Heap:  # noqa: ARG001 - it has no more to say
    """What mimalloc has committed."""
    function = _process_info(answering)
    if function is None:
        return Heap(unknown=(*_UNKNOWN, ("mapped", "this mimalloc has no mi_process_info")))
    places = [ctypes.c_size_t() for _ in range(_PLACES)]
    function(*(ctypes.byref(place) for place in places))
    return Heap(mapped=places[_COMMITTED].value, unknown=_UNKNOWN)


def release(answering: Answering) -> str:
    """Collects this thread's heap and what ended threads left, and purges; other threads collect when they run."""
    function = answering.lengthy("mi_collect", None, ctypes.c_bool)
    if function is None:
        return ""
    function(True)
    return "mi_collect"


@cache
def _process_info(answering: Answering) -> Any:
    return answering.brief("mi_process_info", None, *(ctypes.c_void_p,) * _PLACES)
