"""A process seen from outside as a page, and two of them side by side."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from heapswap.profiling.compare import Comparison, MemoryChange, Range, ShareChange
from heapswap.profiling.mappings import Kind
from heapswap.profiling.model import Process, Profile, Resident, Share
from heapswap.report.figures import count, interval_of, part
from heapswap.report.findings import finding_lines
from heapswap.report.lines import heading, paragraph, printable
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


def comparison_text(comparison: Comparison, *, old: str, width: int, colour: Colour = Colour.NEVER) -> str:
    """The two side by side; `old` names the file of the other one."""
    shares = [_share_line(row) for row in comparison.shares if row.old or row.new]
    memory = [_memory_line(row) for row in comparison.memory if row.old and row.new and _matters(row)]
    return render(
        [
            *heading(f"Against {printable(old)}"),
            Text(f"  {'':<13}{'then':>10}{'now':>10}  change"),
            *(Text(line) for line in (*shares, *memory)),
            *([Text(), *finding_lines(comparison.findings, width)] if comparison.findings else []),
        ],
        colour,
    )


_SHARES = {"allocator_cpu_share": "allocator", "kernel_share": "  in kernel", "lock_wait_share": "lock wait"}


def _share_line(row: ShareChange) -> str:
    figures = f"  {_SHARES[row.name]:<13}{_value(row.old):>10}{_value(row.new):>10}"
    if row.difference is None or row.low is None or row.high is None:
        return figures
    points = f"{row.difference * 100:+.1f} points ({row.low * 100:+.1f} to {row.high * 100:+.1f})"
    return f"{figures}  {points}{'' if row.beyond_chance else ', or chance'}"


def _memory_line(row: MemoryChange) -> str:
    assert row.old is not None  # asked only where both are known
    assert row.new is not None
    label = "resident" if row.name == "all" else f"  {row.name}"
    change = f"{(row.new.middle / row.old.middle - 1) * 100:+.0f} %" if row.old.middle else ""
    spans = "" if row.apart else ", within their range" if _overlap(row.old, row.new) else ", little"
    return f"  {label:<13}{format_bytes(row.old.middle):>10}{format_bytes(row.new.middle):>10}  {change}{spans}"


def _overlap(old: Range, new: Range) -> bool:
    return old.low <= new.high and new.low <= old.high


def _matters(row: MemoryChange) -> bool:
    return max(row.old.high if row.old else 0, row.new.high if row.new else 0) >= 1 << 20


def _value(share: Share | None) -> str:
    return "-" if share is None else part(share.value)
