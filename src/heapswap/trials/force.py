"""Whose malloc answered: the witness's journal, and what it says about a run.

Every program that starts under the witness appends one record to the journal of its run (the format is explained in
`native/witness/src/record.rs`): ``"1" NUL pid NUL parent NUL owner NUL program NUL newline``. A static or set-uid
program starts without the witness and is not in it.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from heapswap.findings import Finding, Level
from heapswap.libc import is_c_library
from heapswap.trials.model import Force, ProcessSeen

LIBC = "libc"
"""the expectation that the C library's own malloc answers"""
_RECORD = re.compile(rb"1\0([0-9]+)\0([0-9]+)\0([^\0]*)\0([^\0]*)\0\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """One program start: a process that executes twice is here twice."""

    pid: int
    parent: int
    owner: str
    """path of the object whose malloc answers; empty when it could not be told"""
    program: str


def read_journal(journal: bytes) -> tuple[Witnessed, ...]:
    """Every whole record, in the order in which the programs started."""
    return tuple(
        Witnessed(pid=int(pid), parent=int(parent), owner=_text(owner), program=_text(program))
        for pid, parent, owner, program in _RECORD.findall(journal)
    )


def seen_through(journal: Sequence[Witnessed], counter: str, behind: Mapping[int, str]) -> tuple[Witnessed, ...]:
    """The journal of a run that something counted in: whose malloc answers behind it, as it said itself, by process.

    `counter` is the real path of what answered first. A process that it knows nothing of stays as it was seen.
    """
    return tuple(
        replace(one, owner=behind[one.pid]) if behind.get(one.pid) and os.path.realpath(one.owner) == counter else one
        for one in journal
    )


def judge(
    processes: Sequence[ProcessSeen], journal: Sequence[Witnessed], expected: str | None, directory: str
) -> tuple[ProcessSeen, ...]:
    """Each process with the allocator that served it. One that only forked is served by what serves its parent.

    `expected` is a path, `LIBC`, or None where whatever answers is right; `directory` is where the programs started.
    A process that executes the expected path itself is served from inside: what was built into it is known before.
    """
    starts: dict[int, list[Witnessed]] = {}
    for start in journal:
        starts.setdefault(start.pid, []).append(start)
    known = {process.pid: process for process in processes}
    return tuple(_judged(process, _start(process, starts, known), expected, directory) for process in processes)


def objection(processes: Sequence[ProcessSeen], root: int, expected: str | None) -> Finding | None:
    """Why a run may not be compared: its root or its busiest process was not served by what it was to be served by."""
    if expected is None:
        return None
    wanted = "the C library's own malloc" if expected == LIBC else expected
    mine = next((process for process in processes if process.pid == root), None)
    if mine is None:
        return _objection(f"the program was not seen; {wanted} was expected")
    busiest = max(processes, key=lambda process: process.cpu)
    # An allocator inside the program says nothing about other programs that it starts.
    for process in (mine,) if mine.allocator == mine.program else (mine, busiest):
        if process.force is Force.NOT_IN_FORCE:
            return _objection(f"{process.program} was served by {process.allocator}, not by {wanted}")
        if process.force is Force.NOT_SEEN:
            return _objection(f"{process.program} did not tell whose malloc serves it; {wanted} was expected")
    return None


def _objection(seen: str) -> Finding:
    return Finding(
        code="not-in-force",
        level=Level.ERROR,
        seen=seen,
        remedy="see `heapswap inspect` of this program: is it static, set-uid, or has it a malloc of its own?",
    )


def _start(
    process: ProcessSeen, starts: Mapping[int, Sequence[Witnessed]], known: Mapping[int, ProcessSeen]
) -> Witnessed | None:
    """The start that decides for a process: its own last one, or that of the ancestor it was forked from.

    A process that executes on without the witness (``env -i``, a static program) is not served by what served before:
    the program it was last seen as is then none of those that have told.
    """
    program = process.program
    visited: set[int] = set()
    while process.pid not in visited:
        visited.add(process.pid)
        if told := starts.get(process.pid):
            named = [start.program for start in told]
            return told[-1] if "/" not in program or program in named or "" in named else None
        parent = known.get(process.parent)
        if parent is None or parent.program != process.program:
            return None
        process = parent
    return None


def _judged(process: ProcessSeen, start: Witnessed | None, expected: str | None, directory: str) -> ProcessSeen:
    owner = "" if start is None else start.owner
    # A program that is gone before it is looked at is known by its command name; it has told the witness its path.
    told = "" if start is None or "/" in process.program else start.program
    program = told or process.program
    if expected not in (None, LIBC) and _is(program, expected or "", directory):
        owner, force = program, Force.IN_FORCE
    elif not owner:
        force = Force.NOT_SEEN
    elif expected is None or _is(owner, expected, directory):
        force = Force.IN_FORCE
    else:
        force = Force.NOT_IN_FORCE
    return ProcessSeen(
        pid=process.pid,
        parent=process.parent,
        program=program,
        force=force,
        allocator=owner,
        cpu=process.cpu,
        peak=process.peak,
    )


def _is(owner: str, expected: str, directory: str) -> bool:
    if expected == LIBC:
        return is_c_library(owner)
    return os.path.realpath(os.path.join(directory, owner)) == os.path.realpath(expected)  # noqa: PTH118


def _text(path: bytes) -> str:
    """A path for people and for saved files, which hold no stray bytes."""
    return path.decode("utf-8", "replace")
