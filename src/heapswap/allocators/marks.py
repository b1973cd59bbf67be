"""The symbols by which an allocator is known inside a program, a library or a Python wheel: one table.

Allocators are built with prefixes (``_rjem_``, ``je_arrow_``) so that several fit into one process. A prefix changes
the environment variable too, and what is asked for by a prefixed name never passes through ``malloc``.
"""

from heapswap.values import value


@value
class Mark:
    """One symbol that only this allocator, in this build form, defines."""

    symbol: str
    family: str
    variable: str
    """the environment variable (or prefix of variables) that this form reads"""


MARKS = (
    Mark(symbol="mallctl", family="jemalloc", variable="MALLOC_CONF"),
    Mark(symbol="je_mallctl", family="jemalloc", variable="JE_MALLOC_CONF"),
    Mark(symbol="_rjem_mallctl", family="jemalloc", variable="_RJEM_MALLOC_CONF"),
    Mark(symbol="je_arrow_mallctl", family="jemalloc", variable="JE_ARROW_MALLOC_CONF"),
    Mark(symbol="duckdb_je_mallctl", family="jemalloc", variable="DUCKDB_JE_MALLOC_CONF"),
    Mark(symbol="mi_malloc", family="mimalloc", variable="MIMALLOC_"),
    # Linkers drop functions that nothing calls: this is the one that Rust's global allocator does.
    Mark(symbol="mi_malloc_aligned", family="mimalloc", variable="MIMALLOC_"),
    Mark(symbol="tc_malloc", family="tcmalloc", variable="TCMALLOC_"),
    Mark(symbol="TCMallocInternalMalloc", family="tcmalloc", variable=""),
    Mark(symbol="sn_rust_alloc", family="snmalloc", variable=""),
    Mark(symbol="sn_malloc", family="snmalloc", variable=""),
    Mark(symbol="rpmalloc", family="rpmalloc", variable=""),
)
BY_SYMBOL = {mark.symbol: mark for mark in MARKS}
"""The table by symbol."""


def symbols(family: str, variable: str) -> tuple[str, ...]:
    """The symbols of those builds of a family that read this variable."""
    return tuple(mark.symbol for mark in MARKS if (mark.family, mark.variable) == (family, variable))


_MIMALLOC = "mi_malloc mi_free mi_calloc mi_realloc mi_malloc_aligned mi_heap_new mi_usable_size"
_JEMALLOC = "mallctl mallctlnametomib mallctlbymib mallocx rallocx xallocx sallocx dallocx sdallocx nallocx"
PRIVATE = {
    "jemalloc": tuple(prefix + name for prefix in ("", "je_") for name in _JEMALLOC.split()),
    "mimalloc": tuple(_MIMALLOC.split()),
    "tcmalloc": ("tc_malloc", "tc_free", "tc_calloc", "tc_new", "_ZN15MallocExtension8instanceEv"),
}
"""By family: functions beside ``malloc`` that a program built on that allocator calls on its blocks."""
