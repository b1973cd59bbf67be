"""A recording, played against any malloc: the player is a program like any other, with metrics of its own."""

import os
from enum import StrEnum
from pathlib import Path

import msgspec

from heapswap.traces.trace import asked
from heapswap.workload import Metric

TIMED = 1 / 40
"""calls that are timed, at least"""
BEYOND = 10
"""timed calls that have to be slower than a quantile, for it to say anything"""


PATIENCE = 30.0
"""seconds that a replay at the recorded speed may take, where nobody asked for it"""


class Speed(StrEnum):
    """When calls are made."""

    MAX = "max"
    """one after the other"""
    RECORDED = "recorded"
    """not before they were in the recording"""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of a recording did, ready to be played."""

    pid: int | None = None
    executable: str | None = None
    processes: int
    """in the recording"""
    calls: int
    threads: int
    peak_live: int
    """bytes that were asked for and live, at most"""
    end_live: int
    seconds: float
    """from the first call to the last"""
    cpu_seconds: float | None = None
    """that the process worked while it was recorded; None where the recording does not tell"""
    unknown_frees: int
    """of blocks whose allocation is not in the recording: left out"""
    lost_frees: int
    """blocks whose free is not in the recording: freed when their address is given out again"""
    large_bytes: int
    """bytes of blocks of 128 KiB and more"""
    large_bytes_told: int
    """those of them for which the recording tells how much was touched"""


def compiled(trace: Path, script: Path, process: int | None = None) -> Script:
    """Make the script of one process of a recording: the one named, or the one that did most.

    Raises:
        Misuse: no such process.
        CannotGoOn: the recording cannot be read, or the script cannot be written.
    """
    whose = () if process is None else (str(process),)
    return asked(Script, trace, "compile", os.fspath(trace), os.fspath(script), *whose)


def suited(script: Script) -> Speed:
    """As recorded where threads decide how memory ages, unless that takes long."""
    return Speed.RECORDED if script.threads > 1 and script.seconds <= PATIENCE else Speed.MAX


def words(script: Path, speed: Speed) -> tuple[str, ...]:
    """The player's arguments."""
    return (os.fspath(script), "--speed", speed.value)


def metrics(calls: int) -> tuple[Metric, ...]:
    """What a replay of so many calls measures: memory of the heap alone, and what calls took."""
    slowest = "p99_99" if calls * TIMED * 1e-4 >= BEYOND else "p99_9"
    return (
        *(Metric(name=name, path=name, unit="B") for name in ("heap_peak", "heap_mean", "heap_end")),
        Metric(name="heap_cpu", path="cpu", unit="s"),
        *(
            Metric(name=f"{call}_{quantile}", path=f"{call}.{quantile}", unit="ns")
            for call in ("allocate", "free")
            for quantile in ("p50", "p99", slowest)
        ),
    )
