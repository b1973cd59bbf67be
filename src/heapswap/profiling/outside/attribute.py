"""Which samples are the allocator's, and the shares they add up to. Pure.

A sample is the allocator's when any function of its stack is one of malloc's: whatever malloc does by others (the zeros
of calloc, the copy of realloc, the kernel's work, the wait for a lock) is then its own, and its internal functions need
no names, as the exported one that was called stands above them: that is what a stripped C library still tells.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from heapswap.profiling.model import Share
from heapswap.profiling.outside.script import CLOCK, SWITCHES, Frame, Sample, Switch
from heapswap.profiling.shares import clustered

CLUSTER = 0.5
"""seconds; samples nearer to each other resemble each other"""

_FAMILY = re.compile(
    r"(?:__libc_|__)?(?:malloc|free|cfree|calloc|realloc|reallocarray|memalign|posix_memalign|aligned_alloc|valloc|pvalloc|"
    r"free_sized|free_aligned_sized|malloc_usable_size|malloc_trim|malloc_consolidate)(?:@.*)?$|"
    r"_int_(?:malloc|free|realloc|memalign)|_mid_memalign|sysmalloc|systrim|"
    # What allocators call themselves where they are linked into a program: jemalloc, mimalloc, snmalloc, tcmalloc.
    r"_?(?:rj|j)em?_|_rjem_|_?mi_\w|sn_(?:malloc|free|calloc|realloc)|snmalloc::|tcmalloc::|tc_(?:malloc|free|new|delete)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The files that hold the allocator."""

    whole: frozenset[str]
    """paths of libraries that are nothing else"""
    among: frozenset[str]
    """paths of files in which it is one thing among others, and is told by its names"""

    def holds(self, frames: Iterable[Frame]) -> bool:
        """Whether one of the functions is the allocator's."""
        return any(
            frame.object in self.whole or (frame.object in self.among and _FAMILY.match(frame.symbol) is not None)
            for frame in frames
        )


def where(allocator: str, family: str, others: Iterable[str]) -> Where:
    """From the paths of what a process uses.

    Args:
        allocator: the file whose malloc answers.
        family: of that allocator; a library that bears its name is nothing else.
        others: the program, and files that bring an allocator of their own.
    """
    alone = bool(family) and family in PurePath(allocator).name
    return Where(whole=frozenset([allocator] if alone else []), among=frozenset([allocator, *others]) - {""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What the samples of one process say."""

    samples: int
    """of CPU time"""
    seconds: float
    """of CPU time that they stand for"""
    without_stack: int
    """of them in the program, but perf saw no function of it"""
    cpu: Share | None
    """inside the allocator, of CPU time"""
    kernel: Share | None
    """of it, the part in the kernel"""
    waits: Share | None
    """off the processor inside the allocator, of CPU time and that together; None: no switches were seen"""


@dataclass(slots=True)
class _Cluster:
    """Nanoseconds."""

    cpu: float = 0.0
    inside: float = 0.0
    kernel: float = 0.0
    waited: float = 0.0


@dataclass(slots=True)
class _Thread:
    """What is known of a thread between two of its events."""

    inside: float = 0.0
    """weight of the switch to come, where it happens inside the allocator"""
    left: float | None = None


@dataclass(slots=True)
class _Sums:
    place: Where
    clusters: dict[int, _Cluster] = field(default_factory=dict)
    threads: dict[int, _Thread] = field(default_factory=dict)
    samples: int = 0
    without_stack: int = 0
    switches: int = 0

    def add(self, event: Sample | Switch) -> None:
        cluster = self.clusters.setdefault(int(event.time / CLUSTER), _Cluster())
        if isinstance(event, Switch):
            self._switched(event, cluster)
        elif event.event == CLOCK:
            self._ran(event, cluster)
        elif event.event == SWITCHES:
            self.switches += 1
            # A sample stands for as many switches as passed since the last one.
            weight = float(event.period) if self.place.holds(event.frames) else 0.0
            self.threads.setdefault(event.thread, _Thread()).inside = weight

    def _ran(self, sample: Sample, cluster: _Cluster) -> None:
        self.samples += 1
        cluster.cpu += sample.period
        if self.place.holds(sample.frames):
            cluster.inside += sample.period
            cluster.kernel += sample.period if sample.in_kernel else 0.0
        elif not sample.frames or sample.frames[0].object == "[unknown]":
            self.without_stack += 1

    def _switched(self, switch: Switch, cluster: _Cluster) -> None:
        thread = self.threads.setdefault(switch.thread, _Thread())
        if switch.left:
            thread.left = None if switch.preempted or not thread.inside else switch.time
            return
        if thread.left is not None:
            cluster.waited += thread.inside * (switch.time - thread.left) * 1e9
        thread.inside, thread.left = 0.0, None


def attribute(events: Iterable[Sample | Switch], process: int, place: Where) -> Shares:
    """The shares of one process; events of others (its children) are passed over."""
    sums = _Sums(place)
    for event in events:
        if event.process == process:
            sums.add(event)
    rows = [sums.clusters[key] for key in sorted(sums.clusters)]
    cpu = [row.cpu for row in rows]
    waited = [row.waited for row in rows]
    both = [row.cpu + row.waited for row in rows]
    return Shares(
        samples=sums.samples,
        without_stack=sums.without_stack,
        seconds=sum(cpu) * 1e-9,
        cpu=clustered([row.inside for row in rows], cpu, sums.samples),
        kernel=clustered([row.kernel for row in rows], cpu, sums.samples),
        waits=clustered(waited, both, sums.samples + sums.switches) if sums.switches else None,
    )
