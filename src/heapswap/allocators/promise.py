"""Which candidates are worth trying by default, the most promising first, and what each would cost to deploy."""

from collections.abc import Iterable
from dataclasses import dataclass

from heapswap.allocators import activation, spelling
from heapswap.allocators import python as python_allocator
from heapswap.allocators.model import Candidate
from heapswap.errors import HeapswapError

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

# Python serves small objects itself: a library sees them only with python=malloc. Python's own mimalloc needs none.
_PYTHON_MEMORY = (
    "system:python=mimalloc",
    "jemalloc/returning:python=malloc",
    "system:trim_threshold=65536,python=malloc",
)
_PYTHON_TIME = ("system:python=mimalloc", "mimalloc:python=malloc", "jemalloc:python=malloc")
_PYTHON_ORDERS = {"memory": _PYTHON_MEMORY, "time": _PYTHON_TIME, "cpu": _PYTHON_TIME, "balanced": _PYTHON_TIME[:2]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """Candidates that can be run here, and the others with the reason."""

    ready: tuple[Candidate, ...]
    left_out: tuple[tuple[str, str], ...]
    """spelling and reason"""


def default_candidates(*, python: str, objective: str) -> tuple[Candidate, ...]:
    """The candidates of `advise` in order of promise, whether or not they are here.

    `python` is the version of the program if it is Python (``3.11.7``, ``3.13.0t``), else empty; an objective that is
    not known is treated as ``balanced``.
    """
    order = _ORDERS.get(objective, _BALANCED)
    extra = _PYTHON_ORDERS.get(objective, _PYTHON_ORDERS["balanced"]) if python else ()
    candidates = (spelling.parse(text) for text in (*order, *extra))
    return tuple(candidate for candidate in candidates if not _refused(candidate, python))


def triage(candidates: Iterable[Candidate], *, python: str) -> Triage:
    """Tell the candidates that this machine can run from those it cannot."""
    ready, left_out = [], []
    for candidate in candidates:
        try:
            activation.activate(candidate, python=python)
        except HeapswapError as error:
            left_out.append((str(candidate), str(error)))
        else:
            ready.append(candidate)
    return Triage(ready=tuple(ready), left_out=tuple(left_out))


def change_cost(candidate: Candidate) -> int:
    """How much a deployment would change: 0 nothing, 1 a knob, 2 a library, 3 a library with knobs or a recipe."""
    tuned = bool(candidate.knobs or candidate.recipe)
    if candidate.library in (spelling.CURRENT, spelling.SYSTEM):
        return 1 if tuned else 0
    return 3 if tuned else 2


def _refused(candidate: Candidate, python: str) -> bool:
    value = dict(candidate.knobs).get(python_allocator.KNOB.name, "")
    return bool(python_allocator.refusal(value, python))
