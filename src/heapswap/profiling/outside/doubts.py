"""What an observation from outside cannot tell, and what makes it less than whole."""

from collections.abc import Iterator

from heapswap.findings import Finding, Level
from heapswap.profiling.model import Process
from heapswap.profiling.outside.attribute import Shares

LOST = 0.05
"""part of the samples of which perf saw no function of the program, from which the share is doubted"""


def of_observation(process: Process, shares: Shares, *, kernel: bool, ended: bool) -> Iterator[Finding]:
    """Every doubt about one observation.

    Args:
        kernel: whether time in the kernel was seen.
        ended: the process ended meanwhile.
    """
    yield Finding(
        code="not-counted",
        level=Level.NOTE,
        seen="from outside, calls and live bytes cannot be counted: resident memory is told, retention is not",
        remedy="`heapswap profile -- CMD…` starts the program under the probe, which counts",
    )
    if ended:
        yield Finding(
            code="process-ended",
            level=Level.WARNING,
            seen=f"process {process.pid} ended meanwhile; what was seen until then is shown",
            remedy="observe a process that stays, or start it under `heapswap profile`",
        )
    if shares.cpu is None:
        yield Finding(
            code="too-few-samples",
            level=Level.WARNING,
            seen=f"it used {process.cpu:.2f} s of CPU, and {shares.samples} samples are too few for a share",
            remedy="observe it for longer (--seconds), or while it has work",
        )
    elif shares.cpu.value == 0:
        yield Finding(
            code="no-allocator-seen",
            level=Level.WARNING,
            seen="no sample lay in its allocator: it does not allocate now, or its allocator's functions have no names",
            remedy="`heapswap inspect PID` tells which allocator it has; a stripped static program hides it",
        )
    if not kernel:
        yield Finding(
            code="kernel-not-seen",
            level=Level.WARNING,
            seen="kernel.perf_event_paranoid keeps the kernel hidden: shares are of user time, and waits are not seen",
            remedy="run this as root",
        )
    if shares.without_stack > LOST * max(shares.samples, 1):
        yield Finding(
            code="stacks-not-seen",
            level=Level.WARNING,
            seen=f"of {shares.without_stack / shares.samples:.0%} of the samples perf saw no function",
            remedy="code made at run time has no names; the share may be too small by as much",
        )
