"""Whose ``malloc`` answers in this process, and the functions by which that allocator is asked.

Nothing is loaded for it: names are looked up among what the process has, and a function counts only when it lies in the
same object as ``malloc``. Another copy of an allocator, such as the one inside a wheel, is never mistaken for it.
"""

import ctypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from heapswap.allocators import registry
from heapswap.allocators.model import Allocator
from heapswap.libc import is_c_library
from heapswap.runtime.owner import address_of, malloc_owner, mappings

UNKNOWN = "unknown"

PREFIXES = ("heapswap_", "", "je_", "_rjem_")
"""what stands before the names of an allocator's functions: in heapswap's builds, in most, in two builds of jemalloc"""


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
            if address := _address(self.path, prefix + name):
                return prototype(address)
        return None


@cache
def answering() -> Answering:
    """The allocator in force. It stays the same while the process lives, in its forked children too."""
    path = malloc_owner()
    told = _told(path)
    return Answering(family=dict(told).get("family") or _recognised(path), path=path, told=tuple(told))


def _recognised(path: str) -> str:
    """The family of an object by the symbols that it, and not just anything in the process, has."""
    if is_c_library(path):
        return "glibc" if _address(path, "gnu_get_libc_version") else "musl"
    own = (known for name in registry.PRELOADABLE if (known := registry.own(name)))
    # To look for plugins takes tens of milliseconds, and is done for nothing else.
    return _claimed(path, own) or _claimed(path, registry.plugins()[0] if path else ()) or UNKNOWN


def _claimed(path: str, families: Iterable[Allocator]) -> str:
    return next((one.name for one in families if any(_address(path, symbol) for symbol in one.symbols)), "")


def _told(path: str) -> Sequence[tuple[str, str]]:
    address = _address(path, "heapswap_allocator")
    if not address:
        return ()
    text = ctypes.string_at(address).decode(errors="replace")
    return [(key, value) for key, _, value in (pair.partition("=") for pair in text.split(";"))]


def _address(path: str, symbol: str) -> int:
    """Where a symbol of this object is; 0 when the process finds none of that name, or finds another object's."""
    address = address_of(symbol)
    return address if any(low <= address < high for low, high in _spans(path)) else 0


@cache
def _spans(path: str) -> tuple[tuple[int, int], ...]:
    return tuple((low, high) for low, high, mapped in mappings() if path and mapped == path)
