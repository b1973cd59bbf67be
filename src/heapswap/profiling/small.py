"""Bytes in use among Python's small objects, which it keeps in arenas beside malloc: read from outside.

Each pool's header counts its blocks in use, all of one size class (`struct pool_header`, Objects/obmalloc.c).
"""

from pathlib import Path

from heapswap.profiling import mappings, owners
from heapswap.profiling.live import headers, is_there
from heapswap.profiling.mappings import Kind, Mapping

_PYTHONS = "[anon:cpython:"


def small_of_tree(folder: Path) -> int | None:
    """Of all processes of a run that are still there; None where one cannot be read, or none has such objects.

    None is right for a Python whose small objects are elsewhere too: with malloc, or in an allocator of another kind.
    """
    try:
        total = sum(small_of(header.process) for _, header in headers(folder) if is_there(header))
    except OSError:
        return None
    return total or None


def small_of(process: int) -> int:
    """Of one process; what is swapped out is not seen.

    Raises:
        OSError: it is gone or may not be read.
    """
    total = 0
    below: Mapping | None = None
    for mapping in mappings.parse(mappings.read(process)):
        if mapping.resident and _may_hold_pools(mapping, below):
            total += owners.used_in_pools(owners.read(process, mapping.start, mapping.end))
        below = mapping
    return total


def _may_hold_pools(mapping: Mapping, below: Mapping | None) -> bool:
    if mapping.inode or mapping.permissions[:2] != "rw" or not mapping.permissions.endswith("p"):
        return False
    return mapping.name.startswith(_PYTHONS) or (not mapping.name and mappings.kind(mapping, below) is Kind.ANONYMOUS)
