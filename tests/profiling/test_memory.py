"""Leak or retention, from timelines of every shape."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling.memory import judge, last_split, retained
from heapswap.profiling.model import Memory, Moment, Split

MIB = 1 << 20


def timeline(live: Sequence[float], anonymous: Sequence[float] | None = None) -> tuple[Moment, ...]:
    """One moment a second, MiB; anonymous memory follows live where it is not given."""
    beside = [value + 2 for value in live] if anonymous is None else anonymous
    return tuple(
        Moment(at=float(at), live=int(a * MIB), resident=int((b + 5) * MIB), anonymous=int(b * MIB))
        for at, (a, b) in enumerate(zip(live, beside, strict=True))
    )


def test_a_leak_grows() -> None:
    assert judge(timeline([10 * step for step in range(50)])) is Memory.GROWING


def test_a_leak_grows_though_the_program_frees_everything_as_it_ends() -> None:
    assert judge(timeline([*(10 * step for step in range(50)), 0])) is Memory.GROWING


def test_a_start_that_fills_up_and_holds_is_no_leak() -> None:
    assert judge(timeline([min(10 * step, 200) for step in range(80)])) is Memory.SETTLED


def test_a_sawtooth_is_no_leak() -> None:
    assert judge(timeline([100 + 40 * (step % 7) for step in range(100)])) is Memory.SETTLED


def test_memory_that_was_given_back_and_stays_is_retained() -> None:
    live = [*range(0, 300, 10), *[20] * 30]
    assert judge(timeline(live, [max(live[: step + 1]) for step in range(len(live))])) is Memory.RETAINED


def test_memory_that_was_given_back_and_goes_is_not() -> None:
    live = [*range(0, 300, 10), *[20] * 30]
    assert judge(timeline(live)) is Memory.SETTLED


def test_what_was_never_live_is_held() -> None:
    assert judge(timeline([20] * 50, [200] * 50)) is Memory.HELD


def test_freeing_everything_at_the_very_end_retains_nothing() -> None:
    assert judge(timeline([*[300] * 49, 0], [300] * 50)) is Memory.SETTLED


@pytest.mark.parametrize("length", range(5))
def test_a_short_timeline_says_nothing(length: int) -> None:
    assert judge(timeline([100] * length)) is Memory.UNKNOWN


@given(st.lists(st.integers(0, 10_000), min_size=1), st.lists(st.integers(0, 10_000), min_size=1))
def test_every_timeline_has_an_answer(live: list[int], anonymous: list[int]) -> None:
    length = min(len(live), len(anonymous))
    made = timeline(live[:length], anonymous[:length])
    assert judge(made) in Memory
    assert (retained(made) or 0) >= 0


def test_nothing_seen_nothing_said() -> None:
    assert retained(()) is None
    assert judge(()) is Memory.UNKNOWN


def split(at: float, live: int, malloc: int | None, python: int = 0, unknown: int = 0) -> Split:
    """In MiB; every process has stacks and files."""
    return Split(
        at=at,
        live=live * MIB,
        malloc=None if malloc is None else malloc * MIB,
        python=python * MIB,
        named=0,
        stacks=MIB,
        files=9 * MIB,
        unknown=unknown * MIB,
    )


FELL = timeline([*[200] * 20, *[10] * 80], [230] * 100)
NEVER_LIVE = timeline([10] * 100, [230] * 100)


@pytest.mark.parametrize(
    ("moments", "last", "memory"),
    [
        (FELL, split(90, 10, 220), Memory.RETAINED),
        (FELL, split(90, 10, 12, python=210), Memory.ARENAS),
        (FELL, split(90, 10, 120, python=110), Memory.RETAINED),
        (FELL, split(90, 10, 12, unknown=4), Memory.HELD),
        (FELL, split(90, 10, None, unknown=220), Memory.RETAINED),
        (NEVER_LIVE, split(90, 10, 220), Memory.HELD),
        (NEVER_LIVE, split(90, 10, 12, python=210), Memory.ARENAS),
        (NEVER_LIVE, split(90, 10, None, python=200, unknown=20), Memory.ARENAS),
    ],
)
def test_pythons_arenas_do_not_pass_for_mallocs(moments: tuple[Moment, ...], last: Split, memory: Memory) -> None:
    assert judge(moments, [split(20, 200, 220), last]) is memory


def test_a_leak_is_one_whoever_holds_the_rest() -> None:
    growing = timeline([10 * step for step in range(50)])
    assert judge(growing, [split(40, 400, 410, python=300)]) is Memory.GROWING


def test_a_split_of_the_beginning_or_of_the_end_says_nothing() -> None:
    assert last_split(FELL, [split(30, 10, 12)]) is None
    assert last_split(FELL, [split(99, 10, 12)]) is None
    assert last_split(FELL, [split(60, 10, 12), split(80, 1, 2), split(98, 10, 12)]) == split(80, 1, 2)
    assert last_split((), [split(30, 10, 12)]) is None


def test_what_is_kept_and_what_is_beside() -> None:
    assert split(1, 10, 30, unknown=5).kept == 20 * MIB
    assert split(1, 10, 30, unknown=5).beside == 25 * MIB
    assert split(1, 40, 30).kept == 0
    assert split(1, 10, None, unknown=25).kept is None
    assert split(1, 10, None, unknown=25).beside == 15 * MIB
