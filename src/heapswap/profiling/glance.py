"""How a run under the probe stands at this moment, from the probe's files and the moments looked at so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap.profiling import wire
from heapswap.profiling.estimate import own_cost, rate, times
from heapswap.profiling.model import Moment

MOST = 64
"""processes looked into, those with the most CPU time: a build has thousands"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What is known while the programs run."""

    exe: str
    """of the process that used most CPU so far; empty before the first"""
    processes: int
    """seen so far, those that have ended included"""
    allocations: int
    share: float | None
    """of CPU time, in the allocators; None while too few calls were timed"""
    moments: tuple[Moment, ...]
    """of the same process as `exe`"""


def glance(folder: Path, timelines: Mapping[str, Sequence[Moment]]) -> Glance:
    """Read what is there; files that cannot be read yet are passed over."""
    raws = list(wire.read_all(folder))
    busiest = sorted(raws, key=lambda raw: raw.header.noted_cpu - raw.header.begun_cpu, reverse=True)[:MOST]
    if not busiest:
        return Glance(exe="", processes=0, allocations=0, share=None, moments=())
    return Glance(
        exe=busiest[0].header.program,
        processes=len({raw.header.process for raw in raws}),
        allocations=sum(int(raw.tallies("classes")[:, 0].sum()) for raw in raws),
        share=_share(busiest),
        moments=tuple(timelines.get(busiest[0].name, ())),
    )


def _share(raws: Sequence[wire.Raw]) -> float | None:
    inside = whole = 0.0
    for raw in raws:
        ticks = rate(raw.header)
        timed = times(raw, ticks) if ticks else None
        if ticks and timed:
            inside += timed.cpu.value
            whole += max((raw.header.noted_cpu - raw.header.begun_cpu) * 1e-9 - own_cost(raw, ticks), 0.0)
    return min(inside / whole, 1.0) if whole > 0 else None
