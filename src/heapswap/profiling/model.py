"""The words of this room: what each process of a tree asked of its allocator, and what that cost."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from heapswap.environment import Environment
from heapswap.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A fraction of a whole, estimated from samples, with its 95 % limits."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeClass:
    """Requests of one size class."""

    up_to: int
    """bytes, this size included"""
    calls: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Calls of one function that succeeded, and the bytes they asked for."""

    function: str
    calls: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """Blocks that lived so long and not as long as the step below."""

    below: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long blocks live that the process was given, and who frees them; estimated from those that were followed."""

    up_to: int | None
    """bytes, of a size class; None: all sizes"""
    followed: int
    unfreed: Share
    """not freed when the process was last seen: how long they would have lived is not known"""
    elsewhere: Share | None
    """of those freed: by another thread than the one that allocated them"""
    median_seconds: float | None
    """half of the blocks are freed sooner; None where half of them are not freed"""
    median_allocations: float | None
    """the same, in allocations that the thread they were given to made meanwhile"""
    times: tuple[Lived, ...]
    """freed blocks by seconds, of all blocks: with `unfreed` the shares add up to one"""
    allocations: tuple[Lived, ...]
    """the same by allocations meanwhile"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Bytes in blocks of such sizes at a time: the mean over the process's life, estimated from the followed blocks."""

    up_to: int | None
    """bytes of a block, above the limit of the row before; None: any"""
    mean: float
    high: float
    """upper 95 % limit"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contention:
    """Waiting inside the allocator while so many threads called it."""

    threads: int
    up_to: int
    samples: int
    cpu: float
    """seconds of the process at such times"""
    wait_share: Share
    """waiting inside the allocator, of `cpu` and that waiting together"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A function."""

    function: str
    """empty where it has no name"""
    file: str
    """of its source; empty where that is not known"""
    line: int | None
    """of the call; of a Python function its first"""
    library: str
    """path of the program or library; empty for a Python function"""
    python: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """Who asked for memory, estimated from sampled stacks."""

    place: Place
    """the innermost function that does not merely allocate for others"""
    caller: Place | None
    """who called it; of C code below Python the Python function"""
    bytes: int
    calls: int
    share: float
    """of the bytes of all stacks of the process"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The memory of one process at one time, bytes."""

    at: float
    """seconds since the process began"""
    live: int
    """in blocks that the program holds, by usable size"""
    resident: int
    anonymous: int
    """part of `resident` that is no file's: heaps, stacks, other mappings of the process's own"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """The resident memory of one process at one time, by kind of mapping, bytes."""

    at: float
    """seconds since the observation began"""
    heap: int
    """what the kernel calls the heap: malloc's, where it grows by ``brk``"""
    anonymous: int
    """other memory of its own: arenas and large blocks of malloc, Python's arenas, what a program maps itself"""
    stacks: int
    files: int
    """programs, libraries and data mapped from files, private changes included"""
    shared: int
    """shared between processes: POSIX and System V shared memory, shared anonymous mappings"""

    @property
    def all(self) -> int:
        """Of every kind."""
        return self.heap + self.anonymous + self.stacks + self.files + self.shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The resident memory of one process at one time, by who holds it, bytes."""

    at: float
    """seconds since the process began"""
    live: int
    """in blocks that the program holds, by usable size; pages of them that were never touched are not resident"""
    malloc: int | None
    """glibc's heap, arenas and large blocks: live, or kept; None where malloc is another's, whose are not told apart"""
    python: int
    """pools of Python's own allocator for small objects, which asks the kernel itself"""
    named: int
    """mappings that an allocator has given its name, where the kernel keeps names"""
    stacks: int
    files: int
    """programs, libraries, their static data, and memory shared with others"""
    unknown: int
    """not told apart: other allocators than glibc's, bundled ones too, and what the program maps itself"""

    @property
    def kept(self) -> int | None:
        """What malloc holds beside live blocks; None where that is not told apart."""
        return None if self.malloc is None else max(self.malloc - self.live, 0)

    @property
    def beside(self) -> int:
        """What is neither live, nor Python's, nor a stack, nor a file."""
        more = self.named + self.unknown
        return max(more - self.live, 0) if self.kept is None else self.kept + more


class Source(StrEnum):
    """Who saw it."""

    PROBE = "probe"
    """preloaded from the start: counts are exact"""
    OUTSIDE = "outside"
    """perf and /proc, of a process that was running already: nothing is counted"""


