"""What makes a profile less than whole."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from heapswap.findings import Finding, Level
from heapswap.profiling.model import Process


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


_BUSY = 0.1
"""seconds of CPU after which a program that never called malloc is wondered at"""


def _answers(allocator: str, expected: str | None) -> bool:
    if expected is None or not allocator:
        return True
    if expected == "libc":
        return PurePath(allocator).name.startswith(("libc.", "libc-", "ld-musl"))
    return os.path.realpath(allocator) == expected
