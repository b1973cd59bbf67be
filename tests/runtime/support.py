"""What the tests of the runtime room share."""

from heapswap import Jemalloc, MiMalloc, MiMallocSecure, SnMalloc, System
from heapswap.runtime.heaps import Heap

HEAPS: tuple[Heap, ...] = (MiMalloc(), MiMallocSecure(), Jemalloc(), SnMalloc())
ALLOCATORS: tuple[System | Heap, ...] = (System(), *HEAPS)


def name(allocator: object) -> str:
    """A short name for a test's id."""
    return type(allocator).__name__
