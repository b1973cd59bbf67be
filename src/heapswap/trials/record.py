"""What the launcher says about a run, and the rows that it becomes. Pure.

The protocol is explained in `native/launch/src/protocol.rs`.
"""

import os
from collections.abc import Sequence

import msgspec

from heapswap.findings import Finding, Level
from heapswap.trials.model import Force, Measurement, Outcome, ProcessSeen, Sample
from heapswap.trials.rest import Rest
from heapswap.workload import Direction

KEPT_SAMPLES = 200
"""points of the timeline that are saved with a run"""

MEASURED = frozenset(
    (
        *("wall", "cpu", "user", "system", "peak", "mean", "idle", "rest"),
        *("faults", "major_faults", "voluntary_switches", "involuntary_switches"),
    )
)
"""names of the rows that `measurements` may make: a metric of the user's own needs another"""


class Reply(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """One line from the launcher."""


class Started(Reply, frozen=True):
    """The program runs."""

    pid: int


class Refused(Reply, frozen=True):
    """The program could not be started, and nothing has run."""

    step: str
    errno: int


class Error(Reply, frozen=True):
    """A request that the launcher did not understand."""

    reason: str


class Marked(Reply, frozen=True):
    """The tree at a moment that was asked for: seconds since the start, bytes, seconds of CPU, processes."""

    name: str
    at: float
    resident: int
    cpu: float
    processes: int


class Point(msgspec.Struct, frozen=True):
    """The tree at one moment: seconds, bytes, seconds of CPU, processes."""

    at: float
    resident: int
    cpu: float
    processes: int


class Peak(msgspec.Struct, frozen=True):
    """Bytes; exact where the bounds meet."""

    value: int
    low: int
    high: int


class Seen(msgspec.Struct, frozen=True):
    """One process of the tree."""

    pid: int
    parent: int
    exe: str
    cpu: float
    peak: int


class Ended(Reply, frozen=True):
    """The record of a run; times in seconds, memory in bytes."""

    exit: int | None
    signal: int | None
    timed_out: bool
    started: float
    wall: float
    user: float
    system: float
    faults: int
    major_faults: int
    voluntary: int
    involuntary: int
    largest: int
    peak: Peak
    mean: float | None
    steal: float | None
    pressure: float | None
    timeline: tuple[Point, ...]
    processes: tuple[Seen, ...]
    left_behind: tuple[Seen, ...]
    overhead: float


def wire(text: str) -> str:
    """An argument, path or variable of this system as the launcher reads it: one character for each byte."""
    return os.fsencode(text).decode("latin-1")


def outcome(record: Ended, accepted: Sequence[int]) -> Outcome:
    """How the run ended, as far as the launcher can tell."""
    if record.timed_out:
        return Outcome.TIMED_OUT
    if record.signal is not None:
        return Outcome.CRASHED
    return Outcome.COMPLETED if record.exit in accepted else Outcome.FAILED


def measurements(record: Ended, rest: Rest | None) -> tuple[Measurement, ...]:
    """The rows that every run has, and idle memory where the run rested."""
    peak = record.peak
    exact = peak.low == peak.high
    rows = [
        _less("wall", record.wall, "s"),
        _less("cpu", record.user + record.system, "s"),
        _less("user", record.user, "s"),
        _less("system", record.system, "s"),
        Measurement(
            metric="peak",
            value=float(peak.value),
            unit="B",
            direction=Direction.LESS,
            low=None if exact else float(peak.low),
            high=None if exact else float(peak.high),
        ),
        _less("faults", record.faults, "1"),
        _less("major_faults", record.major_faults, "1"),
        _less("voluntary_switches", record.voluntary, "1"),
        _less("involuntary_switches", record.involuntary, "1"),
    ]
    if record.mean is not None:
        rows.append(_less("mean", record.mean, "B"))
    if rest is not None:
        rows += [_less("idle", rest.resident, "B"), _less("rest", rest.length, "s")]
    return tuple(rows)


def samples(record: Ended) -> tuple[Sample, ...]:
    """The whole timeline that the launcher kept, in order of time, no two at the same."""
    return tuple(
        Sample(at=point.at, resident=point.resident, cpu=point.cpu, processes=point.processes)
        for point in record.timeline
    )


def thinned(timeline: Sequence[Sample]) -> tuple[Sample, ...]:
    """At most `KEPT_SAMPLES` of it, evenly chosen, the first and the last included."""
    if len(timeline) <= KEPT_SAMPLES:
        return tuple(timeline)
    step = (len(timeline) - 1) / (KEPT_SAMPLES - 1)
    return tuple(timeline[round(index * step)] for index in range(KEPT_SAMPLES))


def processes(record: Ended) -> tuple[ProcessSeen, ...]:
    """The processes of the tree; whose malloc served them is not known yet."""
    return tuple(
        ProcessSeen(
            pid=seen.pid,
            parent=seen.parent,
            program=_path(seen.exe),
            force=Force.NOT_SEEN,
            cpu=seen.cpu,
            peak=seen.peak,
        )
        for seen in record.processes
    )


def left_behind(record: Ended) -> Finding | None:
    """A doubt about a run whose program left processes behind."""
    if not record.left_behind:
        return None
    names = sorted({_path(seen.exe) for seen in record.left_behind})
    return Finding(
        code="left-behind",
        level=Level.WARNING,
        seen=f"{len(record.left_behind)} process(es) outlived the program and were ended: {', '.join(names[:3])}",
        remedy="let the program wait for what it starts; what those processes would still have done is not measured",
    )


def _less(metric: str, value: float, unit: str) -> Measurement:
    return Measurement(metric=metric, value=float(value), unit=unit, direction=Direction.LESS)


def _path(exe: str) -> str:
    """A path for people and for saved files, which hold no stray bytes."""
    return exe.encode("latin-1").decode("utf-8", "replace")
