"""What the kernel says of this process: `statm`, which it keeps counted, and `smaps_rollup`, which it has to gather."""

import os
from pathlib import Path

from heapswap.runtime.stats.model import Detail, ProcessMemory

_ROLLUP = (("Rss", "resident"), ("Pss", "proportional"), ("Anonymous", "anonymous"), ("LazyFree", "lazily_freed"))
_GATHERED = "gathered with Detail.FULL only: it costs milliseconds a GiB"


def read(detail: Detail) -> ProcessMemory:
    """Resident memory of this process now."""
    try:
        if detail is Detail.FULL:
            return gathered(Path("/proc/self/smaps_rollup").read_text())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError as error:
        why = f"{error.filename} cannot be read ({error.strerror})"
        return ProcessMemory(unknown=tuple((name, why) for _, name in _ROLLUP))
    return ProcessMemory(
        resident=pages * os.sysconf("SC_PAGE_SIZE"),
        unknown=tuple((name, _GATHERED) for _, name in _ROLLUP if name != "resident"),
    )


def gathered(text: str) -> ProcessMemory:
    """The figures in ``/proc/PID/smaps_rollup``, which are in KiB."""
    lines = dict(line.split(":", 1) for line in text.splitlines() if line.endswith(" kB"))
    values = {name: int(lines[key].split()[0]) << 10 for key, name in _ROLLUP if key in lines}
    missing = tuple((name, "this kernel does not count it") for _, name in _ROLLUP if name not in values)
    return ProcessMemory(**values, unknown=missing)
