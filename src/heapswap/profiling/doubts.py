"""What makes a profile less than whole."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from heapswap.profiling.model import Process
from heapswap.profiling.stacks import Doubt, Stacks


def of_run(exit_status: int | None, signal: int | None, folder: str) -> Iterator[Finding]:
    """The program did not end well."""
    if exit_status != 0:
        how = f"signal {signal}" if exit_status is None else f"exit status {exit_status}"
        yield Finding(
            code="program-failed",
            level=Level.WARNING,
            seen=f"the program ended with {how}",
            remedy=f"its output is in {folder}; what is counted until then is shown",
        )


def of_processes(processes: Sequence[Process], unseen: Iterable[str], expected: str | None) -> Iterator[Finding]:
    """What was not counted, or was served by another allocator than was asked for.

    Args:
        unseen: programs that ran and wrote nothing.
        expected: real path of the library whose malloc must answer, ``libc``, or None for whatever answers.
    """
    names = ", ".join(unseen)
    if names or not processes:
        yield Finding(
            code="not-counted",
            level=Level.WARNING,
            seen=f"nothing is known of {names or 'any process'}: the probe was not loaded there",
            remedy="static programs, set-uid programs and cleared environments are not reached",
        )
    silent = {process.exe for process in processes if not process.allocations and process.cpu > _BUSY}
    if silent:
        yield Finding(
            code="own-malloc",
            level=Level.WARNING,
            seen=f"{', '.join(sorted(silent))} worked and never called malloc: it may carry an allocator of its own",
            remedy="`heapswap inspect` tells; the probe counts calls of malloc only",
        )
    others = {process.allocator for process in processes if not _answers(process.allocator, expected)}
    if others:
        yield Finding(
            code="not-in-force",
            level=Level.WARNING,
            seen=f"malloc was answered by {', '.join(sorted(others))} instead of the candidate",
            remedy="`heapswap inspect` tells why; these processes are shown as they ran",
        )
    lost = sum(process.uncounted_threads + process.uncounted_children for process in processes)
    if lost:
        yield Finding(
            code="not-counted",
            level=Level.WARNING,
            seen=f"{lost} threads or children had no room for their numbers",
            remedy="make room in /dev/shm, or give --results on a larger disk",
        )


def of_stacks(stacks: Iterable[Stacks]) -> Iterator[Finding]:
    """Call sites that are absent, or lack names."""
    seen = tuple(stacks)
    doubts = {doubt for one in seen for doubt in one.doubts}
    if Doubt.NO_LOOK_UP in doubts:
        yield Finding(
            code="no-stacks",
            level=Level.NOTE,
            seen="no call sites: the C library does not tell which library an address is in",
            remedy="glibc 2.35 or newer does; everything else is measured all the same",
        )
    if Doubt.NO_COPY in doubts:
        yield Finding(
            code="no-stacks",
            level=Level.NOTE,
            seen="no call sites: the kernel refuses process_vm_writev here",
            remedy="a sandbox (seccomp) may forbid it; everything else is measured all the same",
        )
    unknown = {one.python for one in seen if Doubt.UNKNOWN_PYTHON in one.doubts}
    if unknown:
        names = ", ".join(sorted(map(_python, unknown)))
        yield Finding(
            code="unknown-python",
            level=Level.NOTE,
            seen=f"call sites name C functions only: the frames of {names} are not known",
            remedy="Python functions are named for CPython 3.11, 3.12 and 3.13 with its lock",
        )


def _python(version: int) -> str:
    return f"Python {version >> 24}.{version >> 16 & 0xFF}" if version >> 24 else "a Python before 3.11"


def unnamed(error: CannotGoOn) -> Finding:
    """The stacks are there, and could not be read."""
    return Finding(
        code="no-stacks",
        level=Level.WARNING,
        seen=f"no call sites: {error}",
        remedy="`heapswap profile --no-stacks` does without them",
    )


_BUSY = 0.1
"""seconds of CPU after which a program that never called malloc is wondered at"""


def _answers(allocator: str, expected: str | None) -> bool:
    if expected is None or not allocator:
        return True
    if expected == "libc":
        return PurePath(allocator).name.startswith(("libc.", "libc-", "ld-musl"))
    return os.path.realpath(allocator) == expected
