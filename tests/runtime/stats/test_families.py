"""Every family answers the same questions, also where the process lacks the functions it would ask."""

from dataclasses import fields

import pytest

from heapswap.runtime.stats.answering import Answering
from heapswap.runtime.stats.families import of
from heapswap.runtime.stats.model import Detail, Heap

FIGURES = {one.name for one in fields(Heap)} - {"unknown"}
FAMILIES = ("glibc", "musl", "jemalloc", "mimalloc", "tcmalloc", "snmalloc", "shelf", "unknown")


@pytest.mark.parametrize("detail", list(Detail))
@pytest.mark.parametrize("family", FAMILIES)
def test_without_its_functions_nothing_is_known_and_every_figure_says_why(family: str, detail: Detail) -> None:
    absent = Answering(family=family, path="/nowhere/libabsent.so")
    heap = of(absent).read(absent, detail)
    assert all(getattr(heap, name) is None for name in FIGURES)
    assert {name for name, why in heap.unknown if why} == FIGURES
    assert len(heap.unknown) == len(FIGURES)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_its_functions_nothing_is_given_back_and_no_version_is_told(family: str) -> None:
    absent = Answering(family=family, path="/nowhere/libabsent.so")
    assert of(absent).release(absent) == ""
    assert of(absent).version(absent) == ""


def test_an_allocator_of_its_own_is_named_in_the_reason() -> None:
    musl = Answering(family="musl", path="/lib/ld-musl-x86_64.so.1")
    assert dict(of(musl).read(musl, Detail.TOTALS).unknown)["allocated"] == "musl gives no figures"
