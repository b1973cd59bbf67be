"""The words of this room: measurement, run, trial. A trial is append-only: a design, an environment, every run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heapswap.environment import Environment
from heapswap.findings import Finding
from heapswap.workload import Direction, Workload


class Outcome(StrEnum):
    """How a run ended. Everything but COMPLETED is evidence too."""

    COMPLETED = "completed"
    FAILED = "failed"
    """an exit status that the workload does not accept"""
    CRASHED = "crashed"
    """ended by a signal"""
    TIMED_OUT = "timed-out"
    OTHER_OUTPUT = "other-output"
    """completed, but printed something else than the baseline, which always prints the same"""
    NOT_IN_FORCE = "not-in-force"
    """completed, but the candidate's allocator did not serve it: never compared"""


class Stage(StrEnum):
    """What a run is for."""

    WARM_UP = "warm-up"
    SCREENING = "screening"
    CONFIRMING = "confirming"
    PROVING = "proving"
    """after a gain was shown: more runs of the winner, looking for slow ones"""


class Force(StrEnum):
    """Whether the candidate's allocator served a process."""

    IN_FORCE = "in-force"
    NOT_IN_FORCE = "not-in-force"
    NOT_SEEN = "not-seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSeen:
    """One program of the run's process tree, and whose malloc answered in it."""

    pid: int
    parent: int
    program: str
    """path of the executable; the command name where the path could not be read"""
    force: Force
    allocator: str = ""
    """path of the object that defines the malloc in use; empty when not seen"""
    cpu: float = 0.0
    """CPU seconds seen by sampling; 0.0 for a process shorter than a sample"""
    peak: int = 0
    """largest resident set seen, bytes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One row: phase, process group, metric, value, unit, direction."""

    metric: str
    """``wall``, ``cpu``, ``user``, ``system``, ``peak``, ``mean``, ``idle``, ``faults``, … or the user's own"""
    value: float
    unit: str
    """``s``, ``B``, ``1`` or the user's own"""
    direction: Direction
    phase: str = "whole"
    group: str = "tree"
    low: float | None = None
    high: float | None = None
    """bounds, where the instrument can only bound the value (the peak of a tree of several processes)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The tree at one moment of the timeline."""

    at: float
    """seconds since the start"""
    resident: int
    """bytes, shared pages counted once where `processes` > 1 and the proportional set could be read"""
    cpu: float
    """CPU seconds used by the tree so far"""
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One level of a service's ramp, measured. Everything is over the step alone."""

    concurrency: int
    rate: float | None = None
    """requests a second that were asked for; None: a closed loop, which asks less of a slower service"""
    cycle: int = 0
    started: float
    ended: float
    """seconds since the service was started"""
    cpu: float
    """CPU seconds of the service's tree"""
    load_cpu: float
    """CPU seconds of the load generator's tree"""
    busy: float
    """CPU seconds of the whole machine, all cores"""
    resident: int
    """bytes of the service's tree at the end, shared pages counted once"""
    metrics: tuple[Measurement, ...] = ()
    """``throughput`` (1/s), ``latency_p50`` and so on (ms), ``requests``, ``errors``, the user's own; phase ``step``"""
    waiting: float | None = None
    """seconds that threads of the service were ready to run and had no core, added up; None where it is not known"""
    load_waiting: float | None = None
    """the same of the load generator"""

    def value(self, metric: str) -> float | None:
        """The value of one metric, or None where the load's output had none."""
        return next((row.value for row in self.metrics if row.metric == metric), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A service at rest, after one cycle of its ramp."""

    cycle: int
    at: float
    """seconds since the service was started"""
    length: float
    """seconds since the last load ended"""
    resident: int
    """bytes of the tree, shared pages counted once"""
    live: int | None = None
    """bytes the program has allocated with malloc and not freed; None where nothing counts them"""
    processes: int = 1
    small: int | None = None
    """bytes in use in the arenas that Python keeps beside malloc; None where there are none, or nothing counts them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where a run stands in the design, decided before it is run."""

    stage: Stage
    block: int
    position: int
    candidate: str
    """the candidate's spelling"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process tree under one candidate."""

    slot: Slot
    outcome: Outcome
    exit_status: int | None
    """None when a signal ended it"""
    signal: int | None
    measurements: tuple[Measurement, ...]
    processes: tuple[ProcessSeen, ...] = ()
    timeline: tuple[Sample, ...] = ()
    output: str = ""
    """digest of standard output, ``sha256:…``; empty where it was not kept"""
    steal: float = 0.0
    """CPU seconds the hypervisor took during the run, all cores"""
    pressure: float = 0.0
    """seconds in which some task waited for a CPU (PSI ``some``)"""
    started: float = 0.0
    """seconds since the epoch"""
    log: str = ""
    """last lines of standard error of a run that did not complete"""
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    """of a service: the levels of its ramp that were measured, in order, every cycle's"""
    pauses: tuple[Pause, ...] = ()
    """of a service: its memory at rest, a row a cycle"""
    around: float = 0.0
    """seconds of the budget beside the run itself: preparing it, reading what it left, saving, deciding what is next"""

    def value(self, metric: str, phase: str = "whole") -> float | None:
        """The value of one metric, or None where this run has none."""
        for row in self.measurements:
            if row.metric == metric and row.phase == phase:
                return row.value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Design, environment, and every run in the order it was run."""

    kind: str = "trial"
    schema: int = 1
    workload: Workload
    environment: Environment
    design: "Design"
    runs: tuple[Run, ...] = ()
    not_tried: tuple[tuple[str, str], ...] = ()
    """candidate and the reason it was not run"""
    findings: tuple[Finding, ...] = ()


class Demand(StrEnum):
    """What adopting needs of a guard."""

    HELD = "held"
    """the confidence limit must be inside: memory, which is nearly free of noise"""
    NOT_BROKEN = "not-broken"
    """the estimate must be inside and the limit not shown to be broken: time, which is not"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimit:
    """A metric that must not get worse by more than the larger of a ratio and an absolute amount."""

    metric: str
    ratio: float
    floor: float = 0.0
    """in the metric's unit"""
    demand: Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """The numbers of an objective that the design of a trial needs before the first confirming run."""

    primary: str
    """the metric that decides: ``wall``, ``cpu``, ``idle``, ``peak`` or the user's own"""
    adopt_ratio: float
    """adopt needs an improvement beyond this fraction (0.02: two percent)"""
    adopt_floor: float = 0.0
    """and beyond this absolute amount, in the metric's unit (bytes for memory)"""
    keep_ratio: float = 0.10
    """keep when an improvement above this fraction is excluded"""
    error: float = 0.004
    """probability of a wrong adopt for the whole trial"""
    guards: tuple[GuardLimit, ...] = ()
    """what must not get worse while the primary metric gets better"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Everything decided before the first run; with the runs so far it determines the next block."""

    baseline: str
    """spelling of the candidate everything is compared with, usually ``current``"""
    candidates: tuple[str, ...]
    """spellings in order of promise, baseline excluded"""
    criteria: Criteria
    seed: int
    budget: float | None = None
    """seconds for all runs; None when `blocks` bounds the trial"""
    blocks: int | None = None
    """confirming blocks asked for; None: as the budget allows"""
    simplicity: tuple[int, ...] = field(default=())
    """for each candidate its cost of change: 0 nothing, 1 a knob, 2 a library, 3 a library with knobs"""
    objective: str = "balanced"
    """name of what the criteria are made for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a trial will do with its budget, as told by the first baseline run."""

    candidates: tuple[str, ...]
    """the candidates that are tried, in order of promise"""
    rounds: tuple[int, ...]
    """candidates in each screening round; each round has one baseline run too"""
    blocks: int
    """confirming blocks of four runs that fit after screening"""
    runs: int
    """runs in all, the first one included; without a budget, proving a gain may take more"""
    seconds: float
    """about how long they take"""
    not_tried: tuple[tuple[str, str], ...] = ()
    """candidate and the reason it will not be run"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbation:
    """What is equal within a block and random across blocks, so that no layout is measured by accident."""

    hash_seed: int
    """PYTHONHASHSEED, where the user has not set one; 1 to 4,294,967,295"""
    padding: int
    """bytes by which the environment grows: 0 to 4,095"""

    def applied(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment under these settings; a PYTHONHASHSEED of the user's own stays."""
        return {"PYTHONHASHSEED": str(self.hash_seed), **environ, "HEAPSWAP_PADDING": "x" * self.padding}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a session tells while it runs: after every run, and before each one starts."""

    running: Slot | None
    """the run under way; None at the end"""
    done: int
    expected: int
    """runs in all, as far as is known now"""
    elapsed: float
    remaining: float
    """seconds, an estimate"""
    leader: str = ""
    """spelling of the candidate that is ahead; empty while nothing is known"""
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    """its effect on the primary metric so far, with the interval"""
