"""Shares of clustered samples."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from heapswap.profiling.shares import clustered, wilson


@given(st.integers(1, 10_000).flatmap(lambda many: st.tuples(st.integers(0, many), st.just(many))))
def test_score_limits_are_scipys(drawn: tuple[int, int]) -> None:
    inside, many = drawn
    ours = wilson(inside / many, many)
    theirs = binomtest(inside, many).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def coverage(spread: float) -> float:
    """How often the limits hold the truth, where a cluster's own share is drawn around it."""
    random, held, rounds = Random(5), 0, 400
    for _ in range(rounds):
        shares = [random.uniform(0.3 - spread, 0.3 + spread) for _ in range(40)]
        parts = [float(sum(random.random() < share for _ in range(50))) for share in shares]
        share = clustered(parts, [50.0] * 40, 2000)
        assert share is not None
        held += share.low <= 0.3 <= share.high
    return held / rounds


@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_the_limits_hold_the_truth_as_often_as_they_say(spread: float) -> None:
    assert 0.91 <= coverage(spread) <= 0.985


def test_samples_of_one_phase_tell_less() -> None:
    even = clustered([15.0] * 40, [50.0] * 40, 2000)
    phases = clustered([0.0, 30.0] * 20, [50.0] * 40, 2000)
    assert even is not None
    assert phases is not None
    assert even.value == phases.value
    assert phases.high - phases.low > 2 * (even.high - even.low)


@pytest.mark.parametrize(("parts", "wholes", "samples"), [([], [], 0), ([1.0], [2.0], 19), ([0.0], [0.0], 100)])
def test_nothing_is_told_of_too_little(parts: list[float], wholes: list[float], samples: int) -> None:
    assert clustered(parts, wholes, samples) is None
