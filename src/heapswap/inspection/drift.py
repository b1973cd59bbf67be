"""Is what was declared in force in every process of a tree? Pure: observed processes go in, a judged tree comes out.

a process whose malloc answers from the declared library        in force
├─ with other knobs than declared                               drift: knob-drift
└─ whose file on disk is gone or another one                    drift: library-gone, other-build
a static or set-uid program                                     out of reach: no preload ever gets there
a process above the first that is in force (a shell, an init)   before: it started what is declared
anything else                                                   drift: the reason is named
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from heapswap.findings import Finding, Level
from heapswap.libc import is_c_library


class State(StrEnum):
    """What a process is to the declaration."""

    IN_FORCE = "in-force"
    DRIFT = "drift"
    OUT_OF_REACH = "out-of-reach"
    """nothing can be preloaded into it"""
    BEFORE = "before"
    """it was started without, and started what is in force"""


class Outcome(StrEnum):
    """The answer."""

    IN_FORCE = "in-force"
    DRIFT = "drift"
    NOTHING_DECLARED = "nothing-declared"
    """no feature applies on this platform"""
    DISABLED = "disabled"
    """turned off by HEAPSWAP_DISABLE"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One process as it was found."""

    pid: int
    parent: int
    program: str
    """path of the executable; a bare name where no more could be told"""
    owner: str
    """path of the object whose malloc answers; empty where it could not be told"""
    served: bool
    """that object is the declared library, or a copy of that build"""
    unreachable: str = ""
    """why nothing can be preloaded into it: ``is statically linked``; empty: it can be"""
    findings: tuple[Finding, ...] = ()
    """what was seen of this process alone"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One process, and what it is to the declaration."""

    pid: int
    parent: int
    program: str
    state: State
    allocator: str
    """path of the object whose malloc answers; empty where it could not be told"""
    findings: tuple[Finding, ...] = ()


def judge(declared: str, processes: Sequence[Observed]) -> tuple[Judged, ...]:
    """Every process of the tree, in the order given."""
    tree = {process.pid: process for process in processes}
    served = {process.pid for process in processes if process.served}
    leading = {above for pid in served for above in _above(pid, tree)} - served
    return tuple(_judged(declared, process, tree, served, leading) for process in processes)


def outcome(processes: Sequence[Judged]) -> Outcome:
    """IN_FORCE where it is in force somewhere and nothing drifts."""
    drifts = any(process.state is State.DRIFT or _has_error(process.findings) for process in processes)
    somewhere = any(process.state is State.IN_FORCE for process in processes)
    return Outcome.IN_FORCE if somewhere and not drifts else Outcome.DRIFT


def _judged(
    declared: str, process: Observed, tree: Mapping[int, Observed], served: set[int], leading: set[int]
) -> Judged:
    name = Path(process.program).name
    findings: tuple[Finding, ...] = process.findings
    if process.served:
        state = State.DRIFT if _has_error(findings) else State.IN_FORCE
    elif process.unreachable:
        state = State.OUT_OF_REACH
        findings += (_out_of_reach(name, process),)
    elif process.pid in leading and not served.intersection(_above(process.pid, tree)):
        state, findings = State.BEFORE, ()
    else:
        state = State.DRIFT
        if not _has_error(findings):
            findings += (_lost(declared, name, process, tree, served),)
    return Judged(
        pid=process.pid,
        parent=process.parent,
        program=process.program,
        state=state,
        allocator=process.owner,
        findings=findings,
    )


def _above(pid: int, tree: Mapping[int, Observed]) -> Iterator[int]:
    """The ancestors of a process within the tree."""
    seen = {pid}
    while (process := tree.get(pid)) is not None and process.parent in tree and process.parent not in seen:
        pid = process.parent
        seen.add(pid)
        yield pid


def _out_of_reach(name: str, process: Observed) -> Finding:
    return Finding(
        code="out-of-reach",
        level=Level.WARNING,
        seen=f"{name} (PID {process.pid}) {process.unreachable}: nothing can be preloaded into it",
        remedy="it keeps the allocator it has; build it with another, or accept it",
    )


def _lost(declared: str, name: str, process: Observed, tree: Mapping[int, Observed], served: set[int]) -> Finding:
    """A process that could have it, and has not."""
    parent = tree.get(process.parent)
    ignored = any(finding.code == "preload-not-loaded" for finding in process.findings)
    stripped = not process.owner or is_c_library(process.owner)
    if ignored or not stripped or not any(above in served for above in _above(process.pid, tree)):
        return Finding(
            code="not-in-force",
            level=Level.ERROR,
            seen=f"{name} (PID {process.pid}) runs without {declared}: {_answered(process)}",
            remedy=f"start it as: heapswap run {declared} -- {name} …",
        )
    starter = next((word for word in (_name(parent), name) if word in _STRIPPERS), "")
    remedy = _STRIPPERS.get(starter, f"give the variable on, or start it as: heapswap run {declared} -- {name} …")
    by = f"{starter} strips LD_PRELOAD" if starter else f"{_name(parent)} started it without LD_PRELOAD"
    return Finding(
        code="preload-stripped",
        level=Level.ERROR,
        seen=f"{name} (PID {process.pid}) has lost {declared}: {by}; {_answered(process)}",
        remedy=remedy,
    )


_STRIPPERS: Mapping[str, str] = {
    "sudo": "put it behind sudo: sudo env LD_PRELOAD=… PROGRAM, or sudo heapswap run CANDIDATE -- PROGRAM",
    "su": "put it behind su: su -c 'heapswap run CANDIDATE -- PROGRAM', or use setpriv, which keeps the environment",
    "runuser": "put it behind runuser, or use setpriv, which keeps the environment",
    "supervisord": "name it in the program's section: environment=LD_PRELOAD=…, or command=heapswap run …",
    "systemd": "name it in the unit: Environment=LD_PRELOAD=…",
    "env": "leave out env -i, or put heapswap run behind it",
    "sshd": "put heapswap run behind it: the remote shell starts with an environment of its own",
    "cron": "name it in the crontab, or put heapswap run in front of the command",
}
"""What starts programs with an environment of its own, and how the allocator is named there."""


def _name(process: Observed | None) -> str:
    return Path(process.program).name if process is not None else "its parent"


def _answered(process: Observed) -> str:
    if process.owner:
        return f"malloc is that of {process.owner}"
    return "whose malloc serves it was not seen"


def _has_error(findings: Sequence[Finding]) -> bool:
    return any(finding.level is Level.ERROR for finding in findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What `heapswap check --json` prints."""

    kind: str = "check"
    schema: int = 1
    outcome: Outcome
    declared: str
    """spelling of the candidate; empty: none is declared for this platform"""
    asked: str
    """where it was asked for"""
    library: str = ""
    """path of the library that has to answer malloc; empty: the C library's own"""
    version: str = ""
    build_id: str = ""
    processes: tuple[Judged, ...] = ()
    findings: tuple[Finding, ...] = ()
    """what concerns no single process"""
