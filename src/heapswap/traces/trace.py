"""A trace on disk. What it holds is asked of the program that reads it; nothing of it is kept in memory here."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from heapswap import native
from heapswap.errors import CannotGoOn, HeapswapError, Misuse
from heapswap.traces.model import By, TraceQuery, TraceSummary
from heapswap.traces.names import named

T = TypeVar("T")

_MAGIC = b"heaptrac"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one reading of a whole trace tells. Times are in epochs of `tick_ns` nanoseconds."""

    events: int
    processes: int
    threads: int
    allocations: int
    """without reallocs"""
    frees: int
    """without reallocs"""
    reallocations: int
    failures: int
    allocated_bytes: int
    peak_live_bytes: int
    peak_blocks: int
    live_bytes_at_end: int
    """when the last event of each process had been seen"""
    cross_thread_frees: int
    known_frees: int
    """of blocks whose allocation is in the trace; without reallocs"""
    unknown_frees: int
    unordered: int
    """blocks given out where one was live whose free is missing"""
    first_epoch: int
    last_epoch: int
    tick_ns: int
    file_bytes: int
    cut_bytes: int
    """at the end of a file whose recorder was killed"""
    metadata: Mapping[str, Any]
    end: Mapping[str, Any] | None
    """None: the recorder was killed"""

    @property
    def seconds(self) -> float:
        """From the first event to the last, to the tick."""
        return (self.last_epoch - self.first_epoch) * self.tick_ns / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A handle: the file, and what one reading of it told."""

    path: Path
    counts: Counts

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a trace once, from its beginning to its end.

        Raises:
            CannotGoOn: unreadable, no trace, from a newer heapswap, or damaged: then the message names the segment.
        """
        return cls(path=path, counts=asked(Counts, path, "summary", str(path)))

    @property
    def summary(self) -> TraceSummary:
        """The trace at a glance."""
        counts = self.counts
        return TraceSummary(
            events=counts.events,
            threads=counts.threads,
            allocations=counts.allocations + counts.reallocations,
            frees=counts.frees + counts.reallocations,
            peak_live_bytes=counts.peak_live_bytes,
            cross_thread_share=counts.cross_thread_frees / counts.known_frees if counts.known_frees else 0.0,
            bytes_per_event=counts.file_bytes / counts.events if counts.events else 0.0,
        )

    def by(self, what: By) -> TraceQuery:
        """The trace by one thing; reads it once more, and for call sites the files that were loaded.

        Raises:
            CannotGoOn: it cannot be read any longer.
        """
        answer = asked(_Rows, self.path, "query", what.value, str(self.path))
        rows, findings = named(answer.rows) if what is By.SITE else (answer.rows, ())
        return TraceQuery(by=what, rows=rows, findings=findings)


class _Rows(msgspec.Struct, frozen=True):
    rows: tuple[dict[str, Any], ...]


def is_trace(path: Path) -> bool:
    """Whether a file begins as a trace does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def failure(path: Path, status: int, errors: bytes) -> HeapswapError:
    """What the program said when it could not go on, in one line."""
    said = errors.decode(errors="replace").strip().partition("\n")[0]
    said = said or f"{path} cannot be read: heapswap-trace ended with status {status}; please report this"
    return (Misuse if status == Misuse.exit_status else CannotGoOn)(said)


def asked(type_: type[T], trace: Path, *words: str) -> T:
    """What heapswap-trace, called with these words, answers about a trace.

    Raises:
        Misuse: a request that cannot be meant of this trace.
        CannotGoOn: unreadable, no trace, from a newer heapswap, or damaged: then the message names the segment.
    """
    try:
        trace.open("rb").close()
    except OSError as error:
        raise CannotGoOn(f"{trace} cannot be read: {error.strerror}; give a file that heapswap record made") from error
    done = subprocess.run([str(native.tracer()), *words], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise failure(trace, done.returncode, done.stderr)
    return msgspec.json.decode(done.stdout, type=type_)
