"""Two profiles side by side: a canary and a control, or today and last week. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from heapswap.profiling.mappings import Kind
from heapswap.profiling.model import Process, Profile, Share
from heapswap.profiling.shares import difference

LEAST = 0.1
"""part of the resident memory by which two must differ before it is spoken of"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareChange:
    """One share in both; new less old with its 95 % limits, None where one of them is not known."""

    name: str
    """field of `Process`"""
    old: Share | None
    new: Share | None
    difference: float | None
    low: float | None
    high: float | None

    @property
    def beyond_chance(self) -> bool:
        """Whether the limits leave zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Resident bytes over the time in which they were looked at."""

    low: int
    middle: int
    """the median"""
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChange:
    """Resident memory of one kind in both; None where it was not looked at."""

    name: str
    """a `Kind`, or ``all``"""
    old: Range | None
    new: Range | None

    @property
    def apart(self) -> bool:
        """Whether neither was ever where the other was, by more than a little."""
        if self.old is None or self.new is None:
            return False
        gap = max(self.new.low - self.old.high, self.old.low - self.new.high)
        return gap > 0 and abs(self.new.middle - self.old.middle) > LEAST * max(self.old.middle, self.new.middle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two profiles' busiest processes."""

    kind: str = "profile-comparison"
    schema: int = 1
    shares: tuple[ShareChange, ...]
    memory: tuple[MemoryChange, ...]
    findings: tuple[Finding, ...]


SHARES: dict[str, Callable[[Process], Share | None]] = {
    "allocator_cpu_share": lambda process: process.allocator_cpu_share,
    "kernel_share": lambda process: process.kernel_share,
    "lock_wait_share": lambda process: process.lock_wait_share,
}


def compare(old: Profile, new: Profile) -> Comparison:
    """The process that used most CPU of each, one beside the other.

    The limits of a difference say what sampling alone would do. Two processes with other work differ too: whether they
    had the same work is for the reader to know, and one process of each is one sample of what a deployment does.

    Raises:
        CannotGoOn: a profile holds no process.
    """
    before, after = _busiest(old), _busiest(new)
    shares = tuple(_share(name, read(before), read(after)) for name, read in SHARES.items())
    memory = tuple(
        MemoryChange(name=name, old=_range(before, name), new=_range(after, name)) for name in ("all", *Kind)
    )
    findings = (*_unlike(old, new), *_shares_differ(shares), *_memory_differs(memory))
    return Comparison(shares=shares, memory=memory, findings=findings)


def _busiest(profile: Profile) -> Process:
    if not profile.processes:
        raise CannotGoOn("a profile without a process cannot be compared; give another")
    return max(profile.processes, key=lambda process: process.cpu)


def _share(name: str, old: Share | None, new: Share | None) -> ShareChange:
    value, low, high = difference(new, old) if old and new else (None, None, None)
    return ShareChange(name=name, old=old, new=new, difference=value, low=low, high=high)


def _range(process: Process, name: str) -> Range | None:
    sizes = [moment.all if name == "all" else int(getattr(moment, name)) for moment in process.resident]
    return Range(low=min(sizes), middle=int(median(sizes)), high=max(sizes)) if sizes else None


def _unlike(old: Profile, new: Profile) -> Iterator[Finding]:
    if old.source is not new.source:
        yield Finding(
            code="not-comparable",
            level=Level.WARNING,
            seen=f"one profile is by {old.source}, the other by {new.source}: they find shares in different ways",
            remedy="compare two that were made the same way",
        )
    programs = _busiest(old).exe, _busiest(new).exe
    if programs[0] != programs[1]:
        yield Finding(
            code="not-comparable",
            level=Level.WARNING,
            seen=f"they are of different programs, {' and '.join(programs)}",
            remedy="compare two processes of one program",
        )


def _shares_differ(shares: Iterable[ShareChange]) -> Iterator[Finding]:
    for share in shares:
        if share.beyond_chance and share.difference is not None:
            yield Finding(
                code="share-differs",
                level=Level.WARNING if share.difference > 0 else Level.NOTE,
                seen=f"{_NAMES[share.name]} is {'higher' if share.difference > 0 else 'lower'} beyond chance",
                remedy="the same work in both? If so, the difference is theirs",
            )


def _memory_differs(memory: Iterable[MemoryChange]) -> Iterator[Finding]:
    apart = [one for one in memory if one.apart and one.old and one.new]
    whole = next((one for one in apart if one.name == "all"), None)
    if whole and whole.old and whole.new:
        more = whole.new.middle > whole.old.middle
        kinds = ", ".join(one.name for one in apart if one is not whole) or "no one kind by itself"
        yield Finding(
            code="memory-differs",
            level=Level.WARNING if more else Level.NOTE,
            seen=f"resident memory was {'higher' if more else 'lower'} all the time ({kinds})",
            remedy="the same age and the same work in both? If so, the difference is theirs",
        )


_NAMES = {
    "allocator_cpu_share": "the allocator's share of CPU time",
    "kernel_share": "the share of CPU time that the allocator spends in the kernel",
    "lock_wait_share": "the share of waiting in the allocator",
}
