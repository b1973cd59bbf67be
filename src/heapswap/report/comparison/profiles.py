"""Two profiles: the same work today and last week, or a canary and a control seen from outside."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from statistics import median

from heapswap.estimate import Estimate
from heapswap.findings import Finding, Level
from heapswap.profiling.mappings import Kind
from heapswap.profiling.model import Process, Profile, Resident, Share, Source
from heapswap.report.comparison.estimates import changed
from heapswap.report.comparison.model import Change, Comparison, Said, Turn
from heapswap.report.profile import weight

CONFIDENCE = 0.95
"""of the shares in a profile"""
PROCESSES = 8
"""processes of a profile that are compared, the heaviest"""
LEAST = 0.1
"""part of the resident memory by which two must differ before it is spoken of"""
ALL = "all"
"""every kind of mapping together"""
Subject = tuple[str, Process, Process]
"""the name of a program, its process now, its process before"""


def profiles(new: Profile, old: Profile) -> Comparison:
    """What changed from `old` to `new`, program by program.

    The limits of a difference of shares say what sampling alone would do. Two processes with other work differ too:
    whether they had the same work is for the reader to know, and one process of each is one sample of a deployment.
    """
    after, before = _by_program(new.processes), _by_program(old.processes)
    shared = [(name, after[name], before[name]) for name in after if name in before][:PROCESSES]
    changes = tuple(found for found in (*_whole(new, old), *_figures(shared)) if found is not None)
    return Comparison(
        of="profile",
        subject=" ".join(new.command),
        confidence=CONFIDENCE,
        turns=tuple(_reallocated(shared)),
        changes=changes,
        only_before=tuple(name for name in before if name not in after)[:PROCESSES],
        only_after=tuple(name for name in after if name not in before)[:PROCESSES],
        findings=(*_unlike(new, old), *_shares_differ(changes), *_memory_differs(shared)),
    )


def _by_program(processes: Sequence[Process]) -> Mapping[str, Process]:
    """The heaviest first; several of one program are told apart by their number."""
    seen: Counter[str] = Counter()
    found: dict[str, Process] = {}
    for process in sorted(processes, key=weight, reverse=True):
        name = PurePath(process.exe).name or "a program that is not known"
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = process
    return found


def _whole(new: Profile, old: Profile) -> Iterator[Change | None]:
    if Source.OUTSIDE in (new.source, old.source):  # a while of a process that runs on
        return
    for name, unit, before, after in (
        ("wall", "s", old.wall, new.wall),
        ("cpu", "s", old.cpu, new.cpu),
        ("peak", "B", float(old.peak), float(new.peak)),
    ):
        yield changed("the whole", name, unit, Estimate(value=before), Estimate(value=after))


def _figures(shared: Sequence[Subject]) -> Iterator[Change | None]:
    for name, new, old in shared:
        for measure, unit, before, after in (
            ("cpu", "s", old.cpu, new.cpu),
            ("allocations", "1", old.allocations, new.allocations),
            ("requested", "B", old.requested_bytes, new.requested_bytes),
            ("peak live", "B", old.peak_live_bytes, new.peak_live_bytes),
            ("retained", "B", old.retained_bytes, new.retained_bytes),
            *((_resident(kind), "B", _middle(old, kind), _middle(new, kind)) for kind in (ALL, *Kind)),
        ):
            if before is not None and after is not None:
                yield changed(name, measure, unit, Estimate(value=float(before)), Estimate(value=float(after)))
        for measure, then, now in (
            ("in the allocator", old.allocator_cpu_share, new.allocator_cpu_share),
            ("of it in the kernel", old.kernel_share, new.kernel_share),
            ("waiting for locks", old.lock_wait_share, new.lock_wait_share),
        ):
            if then is not None and now is not None:
                yield changed(name, measure, "share", _estimate(then), _estimate(now))


def _estimate(share: Share) -> Estimate:
    return Estimate(value=share.value, low=share.low, high=share.high)


def _resident(kind: str) -> str:
    return "resident" if kind == ALL else f"resident, {kind}"


def _middle(process: Process, kind: str) -> float | None:
    return median(_sizes(process, kind)) if process.resident else None


def _sizes(process: Process, kind: str) -> list[int]:
    """Resident bytes of one kind, at every moment at which they were looked at."""
    return [_size(moment, kind) for moment in process.resident]


def _size(moment: Resident, kind: str) -> int:
    return moment.all if kind == ALL else int(getattr(moment, kind))


def _reallocated(shared: Sequence[Subject]) -> Iterator[Turn]:
    for name, new, old in shared:
        for measure, before, after in (
            ("allocator", old.allocator, new.allocator),
            ("memory", old.memory.value, new.memory.value),
        ):
            if before != after:
                yield Turn(subject=name, measure=measure, before=before or "not known", after=after or "not known")


# ---- doubts --------------------------------------------------------------------------------------------------------


def _unlike(new: Profile, old: Profile) -> Iterator[Finding]:
    if old.source is not new.source:
        yield Finding(
            code="not-comparable",
            level=Level.WARNING,
            seen=f"one profile is by {old.source}, the other by {new.source}: they find shares in different ways",
            remedy="compare two that were made the same way",
        )


def _shares_differ(changes: Sequence[Change]) -> Iterator[Finding]:
    for change in changes:
        if change.unit == "share" and change.says in (Said.LESS, Said.MORE):
            is_more = change.says is Said.MORE
            yield Finding(
                code="share-differs",
                level=Level.WARNING if is_more else Level.NOTE,
                seen=f"{change.subject}: {_SHARES[change.measure]} is {'higher' if is_more else 'lower'} beyond chance",
                remedy="the same work in both? If so, the difference is theirs",
            )


def _memory_differs(shared: Sequence[Subject]) -> Iterator[Finding]:
    for name, new, old in shared:
        if not _is_apart(new, old, ALL):
            continue
        is_more = max(_sizes(old, ALL)) < min(_sizes(new, ALL))
        kinds = ", ".join(kind for kind in Kind if _is_apart(new, old, kind)) or "no one kind by itself"
        yield Finding(
            code="memory-differs",
            level=Level.WARNING if is_more else Level.NOTE,
            seen=f"{name}: resident memory was {'higher' if is_more else 'lower'} all the time ({kinds})",
            remedy="the same age and the same work in both? If so, the difference is theirs",
        )


def _is_apart(new: Process, old: Process, kind: str) -> bool:
    """Whether neither was ever where the other was, by more than a little."""
    if not new.resident or not old.resident:
        return False
    after, before = _sizes(new, kind), _sizes(old, kind)
    gap = max(min(after) - max(before), min(before) - max(after))
    middles = median(after), median(before)
    return gap > 0 and abs(middles[0] - middles[1]) > LEAST * max(middles)


_SHARES = {
    "in the allocator": "the allocator's share of CPU time",
    "of it in the kernel": "the share of CPU time that the allocator spends in the kernel",
    "waiting for locks": "the share of waiting in the allocator",
}
