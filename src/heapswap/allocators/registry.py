"""Which families exist: heapswap's own data files, and those that installed packages add.

A package adds a family through the entry point group ``heapswap.allocators``; each entry point loads to an `Allocator`.
Entry points are looked up only when a name is not one of heapswap's own, or when all families are asked for.
"""

import os
from functools import cache
from importlib import import_module

from heapswap.allocators.model import Allocator
from heapswap.errors import Misuse
from heapswap.findings import Finding, Level
from heapswap.near import near

GROUP = "heapswap.allocators"
PRELOADABLE = ("mimalloc", "jemalloc", "tcmalloc", "snmalloc")
"""heapswap's own families that are libraries, in order of promise"""
C_LIBRARIES = ("glibc", "musl")
"""families that are the system's own: a candidate spells them ``system``"""


def own(name: str) -> Allocator | None:
    """The family called `name` if it is one of heapswap's own."""
    if name not in PRELOADABLE and name not in C_LIBRARIES:
        return None
    family: Allocator = import_module(f"heapswap.allocators.{name}").FAMILY
    return family


def family(name: str) -> Allocator:
    """The family called `name`.

    Raises:
        Misuse: there is none; the message names the near ones.
    """
    found = own(name) or next((plugin for plugin in plugins()[0] if plugin.name == name), None)
    if found is None:
        names = [known.name for known in families() if known.name not in C_LIBRARIES]
        raise Misuse(f"'{name}' is no allocator; {near(name, ('system', 'current', *names))}")
    return found


def families() -> tuple[Allocator, ...]:
    """Every family, heapswap's own first. A plugin that cannot be loaded is left out; `plugins` says why."""
    return (*(known for name in (*PRELOADABLE, *C_LIBRARIES) if (known := own(name))), *plugins()[0])


@cache
def plugins() -> tuple[tuple[Allocator, ...], tuple[Finding, ...]]:
    """The families that other packages add, and a finding for each that is broken."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, and seldom needed

    loaded: dict[str, Allocator] = {}
    findings = []
    for entry in entry_points(group=GROUP):
        try:
            value = entry.load()
        except Exception as error:  # whatever a plugin raises is its fault, and no reason to stop
            findings.append(_broken(entry.name, f"{type(error).__name__}: {error}"))
            continue
        if not isinstance(value, Allocator):
            findings.append(_broken(entry.name, f"it is a {type(value).__name__}, not an Allocator"))
        elif value.name in loaded or own(value.name) or value.name in ("system", "current"):
            findings.append(_broken(entry.name, f"the name '{value.name}' is taken"))
        else:
            loaded[value.name] = value
    return tuple(loaded.values()), tuple(findings)


def c_library() -> tuple[str, str]:
    """Family and version of this machine's C library: ``("glibc", "2.36")`` or ``("musl", "")``."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return "musl", ""
    return ("glibc", version) if name == "glibc" else ("musl", "")


def _broken(name: str, reason: str) -> Finding:
    return Finding(
        code="broken-plugin",
        level=Level.WARNING,
        seen=f"the allocator plugin '{name}' cannot be used: {reason}",
        remedy="update or uninstall the package that provides it",
    )
