"""Snapshots answer why a figure is missing, and releases what they moved."""

import pytest

import heapswap
from heapswap.runtime.stats.model import ProcessMemory, Released


def test_why_is_empty_for_a_figure_that_is_given() -> None:
    taken = heapswap.stats()
    assert taken.why("allocated") == ""
    assert taken.why("process.resident") == ""


def test_why_is_the_reason_for_a_figure_that_is_not() -> None:
    taken = heapswap.stats()
    assert taken.why("active") == "glibc does not count pages"
    assert "Detail.FULL" in taken.why("process.proportional")
    assert "Detail.FULL" in taken.why("python.arenas")


@pytest.mark.parametrize("name", ["nothing", "process.nothing", "nothing.resident"])
def test_why_of_what_is_no_figure_is_an_error(name: str) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        heapswap.stats().why(name)


def released(before: int | None, after: int | None) -> Released:
    return Released(
        allocator="glibc",
        how="malloc_trim",
        before=ProcessMemory(resident=before),
        after=ProcessMemory(resident=after),
        seconds=0.0,
    )


def test_moved_is_what_left_the_resident_set() -> None:
    assert released(100, 30).moved == 70


def test_a_program_that_grew_meanwhile_moved_less_than_nothing() -> None:
    assert released(100, 130).moved == -30


def test_moved_is_unknown_where_the_kernel_says_nothing() -> None:
    assert released(None, 30).moved is None
    assert released(100, None).moved is None
