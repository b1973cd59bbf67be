"""The words of this room that are saved or printed: a trace at a glance, and its rows by one thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from heapswap.findings import Finding

SUMMARY = "trace-summary"
QUERY = "trace-query"
SCHEMA = 1
"""of both"""


class By(StrEnum):
    """What the rows of a query are."""

    SIZE = "size"
    LIFETIME = "lifetime"
    THREAD = "thread"
    TIME = "time"
    SITE = "site"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """A trace at a glance. A realloc is one event, and counts as an allocation and as a free, as in a profile."""

    kind: str = SUMMARY
    schema: int = SCHEMA
    events: int
    """calls of the malloc family, those that failed included"""
    threads: int
    """of all processes"""
    allocations: int
    frees: int
    peak_live_bytes: int
    """the most bytes asked for that were live at the same time, over all processes"""
    cross_thread_share: float
    """of the frees of blocks whose allocation is in the trace: by another thread than the one that allocated"""
    bytes_per_event: float
    """of the file"""


Value = str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """A trace by one thing, a row a size class, a lifetime, a thread, an interval or a call site."""

    kind: str = QUERY
    schema: int = SCHEMA
    by: By
    rows: tuple[Mapping[str, Value], ...]
    """all with the same names; sizes in bytes, times in nanoseconds"""
    findings: tuple[Finding, ...] = ()
    """call sites: why some have no name"""
