"""The process's own allocator: whatever answers to `malloc`, and on Windows the C runtime's aligned heap."""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from heapswap.errors import Misuse
from heapswap.runtime import library
from heapswap.runtime.contract import GlobalAlloc
from heapswap.runtime.layout import Layout

_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t
_WINDOWS_C = "ucrtbase"


@dataclass(frozen=True)
class System(GlobalAlloc):
    """The allocator that the process runs on, a preloaded one included: Rust's `std::alloc::System`.

    It works on every platform. It cannot tell its own blocks from strange ones, but refuses those of a bundled heap.
    """

    heap: ClassVar[str] = "system"
    """the library through which NumPy calls it; its own methods do without"""

    def alloc(self, layout: Layout) -> int:
        return _family().alloc(max(layout.size, 1), layout.align)

    def alloc_zeroed(self, layout: Layout) -> int:
        return _family().alloc_zeroed(max(layout.size, 1), layout.align)

    def dealloc(self, pointer: int, layout: Layout) -> None:  # noqa: ARG002 - malloc knows its blocks' sizes
        _refuse_foreign(pointer)
        _family().dealloc(pointer)

    def realloc(self, pointer: int, layout: Layout, new_size: int) -> int:
        _refuse_foreign(pointer)
        new = Layout(new_size, layout.align)
        moved = _family().realloc(pointer, max(new.size, 1), new.align)
        return super().realloc(pointer, layout, new_size) if moved is None else moved


def _refuse_foreign(pointer: int) -> None:
    heap = library.heap_of(pointer)
    if heap is not None:
        raise Misuse(
            f"{pointer:#x} is a block of the heap '{heap}', not of System(); give it back to its own allocator"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """A platform's malloc, with an alignment; sizes are not 0, and a null pointer is 0."""

    alloc: Callable[[int, int], int]
    alloc_zeroed: Callable[[int, int], int]
    dealloc: Callable[[int], None]
    realloc: Callable[[int, int, int], int | None]
    """None: it cannot keep that alignment, and did nothing"""


@cache
def _family() -> _Family:
    if sys.platform == "win32":
        return _windows(ctypes.CDLL(_WINDOWS_C))
    return _posix(ctypes.CDLL(None))


def _posix(c: ctypes.CDLL) -> _Family:
    malloc = _function(c, "malloc", _POINTER, _SIZE)
    calloc = _function(c, "calloc", _POINTER, _SIZE, _SIZE)
    resize = _function(c, "realloc", _POINTER, _POINTER, _SIZE)
    free = _function(c, "free", None, _POINTER)
    posix_memalign = _function(c, "posix_memalign", ctypes.c_int, _POINTER, _SIZE, _SIZE)

    def aligned(size: int, align: int) -> int:
        place = _POINTER()
        failed = posix_memalign(ctypes.addressof(place), max(align, ctypes.sizeof(_POINTER)), size)
        return 0 if failed else place.value or 0

    def zeroed(size: int, align: int) -> int:
        if _natural(size, align):
            return calloc(1, size) or 0
        pointer = aligned(size, align)
        if pointer:
            ctypes.memset(pointer, 0, size)
        return pointer

    return _Family(
        alloc=lambda size, align: malloc(size) or 0 if _natural(size, align) else aligned(size, align),
        alloc_zeroed=zeroed,
        dealloc=free,
        realloc=lambda pointer, size, align: resize(pointer, size) or 0 if _natural(size, align) else None,
    )


def _natural(size: int, align: int) -> bool:
    """Whether plain malloc aligns so by itself. Some allocators align 8 bytes to 8 only, hence the size."""
    return align <= 2 * ctypes.sizeof(_POINTER) and align <= size


def _windows(c: ctypes.CDLL) -> _Family:
    """``_aligned_malloc`` and ``free`` do not go together, so all of it is the aligned family."""
    malloc = _function(c, "_aligned_malloc", _POINTER, _SIZE, _SIZE)
    resize = _function(c, "_aligned_realloc", _POINTER, _POINTER, _SIZE, _SIZE)
    free = _function(c, "_aligned_free", None, _POINTER)

    def zeroed(size: int, align: int) -> int:
        pointer = malloc(size, align) or 0
        if pointer:
            ctypes.memset(pointer, 0, size)
        return pointer

    return _Family(
        alloc=lambda size, align: malloc(size, align) or 0,
        alloc_zeroed=zeroed,
        dealloc=free,
        realloc=lambda pointer, size, align: resize(pointer, size, align) or 0,
    )


def _function(c: ctypes.CDLL, name: str, result: type[Any] | None, *arguments: type[Any]) -> Any:
    function = c[name]
    function.restype, function.argtypes = result, arguments
    return function
