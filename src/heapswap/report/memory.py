"""The memory of one process as lines of a profile: over time, by who holds it, and what that says."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from heapswap.profiling.memory import last_split
from heapswap.profiling.model import Memory, Moment, Process, Split
from heapswap.report.lines import paragraph
from heapswap.report.plots import course
from heapswap.units import format_bytes

FEWEST = 5
"""moments below which nothing is drawn"""
_LABEL = 15
_LEAST = 1 << 20
"""bytes below which a holder is not shown"""
MEMORY = {
    Memory.GROWING: "live bytes still grew at the end: a leak, or a program that was filling up",
    Memory.RETAINED: "given back to the allocator, and still resident: retention",
    Memory.HELD: "more than was ever live: kept by the allocator, or not malloc's",
    Memory.ARENAS: "Python's own arenas hold most of it: objects or room between them, which no malloc changes",
    Memory.SETTLED: "neither growth nor retention to speak of",
}


def memory_lines(process: Process, width: int) -> Iterable[Text]:
    """Empty where live bytes are not counted."""
    if process.live_bytes is None:
        return
    exact = f" (exact to {format_bytes(process.peak_bound)})" if process.peak_bound else ""
    live = f"peak {format_bytes(process.peak_live_bytes or 0)}{exact}, {format_bytes(process.live_bytes)} at the end"
    yield from paragraph(live, width, first=f"  {'live':<13}", rest=" " * _LABEL)
    moments = process.timeline
    if len(moments) < FEWEST:
        return
    room = min(width - 30, 72)
    top = max(moment.resident for moment in moments)
    steps = _steps(moments, room)
    for label, values in (("resident", [m.resident for m in steps]), ("live", [m.live for m in steps])):
        yield Text(f"  {label:<13}{course(values, room, top)}  {format_bytes(values[-1])}")
    yield from _holders(process)
    if process.retained_bytes is not None and process.memory in MEMORY:
        beside = f"{format_bytes(process.retained_bytes)} of anonymous memory beside live blocks at the end; "
        yield from paragraph(beside + MEMORY[process.memory], width, first=" " * _LABEL)


def _steps(moments: Sequence[Moment], columns: int) -> list[Moment]:
    """The moments at equal steps of time: looks get rarer with the length of a run."""
    end = moments[-1].at
    steps, place = [], 0
    for column in range(columns):
        while place + 1 < len(moments) and moments[place + 1].at <= end * (column + 1) / columns:
            place += 1
        steps.append(moments[place])
    return steps


def _holders(process: Process) -> Iterable[Text]:
    """Who holds the resident memory, when it was largest and at last."""
    last = last_split(process.timeline, process.splits)
    if last is None:
        return
    largest = max(process.splits, key=lambda split: sum(size for _, size in _parts(split)))
    yield Text(f"  {'held':<13}{'at its most':>12}{'at last':>12}")
    for (name, most), (_, size) in zip(_parts(largest), _parts(last), strict=True):
        if max(most, size) >= _LEAST:
            yield Text(f"  {'':<13}{format_bytes(most):>12}{format_bytes(size):>12}  {name}")


def _parts(split: Split) -> list[tuple[str, int]]:
    """Every part of the resident memory."""
    told = split.malloc is not None
    live = min(split.live, split.malloc if split.malloc is not None else split.named + split.unknown)
    unknown = split.unknown if told else max(split.unknown - live, 0)
    return [
        ("in live blocks", live),
        ("kept by malloc beside them", split.kept or 0),
        ("Python's arenas", split.python),
        ("mappings that another allocator has named", split.named),
        ("stacks", split.stacks),
        ("programs, libraries and shared memory", split.files),
        ("not told apart" if told else "not told apart: the allocator's, and other mappings", unknown),
    ]
