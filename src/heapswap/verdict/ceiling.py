"""What any allocator could win at most, told from one profile: an upper limit in time, and one in memory. Pure.

A limit that is too high costs a trial that was not needed; one that is too low is a wrong answer. Wherever the profile
leaves a choice, the higher figure is taken, and what it does not show makes no limit at all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt

from heapswap.profiling.lifetimes import MIDDLE, SMALL
from heapswap.profiling.memory import working
from heapswap.profiling.model import FirstTouch, Moment, Process, Profile, Share

PAGE = 4096
HEADER = 16
"""bytes that a block takes beside what was asked for, about"""
CALL = 2e-6
"""seconds that a call takes at most on average, where too few were timed: twenty times a usual one"""
QUICKEST = 4.5e-9
"""seconds that a call takes on average under any allocator. The least that was measured of eight allocators on four
programs, as the probe times calls, is 5.1 ns (tcmalloc, under sqlite)"""
QUICKER = 0.7
"""part of the mean call that neither waits nor enters the kernel, below which no allocator gets on a quicker processor:
0.79 is the least that was measured where each call found its block in the thread's cache"""
FAULT = 1.6e-6
"""seconds that a page fault takes on a quiet machine, zeroing the page included"""
SLOWEST_FAULT = 5e-6
TICK = 0.01
"""seconds, at most, by which the kernel counts the time that it takes"""
ZEROING = 0.25e-6
"""seconds that a page takes to be zeroed at least, where nobody measured: in a huge page too"""
LAYOUT = 0.02
"""allowance for what an allocator changes outside itself: where blocks lie. Programs that hardly allocate ran within
this under every allocator (barnes 1.00, jq 0.98, redis 0.96 to 1.00 of the CPU time, noise included)"""
SPREAD_LAYOUT = 0.40
"""the same where much memory is in blocks whose place matters: 0.30 is the most that was measured (a table of 64 MiB in
Lua, read at random, in huge pages), 0.12 beside all other parts where it is small blocks (hashes in Perl)"""
SMALL_BLOCKS = 1 << 20
"""bytes in small blocks at a time, by the estimate, from which that allowance is made: more than a processor keeps near
(hashes in Perl gained by it from 2 MiB on)"""
SMALL_BLOCKS_AT_MOST = 4 << 20
"""the same by the estimate's upper limit, which is above it by what nobody followed"""
LARGE_BLOCKS = 16 << 20
"""the same of large blocks, where the kernel gives huge pages: a table in Lua, read at random, gained nothing by them
at 8, 16 and 32 MiB, and 24 to 30 % at 64. Blocks in between, a file's pages say, are visited one by one, and so much
happens there that a walk through the page tables hardly shows (sqlite3, 0.98 to 1.02)"""
HUGE = 0.5
"""of the price of a first touch by the page, below which the kernel gives huge pages"""

UNTOUCHED = 8 << 20
"""bytes by which live memory exceeds what is resident where a program does not touch all that it asks for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCeiling:
    """Upper limits of what could be saved, each a fraction of the program's time.

    The first three are costs: the program was seen to pay them, and another allocator may spare it them. The others are
    allowances, for what nobody measured of this program.
    """

    allocator: float
    """the allocator's own work, but for what so many calls take under the quickest"""
    faults_again: float
    """page faults of the heap beyond one for each page that its live blocks need"""
    waiting: float
    """for the allocator's locks"""
    first_touches: float
    """that one fault, but for what it costs in huge pages"""
    layout: float
    """what another place of the blocks may change outside the allocator"""

    @property
    def costs(self) -> float:
        return min(self.allocator + self.faults_again + self.waiting, 1.0)

    @property
    def whole(self) -> float:
        return min(self.costs + self.first_touches + self.layout, 1.0)


def cpu_ceiling(profile: Profile) -> TimeCeiling:
    """Of the CPU time. Waiting costs none."""
    return _ceiling(profile, _cpu(profile), waiting=0.0)


def wall_ceiling(profile: Profile) -> TimeCeiling:
    """Of the wall time: all of it may lie on the longest path, and a busy machine makes it longer."""
    return _ceiling(profile, min(_cpu(profile), profile.wall), waiting=sum(map(_waiting, profile.processes)))


def _ceiling(profile: Profile, whole: float, *, waiting: float) -> TimeCeiling:
    layout = SPREAD_LAYOUT if is_spread(profile) else LAYOUT
    if whole <= 0:
        return TimeCeiling(allocator=1.0, faults_again=1.0, waiting=1.0, first_touches=1.0, layout=layout)
    faults = avoidable_faults(profile)
    return TimeCeiling(
        allocator=sum(max(own_work(one) - needed_work(one), 0.0) for one in profile.processes) / whole,
        faults_again=faults.again / whole,
        waiting=waiting / whole,
        first_touches=faults.first / whole,
        layout=layout,
    )


