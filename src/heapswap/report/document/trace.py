"""A trace as a document: what it holds at a glance, or its rows by one thing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath

from heapswap.findings import Finding, Level
from heapswap.profiling.model import Place, SizeClass
from heapswap.report.callsites import place_words, shortened
from heapswap.report.charts.cost import size_chart
from heapswap.report.charts.memory import live_memory
from heapswap.report.document.model import (
    Block,
    Cell,
    Commands,
    Document,
    Facts,
    Prose,
    Section,
    Table,
    Tone,
    drawn,
    findings,
    left,
    named,
    right,
    said,
    sections,
)
from heapswap.report.figures import UNKNOWN, count, part, thousands
from heapswap.report.nextstep import Step
from heapswap.traces.model import By, TraceQuery, Value
from heapswap.traces.trace import Trace
from heapswap.units import format_bytes, format_duration

SHOWN = 20
"""call sites shown"""

Row = Mapping[str, Value]


def trace_document(trace: Trace) -> Document:
    """The trace at a glance."""
    return _document(
        trace,
        Section(title="Blocks", blocks=(Facts(pairs=tuple(_facts(trace))),)),
        Section(title="Doubts", blocks=tuple(_doubts(trace))),
        Section(
            title="What to type",
            blocks=(
                Commands(
                    steps=(
                        Step(
                            purpose="To see who asks for memory, or instead of site: size, lifetime, thread, time:",
                            words=("heapswap", "report", str(trace.path), "--by", "site"),
                        ),
                    )
                ),
            ),
        ),
    )


def query_document(trace: Trace, query: TraceQuery) -> Document:
    """The trace by one thing."""
    title, make = _TABLES[query.by]
    return _document(
        trace,
        Section(title=title, blocks=tuple(make(query.rows))),
        Section(title="Doubts", blocks=findings(query.findings)),
    )


def _document(trace: Trace, *candidates: Section) -> Document:
    counts, summary = trace.counts, trace.summary
    program = PurePath(str(counts.metadata.get("program", ""))).name or trace.path.name
    size = f"{format_bytes(counts.file_bytes)}, {summary.bytes_per_event:.2f} bytes an event"
    return Document(
        kind="trace",
        subject=program,
        answer=f"{program}: {format_bytes(counts.peak_live_bytes)} live at most, {thousands(counts.events)} events of "
        f"{count(counts.threads, 'thread')} in {format_duration(counts.seconds)}.",
        tone=Tone.PLAIN,
        beside=(f"The trace has {size}.", *_ending(trace)),
        sections=sections(*candidates),
    )


def _ending(trace: Trace) -> Iterator[str]:
    end = trace.counts.end
    reason = "killed" if end is None else str(end.get("reason", "ended"))
    if reason == "killed":
        yield "The recorder was killed: what it had not written by then is missing."
    elif reason != "ended":
        yield f"The recording ended before the program did: {_WHY.get(reason, reason)}."


_WHY = {
    "size": "the trace had the size that was asked for",
    "time": "it had taken the time that was asked for",
    "behind": "the program was faster than the file could be written",
    "memory": "no memory was left for it",
    "disk": "the file could not be written",
}


def _facts(trace: Trace) -> Iterator[tuple[str, str]]:
    counts, summary = trace.counts, trace.summary
    yield "allocated", f"{thousands(summary.allocations)} blocks, {format_bytes(counts.allocated_bytes)} asked for"
    yield (
        "freed",
        f"{thousands(summary.frees)} blocks, {part(summary.cross_thread_share)} by another thread than the one that "
        "allocated them",
    )
    if counts.reallocations:
        yield "reallocs", f"{thousands(counts.reallocations)}, counted in both"
    yield "live at most", f"{format_bytes(counts.peak_live_bytes)} in {thousands(counts.peak_blocks)} blocks"
    yield "live at the end", format_bytes(counts.live_bytes_at_end)
    if counts.failures:
        yield "failed", count(counts.failures, "call")
    if counts.processes > 1:
        yield "processes", str(counts.processes)
    if allocator := counts.metadata.get("allocator"):
        yield "recorded behind", str(allocator)


def _doubts(trace: Trace) -> Iterator[Block]:
    counts = trace.counts
    found = []
    if counts.unknown_frees:
        found.append(
            Finding(
                code="unknown-blocks",
                level=Level.NOTE,
                seen=f"{thousands(counts.unknown_frees)} frees are of blocks that the trace does not hold",
                remedy="they are older than the recording, or inherited in a fork; live bytes leave them out",
            )
        )
    if counts.unordered:
        found.append(
            Finding(
                code="unordered-events",
                level=Level.WARNING,
                seen=f"{thousands(counts.unordered)} blocks were given out where one was still live: between threads "
                "their order is known to the tick only, or a free is missing",
                remedy="take lifetimes and live bytes for estimates, to this many blocks",
            )
        )
    yield from findings(found)


def _number(row: Row, name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else 0


def _count(row: Row, name: str) -> Cell:
    return said(thousands(_number(row, name)))


def _bytes(row: Row, name: str) -> Cell:
    return said(format_bytes(_number(row, name)))


def _elsewhere(row: Row, frees: str = "frees") -> Cell:
    return said(part(_number(row, "freed_elsewhere") / total) if (total := _number(row, frees)) else UNKNOWN)


_COLUMNS = right("blocks", "bytes", "freed elsewhere", "at the peak", "at the end")


def _usual(row: Row) -> tuple[Cell, ...]:
    return (
        _count(row, "allocations"),
        _bytes(row, "bytes"),
        _elsewhere(row),
        _bytes(row, "live_bytes_at_peak"),
        _bytes(row, "live_bytes_at_end"),
    )


def _sizes(rows: Sequence[Row]) -> Iterator[Block]:
    classes = [
        SizeClass(up_to=_number(row, "up_to"), calls=_number(row, "allocations"), bytes=_number(row, "bytes"))
        for row in rows
    ]
    yield from drawn(size_chart(classes, "the program"))
    yield Table(
        caption="Blocks by the size asked for",
        columns=(*right("up to"), *_COLUMNS),
        rows=tuple((_bytes(row, "up_to"), *_usual(row)) for row in rows),
    )


def _lifetimes(rows: Sequence[Row]) -> Iterator[Block]:
    blocks = sum(_number(row, "blocks") for row in rows) or 1
    yield Table(
        caption="Blocks by how many calls of the whole program they lived",
        columns=right("freed within", "blocks", "share", "bytes", "freed elsewhere", "mean life"),
        rows=tuple(
            (
                said("never" if row["calls"] is None else count_of_calls(_number(row, "calls"))),
                _count(row, "blocks"),
                said(part(_number(row, "blocks") / blocks)),
                _bytes(row, "bytes"),
                _elsewhere(row, "blocks"),
                said(UNKNOWN if row["mean_ns"] is None else _life(_number(row, "mean_ns"))),
            )
            for row in rows
        ),
    )


def _life(mean_ns: int) -> str:
    # The time of an event is known to the millisecond.
    return "under 1 ms" if mean_ns < 1_000_000 else format_duration(mean_ns / 1e9)


def count_of_calls(number: int) -> str:
    """``1 call``, ``1,000 calls``, ``1 million calls``."""
    if number >= 1_000_000:
        return f"{number // 1_000_000:,} million calls"
    return f"{number:,} call{'s' * (number != 1)}"


def _threads(rows: Sequence[Row]) -> Iterator[Block]:
    several = len({row["process"] for row in rows}) > 1
    yield Table(
        caption="Blocks by the thread that allocated them",
        columns=(*left("thread"), *_COLUMNS),
        rows=tuple((named(f"{row['pid']}/{row['tid']}" if several else str(row["tid"])), *_usual(row)) for row in rows),
    )


def _times(rows: Sequence[Row]) -> Iterator[Block]:
    yield from drawn(
        live_memory(
            [_number(row, "end_ns") / 1e9 for row in rows],
            [_number(row, "live_bytes") for row in rows],
            [_number(row, "peak_live_bytes") for row in rows],
        )
    )
    # A page holds a quarter of the intervals; every row stands for four then.
    step = 4 if len(rows) > 2 * SHOWN else 1
    joined = [rows[at : at + step] for at in range(0, len(rows), step)]
    yield Table(
        caption="Blocks over time",
        columns=right("until", "allocated", "bytes", "freed", "live", "live at most"),
        rows=tuple(
            (
                said(format_duration(_number(some[-1], "end_ns") / 1e9)),
                said(thousands(sum(_number(row, "allocations") for row in some))),
                said(format_bytes(sum(_number(row, "bytes") for row in some))),
                said(thousands(sum(_number(row, "frees") for row in some))),
                _bytes(some[-1], "live_bytes"),
                said(format_bytes(max(_number(row, "peak_live_bytes") for row in some))),
            )
            for some in joined
        ),
    )


def _sites(rows: Sequence[Row]) -> Iterator[Block]:
    joined = _joined(rows)
    yield Table(
        caption="Blocks by who asked for them",
        columns=(*left("call site"), *_COLUMNS),
        rows=tuple((named(site), *_usual(row)) for site, row in joined[:SHOWN]),
    )
    if len(joined) > SHOWN:
        yield Prose(text=f"{len(joined) - SHOWN:,} more call sites are in --json and --csv.", tone=Tone.FAINT)


def _joined(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """What looks the same to a person: without lines a function is one call site, though it calls from many places."""
    of: dict[str, dict[str, Value]] = {}
    for row in rows:
        whole = of.setdefault(_site(row), {})
        for name in ("allocations", "bytes", "frees", "freed_elsewhere", "live_bytes_at_peak", "live_bytes_at_end"):
            whole[name] = _number(whole, name) + _number(row, name)
    return sorted(of.items(), key=lambda one: (-_number(one[1], "live_bytes_at_peak"), -_number(one[1], "bytes")))


def _site(row: Row) -> str:
    module, place = str(row["module"]), f"{_number(row, 'offset'):#x}"
    unnamed = f"{PurePath(module).name}+{place}" if module else place
    function = str(row.get("function") or unnamed)
    return place_words(
        Place(
            function=shortened(function),
            file=str(row.get("file") or ""),
            line=_number(row, "line") or None,
            library=module,
            python=False,
        )
    )


_TABLES: dict[By, tuple[str, Callable[[Sequence[Row]], Iterator[Block]]]] = {
    By.SIZE: ("Blocks by the size asked for", _sizes),
    By.LIFETIME: ("Blocks by their lives, in calls", _lifetimes),
    By.THREAD: ("Blocks by who allocated them", _threads),
    By.TIME: ("Blocks over time", _times),
    By.SITE: ("Blocks by who asked for them", _sites),
}
