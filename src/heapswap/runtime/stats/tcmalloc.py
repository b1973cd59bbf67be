"""tcmalloc of gperftools: the C functions of its `MallocExtension`. Each figure is read by itself, moments apart."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from heapswap.runtime.stats.answering import Answering
from heapswap.runtime.stats.model import Detail, Heap

_FIGURES = ("allocated", "free", "active", "resident", "mapped", "retained", "metadata")
_NO_ARENAS = "tcmalloc has no arenas"
_NO_FIGURES = "this tcmalloc lacks a property that is read for it"


def version(answering: Answering) -> str:
    """``2.10``, from `tc_version`."""
    function = answering.brief("tc_version", ctypes.c_char_p, *(ctypes.c_void_p,) * 3)
    if function is None:
        return ""
    major, minor, patch = ctypes.c_int(), ctypes.c_int(), ctypes.c_char_p()
    function(ctypes.byref(major), ctypes.byref(minor), ctypes.byref(patch))
    return f"{major.value}.{minor.value}{(patch.value or b'').decode()}"


def read(answering: Answering, detail: Detail) -> Heap:  # noqa: ARG001 - it has no more to say
    """Totals; a page heap's free spans and every cache's blocks are free."""
    read_property = _property(answering)
    values = [_value(read_property, name) for name in _PROPERTIES] if read_property else [None]
    known = [value for value in values if value is not None]
    if len(known) < len(_PROPERTIES):
        why = tuple((name, _NO_FIGURES) for name in _FIGURES)
        return Heap(unknown=(*why, ("arenas", _NO_ARENAS)))
    allocated, size, physical, spans, unmapped = known
    # The heap's size counts what was unmapped, and leaves out the allocator's own data; `physical` is the reverse.
    mapped = size - unmapped
    return Heap(
        allocated=allocated,
        free=mapped - allocated,
        active=mapped - spans,
        resident=physical,
        mapped=mapped,
        retained=unmapped,
        metadata=physical - mapped,
        unknown=(("arenas", _NO_ARENAS),),
    )


def release(answering: Answering) -> str:
    """Every free span goes back; blocks in the caches of threads stay there."""
    function = answering.lengthy("MallocExtension_ReleaseFreeMemory", None)
    if function is None:
        return ""
    function()
    return "MallocExtension_ReleaseFreeMemory"


_PROPERTIES = (
    b"generic.current_allocated_bytes",
    b"generic.heap_size",
    b"generic.total_physical_bytes",
    b"tcmalloc.pageheap_free_bytes",
    b"tcmalloc.pageheap_unmapped_bytes",
)


def _value(function: Callable[..., Any], name: bytes) -> int | None:
    value = ctypes.c_size_t()
    return value.value if function(name, ctypes.byref(value)) else None


@cache
def _property(answering: Answering) -> Callable[..., Any] | None:
    return answering.brief(
        "MallocExtension_GetNumericProperty", ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t)
    )
