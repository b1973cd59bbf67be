"""Where a process's time and calls went: the allocator's share of its CPU time, and its size classes."""

from collections.abc import Sequence

from heapswap.profiling.model import Process, SizeClass
from heapswap.report.charts.words import plain, rows
from heapswap.report.document.model import Chart
from heapswap.report.figures import count
from heapswap.units import format_bytes

AROUND = 90
HEIGHT = 340


def time_chart(processes: Sequence[tuple[str, Process]]) -> tuple[Chart, ...]:
    """CPU time of each process, cut into the program's own, the allocator's, and the kernel's on its behalf."""
    known = [(name, one) for name, one in processes if one.allocator_cpu_share is not None]
    if not known:
        return ()
    parts: dict[str, list[float]] = {"the program": [], "the allocator": [], "the kernel, for the allocator": []}
    for _, process in known:
        share = process.allocator_cpu_share.value if process.allocator_cpu_share else 0.0
        kernel = process.kernel_share.value if process.kernel_share else 0.0
        for values, part in zip(parts.values(), (1 - share, share - kernel, kernel), strict=True):
            values.append(round(100 * max(part, 0.0), 3))
    names = rows([name for name, _ in known])
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": part,
            "hue": hue,
            "x": values,
            "y": list(range(len(known))),
            "text": [plain(f"{name}: {value:.1f} % in {part}") for (name, _), value in zip(known, values, strict=True)],
            "textposition": "none",
            "hoverinfo": "text",
        }
        for hue, (part, values) in zip((7, 1, 3), parts.items(), strict=True)
    ]
    return (
        Chart(
            title="Where CPU time went",
            says="Of each process: in the program itself, in its allocator, and in the kernel on its behalf.",
            traces=tuple(traces),
            layout={
                "barmode": "stack",
                "xaxis": {"ticksuffix": " %", "range": [0, 100], "title": {"text": "of CPU time"}},
                "yaxis": names.axis,
            },
            height=AROUND + names.height,
        ),
    )


def size_chart(found: Sequence[SizeClass], title: str) -> tuple[Chart, ...]:
    """Calls and bytes of every size class, each as a share of all."""
    calls = sum(one.calls for one in found)
    size = sum(one.bytes for one in found)
    if not calls:
        return ()
    classes = sorted((one for one in found if one.calls), key=lambda one: one.up_to)
    names = [format_bytes(one.up_to) for one in classes]
    shares = {
        "of the calls": [100 * one.calls / calls for one in classes],
        "of the bytes": [100 * one.bytes / size if size else 0.0 for one in classes],
    }
    told = [
        f"up to {name}: {count(one.calls, 'call')}, {format_bytes(one.bytes)}"
        for name, one in zip(names, classes, strict=True)
    ]
    return (
        Chart(
            title=f"Sizes asked for by {title}",
            says="Each size class as a share of all calls, and of all bytes.",
            traces=tuple(
                {
                    "type": "bar",
                    "name": name,
                    "hue": hue,
                    "x": names,
                    "y": [round(value, 3) for value in values],
                    "text": told,
                    "textposition": "none",
                    "hoverinfo": "text",
                }
                for hue, (name, values) in enumerate(shares.items())
            ),
            layout={
                "barmode": "group",
                "xaxis": {"type": "category", "title": {"text": "up to"}},
                "yaxis": {"ticksuffix": " %"},
            },
            height=HEIGHT,
        ),
    )
