"""Which blocks a process asks for, how long they live, who frees them, and who waits for whom: lines of a profile."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from heapswap.profiling.model import Lifetimes, Lived, Process, SizeClass
from heapswap.report.figures import count, interval_of, part, thousands
from heapswap.report.lines import paragraph
from heapswap.report.plots import bar
from heapswap.units import format_bytes, format_duration

CLASSES = 6
"""size classes shown of a process"""
RARE = 0.01
"""part of the calls, and of the bytes, below which a size class is not shown"""
LABEL = 15
"""columns"""
_TINY = 0.005
"""part below which a step of the lifetimes, or waiting, is not shown"""


def lifetime_lines(process: Process, width: int) -> Iterable[Text]:
    """How long blocks live, over all sizes, and who frees them."""
    whole = process.lifetimes[0] if process.lifetimes else None
    if whole is None:
        return
    steps = _steps(whole.times)
    unfreed = f"{interval_of(whole.unfreed)} not freed when last seen; {count(whole.followed, 'block')} followed"
    yield from _labelled("lifetimes", f"{_median(whole)}{steps}; {unfreed}", width)
    if whole.elsewhere is not None and process.threads > 1:
        yield from _labelled("freed", f"{interval_of(whole.elsewhere)} by another thread than allocated", width)


def _median(row: Lifetimes) -> str:
    if row.median_seconds is None or row.median_allocations is None:
        return "fewer than half of the blocks are freed"
    between = count(round(row.median_allocations), "allocation")
    return f"half of the blocks are freed within {_short(row.median_seconds)}, {between} later"


def _steps(steps: Sequence[Lived]) -> str:
    """``: 14.4 % < 1 us, 48.5 % < 100 us``."""
    shown = [f"{part(step.share)} below {_short(step.below)}" for step in steps if step.share >= _TINY]
    return f" ({', '.join(shown)})" if shown else ""


def class_lines(process: Process, width: int) -> Iterable[Text]:
    """The size classes with the most calls or bytes, in order of size; lifetimes beside them where they are known."""
    classes = _frequent(process.size_classes)
    if not classes:
        return
    known = {row.up_to: row for row in process.lifetimes}
    head = f"{'':>10}{'calls':>9}{'bytes':>9}" + (f"{'half freed in':>15}{'unfreed':>9}" if known else "")
    room = min(max(width - LABEL - len(head) - 2, 0), 40)
    calls, size = (
        max(sum(values), 1) for values in zip(*((c.calls, c.bytes) for c in process.size_classes), strict=True)
    )
    most = max(one.calls for one in classes)
    yield Text(f"  {'sizes':<13}{head}".rstrip())
    for one in classes:
        figures = f"{'≤ ' + format_bytes(one.up_to):>10}{part(one.calls / calls):>9}{part(one.bytes / size):>9}"
        if known:
            figures += _lives(known.get(one.up_to))
        yield Text(f"  {'':<13}{figures}  {bar(one.calls / most, room)}".rstrip())


def _frequent(classes: Sequence[SizeClass]) -> list[SizeClass]:
    calls, size = sum(one.calls for one in classes), sum(one.bytes for one in classes)
    if calls == 0:
        return []

    def weight(one: SizeClass) -> float:
        return max(one.calls / calls, one.bytes / max(size, 1))

    most = sorted((one for one in classes if weight(one) >= RARE), key=weight, reverse=True)[:CLASSES]
    return sorted(most, key=lambda one: one.up_to)


def _lives(row: Lifetimes | None) -> str:
    if row is None:
        return f"{'-':>15}{'-':>9}"
    median = "-" if row.median_seconds is None else _short(row.median_seconds)
    return f"{median:>15}{part(row.unfreed.value):>9}"


def contention_lines(process: Process, width: int) -> Iterable[Text]:
    """How waiting moves with the number of threads, where more than one called at a time."""
    rows = process.contention
    if not any(row.up_to > 1 for row in rows):
        return
    most = max(row.wait_share.high for row in rows)
    if most < _TINY:
        together = f"none to speak of, with {rows[0].threads} to {rows[-1].up_to} threads calling at a time"
        yield from _labelled("waiting", together, width)
        return
    yield Text(f"  {'waiting':<13}{'threads calling':>15}{'CPU':>10}  share of their time")
    room = min(max(width - 68, 0), 24)
    for row in rows:
        threads = str(row.threads) if row.threads == row.up_to else f"{row.threads} to {row.up_to}"
        plot = bar(row.wait_share.value / most, room)
        figures = f"{threads:>15}{format_duration(row.cpu):>10}  {interval_of(row.wait_share):<27}"
        yield Text(f"  {'':<13}{figures}{plot}".rstrip())


def churn(process: Process) -> str | None:
    """Allocations and bytes a second of CPU; None where it worked too short to tell."""
    if process.cpu < 0.01 or not process.allocations:
        return None
    size = format_bytes((process.requested_bytes or 0) / process.cpu)
    return f"{thousands(process.allocations / process.cpu)} allocations, {size} a second of CPU"


def _labelled(label: str, value: str, width: int) -> Iterable[Text]:
    yield from paragraph(value, width, first=f"  {label:<13}", rest=" " * LABEL)


def _short(seconds: float) -> str:
    """``80 ns``, ``12 us``, ``250 ms``, ``1.20 s``."""
    for factor, unit in ((1e9, "ns"), (1e6, "µs")):
        if seconds * factor < 999.5:
            return f"{seconds * factor:.3g} {unit}"
    return format_duration(seconds)
