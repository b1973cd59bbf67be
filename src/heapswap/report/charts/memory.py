"""Memory over time: of each candidate of a trial, through load and rest; of each process of a profile."""

from collections.abc import Mapping, Sequence

import numpy as np

from heapswap.profiling.mappings import Kind
from heapswap.profiling.model import Process
from heapswap.report.charts.colours import HUES
from heapswap.report.charts.words import plain, unit_of
from heapswap.report.document.model import Chart
from heapswap.report.figures import amount
from heapswap.report.outside import size
from heapswap.trials.model import Outcome, Run, Trial
from heapswap.trials.statistics import Numbers

HEIGHT = 380
STEPS = 120
"""points of a line: more than are seen"""
FEWEST = 3
"""samples of a run below which it shows no course"""


def trial_memory(trial: Trial) -> tuple[Chart, ...]:
    """Resident memory of the tree, the median of each candidate's runs and the band that holds four of five."""
    return _typical(
        trial,
        "Memory over time",
        "Resident memory of the whole tree: the median of each candidate's runs, and a band that holds four of five. "
        "What stays after work ended is what the allocator keeps.",
    )


def replay_memory(trial: Trial) -> tuple[Chart, ...]:
    """The same of a trial that played a recording."""
    return _typical(
        trial,
        "Memory over time of the replay",
        "Resident memory of the process that played the recording, what it needs for itself included: the median of "
        "each candidate's runs, and a band that holds four of five. At full speed its time is not the program's.",
    )


def _typical(trial: Trial, title: str, says: str) -> tuple[Chart, ...]:
    courses = [
        (hue, candidate, course)
        for hue, candidate in enumerate(dict.fromkeys((trial.design.baseline, *trial.design.candidates)))
        if (course := typical_course([run for run in trial.runs if run.slot.candidate == candidate])) is not None
    ]
    if not courses:
        return ()
    divisor, unit = unit_of((float(course[3].max()) for _, _, course in courses), "B")
    traces: list[Mapping[str, object]] = []
    for hue, candidate, (at, low, middle, high) in courses:
        traces += _band(candidate, hue, at, low / divisor, high / divisor)
        traces.append(_line(candidate, hue, at, middle, divisor))
    return (
        Chart(
            title=title,
            says=says,
            traces=tuple(traces),
            layout=_layout(unit),
            height=HEIGHT,
        ),
    )


def typical_course(runs: Sequence[Run]) -> tuple[Numbers, Numbers, Numbers, Numbers] | None:
    """Times, and at each the 10th, 50th and 90th percentile of the resident bytes of those runs that still went on.

    It ends where fewer than half of them did. None where no completed run was sampled often enough.
    """
    told = [run.timeline for run in runs if run.outcome is Outcome.COMPLETED and len(run.timeline) >= FEWEST]
    if not told:
        return None
    ends = np.array([line[-1].at for line in told])
    at = np.linspace(0.0, float(np.median(ends)), STEPS)
    rows = np.array(
        [np.interp(at, [s.at for s in line], [float(s.resident) for s in line], right=np.nan) for line in told]
    )
    low, middle, high = np.nanpercentile(rows, [10, 50, 90], axis=0)
    return at, low, middle, high


def process_memory(process: Process, title: str) -> tuple[Chart, ...]:
    """Live bytes below resident ones: what lies between them is kept by the allocator, or is not malloc's."""
    moments = process.timeline
    if len(moments) < FEWEST:
        return ()
    divisor, unit = unit_of((float(one.resident) for one in moments), "B")
    at = np.array([one.at for one in moments])
    traces = [
        _line(name, hue, at, values, divisor)
        for hue, name, values in (
            (0, "resident", np.array([float(one.resident) for one in moments])),
            (1, "anonymous", np.array([float(one.anonymous) for one in moments])),
            (2, "live in blocks", np.array([float(one.live) for one in moments])),
        )
    ]
    return (
        Chart(
            title=f"Memory over time of {title}",
            says="Resident, the part of it that is no file's, and what the program holds in blocks.",
            traces=tuple(traces),
            layout=_layout(unit),
            height=HEIGHT,
        ),
    )


def live_memory(ends: Sequence[float], live: Sequence[int], most: Sequence[int]) -> tuple[Chart, ...]:
    """Live bytes at the end of each interval of a trace, in seconds, and the most that were live within it."""
    if len(ends) < FEWEST:
        return ()
    divisor, unit = unit_of(map(float, most), "B")
    at = np.array(ends, dtype=float)
    return (
        Chart(
            title="Live bytes over time",
            says="What the program held in blocks at the end of each interval, and at most within it.",
            traces=tuple(
                _line(name, hue, at, np.array(values, dtype=float), divisor)
                for hue, name, values in ((1, "at most", most), (0, "at the end", live))
            ),
            layout=_layout(unit),
            height=HEIGHT,
        ),
    )


def mapped_memory(process: Process, title: str) -> tuple[Chart, ...]:
    """Resident memory by kind of mapping, one above the other; of a process that was seen from outside."""
    moments = process.resident
    if len(moments) < FEWEST:
        return ()
    divisor, unit = unit_of((float(one.all) for one in moments), "B")
    at = np.array([one.at for one in moments])
    traces = []
    for hue, kind in enumerate(Kind):
        values = np.array([float(size(one, kind)) for one in moments])
        traces.append({**_line(kind, hue, at, values, divisor), "stackgroup": "all", "fill": "tonexty"})
    return (
        Chart(
            title=f"Resident memory of {title} by kind",
            says="What the kernel calls the heap, other memory of its own, stacks, files, and what is shared.",
            traces=tuple(traces),
            layout=_layout(unit),
            height=HEIGHT,
        ),
    )


def _layout(unit: str) -> Mapping[str, object]:
    return {
        "xaxis": {"title": {"text": "seconds since the start"}},
        "yaxis": {"title": {"text": f"memory, {unit}"}, "rangemode": "tozero"},
    }


def _line(name: str, hue: int, at: Numbers, values: Numbers, divisor: float) -> Mapping[str, object]:
    """Bytes over seconds, drawn in the unit that `divisor` makes."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(name),
        "hue": hue,
        "x": _rounded(at),
        "y": _rounded(values / divisor),
        "line": {"dash": "dot" if hue >= HUES else "solid"},
        "text": [plain(f"{name} at {t:.2f} s: {amount(v, 'B')}") for t, v in zip(at, values, strict=True)],
        "hoverinfo": "text",
    }


def _band(name: str, hue: int, at: Numbers, low: Numbers, high: Numbers) -> list[Mapping[str, object]]:
    edge = {
        "type": "scatter",
        "mode": "lines",
        "name": plain(name),
        "hue": hue,
        "x": _rounded(at),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    return [{**edge, "y": _rounded(low)}, {**edge, "y": _rounded(high), "fill": "tonexty"}]


def _rounded(values: Numbers) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
