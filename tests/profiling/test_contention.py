"""Waiting by the number of threads that were at it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling.contention import contention, groups
from heapswap.profiling.estimate import FEWEST
from tests.profiling.files import Sample, Slot, behind_bytes, raw

CERTAIN = {"size": 1 << 40, "scale": 10}


def test_waiting_is_set_beside_the_time_at_which_as_many_were_at_it() -> None:
    calm = [Sample(**CERTAIN, ticks=100, threads=1)] * FEWEST
    held_up = [Sample(**CERTAIN, ticks=2_000_000, voluntary=1, cpu=0, threads=3)] * FEWEST
    few = [Sample(**CERTAIN, ticks=100, threads=9)] * (FEWEST - 1)
    unknown = [Sample(**CERTAIN, ticks=100, threads=0)] * FEWEST
    behind = behind_bytes(threads=4, cpu=1_000, booked=[10**9, 0, 30_000_000])
    alone, together = contention(
        raw(samples=[*calm, *held_up, *few, *unknown], behind=behind, noted_cpu=10_001_000), 1.0
    )
    assert (alone.threads, alone.up_to, alone.samples, alone.cpu) == (1, 1, FEWEST, 1.0)
    assert alone.wait_share.value == 0
    assert (together.threads, together.up_to) == (3, 4)
    # What came after the last look belongs to what that look found.
    assert together.cpu == pytest.approx(0.04)
    assert together.wait_share.value == pytest.approx(0.04 / 0.08)


def test_samples_without_end_of_room_are_needed() -> None:
    assert contention(raw(Slot(numbers={"refused": 1}), samples=[Sample(threads=1)] * 99), 1.0) == ()
    assert contention(raw(), 1.0) == ()


@given(st.integers(1, 65535))
def test_groups_are_powers_of_two(threads: int) -> None:
    (group,) = groups(np.array([threads], np.uint16))
    assert group == min((threads - 1).bit_length(), 15)
