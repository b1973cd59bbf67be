"""The words of this folder: a change is one figure before and after; a turn is one word before and after."""

from dataclasses import dataclass
from enum import StrEnum

from heapswap.estimate import Estimate
from heapswap.findings import Finding

KIND = "comparison"
SCHEMA = 1


class Form(StrEnum):
    """What a change is written as."""

    RATIO = "ratio"
    """after / before - 1"""
    POINTS = "points"
    """after - before, of two shares of a whole"""


class Said(StrEnum):
    """What a change says, with its interval."""

    LESS = "less"
    MORE = "more"
    OPEN = "open"
    """the interval holds zero"""
    COUNTED = "counted"
    """one run each: there is no interval"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure of one thing."""

    subject: str
    """a candidate, a process, or the whole"""
    measure: str
    unit: str
    """of `before` and `after`; ``effect`` for candidate / baseline - 1, ``share`` for a part of a whole"""
    before: Estimate
    after: Estimate
    form: Form
    change: Estimate
    says: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One word of one thing, where it is another now."""

    subject: str
    measure: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed between two artifacts of one kind. The field names are the JSON names."""

    kind: str = KIND
    schema: int = SCHEMA
    of: str
    """kind of both"""
    subject: str
    confidence: float
    """of every interval of a change, as a fraction"""
    turns: tuple[Turn, ...] = ()
    changes: tuple[Change, ...] = ()
    only_before: tuple[str, ...] = ()
    """subjects that the newer one does not have"""
    only_after: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
