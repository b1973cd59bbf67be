"""NumPy arrays whose data comes from a chosen allocator: a data memory handler, as NEP 49 defines it."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from heapswap.errors import Misuse
from heapswap.runtime import library
from heapswap.runtime.heaps import Heap, Jemalloc, MiMalloc, MiMallocSecure, SnMalloc
from heapswap.runtime.layout import Layout
from heapswap.runtime.system import System

LEAST_ALIGNMENT = 16
"""NumPy takes for granted that new data suits every element type"""

_COMPILED = (System, MiMalloc, MiMallocSecure, Jemalloc, SnMalloc)
_CAPSULE = b"mem_handler"
_SET_HANDLER = 304
"""place of ``PyDataMem_SetHandler`` in NumPy's table of functions, the same since 1.22"""


@contextmanager
def numpy_allocator(allocator: System | Heap, *, align: int = LEAST_ALIGNMENT) -> Iterator[None]:
    """In the ``with`` block, the data of new NumPy arrays comes from `allocator`, at a multiple of `align`, or of 16.

    An array keeps its allocator for life, also beyond the block, when it is resized and when it is freed. The choice
    holds for the present context (`contextvars`): this thread, this asynchronous task; a new thread begins with
    NumPy's own. Blocks nest.

    Raises:
        Misuse: `align` is no power of two, or the allocator is written in Python, which NumPy cannot call.
        CannotGoOn: the allocator is not available here.
    """
    # A subclass may have methods of its own, which NumPy would pass by.
    if type(allocator) not in _COMPILED:
        raise Misuse(
            f"NumPy cannot allocate through {allocator!r}: it calls compiled functions, without Python's lock; "
            f"give {', '.join(f'{kind.__name__}()' for kind in _COMPILED)}"
        )
    # A layout of no bytes is there to check the alignment.
    handler = _handler(allocator.heap, max(Layout(0, align).align, LEAST_ALIGNMENT))
    set_handler = _set_handler()
    before = set_handler(handler)
    try:
        yield
    finally:
        set_handler(before)


class _Allocator(ctypes.Structure):
    """``PyDataMemAllocator``; its functions are in native/heaps/src/numpy.rs."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free"))


class _Handler(ctypes.Structure):
    """``PyDataMem_Handler``, and behind it the name of the capsule that holds it."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("allocator", _Allocator),
        ("capsule", ctypes.c_char * (len(_CAPSULE) + 1)),
    )


@cache
def _handler(heap: str, align: int) -> Any:
    """The capsule for NumPy. An array may be freed after everything in Python is gone, so what it leads to is never
    freed: one small block for each heap and alignment that was ever asked for.
    """
    functions = library.load(heap)
    size = ctypes.sizeof(_Handler)
    address = System().alloc(Layout(size, LEAST_ALIGNMENT))
    if not address:
        raise MemoryError(f"no block of {size} bytes for the handler of NumPy's memory")
    handler = _Handler.from_address(address)
    handler.name = f"heapswap {heap} align={align}".encode()
    handler.version = 1
    # The context is the alignment itself, not a pointer to one.
    entries = (functions.address(f"heapswap_numpy_{name}") for name in ("malloc", "calloc", "realloc", "free"))
    handler.allocator = _Allocator(align, *entries)
    handler.capsule = _CAPSULE
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return capsule(address, address + _Handler.capsule.offset, None)


@cache
def _set_handler() -> Any:
    """``PyDataMem_SetHandler``: takes a capsule, answers the one before it."""
    # Only who makes arrays needs NumPy; its stubs leave this module out.
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]  # noqa: PLC0415

    table = ctypes.pythonapi.PyCapsule_GetPointer
    table.restype, table.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    functions = (ctypes.c_void_p * (_SET_HANDLER + 1)).from_address(table(_multiarray_umath._ARRAY_API, None))
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(functions[_SET_HANDLER] or 0)
