"""What counts a service's live bytes from cycle to cycle: something in front of its allocator that passes calls on."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """One run that is counted in."""

    environ: Mapping[str, str]
    """of the service: the counter is preloaded in it, in front of whatever is preloaded already"""
    counter: str
    """real path of the counter: it answers malloc, and passes calls on"""
    live: Callable[[], int | None]
    """bytes that the processes which run now have allocated and not freed; None where none is counted"""
    small: Callable[[], int | None]
    """bytes in use in arenas that Python keeps beside malloc; None where there are none, or they cannot be read"""
    behind: Callable[[], Mapping[int, str]]
    """whose malloc the counter passes calls on to, by process"""


Counter = Callable[[Mapping[str, str], Path], AbstractContextManager[Counting]]
"""begins to count in a run with this environment and this folder"""
