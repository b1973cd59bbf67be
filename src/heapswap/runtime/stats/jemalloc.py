"""jemalloc: `mallctl`. Its figures are gathered when the epoch is raised, so those of one snapshot belong together."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from heapswap.runtime.stats.answering import Answering
from heapswap.runtime.stats.model import Arena, Detail, Heap

_ALL = 4096
"""``MALLCTL_ARENAS_ALL``: an index that stands for all arenas together (5.0 and newer)"""
_FIGURES = ("allocated", "active", "metadata", "resident", "mapped", "retained")
_MUTE = "this jemalloc exports no mallctl"
_WITHOUT = "this jemalloc was built without statistics"
_OLD = "this jemalloc does not count it"
_ARENAS = "counted with Detail.FULL only"
_SIZE = ctypes.sizeof(ctypes.c_size_t)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Control:
    """``mallctl``, by name and with the GIL free, and by number and with the GIL held."""

    by_name: Callable[..., Any]
    to_number: Callable[..., Any]
    by_number: Callable[..., Any]

    def refresh(self) -> None:
        """Gathers the figures of all arenas and threads: microseconds an arena."""
        epoch = ctypes.c_uint64(1)
        self.by_name(b"epoch", None, None, ctypes.byref(epoch), ctypes.sizeof(epoch))

    def size(self, name: str) -> int | None:
        """A figure of the type ``size_t``; None when this build has none of that name."""
        return self._value(name, ctypes.c_size_t())

    def count(self, name: str) -> int | None:
        """A figure of the type ``unsigned``."""
        return self._value(name, ctypes.c_uint())

    def flag(self, name: str) -> bool | None:
        """A figure of the type ``bool``."""
        value = self._value(name, ctypes.c_bool())
        return None if value is None else bool(value)

    def act(self, name: str) -> bool:
        """Do what has no value, such as ``arena.0.purge``; whether this build can."""
        return bool(self.by_name(name.encode(), None, None, None, 0) == 0)

    def _value(self, name: str, value: Any) -> int | None:
        number = _number(self, name)
        size = ctypes.c_size_t(ctypes.sizeof(value))
        if number is None or self.by_number(number, len(number), ctypes.byref(value), ctypes.byref(size), None, 0):
            return None
        return int(value.value)


def version(answering: Answering) -> str:
    """``5.3.1`` of ``5.3.1-0-g81034ce…``."""
    control, text, size = _control(answering), ctypes.c_char_p(), ctypes.c_size_t(_SIZE)
    if control is None or control.by_name(b"version", ctypes.byref(text), ctypes.byref(size), None, 0):
        return ""
    return (text.value or b"").decode().partition("-")[0]


def read(answering: Answering, detail: Detail) -> Heap:
    """Totals over all arenas; the arenas themselves with `Detail.FULL`."""
    control = _control(answering)
    if control is None or not control.flag("config.stats"):
        why = _WITHOUT if control else _MUTE
        return Heap(unknown=tuple((name, why) for name in (*_FIGURES, "free", "arenas")))
    control.refresh()
    figures = {name: control.size(f"stats.{name}") for name in _FIGURES}
    figures["free"] = _free(control, figures["allocated"], figures["active"])
    arenas = _arenas(control) if detail is Detail.FULL else None
    unknown = [(name, _OLD) for name, value in figures.items() if value is None]
    if arenas is None:
        unknown.append(("arenas", _ARENAS))
    return Heap(**figures, arenas=arenas, unknown=tuple(unknown))


def release(answering: Answering) -> str:
    """Empty this thread's cache, then purge the unused pages of every arena; other threads keep their caches."""
    control = _control(answering)
    if control is None:
        return ""
    control.act("thread.tcache.flush")
    return f"arena.{_ALL}.purge" if control.act(f"arena.{_ALL}.purge") else ""


def _free(control: _Control, allocated: int | None, active: int | None) -> int | None:
    """Room between blocks in active pages, and unused pages that wait for their decay."""
    page = control.size("arenas.page")
    dirty, muzzy = (control.size(f"stats.arenas.{_ALL}.{kind}") for kind in ("pdirty", "pmuzzy"))
    if page is None or dirty is None or muzzy is None or allocated is None or active is None:
        return None
    return active - allocated + (dirty + muzzy) * page


def _arenas(control: _Control) -> tuple[Arena, ...]:
    found = []
    for index in range(control.count("arenas.narenas") or 0):
        if control.flag(f"arena.{index}.initialized"):
            small, large = (control.size(f"stats.arenas.{index}.{kind}.allocated") or 0 for kind in ("small", "large"))
            page, active = (control.size(name) or 0 for name in ("arenas.page", f"stats.arenas.{index}.pactive"))
            waiting = sum(control.size(f"stats.arenas.{index}.{kind}") or 0 for kind in ("pdirty", "pmuzzy"))
            found.append(
                Arena(
                    index=index,
                    allocated=small + large,
                    free=(active + waiting) * page - small - large,
                    mapped=control.size(f"stats.arenas.{index}.mapped") or 0,
                )
            )
    return tuple(found)


@cache
def _control(answering: Answering) -> _Control | None:
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    by_name = answering.lengthy("mallctl", ctypes.c_int, ctypes.c_char_p, pointer, pointer, pointer, size)
    to_number = answering.brief("mallctlnametomib", ctypes.c_int, ctypes.c_char_p, pointer, pointer)
    by_number = answering.brief("mallctlbymib", ctypes.c_int, pointer, size, pointer, pointer, pointer, size)
    if by_name is None or to_number is None or by_number is None:
        return None
    return _Control(by_name=by_name, to_number=to_number, by_number=by_number)


@cache
def _number(control: _Control, name: str) -> Any | None:
    """The number of a name, as an array; looking a name up costs several times what reading its value does."""
    number, length = (ctypes.c_size_t * (name.count(".") + 1))(), ctypes.c_size_t(name.count(".") + 1)
    if control.to_number(name.encode(), number, ctypes.byref(length)):
        return None
    return number
