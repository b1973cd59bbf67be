"""What a profile does not exclude, and which candidates can help against it: one table, and how it is read. Pure."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from heapswap.allocators.model import Candidate


class Symptom(StrEnum):
    """What a change of allocator may be good for."""

    ALLOCATION = "allocation"
    """much CPU time in the allocator's own work"""
    CONTENTION = "contention"
    """threads wait for the allocator's locks"""
    FAULTS = "faults"
    """much time in page faults of the heap"""
    RETENTION = "retention"
    """much more memory is resident than the live blocks need"""
    ARENAS = "arenas"
    """that, in a program of several threads, each of which may keep an arena of its own"""
    OBJECTS = "objects"
    """Python's own allocator for small objects, which no profile of malloc shows"""


BEYOND = "system:python=mimalloc"
"""a candidate in place of Python's own allocator, whose work and arenas no profile of malloc shows: it took 11 % of the
CPU time off a program of small objects (CPython 3.13, by fewer page faults)"""
_LIBRARIES = (
    *("mimalloc", "mimalloc@2", "mimalloc/speed"),
    *("jemalloc", "jemalloc/speed", "snmalloc", "tcmalloc"),
)
HELPS: Mapping[Symptom, tuple[str, ...]] = MappingProxyType(
    {
        Symptom.ALLOCATION: _LIBRARIES,
        Symptom.CONTENTION: _LIBRARIES,
        # Memory that is kept, or shared by fewer arenas, is not faulted in again.
        Symptom.FAULTS: (*_LIBRARIES, "system/speed", "system:arena_max=2"),
        Symptom.RETENTION: (
            *("system:trim_threshold=65536", "system/returning"),
            *("jemalloc/returning", "jemalloc/returning-unthreaded", "mimalloc/returning"),
            *("jemalloc", "mimalloc", "mimalloc@2"),
            *(BEYOND, "system:trim_threshold=65536,python=malloc"),
            "jemalloc/returning:python=malloc",
        ),
        Symptom.ARENAS: ("system:arena_max=2", "system/returning"),
        Symptom.OBJECTS: (BEYOND,),
    }
)
"""The candidates of `advise`, by what they are good for."""

NO_HELP = ("mimalloc:python=malloc", "jemalloc:python=malloc")
"""Python's small objects in another allocator than its own: that saves no time (a JSON job took a quarter to five
sixths more), and is tried only where nothing is known"""

_NAMED = frozenset(spelling for spellings in (*HELPS.values(), NO_HELP) for spelling in spellings)


def helpful(candidates: Iterable[Candidate], symptoms: Collection[Symptom]) -> tuple[Candidate, ...]:
    """Those that can help against one of the symptoms, in their order; all of them where none can.

    A family that somebody installed is not in the table, and is always tried.
    """
    order = tuple(candidates)
    wanted = {spelling for symptom in symptoms for spelling in HELPS[symptom]}
    return tuple(one for one in order if str(one) in wanted or str(one) not in _NAMED) or order
