"""Memory at rest: what a program still holds when its work is done.

A tree is at rest while it uses less than 2 % of a core, over at least half a second; a plain command that rests does
so before it ends. The value is read at the *end* of that stretch: every arm of a trial works for a different time, but
the program's own pause has the same length in each, so its end is the same time after work ended, whatever the arm.
Read earlier, an allocator that gives memory back after a second would look like one that never does.

Two things disturb the end. An interpreter's teardown is busy and frees memory, so the reading steps back over busy
samples until it stands before them. An allocator's background thread ticks during the rest and frees memory as well:
that is rest, so a sample is busy from a tenth of a core on, above a tick and far below a teardown, and ticks are short
of 2 % together, so they neither end the stretch nor divide it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from heapswap.trials.model import Sample

QUIET = 0.02
"""fraction of a core below which a tree is at rest, over a stretch"""
BUSY = 0.1
"""fraction of a core from which on it is at work, from one sample to the next"""
SHORTEST = 0.5
"""seconds that a rest lasts at least"""
TEARDOWN = 0.5
"""seconds of CPU that may follow a rest, or a quarter of the run's where that is more; else the rest was a pause"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The last stretch without work."""

    resident: int
    """bytes at its end"""
    began: float
    ended: float
    """seconds since the start of the run"""

    @property
    def length(self) -> float:
        """Seconds."""
        return self.ended - self.began


def at_rest(timeline: Sequence[Sample]) -> Rest | None:
    """The rest that the run ended with, or None where it did not rest."""
    end = _last_quiet(timeline)
    if end is None:
        return None
    while end > 0 and _rate(timeline[end - 1], timeline[end]) >= BUSY:
        end -= 1
    begin = next(index for index in range(end + 1) if index == end or _rate(timeline[index], timeline[end]) < QUIET)
    while begin < end and _rate(timeline[begin], timeline[begin + 1]) >= BUSY:
        begin += 1
    rest = Rest(resident=timeline[end].resident, began=timeline[begin].at, ended=timeline[end].at)
    after = timeline[-1].cpu - timeline[end].cpu
    if rest.length < SHORTEST or after > max(TEARDOWN, timeline[-1].cpu / 4):
        return None
    return rest


def _last_quiet(timeline: Sequence[Sample]) -> int | None:
    """The last sample that ends half a second, or a little more, of quiet."""
    for index in range(len(timeline) - 1, 0, -1):
        before = bisect_right(timeline, timeline[index].at - SHORTEST, key=lambda sample: sample.at) - 1
        if before < 0:
            return None
        if _rate(timeline[before], timeline[index]) < QUIET:
            return index
    return None


def _rate(first: Sample, last: Sample) -> float:
    """Cores in use between two samples of different times."""
    return (last.cpu - first.cpu) / (last.at - first.at)
