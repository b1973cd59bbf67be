"""Leak or retention? What live and resident bytes over time say about one process. Pure."""

from collections.abc import Iterable, Sequence

from heapswap.profiling.model import Memory, Moment, Split

LEAST = 16 << 20
"""bytes below which neither growth nor retention is spoken of"""
FEWEST = 5
"""moments below which a timeline says nothing"""
GROWTH = 0.25
"""live bytes that grew by more than this fraction over the second half of the time, and end near their peak, grow"""
KEPT = 0.5
"""retained or held: more than this fraction of the anonymous memory is not live"""
LATE = 0.85
"""and all the time from here on"""
LEAST_LATE = 3
"""moments"""
TEARDOWN = 0.95
"""what comes after this part of the time is left out: a program frees everything before it exits"""


def judge(timeline: Sequence[Moment], splits: Sequence[Split] = ()) -> Memory:
    """Whether live bytes still grow at the end, or memory stays resident that the program has given back or never had;
    where it is known who holds the memory, Python's arenas do not pass for malloc's.

    The test of growth compares the median of the last fifth with that of the fifth after the middle: a sawtooth that
    comes back to its floor does not grow.
    """
    last = last_split(timeline, splits)
    timeline = working(timeline)
    if len(timeline) < FEWEST:
        return Memory.UNKNOWN
    fifth = max(len(timeline) // 5, 1)
    middle = len(timeline) // 2
    before = _low(moment.live for moment in timeline[middle : middle + fifth])
    after = _low(moment.live for moment in timeline[-fifth:])
    peak = max(moment.live for moment in timeline)
    if after - before > max(LEAST, GROWTH * before) and timeline[-1].live > (1 - GROWTH) * peak:
        return Memory.GROWING
    end = [moment for moment in timeline if moment.at >= LATE * timeline[-1].at]
    if len(end) < LEAST_LATE or not all(_has_more_than_live(moment) for moment in end):
        return Memory.SETTLED
    fell = all(peak - moment.live > LEAST for moment in end)
    if last is None:
        return Memory.RETAINED if fell else Memory.HELD
    if last.python > last.beside:
        return Memory.ARENAS
    return Memory.RETAINED if fell and last.beside > LEAST else Memory.HELD


def last_split(timeline: Sequence[Moment], splits: Sequence[Split]) -> Split | None:
    """The last one before the program was ending; None where that was in the first half of the time."""
    end = timeline[-1].at if timeline else 0.0
    return next((split for split in reversed(splits) if end / 2 <= split.at <= TEARDOWN * end), None)


def _has_more_than_live(moment: Moment) -> bool:
    return moment.anonymous - moment.live > max(LEAST, KEPT * moment.anonymous)


def retained(timeline: Sequence[Moment]) -> int | None:
    """Anonymous memory beside live bytes at the end of the work; None where the process was never seen."""
    last = working(timeline)[-1:]
    return max(last[0].anonymous - last[0].live, 0) if last else None


def working(timeline: Sequence[Moment]) -> Sequence[Moment]:
    """The moments without those in which the program was ending."""
    end = TEARDOWN * timeline[-1].at if timeline else 0.0
    return [moment for moment in timeline if moment.at <= end] or timeline[:1]


def _low(values: Iterable[int]) -> int:
    """The lower median."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]
