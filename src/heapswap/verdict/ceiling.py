"""What any allocator could win at most, told from one profile: an upper limit in time, and one in memory. Pure.

A limit that is too high costs a trial that was not needed; one that is too low is a wrong answer. Wherever the profile
leaves a choice, the higher figure is taken, and what it does not show makes no limit at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from heapswap.profiling.memory import working
from heapswap.profiling.model import Moment, Process, Profile, Share

PAGE = 4096
HEADER = 16
"""bytes that a block takes beside what was asked for, about"""
CALL = 2e-6
"""seconds that a call takes at most on average, where too few were timed: twenty times a usual one"""
FAULT = 1.6e-6
"""seconds that a page fault takes on a quiet machine, zeroing the page included"""
SLOWEST_FAULT = 5e-6
ZEROING = 0.25e-6
"""seconds that a page takes to be zeroed at least, in a huge page too (0.40 µs measured, beside 1.8 µs for a fault of
4 KiB and its unmapping)"""
LAYOUT = 0.02
"""allowance for what an allocator changes outside itself: where blocks lie, huge pages. Programs that hardly allocate
ran within this under every allocator (barnes 1.00, jq 0.98, redis 0.96 to 1.00 of the CPU time, noise included)"""

UNTOUCHED = 8 << 20
"""bytes by which live memory exceeds what is resident where a program does not touch all that it asks for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCeiling:
    """Upper limits of what could be saved, each a fraction of the program's time."""

    allocator: float
    """all of the allocator's own work"""
    faults: float
    """page faults of the heap, but for the zeroing of pages that its live blocks need"""
    waiting: float
    """for the allocator's locks"""
    layout: float = LAYOUT

    @property
    def whole(self) -> float:
        return min(self.allocator + self.faults + self.waiting + self.layout, 1.0)


def cpu_ceiling(profile: Profile) -> TimeCeiling:
    """Of the CPU time. Waiting costs none."""
    return _ceiling(profile, _cpu(profile), waiting=0.0)


def wall_ceiling(profile: Profile) -> TimeCeiling:
    """Of the wall time: all of it may lie on the longest path, and a busy machine makes it longer."""
    return _ceiling(profile, min(_cpu(profile), profile.wall), waiting=sum(map(_waiting, profile.processes)))


def _ceiling(profile: Profile, whole: float, *, waiting: float) -> TimeCeiling:
    if whole <= 0:
        return TimeCeiling(allocator=1.0, faults=1.0, waiting=1.0)
    return TimeCeiling(
        allocator=sum(map(own_work, profile.processes)) / whole,
        faults=avoidable_faults(profile) / whole,
        waiting=waiting / whole,
    )


def _cpu(profile: Profile) -> float:
    """CPU seconds of the tree, the probe's own left out."""
    return profile.cpu - sum(process.probe_cpu or 0.0 for process in profile.processes)


def own_work(process: Process) -> float:
    """Upper 95 % limit of the CPU seconds in the allocator, page faults left out.

    A timed call is split into its faults and the rest, so that the variance of the rest is at most that of the whole
    less that of the faults.
    """
    whole, faults = process.allocator_cpu_share, process.fault_share
    if whole is None:
        return calls(process) * CALL
    if faults is None:
        return whole.high * process.cpu
    reach = sqrt(max(_reach(whole) ** 2 - _reach(faults) ** 2, 0.0))
    return min(max(whole.value - faults.value, 0.0) + reach, 1.0) * process.cpu


def calls(process: Process) -> int:
    """Of every function of the family."""
    return (process.allocations or 0) + (process.frees or 0)


def _asked(process: Process) -> int:
    """Bytes that were ever requested, what each block takes beside them included."""
    return (process.requested_bytes or 0) + HEADER * (process.allocations or 0)


def _reach(share: Share) -> float:
    return share.high - share.value


def _waiting(process: Process) -> float:
    """Upper limit of the seconds of waiting inside the allocator, of all threads. One thread has nobody to wait for."""
    if process.threads <= 1:
        return 0.0
    if process.lock_wait_share is None:
        return calls(process) * CALL
    share = min(process.lock_wait_share.high, 0.999)
    return share / (1 - share) * process.cpu


def avoidable_faults(profile: Profile) -> float:
    """Upper limit of the CPU seconds of page faults that another allocator might save.

    Each page of the live blocks is zeroed under any allocator, but in huge pages one fault does it for 512 of them. No
    more faults can be the heap's than pages were asked for, whoever touched them.
    """
    if not profile.faults or not profile.system:
        return 0.0
    heap = min(sum(map(_asked, profile.processes)) / PAGE, profile.faults)
    needed = min(sum(map(_touched, profile.processes)) / PAGE, heap)
    each = min(max(profile.system / profile.faults, FAULT), SLOWEST_FAULT)
    return min(heap * each - needed * ZEROING, profile.system)


def _touched(process: Process) -> int:
    """Bytes of live blocks that were touched for certain, as far as can be told."""
    most = max((moment.anonymous for moment in process.timeline), default=0)
    return max(min(process.peak_live_bytes or 0, most) - (process.inherited_bytes or 0), 0)


def memory_ceiling(profile: Profile) -> int | None:
    """Upper limit of the bytes that are resident and that no live block needs, at any time; None where it is not known.

    It holds the stacks, and what other allocators inside the program keep (Python's arenas, a virtual machine's heap).
    """
    over = [_most_beside_live(process) for process in profile.processes]
    known = [value for value in over if value is not None]
    if len(known) < len(over) or not known:
        return None
    live = max((process.peak_live_bytes or 0 for process in profile.processes), default=0)
    files = min((moment.resident - moment.anonymous for moment in _moments(profile)), default=0)
    # What was resident between two looks is known only as the peak.
    return max(sum(known), profile.peak - live - files, 0)


def _moments(profile: Profile) -> Iterable[Moment]:
    return (moment for process in profile.processes for moment in process.timeline)


def _most_beside_live(process: Process) -> int | None:
    if process.live_bytes is None:
        return None
    if not process.timeline:
        return _asked(process)
    moments = working(process.timeline)
    if any(moment.live - moment.anonymous > UNTOUCHED for moment in moments):
        return None
    return max(0, *(moment.anonymous - moment.live for moment in moments))
