"""A process seen from outside as a page."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from heapswap.profiling.mappings import Kind
from heapswap.profiling.model import Process, Profile, Resident
from heapswap.report.figures import count, interval_of, part
from heapswap.report.findings import finding_lines
from heapswap.report.lines import paragraph, printable
from heapswap.report.plots import course
from heapswap.report.terminal import Colour, render
from heapswap.units import format_bytes, format_duration

_LABEL = 15
_LEAST = 0.001
"""part of the resident memory below which a kind is not shown"""


def outside_text(profile: Profile, *, saved: str, width: int, colour: Colour = Colour.NEVER) -> str:
    """The profile at `width` columns; `saved` is its file, empty for none."""
    (process,) = profile.processes
    words = " ".join([*process.arguments] or [process.exe])
    lines = [
        *paragraph(
            f"{printable(words)[:200]} (pid {process.pid}), from outside for {format_duration(profile.wall)}", width
        ),
        Text(),
        *(line for label, value in seen_rows(process) for line in _row(label, value, width)),
        *_memory(process.resident, width),
        Text(),
        *finding_lines(profile.findings, width),
        *([Text(), *paragraph(f"Saved in {printable(saved)}.", width)] if saved else []),
    ]
    return render(lines, colour)


def _row(label: str, value: str, width: int) -> list[Text]:
    return paragraph(value, width, first=f"  {label:<{_LABEL - 2}}", rest=" " * _LABEL)


def seen_rows(process: Process) -> Iterable[tuple[str, str]]:
    """What can be seen without counting: names and values; a row without a name goes on with the one above."""
    yield "allocator", printable(process.allocator) or "not known"
    used = f"{format_duration(process.cpu)} of CPU, {count(process.threads, 'thread')}, {process.samples:,} samples"
    yield "CPU", used
    if process.allocator_cpu_share is not None:
        kernel = process.kernel_share
        of_it = f", of it {part(kernel.value)} in the kernel" if kernel and kernel.value >= _LEAST else ""
        yield "", f"{interval_of(process.allocator_cpu_share)} of it in the allocator{of_it}"
    if process.lock_wait_share is not None:
        yield "lock wait", f"{interval_of(process.lock_wait_share)} of the time in which the program wanted to run"


def _memory(moments: Sequence[Resident], width: int) -> Iterable[Text]:
    if not moments:
        return
    room = min(width - 34, 60)
    top = max(moment.all for moment in moments)
    for name in ("all", *Kind):
        values = [size(moment, name) for moment in moments]
        if max(values) >= _LEAST * top:
            label = "resident" if name == "all" else f"  {name}"
            yield Text(f"  {label:<13}{format_bytes(values[-1]):>10}  {course(values, room, top)}")


def size(moment: Resident, name: str) -> int:
    """The bytes of one kind, or of ``all``."""
    return moment.all if name == "all" else int(getattr(moment, name))
