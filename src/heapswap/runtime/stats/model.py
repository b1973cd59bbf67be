"""The words of this room: how much is asked for, the figures of a heap, of Python and of the process, and a release.

Sizes are bytes. None is a figure that cannot be given; `Snapshot.why` says the reason.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Detail(StrEnum):
    """How much a snapshot looks at."""

    TOTALS = "totals"
    """what a scrape each second can afford"""
    FULL = "full"
    """every arena, Python's own arenas, and the process's share of shared pages: milliseconds a GiB"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """One arena of the allocator."""

    index: int
    allocated: int
    free: int
    """held ready for new blocks"""
    mapped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """What the allocator says. Where given: ``allocated <= active <= resident``, and all are its own words' figures.

    An allocator counts what it hands out, which is never less than what was asked for: rounded up to a size class, and
    with it blocks that wait in a thread's cache where it does not tell them apart.
    """

    allocated: int | None = None
    """in blocks that the program holds"""
    free: int | None = None
    """in no block, and held ready for new ones instead of being given back"""
    active: int | None = None
    """in pages that hold at least one block"""
    resident: int | None = None
    """in pages that have memory behind them, the allocator's own data included; an upper bound"""
    mapped: int | None = None
    """address space in use, with memory behind it or not"""
    retained: int | None = None
    """address space kept for later, without memory behind it"""
    metadata: int | None = None
    """the allocator's own data"""
    arenas: tuple[Arena, ...] | None = None
    unknown: tuple[tuple[str, str], ...] = ()
    """for every figure that is None: its name and why"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonMemory:
    """Python's own allocator, which takes arenas from the kernel for objects of up to 512 bytes."""

    allocator: str
    """``pymalloc``, ``malloc``, ``mimalloc``; ``pymalloc_debug`` and so on under ``-X dev``; empty: not known"""
    blocks: int | None = None
    """live blocks of Python's own allocator, as `sys.getallocatedblocks` counts them"""
    arenas: int | None = None
    """mapped now"""
    mapped: int | None = None
    """in these arenas; most of it is resident"""
    allocated: int | None = None
    """in live blocks of these arenas"""
    unknown: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMemory:
    """What the kernel says of this process."""

    resident: int | None = None
    """resident set; pages that it shares with other processes count in full"""
    proportional: int | None = None
    """the same, each shared page divided by the number of processes that have it (PSS)"""
    anonymous: int | None = None
    """the part of the resident set that no file is behind: heaps and stacks"""
    lazily_freed: int | None = None
    """given back by the allocator and still counted as resident, until the kernel needs it (MADV_FREE)"""
    unknown: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Heap):
    """The memory of this process at one moment, as the allocator, Python and the kernel see it.

    The three are read one after the other, so in a program that goes on they are moments apart.
    """

    allocator: str
    """family whose ``malloc`` answers: ``glibc``, ``jemalloc``, …; ``unknown``"""
    version: str
    """empty when it cannot be told"""
    library: str
    """the file that answers"""
    python: PythonMemory
    process: ProcessMemory
    seconds: float = field(compare=False)
    """what taking this snapshot took"""

    def why(self, name: str) -> str:
        """Why a figure is None: ``"active"``, ``"python.arenas"``, ``"process.proportional"``; empty when it is given.

        Raises:
            AttributeError: there is no such figure.
        """
        part, _, inner = name.rpartition(".")
        owner: Heap | PythonMemory | ProcessMemory = getattr(self, part) if part else self
        getattr(owner, inner)
        return dict(owner.unknown).get(inner, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a call of `heapswap.release` did."""

    allocator: str
    how: str
    """the function that was called; empty: this allocator has none"""
    before: ProcessMemory
    after: ProcessMemory
    seconds: float

    @property
    def moved(self) -> int | None:
        """By how many bytes the resident set fell; negative when the program grew meanwhile. None: it is not known."""
        if self.before.resident is None or self.after.resident is None:
            return None
        return self.before.resident - self.after.resident
