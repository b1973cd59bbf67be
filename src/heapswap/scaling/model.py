"""The words of this room: point, saturation, limit, the law and its parameters, memory at rest over cycles."""

from dataclasses import dataclass
from enum import StrEnum

from heapswap.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One step of the ramp as it was measured."""

    level: int
    """clients at once"""
    throughput: float
    """operations a second"""
    latency: float | None = None
    """seconds an operation, the mean as the load generator saw it; None where it does not say"""
    service: float | None = None
    """cores that the service's process tree kept busy; None where it was not measured"""
    load: float | None = None
    """the same of the load generator's tree"""
    machine: float | None = None
    """the same of the whole machine, these two and everything else"""
    rate: float | None = None
    """operations a second that were asked for, of a generator that holds a rate"""
    service_waiting: float | None = None
    """cores that the service was ready to use and did not get; None where it is not known"""
    load_waiting: float | None = None
    """the same of the load generator"""


class Limit(StrEnum):
    """What held throughput back at the step where it stopped growing."""

    MACHINE = "machine"
    """every core was busy, with the service and its load"""
    OTHERS = "others"
    """every core was busy, many of them with other programs"""
    GENERATOR = "generator"
    """the load generator could not ask for more"""
    PROGRAM = "program"
    """the service itself, with cores left idle"""
    NOTHING = "nothing"
    """throughput was still growing at the last step"""
    UNKNOWN = "unknown"
    """CPU was not measured"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """Where one candidate stops growing, and why."""

    level: int | None
    """the first step at which it is saturated; None: still growing at the last one"""
    peak: float
    """the highest throughput of a step, operations a second"""
    limit: Limit
    why: str
    """a clause with the figures, such as ``the service uses 1.0 of 2 cores``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The Universal Scalability Law, fitted: X(N) = rate · N / (1 + contention · (N - 1) + coherence · N · (N - 1)).

    Intervals are 95 %; there is none where too few blocks were run.
    """

    rate: Estimate
    """operations a second of one client"""
    contention: Estimate
    """the share of work that is serial, 0 to 1"""
    coherence: Estimate
    """the price of agreeing between each two, 0 or more"""
    peak: Estimate | None
    """clients at which throughput is highest; None where the fit has no such point"""


class AtRest(StrEnum):
    """What cycles of load and rest say of memory."""

    LEAK = "leak"
    """live bytes grow from cycle to cycle"""
    RETENTION = "retention"
    """resident memory grows, and live bytes do not"""
    NEITHER = "neither"
    """neither grows"""
    FILLING = "filling"
    """it grew and is flattening: a cache or an arena that fills up, or too few cycles"""
    UNKNOWN = "unknown"
    """too few cycles, or it grows and live bytes are not known"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Growth of one kind of memory at rest."""

    slope: float
    """bytes a cycle"""
    low: float
    high: float
    """99 % interval"""
    typical: float
    """bytes at rest, the median"""
    late: float
    """the slope of the second half alone, bytes a cycle"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Memory at rest over the cycles of one candidate."""

    candidate: str = ""
    kind: AtRest
    cycles: int
    """that were judged, the first of each run left out"""
    resident: Trend | None
    live: Trend | None
    why: str
    """one sentence with the figures"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEffect:
    """One candidate against the baseline at one step of the ramp: candidate / baseline - 1."""

    level: int
    metric: str
    baseline: float | None
    """typical value, in the metric's unit"""
    value: float | None
    """the candidate's"""
    unit: str
    effect: float | None
    low: float | None = None
    high: float | None = None
    """99 % interval; None where too few blocks allow one"""
    rate: float | None = None
    """operations a second that were asked for; None: a closed loop"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """One candidate through the whole ramp."""

    candidate: str
    cores: int
    """that service and load could use"""
    effects: tuple[StepEffect, ...]
    """none of the baseline's"""
    points: tuple[Point, ...]
    """typical values of each step"""
    saturation: Saturation
    law: Law | None
    """None where scaling is not measurable on this machine"""
    speedup: Estimate | None = None
    """throughput at the second step over the first, with the interval over runs"""
