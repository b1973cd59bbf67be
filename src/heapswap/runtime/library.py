"""The compiled heaps: one library an allocator, loaded late and privately, beside the process's own malloc."""

import ctypes
from collections.abc import Callable
from functools import cache

from heapswap.errors import CannotGoOn
from heapswap.native import bundled

UNKNOWN = ctypes.c_size_t(-1).value
"""what a heap answers where its allocator keeps no such figure"""

_POINTER, _SIZE, _INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_ENTRIES: dict[str, tuple[type, tuple[type, ...]]] = {
    "start": (_INT, ()),
    "alloc": (_POINTER, (_SIZE, _SIZE)),
    "alloc_zeroed": (_POINTER, (_SIZE, _SIZE)),
    "realloc": (_POINTER, (_POINTER, _SIZE, _SIZE)),
    "dealloc": (_INT, (_POINTER,)),
    "usable_size": (_SIZE, (_POINTER,)),
    "owns": (_INT, (_POINTER,)),
    "allocated": (_SIZE, ()),
    "active": (_SIZE, ()),
}
"""result and arguments of each ``heapswap_heap_…`` in C"""

_MORE_SPACE = "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=2048"

_loaded: dict[str, "Library"] = {}


class Library:
    """The entry points of one heap; native/heaps/src/entry.rs says what each does."""

    start: Callable[[], int]
    alloc: Callable[[int, int], int | None]
    alloc_zeroed: Callable[[int, int], int | None]
    realloc: Callable[[int, int, int], int | None]
    dealloc: Callable[[int], int]
    usable_size: Callable[[int], int]
    owns: Callable[[int], int]
    allocated: Callable[[], int]
    active: Callable[[], int]

    def __init__(self, path: str) -> None:
        # RTLD_LOCAL, which is ctypes' way: no other library finds a name of this one.
        self._library = ctypes.CDLL(path)
        for name, (result, arguments) in _ENTRIES.items():
            entry = self._library[f"heapswap_heap_{name}"]
            entry.restype, entry.argtypes = result, arguments
            setattr(self, name, entry)
        if not self.start():
            raise OSError(
                "the address space it begins with (snmalloc: 256 GiB) is not to be had (ulimit -v, overcommit)"
            )

    def address(self, symbol: str) -> int:
        """Where a function of the library begins."""
        return ctypes.cast(self._library[symbol], ctypes.c_void_p).value or 0


@cache
def load(heap: str) -> Library:
    """The heap called `heap`: ``mimalloc``, ``mimalloc_secure``, ``jemalloc``, ``snmalloc``, ``system``.

    Raises:
        CannotGoOn: it was not built, or cannot be loaded here.
    """
    path = bundled(f"heap_{heap}")
    if path is None:
        raise CannotGoOn(
            f"the heap '{heap}' was not built when heapswap was installed: with a C and a C++ compiler present run "
            "'pip install --force-reinstall heapswap', or use System()"
        )
    try:
        _loaded[heap] = Library(str(path))
    except OSError as error:
        # The loader sets this space aside when the process starts; other libraries may have used it up.
        remedy = f"start the program with {_MORE_SPACE}" if "static TLS" in str(error) else "use System()"
        raise CannotGoOn(f"the heap '{heap}' cannot be loaded: {error}; {remedy}") from error
    return _loaded[heap]


def heap_of(pointer: int) -> str | None:
    """The loaded heap that keeps blocks around this address, by name; None when the process's own malloc may."""
    for name, library in list(_loaded.items()):
        if name != "system" and library.owns(pointer):
            return name
    return None
