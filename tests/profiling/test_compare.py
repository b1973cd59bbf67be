"""Two profiles side by side."""

from dataclasses import replace
from pathlib import Path

import pytest

from heapswap.errors import CannotGoOn
from heapswap.profiling.compare import compare
from heapswap.profiling.model import Profile, Resident, Share, Source
from heapswap.profiling.shares import wilson
from heapswap.profiling.store import load

GOLDEN = load(Path(__file__).with_name("golden") / "profile-1.json")


def seen(share: Share | None, *heaps: int, source: Source = Source.OUTSIDE, exe: str = "/bin/service") -> Profile:
    resident = tuple(
        Resident(at=float(at), heap=heap, anonymous=1 << 20, stacks=0, files=2 << 20, shared=0)
        for at, heap in enumerate(heaps)
    )
    process = replace(
        GOLDEN.processes[0],
        exe=exe,
        allocator_cpu_share=share,
        kernel_share=None,
        lock_wait_share=None,
        resident=resident,
    )
    return replace(GOLDEN, processes=(process,), source=source)


def codes(old: Profile, new: Profile) -> list[str]:
    return [finding.code for finding in compare(old, new).findings]


def test_the_same_is_no_finding() -> None:
    one = seen(wilson(0.2, 1000), 50 << 20, 51 << 20)
    assert codes(one, one) == []
    assert not any(row.beyond_chance for row in compare(one, one).shares)


def test_a_share_beyond_chance_is_a_finding() -> None:
    old, new = seen(wilson(0.2, 1000)), seen(wilson(0.3, 1000))
    row = compare(old, new).shares[0]
    assert row.difference == pytest.approx(0.1)
    assert row.low is not None
    assert row.low > 0.05
    assert codes(old, new) == ["share-differs"]
    assert codes(seen(wilson(0.2, 100)), seen(wilson(0.22, 100))) == []


def test_memory_that_never_met_is_a_finding() -> None:
    old = seen(None, 50 << 20, 60 << 20)
    assert codes(old, seen(None, 90 << 20, 99 << 20)) == ["memory-differs"]
    assert codes(old, seen(None, 59 << 20, 99 << 20)) == []
    assert codes(old, seen(None, 61 << 20)) == []
    (finding,) = compare(old, seen(None, 90 << 20)).findings
    assert "higher all the time (heap)" in finding.seen


def test_what_is_not_known_is_not_compared() -> None:
    comparison = compare(seen(None), seen(wilson(0.5, 100)))
    assert comparison.shares[0].difference is None
    assert comparison.memory[0].old is None
    assert comparison.findings == ()


def test_unlike_things_are_told() -> None:
    assert codes(seen(None, source=Source.PROBE), seen(None)) == ["not-comparable"]
    assert codes(seen(None), seen(None, exe="/bin/other")) == ["not-comparable"]


def test_a_profile_of_nothing() -> None:
    with pytest.raises(CannotGoOn, match="without a process"):
        compare(seen(None), replace(GOLDEN, processes=()))
