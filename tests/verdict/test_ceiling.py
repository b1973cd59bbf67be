"""What any allocator could win at most."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.profiling.model import FirstTouch, Process, Profile, Share, SizeClass
from heapswap.verdict import ceiling
from heapswap.verdict.ceiling import (
    LAYOUT,
    avoidable_faults,
    cpu_ceiling,
    is_spread,
    memory_ceiling,
    needed_work,
    own_work,
    wall_ceiling,
)
from tests.verdict.profiles import MIB, held, moment, process, profile, profiles, share, shares, with_share


def test_a_program_that_hardly_allocates_can_win_the_allowance_and_little_more() -> None:
    whole = cpu_ceiling(profile(faults=0)).whole
    assert whole == pytest.approx(LAYOUT, abs=0.001)


def test_faults_inside_the_allocator_are_not_its_own_work() -> None:
    """Shares and their reach: the variance of a part is at most that of the whole less that of the rest."""
    assert own_work(process(allocator_cpu_share=share(0.10, 0.05), fault_share=share(0.06, 0.04))) == pytest.approx(
        0.04 + 0.03
    )


def test_work_that_was_not_timed_is_charged_at_a_price_no_allocator_has() -> None:
    few = process(allocator_cpu_share=None, allocations=300, frees=200, samples=12)
    assert own_work(few) == pytest.approx(500 * ceiling.CALL)


def test_an_older_profile_has_the_work_as_a_difference_and_a_newer_one_by_itself() -> None:
    old = process(allocator_cpu_share=share(0.10, 0.05), fault_share=share(0.06, 0.04))
    assert own_work(replace(old, work_share=share(0.04, 0.01))) == pytest.approx(0.05)


def test_what_calls_take_under_the_quickest_allocator_cannot_be_saved() -> None:
    """7 million calls of 6.5 ns: of 5 % of a second more than half would stay."""
    cached = process(allocations=4_000_000, frees=3_000_000, quick_call=6.5e-9, work_share=share(0.05))
    assert needed_work(cached) == pytest.approx(7e6 * 4.5e-9)
    assert cpu_ceiling(profile(cached, faults=0)).allocator == pytest.approx(0.05 - 0.0315)
    quick = replace(cached, quick_call=4e-9)
    assert needed_work(quick) == pytest.approx(7e6 * ceiling.QUICKER * 4e-9), "a quicker processor"
    slow = replace(cached, quick_call=90e-9)
    assert needed_work(slow) == pytest.approx(7e6 * ceiling.QUICKEST), "that glibc is slow makes no other slow"
    assert needed_work(replace(cached, quick_call=None)) == 0.0


FILLED = process(requested_bytes=100 * MIB, peak_live_bytes=100 * MIB, timeline=(moment(100, 101),))
"""25,600 pages that are touched once"""
QUIET = FirstTouch(small=1.8e-6, huge=0.4e-6)


def test_first_touches_of_live_blocks_save_what_huge_pages_are_cheaper_by() -> None:
    saved = 25_600 * (QUIET.small - QUIET.huge)
    once = profile(FILLED, faults=25_600, system=0.2, first_touch=QUIET)
    assert avoidable_faults(once).first == pytest.approx(saved)
    assert avoidable_faults(once).again == pytest.approx(0.0)
    again = replace(FILLED, requested_bytes=300 * MIB)
    whole = profile(again, faults=76_800, system=76_800 * 1.8e-6, first_touch=QUIET)
    assert avoidable_faults(whole).first == pytest.approx(saved)
    assert avoidable_faults(whole).again == pytest.approx(51_200 * 1.8e-6), "pages that come again can be saved whole"


def test_no_more_can_be_saved_of_faults_than_the_kernel_took() -> None:
    again = replace(FILLED, requested_bytes=300 * MIB)
    for system in (0.01, 0.08, 0.1):
        of = avoidable_faults(profile(again, faults=76_800, system=system, first_touch=QUIET))
        assert of.again == pytest.approx(min(51_200 * 1.8e-6, system))
        assert of.again + of.first == pytest.approx(system)


def test_what_faults_of_several_threads_took_is_taken_at_its_upper_limit() -> None:
    """Three ticks of a kernel that counts each as 10 ms may have been seven."""
    again = replace(FILLED, requested_bytes=300 * MIB)
    one, four = (
        avoidable_faults(profile(replace(again, threads=threads), faults=76_800, system=0.03, first_touch=QUIET)).again
        for threads in (1, 4)
    )
    assert one == pytest.approx(0.03)
    assert four == pytest.approx(0.03 + 2 * (0.03 * ceiling.TICK) ** 0.5 + ceiling.TICK)


def test_costs_are_what_the_program_was_seen_to_pay() -> None:
    """Not what huge pages or another place of the blocks could win."""
    paying = replace(FILLED, requested_bytes=300 * MIB, work_share=share(0.1), lock_wait_share=share(0.2), threads=2)
    of = wall_ceiling(profile(paying, faults=76_800, system=0.07, first_touch=QUIET))
    assert of.costs == pytest.approx(of.allocator + 51_200 * 1.8e-6 + 0.25)
    assert of.whole == pytest.approx(of.costs + 25_600 * (QUIET.small - QUIET.huge) + of.layout)


def test_where_the_kernel_gives_no_huge_pages_first_touches_stay() -> None:
    never = FirstTouch(small=1.8e-6, huge=1.8e-6)
    found = avoidable_faults(profile(FILLED, faults=25_600, system=0.2, first_touch=never))
    assert (found.again, found.first) == (0.0, 0.0)


def test_where_nobody_measured_first_touches_only_the_zeroing_stays() -> None:
    zeroing = 25_600 * ceiling.ZEROING
    found = avoidable_faults(profile(FILLED, faults=26_000, system=0.08))
    assert found.again + found.first == pytest.approx(0.08 - zeroing, rel=0.02)


def test_faults_that_no_request_can_have_caused_are_not_the_heaps() -> None:
    """Python's arenas, say: 200,000 faults, and 8 MiB that malloc was ever asked for."""
    small = process(requested_bytes=8 * MIB, allocations=100, peak_live_bytes=0)
    found = avoidable_faults(profile(small, faults=200_000, system=0.6))
    assert found.again + found.first <= 2048.5 * ceiling.SLOWEST_FAULT


