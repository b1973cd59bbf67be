"""The words of this room: a clause and its outcome, a misuse and the reaction, a price, and the whole answer."""

from dataclasses import dataclass
from enum import StrEnum

from heapswap.allocators.model import Library
from heapswap.environment import Environment

KIND = "conformance"
SCHEMA = 1


class Outcome(StrEnum):
    """What came of a clause."""

    HELD = "held"
    DEVIATES = "deviates"
    CRASHED = "crashed"
    HUNG = "hung"
    NOT_APPLICABLE = "not_applicable"
    """the library lacks what the clause is about, or it cannot be asked here; the detail says which"""

    @property
    def is_broken(self) -> bool:
        """Whether the promise is not kept."""
        return self not in (Outcome.HELD, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseResult:
    """One clause of the table in `clauses`, asked."""

    id: str
    outcome: Outcome
    detail: str
    """what was seen; where a random program broke the clause, its lines and what was seen in the last"""


class Reaction(StrEnum):
    """What an allocator does with a program's mistake, the safest first."""

    DETECTED = "detected"
    """it ends the program"""
    IGNORED = "ignored"
    """no harm: the heap stays sound"""
    CRASHED = "crashed"
    """the program dies of a bad access, which is luck"""
    HUNG = "hung"
    CORRUPTS = "corrupts"
    """memory is given out that is not its to give, silently"""
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One mistake, made on purpose."""

    id: str
    reaction: Reaction
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """How one build reacts to every mistake."""

    candidate: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the hardened build costs: a ratio of times, hardened to plain, with an interval over pairs of runs."""

    id: str
    unit: str
    plain: float
    """median, in `unit`"""
    hardened: float
    ratio: float
    """median over the pairs"""
    low: float
    high: float
    pairs: int
    confidence: float
    """of the interval, as a fraction"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """Everything `heapswap conform` tells. The field names are the JSON names."""

    kind: str = KIND
    schema: int = SCHEMA
    candidate: str
    library: Library | None
    """None: the C library's own allocator"""
    system: str
    """the C library: ``glibc 2.36``"""
    clauses: tuple[ClauseResult, ...]
    hardening: tuple[Hardening, ...] = ()
    """the candidate, and beside it the other build where one is plain and one is hardened"""
    prices: tuple[Price, ...] = ()
    environment: Environment

    @property
    def broken(self) -> tuple[ClauseResult, ...]:
        """The clauses that do not hold."""
        return tuple(result for result in self.clauses if result.outcome.is_broken)
