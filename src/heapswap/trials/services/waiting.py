"""How long the threads of a process tree were ready to run and had no core, from the kernel's scheduler statistics.

On a machine that others use as well, a load generator that never pauses uses less than a core. What it lacks it spends
in the run queue, and ``/proc/PID/task/TID/schedstat`` counts that: nanoseconds on a core, nanoseconds in the queue, and
how often it ran (Linux, Documentation/scheduler/sched-stats.rst).
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

BETWEEN = 0.2
"""seconds between two looks: a tree that has ended has no statistics any more"""
_NANOSECONDS = 1e9

Queued = Mapping[int, float]
"""seconds in the run queue so far, by thread"""


class Waiting:
    """What several looks at a tree add up to."""

    def __init__(self) -> None:
        self._last: tuple[float, Queued] | None = None
        self._queued = 0.0
        self._seen = 0.0

    def look(self, now: float, queued: Queued) -> None:
        """Take in what the threads have waited so far; one that is new counts from the next look on."""
        if self._last is not None:
            then, before = self._last
            self._queued += sum(
                max(waited - before[thread], 0.0) for thread, waited in queued.items() if thread in before
            )
            self._seen += now - then
        self._last = (now, queued)

    @property
    def share(self) -> float | None:
        """Threads that waited for a core, on average over time; None where fewer than two looks were taken."""
        return self._queued / self._seen if self._seen > 0 else None


def queued(root: int) -> dict[int, float]:
    """Seconds in the run queue of every thread of a tree; empty where the kernel does not tell, or nothing is left."""
    found = {}
    for folder in _threads(root):
        with contextlib.suppress(OSError, ValueError, IndexError):
            found[int(folder.name)] = int((folder / "schedstat").read_bytes().split()[1]) / _NANOSECONDS
    return found


def _threads(pid: int) -> Iterator[Path]:
    """The folder of each thread of a process and of those that it has started."""
    try:
        mine = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for folder in mine:
        yield folder
        with contextlib.suppress(OSError, ValueError):
            for child in map(int, (folder / "children").read_bytes().split()):
                yield from _threads(child)
