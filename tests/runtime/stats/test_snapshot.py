"""The figures of a heap whose contents are known, under every allocator."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heapswap
from heapswap.runtime.stats.model import Detail, Heap
from tests.runtime.stats.children import LIBRARIES, Child, child

MIB = 1 << 20

SLACK = 512 << 10
"""What the child itself allocates meanwhile, and what an allocator keeps in caches that it counts as allocated."""

COUNTS_BLOCKS = ("glibc", "jemalloc", "debian jemalloc", "debian tcmalloc")
COUNTS_PAGES = ("jemalloc", "debian jemalloc", "debian tcmalloc")

holdings = st.lists(st.integers(16, 256 << 10), min_size=20, max_size=200)


@pytest.fixture(scope="module", params=LIBRARIES)
def named(request: pytest.FixtureRequest) -> Iterator[tuple[str, Child]]:
    with child(request.param) as running:
        yield request.param, running


def test_the_family_is_that_of_the_library_whose_malloc_answers(named: tuple[str, Child]) -> None:
    name, running = named
    seen = running.order()["after"]
    assert seen["allocator"] == name.removeprefix("debian ").partition("_")[0]
    library = LIBRARIES[name]
    assert seen["library"] == str(library.resolve()) if library else seen["library"].endswith("/libc.so.6")
    assert seen["version"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=holdings)
def test_live_bytes_are_counted(named: tuple[str, Child], sizes: list[int]) -> None:
    """What is held appears, to within the slack, wherever the allocator counts it; and dropping it takes it away."""
    name, running = named
    held = running.order(hold=sizes)
    before, after = held["before"], held["after"]
    if name in COUNTS_BLOCKS:
        grown = after["allocated"] - before["allocated"]
        assert grown >= sum(sizes) - SLACK
        assert grown <= held["usable"] + 16 * held["count"] + SLACK
    figure = next(after[figure] for figure in ("allocated", "active", "mapped") if after[figure] is not None)
    assert figure >= sum(sizes)
    dropped = running.order(drop=1)
    if name in COUNTS_BLOCKS:
        assert dropped["after"]["allocated"] <= dropped["before"]["allocated"] - sum(sizes) + SLACK


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=holdings, step=st.integers(1, 5), detail=st.sampled_from(Detail))
def test_figures_agree_with_each_other(named: tuple[str, Child], sizes: list[int], step: int, detail: Detail) -> None:
    name, running = named
    running.order(hold=sizes)
    seen = running.order(drop=step, stats=detail)["after"]
    running.order(drop=1)
    ordered = [seen[figure] for figure in ("allocated", "active", "resident") if seen[figure] is not None]
    assert ordered == sorted(ordered)
    if name == "glibc":
        assert seen["allocated"] + seen["free"] == seen["mapped"]
    if name in COUNTS_PAGES:
        assert seen["free"] <= seen["resident"] - seen["allocated"]
        assert seen["metadata"] <= seen["resident"]
    for part in (seen, seen["python"], seen["process"]):
        reasons = dict(part["unknown"])
        assert all(reasons.values())
        assert set(reasons) == {key for key, value in part.items() if value is None}


def test_full_detail_gives_every_figure_that_totals_gives(named: tuple[str, Child]) -> None:
    _, running = named
    totals, full = running.order(stats="totals")["after"], running.order(stats="full")["after"]
    for part in ("heap", "python", "process"):
        few, many = (seen if part == "heap" else seen[part] for seen in (totals, full))
        assert {key for key, value in few.items() if value is not None} <= {
            key for key, value in many.items() if value is not None
        }


def test_arenas_add_up_to_the_totals(named: tuple[str, Child]) -> None:
    name, running = named
    seen = running.order(stats="full")["after"]
    if name not in ("glibc", "jemalloc", "debian jemalloc"):
        assert seen["arenas"] is None
        return
    assert len(seen["arenas"]) >= 1
    allocated, free = (sum(arena[figure] for arena in seen["arenas"]) for figure in ("allocated", "free"))
    assert free == seen["free"]
    if name == "glibc":
        # Large blocks are mapped apart, in no arena.
        assert allocated <= seen["allocated"]
    else:
        assert allocated == seen["allocated"]


@pytest.mark.parametrize("name", LIBRARIES)
def test_touched_memory_is_resident_to_the_kernel_and_to_the_allocator(name: str) -> None:
    sizes = [128 << 10] * 256
    with child(name) as fresh:
        held = fresh.order(hold=sizes, stats="full")
    before, after = held["before"], held["after"]
    kernel = after["process"]["anonymous"] - before["process"]["anonymous"]
    # Hardened pages keep their free lists apart; jemalloc counts pages as resident that were mapped and never touched.
    most = held["usable"] * 1.4 + 4 * MIB
    assert sum(sizes) - 4 * MIB <= kernel <= most
    assert after["process"]["resident"] - before["process"]["resident"] == pytest.approx(kernel, abs=MIB)
    if name in COUNTS_PAGES:
        assert kernel - 4 * MIB <= after["resident"] - before["resident"] <= most
    if after["resident"] is not None:
        assert after["resident"] >= kernel


GIVES_BACK = {
    "glibc": 0.95,
    "jemalloc": 0.95,
    "debian jemalloc": 0.95,
    "debian tcmalloc": 0.9,
    "mimalloc": 0.9,
    "mimalloc_v2": 0.9,
    "mimalloc_secure": 0.9,
    "debian mimalloc": 0.4,
    "snmalloc": 0.0,
}
"""The least share of freed blocks of 4 KiB that is out of the resident set after `release`."""


def test_release_gives_back_what_is_free(named: tuple[str, Child]) -> None:
    name, running = named
    sizes = [4096] * 16_000
    running.order(hold=sizes)
    before_drop = running.order(stats="full")["after"]["process"]["resident"]
    running.order(drop=1)
    released = running.order(release=True, stats="full")
    gone = before_drop - released["after"]["process"]["resident"]
    assert gone >= GIVES_BACK[name] * sum(sizes) - MIB
    assert (released["released"]["how"] == "") == (name == "snmalloc")
    assert released["released"]["moved"] == pytest.approx(released["released"]["kernel"], abs=MIB)


def test_a_detail_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'everything' is not a valid Detail"):
        heapswap.stats("everything")


def test_every_figure_of_a_heap_may_be_unknown() -> None:
    assert all(getattr(Heap(), one) is None for one in Heap.__dataclass_fields__ if one != "unknown")
