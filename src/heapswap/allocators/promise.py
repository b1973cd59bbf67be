"""Which candidates are worth trying by default, the most promising first, and what each would cost to deploy."""

from heapswap.allocators import python as python_allocator
from heapswap.allocators import registry, spelling
from heapswap.allocators.model import Candidate

# Small programs with a known direction were measured for these orders: two arenas or a fixed trim threshold take a
# third to nine tenths off idle memory for nothing; decay is the only thing that returns memory pinned between live
# blocks; for time every library beats the C library on allocation-bound code, and knobs hardly matter.
_MEMORY = (
    "system:arena_max=2",
    "system:trim_threshold=65536",
    "system/returning",
    "jemalloc/returning",
    "jemalloc/returning-unthreaded",
    "mimalloc/returning",
    "jemalloc",
    "mimalloc@2",
    "mimalloc",
)
_TIME = (
    "mimalloc",
    "jemalloc",
    "snmalloc",
    "mimalloc@2",
    "tcmalloc",
    "jemalloc/speed",
    "mimalloc/speed",
    "system/speed",
    "system:arena_max=2",
)
_BALANCED = (
    "system:arena_max=2",
    "mimalloc",
    "jemalloc",
    "system:trim_threshold=65536",
    "jemalloc/returning",
    "mimalloc@2",
    "snmalloc",
    "system/returning",
    "tcmalloc",
    "jemalloc/returning-unthreaded",
)
_ORDERS = {"memory": _MEMORY, "time": _TIME, "cpu": _TIME, "balanced": _BALANCED}

_BEFORE_PLUGINS = 2
"""candidates that are more promising than a family that nobody has measured"""

# Python serves small objects itself: a library sees them only with python=malloc. Python's own mimalloc needs none.
_PYTHON_MEMORY = (
    "system:python=mimalloc",
    "jemalloc/returning:python=malloc",
    "system:trim_threshold=65536,python=malloc",
)
_PYTHON_TIME = ("system:python=mimalloc", "mimalloc:python=malloc", "jemalloc:python=malloc")
_PYTHON_ORDERS = {"memory": _PYTHON_MEMORY, "time": _PYTHON_TIME, "cpu": _PYTHON_TIME, "balanced": _PYTHON_TIME[:2]}


def default_candidates(*, python: str, objective: str) -> tuple[Candidate, ...]:
    """The candidates of `advise` in order of promise, whether or not their libraries are here.

    Left out is what cannot be meant: knobs of a C library that has none, and values at which that Python aborts.
    `python` is the version of the program if it is Python (``3.11.7``, ``3.13.0t``), else empty; an objective that is
    not known is treated as ``balanced``.
    """
    known = _ORDERS.get(objective, _BALANCED)
    # Whoever has installed another family wants to know about it: it must not be what a short budget leaves out.
    installed = tuple(family.name for family in registry.plugins()[0])
    order = (*known[:_BEFORE_PLUGINS], *installed, *known[_BEFORE_PLUGINS:])
    extra = _PYTHON_ORDERS.get(objective, _PYTHON_ORDERS["balanced"]) if python else ()
    candidates = (spelling.parse(text) for text in (*order, *extra))
    return tuple(candidate for candidate in candidates if _meant(candidate, python))


REBUILD = 4
"""the cost of a candidate that is another build of the program: more than any setting"""


def change_cost(candidate: Candidate) -> int:
    """How much a deployment would change: 0 nothing, 1 a knob, 2 a library, 3 a library with knobs or a recipe."""
    tuned = bool(candidate.knobs or candidate.recipe)
    if candidate.library in (spelling.CURRENT, spelling.SYSTEM):
        return 1 if tuned else 0
    return 3 if tuned else 2


def _meant(candidate: Candidate, python: str) -> bool:
    knobs = dict(candidate.knobs)
    value = knobs.pop(python_allocator.KNOB.name, "")
    if python_allocator.refusal(value, python):
        return False
    tuned = bool(knobs or candidate.recipe)
    return not (tuned and candidate.library == spelling.SYSTEM and registry.c_library()[0] != "glibc")
