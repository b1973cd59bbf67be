"""Buffers: memory of a chosen allocator at a chosen alignment, handed out as a `memoryview`."""

import ctypes
from functools import lru_cache
from typing import Any
from weakref import finalize

from heapswap.runtime.contract import GlobalAlloc
from heapswap.runtime.layout import Layout
from heapswap.runtime.system import System


class Block:
    """What owns the memory behind a buffer: its ``.obj``. The memory goes back when no view of it is left."""

    __slots__ = ()

    allocator: GlobalAlloc
    layout: Layout
    address: int
    """a multiple of ``layout.align``; a block of 0 bytes has one too, with nothing there"""


def buffer(size: int, allocator: GlobalAlloc = System(), *, align: int = 16, zeroed: bool = False) -> memoryview:  # noqa: B008 - System() has no state
    """`size` writable bytes from `allocator`, their address a multiple of `align`.

    The view has format ``B`` and goes wherever a buffer does: `struct`, ``recv_into``, ``readinto``,
    ``numpy.frombuffer``. The memory is freed once, when the last view or array on it is gone, in whichever thread that
    is. ``release()``, or the end of a ``with`` block, gives up this view: its use is an error from then on, and views
    that were made from it stay good. ``view.obj`` is the `Block`, with ``allocator``, ``layout`` and ``address``.

    Args:
        size: bytes; 0 asks the allocator for nothing.
        zeroed: every byte is 0; otherwise the bytes are arbitrary.

    Raises:
        Misuse: `Layout` does not allow the size or the alignment.
        CannotGoOn: the allocator is not available here.
        MemoryError: the allocator has no such block.
    """
    layout = Layout(size, align)
    if layout.size == 0:
        return _view(layout.align, layout, allocator)[:0]
    address = allocator.alloc_zeroed(layout) if zeroed else allocator.alloc(layout)
    if not address:
        raise MemoryError(f"{allocator} has no block of {layout.size} bytes at a multiple of {layout.align}")
    view = _view(address, layout, allocator)
    # At exit the memory goes with the process: whatever still uses it then must not lose it.
    finalize(view.obj, allocator.dealloc, address, layout).atexit = False
    return view


def _view(address: int, layout: Layout, allocator: GlobalAlloc) -> memoryview:
    block = _block_type(max(layout.size, 1)).from_address(address)
    block.allocator, block.layout, block.address = allocator, layout, address
    return memoryview(block).cast("B")


@lru_cache(maxsize=64)
def _block_type(size: int) -> Any:
    """Only a ctypes array exports memory that is not its own on every Python; its type fixes the size."""
    slots = ("__weakref__", *Block.__annotations__)
    return type("Block", (Block, ctypes.Array), {"__slots__": slots, "_type_": ctypes.c_ubyte, "_length_": size})
