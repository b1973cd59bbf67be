"""The words of this room: comparison, guard, control, verdict. The field names are the JSON names."""

from dataclasses import dataclass
from enum import StrEnum

from heapswap.findings import Finding
from heapswap.scaling.model import Growth, Ramp
from heapswap.verdict.symptoms import Symptom


class Decision(StrEnum):
    """The answer."""

    ADOPT = "adopt"
    KEEP = "keep"
    INCONCLUSIVE = "inconclusive"
    UNSAFE = "unsafe"


class Comparison(StrEnum):
    """What one comparison of a candidate with the baseline on one metric says."""

    BETTER = "better"
    NOT_BETTER = "not_better"
    UNKNOWN = "unknown"


class GuardState(StrEnum):
    """Whether a limit on a metric that must not get worse is kept."""

    HELD = "held"
    """the confidence limit is inside"""
    BROKEN = "broken"
    """the confidence limit on the other side is outside"""
    OPEN = "open"
    """the interval straddles the limit"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One candidate against the baseline on one metric: candidate / baseline - 1, negative is less."""

    candidate: str
    metric: str
    effect: float | None
    low: float | None
    high: float | None
    """99 % interval; None where too few runs allow one"""
    verdict: Comparison
    runs: int
    """runs of the candidate that the estimate rests on"""
    baseline: float | None = None
    """typical value of the baseline, in the metric's unit"""
    unit: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardCheck:
    """One metric that must not get worse by more than a limit."""

    candidate: str
    metric: str
    limit: float
    """largest allowed effect as a ratio, the absolute floor included"""
    effect: float | None
    low: float | None
    high: float | None
    state: GuardState


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The A/A control: the two baseline runs of each confirming block against each other."""

    metric: str
    noise: float | None
    """typical relative difference of two runs of the same thing (the noise floor)"""
    blocks: int
    effect: float | None = None
    """baseline against itself, candidate / baseline - 1; should hold zero"""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTried:
    """A candidate that was not run, with the reason."""

    candidate: str
    reason: str


class Advice(StrEnum):
    """What one profiled run says to do: which of the article's rules applies. The fourth needs no run."""

    NO_BOTTLENECK = "no-measured-bottleneck"
    """the first: allocation costs too little for any change to be worth it, and nothing is retained"""
    SLOW = "allocation-costs-time"
    """the second: candidates that save time have to prove it"""
    RETAINS = "memory-is-retained"
    """the third: candidates that give memory back have to prove it"""
    BOTH = "time-and-memory"
    """the second and the third"""
    OBJECTS = "objects-are-not-shown"
    """the first, as far as malloc goes: what stands in for Python's own allocator has to prove itself"""
    UNKNOWN = "not-shown"
    """the profile does not show enough, so that every candidate is tried"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One number that the rule about the profile rests on."""

    of: str
    """``allocator``, ``faults_again`` and ``waiting``, which are ``costs`` together; with ``first_touches`` and
    ``layout`` all of ``time``; ``memory``. Older documents have ``faults``, of both kinds"""
    metric: str
    """what it could be taken off: ``wall``, ``cpu``, or ``memory``, whichever of its metrics"""
    most: float
    """upper limit of what any allocator could win"""
    limit: float | None = None
    """below it a change is not worth it, or of ``costs`` does not show in a trial; None of a part of another"""
    unit: str = "1"
    """``1``: part of the time; ``B``: bytes"""

    @property
    def is_excluded(self) -> bool:
        """Whether it is too little to matter."""
        return self.limit is not None and self.most < self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the profile of the first run says, before any candidate is tried."""

    advice: Advice
    reason: str
    """one sentence for a person"""
    primary: str
    """the metric that decides"""
    symptoms: tuple[Symptom, ...] = ()
    """what the candidates that are tried are good for; none where nothing is tried, or everything"""
    grounds: tuple[Ground, ...] = ()
    profile: str = ""
    """digest of the profile this rests on, ``sha256:…``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, and everything it rests on."""

    kind: str = "verdict"
    schema: int = 1
    outcome: Decision
    candidate: str | None
    """spelling; None unless adopted"""
    baseline: str
    objective: str
    primary: str
    rule: str
    """name of the rule that fired"""
    reason: str
    """one sentence for a person"""
    comparisons: tuple[Effect, ...] = ()
    guards: tuple[GuardCheck, ...] = ()
    control: Control | None = None
    excluded: float | None = None
    """a gain above this fraction is excluded for every candidate; None where nothing can be excluded"""
    detectable: float | None = None
    """the smallest improvement of the primary metric that so many blocks find four times out of five, at this noise"""
    runs: int = 0
    runs_needed: int | None = None
    """about how many more runs would settle an inconclusive answer"""
    ramps: tuple[Ramp, ...] = ()
    """of a service: throughput and latency step by step, the baseline first"""
    growths: tuple[Growth, ...] = ()
    """of a service under several cycles of load and rest: its memory at rest"""
    not_tried: tuple[NotTried, ...] = ()
    findings: tuple[Finding, ...] = ()
    evidence: str = ""
    """digest of the trial this rests on, ``sha256:…``"""
    diagnosis: Diagnosis | None = None
    """what the first run's profile says; None where it was not asked"""