@pytest.mark.parametrize(
    ("small", "large", "huge", "spread"),
    [
        (1.0, 9.0, 0.4e-6, False),  # a JSON decoder, SQLite's pages
        (2.4, 0.0, 0.4e-6, True),  # hashes in Perl
        (4.1, 0.0, 0.4e-6, True),
        (0.3, 98.0, 0.4e-6, True),  # a compressor's tables
        (0.3, 98.0, 1.8e-6, False),  # the same where there are no huge pages
        (6.7, 6.7, 1.8e-6, True),
    ],
)
def test_much_memory_in_blocks_whose_place_matters_is_never_excluded(
    small: float, large: float, huge: float, spread: bool
) -> None:
    one = process(held=held(small, large), peak_live_bytes=120 * MIB)
    found = profile(process(), one, faults=0, first_touch=FirstTouch(small=1.8e-6, huge=huge))
    assert cpu_ceiling(found).layout == (ceiling.SPREAD_LAYOUT if spread else LAYOUT)


def test_blocks_that_nobody_followed_are_all_there_at_once() -> None:
    asked = (SizeClass(up_to=64, calls=10**6, bytes=50 * MIB), SizeClass(up_to=1 << 20, calls=2, bytes=2 * MIB))
    unknown = process(held=(), size_classes=asked, peak_live_bytes=3 * MIB)
    assert is_spread(profile(unknown))
    assert not is_spread(profile(replace(unknown, peak_live_bytes=MIB // 2)))
    assert is_spread(profile(replace(unknown, size_classes=(), peak_live_bytes=30 * MIB)))


def test_waiting_counts_against_the_wall_and_not_against_the_cpu() -> None:
    waits = profile(process(lock_wait_share=share(0.2), threads=4))
    assert wall_ceiling(waits).waiting == pytest.approx(0.25)
    assert cpu_ceiling(waits).waiting == 0


def test_one_thread_waits_for_nobody() -> None:
    """What looks like waiting is the processor given to another program."""
    assert wall_ceiling(profile(process(lock_wait_share=share(0.2), threads=1))).waiting == 0


def test_all_of_the_allocators_work_may_lie_on_the_longest_path() -> None:
    """Four seconds of CPU in one of wall: a tenth of the CPU may be four tenths of the wall; sleep makes no less."""
    four = process(cpu=4.0, allocator_cpu_share=share(0.1))
    assert wall_ceiling(profile(four, wall=1.0)).allocator == pytest.approx(0.4, rel=0.001)
    assert wall_ceiling(profile(four, wall=9.0)).allocator == pytest.approx(0.1, rel=0.001)


def test_a_tree_is_the_sum_of_its_processes() -> None:
    busy = process(pid=8, cpu=3.0, allocator_cpu_share=share(0.2))
    assert cpu_ceiling(profile(process(), busy)).allocator == pytest.approx(0.6 / 4, rel=0.001)


def test_memory_beside_live_blocks_at_any_time_counts() -> None:
    retained = process(
        timeline=(moment(90, 91, 0.3), moment(10, 80, 0.6), moment(10, 11, 1.0)), peak_live_bytes=90 * MIB
    )
    assert memory_ceiling(profile(retained, peak=94 * MIB)) == 70 * MIB


def test_a_peak_between_two_looks_counts() -> None:
    assert memory_ceiling(profile(peak=214 * MIB)) == (214 - 10 - 3) * MIB


def test_a_process_too_short_to_be_looked_at_holds_no_more_than_it_asked_for() -> None:
    short = process(pid=8, timeline=(), requested_bytes=5 * MIB, allocations=0)
    assert memory_ceiling(profile(process(), short)) == 6 * MIB


@pytest.mark.parametrize(
    "unknown",
    [process(live_bytes=None), process(timeline=(moment(500, 20), moment(500, 20, 2.0)))],
    ids=["not counted", "more live than is resident: some of it was never touched"],
)
def test_memory_that_cannot_be_told_has_no_limit(unknown: Process) -> None:
    assert memory_ceiling(profile(unknown)) is None


@settings(max_examples=60)
@given(profiles())
def test_every_profile_has_limits(given_: Profile) -> None:
    for of in (cpu_ceiling, wall_ceiling):
        assert LAYOUT <= of(given_).whole <= 1.0
        assert 0.0 <= of(given_).costs <= of(given_).whole
    assert (memory_ceiling(given_) or 0) >= 0


@settings(max_examples=60)
@given(profiles(), shares(), st.floats(0, 0.5))
def test_a_larger_share_never_lowers_the_limit(given_: Profile, smaller: Share, more: float) -> None:
    larger = Share(
        value=min(smaller.value + more, 1.0), low=min(smaller.low + more, 1.0), high=min(smaller.high + more, 1.0)
    )
    # Without the faults that are split off: they belong to the same share.
    plain = with_share(given_, "fault_share", share(0.0))
    for field in ("allocator_cpu_share", "lock_wait_share"):
        for of in (cpu_ceiling, wall_ceiling):
            before, after = of(with_share(plain, field, smaller)), of(with_share(plain, field, larger))
            assert after.whole >= before.whole - 1e-9


@settings(max_examples=60)
@given(profiles(), st.integers(0, 10**9))
def test_more_memory_never_lowers_the_limit(given_: Profile, more: int) -> None:
    before = memory_ceiling(given_)
    after = memory_ceiling(replace(given_, peak=given_.peak + more))
    assert (before is None) == (after is None)
    assert (after or 0) >= (before or 0)
