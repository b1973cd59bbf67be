"""The processes below one, as the kernel has them now, each with what it is to a declared allocator."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from heapswap import elf
from heapswap.allocators.activation import environment
from heapswap.allocators.knobs import TUNABLES
from heapswap.allocators.model import Activation, Candidate, Library, Preloads
from heapswap.allocators.spelling import SYSTEM
from heapswap.elf import NotElf
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Finding, Level
from heapswap.inspection.drift import Observed
from heapswap.inspection.model import Inspection, Presence, Use
from heapswap.inspection.privileges import privileges
from heapswap.inspection.process import inspect_process

PROC = Path("/proc")
_DELETED = " (deleted)"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_OF_ONE_PROCESS = frozenset({"wheel-allocator", "preload-not-loaded"})
"""what an inspection finds that tells of a drift; conflicts with candidates that nobody asked for do not"""


def descendants(root: int) -> Iterator[tuple[int, int]]:
    """The process and everything below it, parents first: pid and parent.

    Raises:
        CannotGoOn: there is no such process.
    """
    children: dict[int, list[int]] = {}
    for entry in os.listdir(PROC):  # noqa: PTH208 - names only
        if entry.isdigit() and (parent := parent_of(int(entry))) is not None:
            children.setdefault(parent, []).append(int(entry))
    first = parent_of(root)
    if first is None:
        raise CannotGoOn(f"there is no process {root}; check its number with ps")
    waiting = [(root, first)]
    while waiting:
        pid, parent = waiting.pop(0)
        yield pid, parent
        waiting += [(child, pid) for child in sorted(children.get(pid, ()))]


def parent_of(pid: int) -> int | None:
    """The parent of a process, or None where it has ended."""
    try:
        return int((PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def environ_of(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty where it cannot be read or was written over.

    The dynamic loader of older glibc cuts a list of tunables into pieces (see `heapswap.dispositions`).
    """
    try:
        words = os.fsdecode((PROC / str(pid) / "environ").read_bytes()).split("\0")
    except OSError:
        return {}
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name.startswith("glibc.") and TUNABLES in found:
            found[TUNABLES] += f":{word}"
        elif equals and _NAME.fullmatch(name):
            found.setdefault(name, value)
    return found


def observe(pid: int, parent: int, activation: Activation) -> Observed | None:
    """One process as it is to the activation; None where it has ended meanwhile, or is none of the kernel's threads.

    Raises:
        CannotGoOn: it may not be read.
    """
    try:
        inspection = inspect_process(pid)
    except CannotGoOn:
        if not _has_program(pid):
            return None
        raise
    use = inspection.uses[0] if inspection.allocator and inspection.uses else None
    owner = "" if use is None else use.path
    served = use is not None and _is_declared(use, activation, pid)
    unreachable = out_of_reach(f"/proc/{pid}/exe", inspection.program)
    telling = () if unreachable else _OF_ONE_PROCESS
    findings = [finding for finding in inspection.findings if finding.code in telling]
    if served and activation.library is not None:
        findings += _on_disk(owner, activation.library, pid)
    if served:
        differing = list(_knobs(pid, Path(inspection.program).name, activation))
        # The C library is everywhere: what is declared of it are its knobs.
        served = activation.library is not None or not any(found.code == "knob-drift" for found in differing)
        findings += differing
    elif use is not None and not unreachable:
        findings += _other(use, activation.library, pid, inspection)
    return Observed(
        pid=pid,
        parent=parent,
        program=inspection.program,
        owner=owner.removesuffix(_DELETED),
        served=served,
        unreachable=unreachable,
        findings=tuple(findings),
    )


def out_of_reach(readable: str, program: str) -> str:
    """Why nothing can be preloaded into a program: its file can be read at `readable`; empty where it can be."""
    try:
        if elf.read(readable).libc == "static":
            return "is statically linked"
    except (NotElf, OSError):
        return ""
    return privileges(program)


def _is_declared(use: Use, activation: Activation, pid: int) -> bool:
    library = activation.library
    if library is None:
        return use.presence is Presence.LIBC
    path = use.path.removesuffix(_DELETED)
    same = path == os.path.realpath(library.path)
    return same or (bool(library.build_id) and _build(path, pid) == library.build_id)


def _build(path: str, pid: int) -> str:
    """The build-id of a file as that process has it; empty where it cannot be told."""
    try:
        return elf.read(f"/proc/{pid}/root{path}").build_id
    except (NotElf, OSError):
        return ""


def _on_disk(owner: str, library: Library, pid: int) -> Iterator[Finding]:
    """The library of a running process was replaced or removed: the next start will not find what serves this one."""
    if owner.endswith(_DELETED):
        yield Finding(
            code="library-gone",
            level=Level.ERROR,
            seen=f"the library that serves PID {pid} was removed or replaced since it started: {library.path}",
            remedy="start the process again, so that it is served by the file that is there",
        )


def _other(use: Use, library: Library | None, pid: int, inspection: Inspection) -> Iterator[Finding]:
    """Another build of the declared family, or an allocator of the program's own."""
    name = Path(inspection.program).name
    if library is not None and use.family == library.family and use.presence is not Presence.STATIC:
        yield Finding(
            code="other-build",
            level=Level.ERROR,
            seen=f"{name} (PID {pid}) is served by {use.family} {use.version or 'of no known version'} ({use.path}), "
            f"and {library.version} ({library.path}) is declared",
            remedy="take the other one out of LD_PRELOAD, or declare it by its path",
        )
    elif use.presence is Presence.STATIC:
        yield Finding(
            code="own-malloc",
            level=Level.ERROR,
            seen=f"{name} (PID {pid}) has an allocator of its own inside ({use.family}), ahead of any preload",
            remedy="set that one's own knobs, or build the program with another",
        )


def _knobs(pid: int, name: str, activation: Activation) -> Iterator[Finding]:
    """Knobs are read once, from the environment at the start of the program."""
    if not activation.variables:
        return
    environ = environ_of(pid)
    preloaded = "LD_PRELOAD" in environ or activation.library is None
    if not environ or not preloaded:
        yield Finding(
            code="environment-untold",
            level=Level.NOTE,
            seen=f"{name} (PID {pid}) has written over the environment it started with: its knobs cannot be told",
            remedy="look at a process that shows no title of its own in ps",
        )
        return
    for variable, _ in activation.variables:
        if told := _knob_differs(variable, environ, activation):
            yield Finding(
                code="knob-drift",
                level=Level.ERROR,
                seen=f"{name} (PID {pid}) was started with other knobs: {told}",
                remedy="set it where the process is started; setting it later has no effect",
            )


def _knob_differs(variable: str, environ: Mapping[str, str], activation: Activation) -> str:
    """How a variable of the declaration differs in an environment; empty where it is as declared."""
    values = tuple((name, value) for name, value in activation.variables if name == variable)
    knobs = Activation(candidate=Candidate(library=SYSTEM), library=None, variables=values)
    try:
        wanted = environment(knobs, environ, Preloads.MERGE, asked="the declaration", identify=lambda *_: None)
    except Misuse as error:
        return str(error).partition(";")[0]
    if wanted[variable] == environ.get(variable):
        return ""
    there = environ.get(variable)
    return f"{variable} is {there if there is not None else 'not set'}, and {values[0][1]} is declared"


def _has_program(pid: int) -> bool:
    try:
        return bool((PROC / str(pid) / "cmdline").read_bytes())
    except OSError:
        return False
