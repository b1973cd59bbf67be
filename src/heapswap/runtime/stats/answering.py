"""Whose ``malloc`` answers in this process, and the functions by which that allocator is asked.

Nothing is loaded for it: names are looked up among what the process has, and a function counts only when it lies in the
same object as ``malloc``. Another copy of an allocator, such as the one inside a wheel, is never mistaken for it.
"""

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from heapswap.allocators import registry

UNKNOWN = "unknown"

PREFIXES = ("heapswap_", "", "je_", "_rjem_")
"""what stands before the names of an allocator's functions: in heapswap's builds, in most, in two builds of jemalloc"""

# A program that is not position independent gives its own address for what it takes the address of, so one name is not
# enough: Debian's Python does for malloc and free.
_FAMILY = ("malloc", "calloc", "realloc", "malloc_usable_size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """The object of the process that ``malloc`` lies in."""

    family: str
    """``unknown`` when it bears no known mark, and where there is no ``/proc`` to look at"""
    path: str
    told: tuple[tuple[str, str], ...] = ()
    """what a bundled library says of itself: family, version, features"""

    def brief(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any] | None:
        """A function of this object that is over at once: called with the GIL held, which is cheaper.

        None when the object has no function of that name, whatever its prefix.
        """
        return self._prototyped(ctypes.PYFUNCTYPE(result, *arguments), name)

    def lengthy(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any] | None:
        """A function of this object that may take milliseconds: other threads of Python go on meanwhile."""
        return self._prototyped(ctypes.CFUNCTYPE(result, *arguments), name)

    def _prototyped(self, prototype: Callable[[int], Callable[..., Any]], name: str) -> Callable[..., Any] | None:
        for prefix in PREFIXES:
            address = _address(prefix + name)
            if address and _object_at(address) == self.path:
                return prototype(address)
        return None


@cache
def answering() -> Answering:
    """The allocator in force. It stays the same while the process lives, in its forked children too."""
    if sys.platform != "linux":
        return Answering(family=UNKNOWN, path="")
    path = _owner()
    told = _told(path)
    return Answering(family=dict(told).get("family") or _recognised(path), path=path, told=tuple(told))


def _owner() -> str:
    executable = str(Path("/proc/self/exe").readlink())
    places = [_object_at(address) for name in _FAMILY if (address := _address(name))]
    return next((place for place in places if place != executable), executable)


def _recognised(path: str) -> str:
    """The family of an object by the symbols that it, and not just anything in the process, has."""
    for family in registry.families():
        if any((address := _address(symbol)) and _object_at(address) == path for symbol in family.symbols):
            return family.name
    name = Path(path).name
    if (address := _address("gnu_get_libc_version")) and _object_at(address) == path:
        return "glibc"
    return "musl" if name.startswith(("ld-musl-", "libc.musl-")) else UNKNOWN


def _told(path: str) -> Sequence[tuple[str, str]]:
    address = _address("heapswap_allocator")
    if not address or _object_at(address) != path:
        return ()
    text = ctypes.string_at(address).decode(errors="replace")
    return [(key, value) for key, _, value in (pair.partition("=") for pair in text.split(";"))]


def _address(name: str) -> int:
    """Where the process finds a symbol; 0 when it has none of that name."""
    try:
        return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0
    except AttributeError:
        return 0


def _object_at(address: int) -> str:
    """The file that is mapped at an address; empty when none is."""
    for start, end, path in _mappings():
        if start <= address < end:
            return path
    return ""


@cache
def _mappings() -> tuple[tuple[int, int, str], ...]:
    """Start, end and file of every mapping with a file; what is looked for was there before Python began."""
    found = []
    for line in Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith("/"):
            start, end = (int(bound, 16) for bound in fields[0].split("-"))
            found.append((start, end, fields[5]))
    return tuple(found)