class Memory(StrEnum):
    """What live and resident bytes over time say."""

    GROWING = "growing"
    """live bytes rose until the end: a leak, or a program that was still filling up"""
    RETAINED = "retained"
    """the program gave memory back to its allocator, and it stayed resident"""
    HELD = "held"
    """much more is resident than was ever live: what the allocator keeps, or memory that is not malloc's"""
    ARENAS = "arenas"
    """the same, and Python's own arenas hold most of it: objects, or room between them, which no malloc can change"""
    SETTLED = "settled"
    """none of these"""
    UNKNOWN = "unknown"
    """too short, or not seen"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One program of one process: from its start, exec or fork to its end or the next exec.

    Seen from outside it is what it did meanwhile, and whatever has to be counted is None.
    """

    pid: int
    parent: int
    exe: str
    """path of the program; empty where it could not be read"""
    arguments: tuple[str, ...]
    forks: int
    """forks since the exec: 0 for a process that was executed"""
    allocator: str
    """path of the library whose malloc answered"""
    began: float
    """seconds since the first process began"""
    seconds: float
    """how long it was observed"""
    cpu: float
    """CPU seconds, what the probe took subtracted"""
    probe_cpu: float | None
    """CPU seconds that the probe took, by its own calibration"""
    allocations: int | None
    """None, as all counts: not counted"""
    frees: int | None
    requested_bytes: int | None
    failed: int | None
    moved: int | None
    """reallocs that moved their block"""
    grown_in_place: int | None
    functions: tuple[Calls, ...]
    size_classes: tuple[SizeClass, ...]
    live_bytes: int | None
    """at the end, by usable size; None where this allocator's sizes cannot be asked for"""
    peak_live_bytes: int | None
    peak_bound: int
    """the peak is exact to this many bytes; 0 for one thread"""
    inherited_bytes: int | None
    """live bytes at the fork; part of `live_bytes`"""
    threads: int
    uncounted_threads: int
    uncounted_children: int
    samples: int
    """calls that were timed; perf's samples, where it is seen from outside"""
    allocator_cpu_share: Share | None
    """of `cpu`; None where too few calls were timed"""
    kernel_share: Share | None
    """part of it in page faults and mappings"""
    fault_share: Share | None = None
    """part of that in page faults, the rest being mappings and work on large blocks"""
    work_share: Share | None = None
    """`allocator_cpu_share` without page faults and without the kernel's work when it preempts: what is its own"""
    lock_wait_share: Share | None
    """waiting inside the allocator, of `cpu` and that waiting together"""
    quick_call: float | None
    """mean seconds of a call that neither waited nor entered the kernel"""
    memory: Memory
    retained_bytes: int | None
    """anonymous memory beside live bytes when last seen; an upper limit, for it holds stacks and Python's arenas too"""
    timeline: tuple[Moment, ...]
    resident: tuple[Resident, ...] = ()
    """by kind of mapping over time, where it is seen from outside"""
    splits: tuple[Split, ...] = ()
    """by who holds it over time, rarer than `timeline`: a look takes longer"""
    contention: tuple[Contention, ...] = ()
    """by the number of threads that were at it"""
    lifetimes: tuple[Lifetimes, ...] = ()
    """all sizes, then the size classes of which enough blocks were followed"""
    held: tuple[Held, ...] = ()
    """small blocks, those in between, large ones; empty where too few were followed"""
    stacks: int = 0
    """allocations whose call stack was read"""
    call_sites: tuple[CallSite, ...] = ()
    """the largest first"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTouch:
    """What memory costs that is touched for the first time, and unmapped later: CPU seconds a page, measured beside the
    run."""

    small: float
    """page by page: the higher median, of those before and after the run"""
    huge: float
    """in huge pages, as the kernel gives them to whoever asks: the lower median; about `small` where it gives none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One run of a command under the probe, or a while of a running process seen from outside."""

    kind: str = "profile"
    schema: int = 1
    command: tuple[str, ...]
    candidate: str
    """spelling of the allocator it ran under"""
    exit_status: int | None
    signal: int | None
    wall: float
    cpu: float
    """of the whole tree, processes that were not observed included"""
    peak: int
    """resident memory of the tree, bytes"""
    system: float | None = None
    """part of `cpu` in the kernel"""
    faults: int | None = None
    """page faults of the tree that needed no disk"""
    processes: tuple[Process, ...]
    """in the order in which they began"""
    findings: tuple[Finding, ...] = ()
    source: Source = Source.PROBE
    environment: Environment | None = None
    """the machine, and the settings that concern allocators; None in older profiles"""
    first_touch: FirstTouch | None = None
    """None where it was not measured"""

    def redacted(self) -> Self:
        """The same without arguments, which may hold secrets."""
        return replace(
            self,
            command=self.command[:1],
            processes=tuple(replace(process, arguments=process.arguments[:1]) for process in self.processes),
        )