def _cpu(profile: Profile) -> float:
    """CPU seconds of the tree, the probe's own left out."""
    return profile.cpu - sum(process.probe_cpu or 0.0 for process in profile.processes)


def own_work(process: Process) -> float:
    """Upper 95 % limit of the CPU seconds in the allocator, page faults left out."""
    share = process.work_share
    if share is not None:
        return share.high * process.cpu
    whole, faults = process.allocator_cpu_share, process.fault_share
    if whole is None:
        return calls(process) * CALL
    if faults is None:
        return whole.high * process.cpu
    # An older profile: the variance of the rest is at most that of the whole less that of the faults.
    reach = sqrt(max(_reach(whole) ** 2 - _reach(faults) ** 2, 0.0))
    return min(max(whole.value - faults.value, 0.0) + reach, 1.0) * process.cpu


def needed_work(process: Process) -> float:
    """CPU seconds that so many calls take under the quickest allocator, on the same timer."""
    if process.quick_call is None:
        return 0.0
    return calls(process) * min(QUICKEST, QUICKER * process.quick_call)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """CPU seconds of page faults."""

    again: float
    """beyond the first touch of each page that live blocks need"""
    first: float
    """what these first touches are dearer by than in huge pages"""


def avoidable_faults(profile: Profile) -> Faults:
    """Upper limits of what another allocator might save of the heap's page faults.

    Each page of the live blocks is touched for a first time under any allocator, and saves at most what its share of a
    huge page is cheaper by. All others might be saved: pages that are given back and touched again, and those that no
    live block needs. No more faults can be the heap's than pages were asked for, whoever touched them.
    """
    system = _in_kernel(profile)
    if not profile.faults or not system:
        return Faults(again=0.0, first=0.0)
    page = profile.environment.page_size if profile.environment else PAGE
    heap = min(sum(map(_asked, profile.processes)) / page, profile.faults)
    needed = min(sum(map(_touched, profile.processes)) / page, heap)
    each = min(max(system / profile.faults, FAULT), SLOWEST_FAULT)
    touch = profile.first_touch or FirstTouch(small=each, huge=ZEROING)
    again = min((heap - needed) * max(each, touch.small), system)
    first = min(needed * max(touch.small - touch.huge, 0.0), system - again)
    return Faults(again=again, first=first)


def _in_kernel(profile: Profile) -> float:
    """CPU seconds in the kernel: of several threads, which make each other's faults dearer, the upper 95 % limit.

    The kernel counts ticks, so that the same program had 21 ms in one run and 45 in another. What one thread's faults
    take is told by a first touch as well.
    """
    system = profile.system or 0.0
    threads = max((process.threads for process in profile.processes), default=1)
    return system if threads <= 1 else (sqrt(system) + sqrt(TICK)) ** 2


def _touched(process: Process) -> int:
    """Bytes of live blocks that were touched for certain, as far as can be told."""
    most = max((moment.anonymous for moment in process.timeline), default=0)
    return max(min(process.peak_live_bytes or 0, most) - (process.inherited_bytes or 0), 0)


def is_spread(profile: Profile) -> bool:
    """Whether a process has so much memory in small blocks, or in large ones where there are huge pages, that its place
    matters.

    It is the mean over each process's life, at its upper limit: what is there for a tenth of the time matters then.
    """
    touch = profile.first_touch
    huge = touch is None or touch.huge < HUGE * touch.small
    return any(_has_small(process) or (huge and _has_large(process)) for process in profile.processes)


def _has_small(process: Process) -> bool:
    if not process.held:
        return _asked_for(process, lambda size: size <= SMALL) >= SMALL_BLOCKS
    small = process.held[0]
    most = _live(process)
    return min(small.mean, most) >= SMALL_BLOCKS or min(small.high, most) >= SMALL_BLOCKS_AT_MOST


def _has_large(process: Process) -> bool:
    if not process.held:
        return _asked_for(process, lambda size: size > MIDDLE) >= LARGE_BLOCKS
    return min(process.held[-1].high, _live(process)) >= LARGE_BLOCKS


def _asked_for(process: Process, sizes: Callable[[int], bool]) -> float:
    """Bytes in blocks of such sizes, where nobody followed enough of them: all that were live could be."""
    asked = sum(one.bytes for one in process.size_classes if sizes(one.up_to))
    return min(asked, _live(process)) if process.size_classes else _live(process)


def _live(process: Process) -> float:
    return float(_asked(process) if process.peak_live_bytes is None else process.peak_live_bytes)


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
