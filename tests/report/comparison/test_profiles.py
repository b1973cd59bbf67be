"""Two profiles: a canary and a control."""

from dataclasses import replace

import pytest

from heapswap.profiling.model import Profile, Resident, Share, Source
from heapswap.profiling.shares import wilson
from heapswap.report.comparison.make import compare
from heapswap.report.comparison.model import Change, Said
from heapswap.report.document.comparison import comparison_document
from heapswap.report.text import document_text
from tests.report.artifacts import saved
from tests.report.golden_files import matches_golden

MIB = 1 << 20


def seen(share: Share | None, *heaps: int, source: Source = Source.OUTSIDE, exe: str = "/bin/service") -> Profile:
    golden = saved("profile")
    assert isinstance(golden, Profile)
    resident = tuple(
        Resident(at=float(at), heap=heap, anonymous=MIB, stacks=0, files=2 * MIB, shared=0)
        for at, heap in enumerate(heaps)
    )
    process = replace(
        golden.processes[0],
        exe=exe,
        allocator_cpu_share=share,
        kernel_share=None,
        lock_wait_share=None,
        resident=resident,
    )
    return replace(golden, processes=(process,), source=source)


def codes(old: Profile, new: Profile) -> list[str]:
    return [finding.code for finding in compare(new, old).findings]


def change(measure: str, old: Profile, new: Profile) -> Change:
    (found,) = (one for one in compare(new, old).changes if one.measure == measure)
    return found


def test_a_share_beyond_chance_is_a_finding() -> None:
    old, new = seen(wilson(0.2, 1000)), seen(wilson(0.3, 1000))
    found = change("in the allocator", old, new)
    assert found.change.value == pytest.approx(0.1)
    assert found.change.low is not None
    assert found.change.low > 0.05
    assert found.says is Said.MORE
    assert codes(old, new) == codes(new, old) == ["share-differs"]
    assert codes(seen(wilson(0.2, 100)), seen(wilson(0.22, 100))) == []


def test_memory_that_never_met_is_a_finding() -> None:
    old = seen(None, 50 * MIB, 60 * MIB)
    assert codes(old, seen(None, 90 * MIB, 99 * MIB)) == ["memory-differs"]
    assert codes(old, seen(None, 59 * MIB, 99 * MIB)) == []
    assert codes(old, seen(None, 61 * MIB)) == []
    (finding,) = compare(seen(None, 90 * MIB), old).findings
    assert finding.seen.endswith("higher all the time (heap)")
    (finding,) = compare(old, seen(None, 90 * MIB)).findings
    assert finding.seen.endswith("lower all the time (heap)")
    assert change("resident", old, seen(None, 113 * MIB)).change.value == pytest.approx(1.0)


def test_what_is_not_known_is_not_compared() -> None:
    found = compare(seen(wilson(0.5, 100)), seen(None, MIB))
    assert not {"in the allocator", "resident"} & {one.measure for one in found.changes}
    assert found.findings == ()


def test_the_whole_of_a_while_is_no_figure() -> None:
    assert "the whole" in {one.subject for one in compare(saved("profile"), saved("profile")).changes}
    assert "the whole" not in {one.subject for one in compare(seen(None), seen(None)).changes}


def test_unlike_things_are_told() -> None:
    assert codes(seen(None, source=Source.PROBE), seen(None)) == ["not-comparable"]
    other = compare(seen(None, exe="/bin/other"), seen(None))
    assert (other.only_before, other.only_after, other.changes) == (("service",), ("other",), ())


@pytest.mark.parametrize("width", [80, 120])
def test_two_side_by_side(width: int) -> None:
    old, new = seen(wilson(0.08, 900), 40 * MIB, 41 * MIB), seen(wilson(0.143, 800), 60 * MIB, 66 * MIB)
    page = document_text(comparison_document(compare(new, old)), width=width)
    assert max(map(len, page.splitlines())) <= width
    matches_golden(f"comparison-profile-{width}.txt", page)
