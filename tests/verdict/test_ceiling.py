"""What any allocator could win at most."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.profiling.model import Process, Profile, Share
from heapswap.verdict import ceiling
from heapswap.verdict.ceiling import LAYOUT, avoidable_faults, cpu_ceiling, memory_ceiling, own_work, wall_ceiling
from tests.verdict.profiles import MIB, moment, process, profile, profiles, share, shares, with_share


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


def test_first_touches_of_live_blocks_can_be_saved_but_for_the_zeroing() -> None:
    """A heap of 100 MiB is 25,600 faults in small pages and 50 in huge ones: under mimalloc, say."""
    filled = process(requested_bytes=100 * MIB, peak_live_bytes=100 * MIB, timeline=(moment(100, 101),))
    zeroing = 25_600 * ceiling.ZEROING
    assert avoidable_faults(profile(filled, faults=26_000, system=0.08)) == pytest.approx(0.08 - zeroing, rel=0.02)
    again = replace(filled, requested_bytes=300 * MIB)
    assert avoidable_faults(profile(again, faults=77_000, system=0.24)) == pytest.approx(0.24 - zeroing, rel=0.02)


def test_faults_that_no_request_can_have_caused_are_not_the_heaps() -> None:
    """Python's arenas, say: 200,000 faults, and 8 MiB that malloc was ever asked for."""
    small = process(requested_bytes=8 * MIB, allocations=100, peak_live_bytes=0)
    assert avoidable_faults(profile(small, faults=200_000, system=0.6)) <= 2048.5 * ceiling.SLOWEST_FAULT


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
    assert wall_ceiling(profile(four, wall=1.0)).allocator == pytest.approx(0.4)
    assert wall_ceiling(profile(four, wall=9.0)).allocator == pytest.approx(0.1)


def test_a_tree_is_the_sum_of_its_processes() -> None:
    busy = process(pid=8, cpu=3.0, allocator_cpu_share=share(0.2))
    assert cpu_ceiling(profile(process(), busy)).allocator == pytest.approx(0.6 / 4)


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
