"""What a profile does not show, so that nothing can be excluded on it. Pure."""

from collections.abc import Iterator

from heapswap.profiling.model import Profile, Source

LEAST_CPU = 0.05
"""seconds of CPU below which a profile says too little"""
MOST_UNSEEN = 0.20
"""part of the tree's CPU time outside every observed program (starting and ending processes) above which it does"""
MOST_SILENT = 0.05
"""part of the tree's CPU time in programs that never called malloc, which may carry an allocator of their own"""
FEWEST_TIMED = 20
"""timed calls from which a process has shares"""
DOUBTFUL = frozenset({"not-counted", "own-malloc", "not-in-force"})
"""findings of a profile that does not show everything"""


def missing(profile: Profile) -> str:
    """The first thing that is not shown, as a clause; empty where the profile is whole."""
    return next(_gaps(profile), "")


def _gaps(profile: Profile) -> Iterator[str]:
    yield from (found.seen for found in profile.findings if found.code in DOUBTFUL)
    if profile.source is not Source.PROBE or not profile.processes or profile.system is None or profile.faults is None:
        yield "the profile does not hold what the rule needs"
    if profile.cpu < LEAST_CPU:
        yield f"the run used {profile.cpu * 1000:.0f} ms of CPU, too few to tell"
    counted = sum(process.cpu + (process.probe_cpu or 0.0) for process in profile.processes)
    if profile.cpu - counted > MOST_UNSEEN * profile.cpu:
        share = (profile.cpu - counted) / profile.cpu
        yield f"{share * 100:.0f} % of the CPU time went into starting and ending processes, which is not looked into"
    silent = sum(process.cpu for process in profile.processes if not process.allocations)
    if silent > MOST_SILENT * profile.cpu:
        share = silent / profile.cpu
        yield f"{share * 100:.0f} % of the CPU time was used by programs that never called malloc"
    if any(one.allocator_cpu_share is None and one.samples >= FEWEST_TIMED for one in profile.processes):
        yield "not every call that was to be timed could be"
