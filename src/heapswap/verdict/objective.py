"""What counts: every number of an objective in one table, and the criteria that follow for one program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heapswap.errors import Misuse
from heapswap.trials.model import Criteria, Demand, GuardLimit, Run

MIB = 1024 * 1024.0

TIMES = ("wall", "cpu")
RATES = ("throughput", "cpu_per_request", "latency_p99")
"""what stands for time of a service; it has no wall time of its own, and latencies only where its load is paced"""
MEMORIES = ("peak", "mean", "idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """The larger of a ratio and an absolute amount in the metric's unit."""

    ratio: float
    floor: float = 0.0


HEAP = "heap"
"""the objective of a replay"""

TIME_MARGIN = Margin(ratio=0.02)
MEMORY_MARGIN = Margin(ratio=0.10, floor=8 * MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One row of the table."""

    name: str
    primary: tuple[str, ...]
    """metrics that may decide; the first one that the program has"""
    time: Margin | None
    """how much wall and CPU time may grow; None: not guarded"""
    memory: Margin
    """how much memory may grow"""
    guarded: tuple[str, ...]


OBJECTIVES: Mapping[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective(
            name="balanced",
            primary=("wall", "latency_p99", "latency_mean", "throughput"),
            time=Margin(ratio=0.05),
            memory=Margin(ratio=0.10, floor=16 * MIB),
            guarded=("cpu", "wall", *RATES, "peak", "mean", "idle"),
        ),
        Objective(
            name="time",
            primary=("wall", "latency_p99", "latency_mean", "throughput"),
            time=None,
            memory=Margin(ratio=0.25, floor=32 * MIB),
            guarded=("peak", "mean", "idle"),
        ),
        Objective(
            name="cpu",
            primary=("cpu", "cpu_per_request"),
            time=None,
            memory=Margin(ratio=0.25, floor=32 * MIB),
            guarded=("peak", "mean", "idle"),
        ),
        Objective(
            name="memory",
            primary=("idle", "peak"),
            time=Margin(ratio=0.15),
            memory=Margin(ratio=0.10, floor=16 * MIB),
            guarded=("cpu", "wall", *RATES, "peak"),
        ),
        # Of a replay, which does nothing but allocate: its time is not the program's, and guards nothing.
        Objective(
            name=HEAP,
            primary=("heap_peak",),
            time=None,
            memory=Margin(ratio=0.10, floor=16 * MIB),
            guarded=("heap_mean", "heap_end"),
        ),
    )
}

KEEP_RATIO = 0.10
"""keep where an improvement above this is excluded"""


def objective(name: str) -> Objective:
    """A row of the table.

    Raises:
        Misuse: no such objective.
    """
    try:
        return OBJECTIVES[name]
    except KeyError:
        raise Misuse(f"no objective '{name}'; choose one of {', '.join(OBJECTIVES)}") from None


def margin(metric: str, unit: str) -> Margin:
    """How much better a metric must be to matter: memory has an absolute floor, everything else a ratio alone."""
    return MEMORY_MARGIN if _is_memory(metric, unit) else TIME_MARGIN


def _is_memory(metric: str, unit: str) -> bool:
    return metric in MEMORIES or unit == "B"


def criteria(
    name: str,
    first: Sequence[Run],
    *,
    primary: str | None = None,
    adopt: float | None = None,
    keep: float | None = None,
) -> Criteria:
    """The criteria of an objective for the program that the first runs show.

    `primary` names the metric that decides instead of the objective's own; `adopt` and `keep` replace the ratios of
    the table.

    Raises:
        Misuse: no such objective, or the program has no such metric.
    """
    row = objective(name)
    units = {entry.metric: entry.unit for run in first for entry in run.measurements if entry.phase == "whole"}
    wanted = (primary,) if primary else row.primary
    chosen = next((metric for metric in wanted if metric in units), None)
    if chosen is None:
        raise Misuse(f"the first run has no metric '{wanted[0]}'; it has {', '.join(units) or 'none'}")
    needed = margin(chosen, units[chosen])
    limits = []
    for metric in row.guarded:
        if metric == chosen or metric not in units:
            continue
        is_memory = _is_memory(metric, units[metric])
        allowed = row.memory if is_memory else row.time
        if allowed is None:
            continue
        demand = Demand.HELD if is_memory else Demand.NOT_BROKEN
        limits.append(GuardLimit(metric=metric, ratio=allowed.ratio, floor=allowed.floor, demand=demand))
    return Criteria(
        primary=chosen,
        adopt_ratio=needed.ratio if adopt is None else adopt,
        adopt_floor=needed.floor,
        keep_ratio=KEEP_RATIO if keep is None else keep,
        guards=tuple(limits),
    )
