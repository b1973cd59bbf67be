"""The resident memory of one process, split by who holds it."""

from collections import Counter
from pathlib import PurePath

from heapswap.profiling import mappings, owners
from heapswap.profiling.mappings import Kind, Mapping
from heapswap.profiling.model import Split
from heapswap.profiling.owners import Owner

_NAMED = "[anon:"
"""what a program named by ``prctl(PR_SET_VMA_ANON_NAME)``, on kernels built for it"""
_PYTHONS = "[anon:cpython:"


def is_glibcs(allocator: str) -> bool:
    """Whether the library that answers malloc is glibc."""
    return PurePath(allocator).name.startswith(("libc.so", "libc-"))


def look(process: int, at: float, live: int, *, glibc: bool) -> Split:
    """One look from outside.

    Args:
        at: seconds since the process began.
        live: bytes in blocks that the program holds at this time.
        glibc: the malloc of the process is glibc's.

    Raises:
        OSError: the process is gone or may not be read.
    """
    sums: Counter[str] = Counter()
    below: Mapping | None = None
    for mapping in mappings.parse(mappings.read(process)):
        sums.update(_holders(process, mapping, below, glibc=glibc))
        below = mapping
    return Split(
        at=at,
        live=live,
        malloc=sums["malloc"] if glibc else None,
        python=sums["python"],
        named=sums["named"],
        stacks=sums["stacks"],
        files=sums["files"],
        unknown=sums["unknown"],
    )


def _holders(process: int, mapping: Mapping, below: Mapping | None, *, glibc: bool) -> dict[str, int]:
    kind = mappings.kind(mapping, below)
    if mapping.name.startswith(_NAMED):
        return {"python" if mapping.name.startswith(_PYTHONS) else "named": mapping.resident}
    if kind is Kind.HEAP:
        return {"malloc" if glibc else "unknown": mapping.resident}
    if kind in (Kind.FILES, Kind.SHARED) or _is_static(mapping, below):
        return {"files": mapping.resident}
    if mapping.name or not mapping.resident:
        return {"stacks": mapping.resident}
    pages = owners.read(process, mapping.start, mapping.end)
    found = owners.owners(pages, glibc=glibc)
    malloc, python = (int((found == owner).sum()) * owners.PAGE for owner in (Owner.MALLOC, Owner.PYTHON))
    rest = max(mapping.resident - malloc - python, 0)
    return {"malloc": malloc, "python": python, "stacks" if kind is Kind.STACKS else "unknown": rest}


def _is_static(mapping: Mapping, below: Mapping | None) -> bool:
    """Static data of a program or library that is zero at its start: right behind what is mapped of its file."""
    is_behind = below is not None and below.end == mapping.start and bool(below.inode)
    return is_behind and not mapping.inode and not mapping.name
