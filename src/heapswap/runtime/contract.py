"""What an allocator is: Rust's `core::alloc::GlobalAlloc`, two methods required and two provided."""

import ctypes
from abc import abstractmethod
from typing import Protocol

from heapswap.runtime.layout import Layout


class GlobalAlloc(Protocol):
    """An allocator of raw memory. Subclass it and write `alloc` and `dealloc`; `alloc_zeroed` and `realloc` are given.

    A pointer is an address as an int, and 0 is the null pointer: memory is exhausted. Every method may be called from
    any thread. As in Rust it is the caller who promises that a pointer comes from the same allocator, is still live,
    and goes with the layout it was asked for; `heapswap.buffer` keeps that promise for you.
    """

    @abstractmethod
    def alloc(self, layout: Layout) -> int:
        """The address of a new block of that layout, its bytes arbitrary; 0 when memory is exhausted."""

    @abstractmethod
    def dealloc(self, pointer: int, layout: Layout) -> None:
        """Take a block back that `alloc`, `alloc_zeroed` or `realloc` of this allocator gave out."""

    def alloc_zeroed(self, layout: Layout) -> int:
        """As `alloc`, with every byte 0."""
        pointer = self.alloc(layout)
        if pointer:
            ctypes.memset(pointer, 0, layout.size)
        return pointer

    def realloc(self, pointer: int, layout: Layout, new_size: int) -> int:
        """The address of the block after its size became `new_size`; the alignment stays, and the bytes that fit.

        The old pointer is no longer valid. 0 when memory is exhausted: then the old block is as it was.

        Raises:
            Misuse: `Layout` does not allow the new size.
        """
        new = Layout(new_size, layout.align)
        moved = self.alloc(new)
        if moved:
            ctypes.memmove(moved, pointer, min(layout.size, new.size))
            self.dealloc(pointer, layout)
        return moved
