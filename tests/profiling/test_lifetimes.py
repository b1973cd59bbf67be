"""Lifetimes from followed blocks: weighed, and with intervals that hold."""

from itertools import chain

import numpy as np
import pytest

from heapswap.profiling.estimate import FEWEST
from heapswap.profiling.followed import PLACES
from heapswap.profiling.lifetimes import lifetimes, share, weights
from tests.profiling.files import Life, Slot, behind_bytes, raw


def certain(*, ticks: int = 100, allocations: int = 0, elsewhere: bool = False, level: int = 0, used: int = 0) -> Life:
    """A block so large that every such one is followed."""
    return Life(
        size=1 << 40, scale=10, ticks=ticks, allocations=allocations, elsewhere=elsewhere, level=level, used=used
    )


def test_steps_medians_and_what_is_not_freed() -> None:
    ended = [
        *[certain(ticks=500, allocations=0)] * 30,
        *[certain(ticks=50_000, allocations=5, elsewhere=True)] * 20,
    ]
    whole, own = lifetimes(raw(samples=ended, behind=behind_bytes([certain()] * 50)), 1.0)
    assert whole.up_to is None
    assert own.up_to == 24 << 30
    assert whole.followed == 100
    assert whole.unfreed.value == pytest.approx(0.5)
    assert whole.elsewhere
    assert whole.elsewhere.value == pytest.approx(0.4)
    assert (whole.median_seconds, whole.median_allocations) == (50e-6, 5)
    assert list(chain(*((step.below, step.share) for step in whole.times))) == pytest.approx([1e-6, 0.3, 1e-4, 0.2])
    assert list(chain(*((step.below, step.share) for step in whole.allocations))) == pytest.approx([1, 0.3, 16, 0.2])


def test_most_unfreed_has_no_median() -> None:
    (whole, _) = lifetimes(
        raw(samples=[certain()] * 40, behind=behind_bytes([certain()] * 41)),
        1.0,
    )
    assert whole.median_seconds is None
    assert whole.median_allocations is None


def test_too_few_or_not_all_through_is_nothing() -> None:
    assert lifetimes(raw(samples=[Life()] * (FEWEST - 1)), 1.0) == ()
    assert lifetimes(raw(Slot(numbers={"refused": 1}), samples=[Life()] * 99), 1.0) == ()


def test_what_a_followed_block_stands_for() -> None:
    lives = [certain(), certain(level=3), certain(used=PLACES // 2), Life(size=0, scale=20)]
    once, level, crowded, rare = weights(raw(samples=lives).lives)
    assert (once, level, crowded) == (1, 8, 2)
    assert rare == pytest.approx(2048, rel=0.001)


def test_the_interval_covers_and_is_never_empty() -> None:
    generator = np.random.default_rng(3)
    for truth in (0.0, 0.02, 0.5, 1.0):
        inside = 0
        for _ in range(400):
            weight = np.where(generator.random(150) < 0.5, 1.0, 4.0)
            found = share(generator.random(150) < truth, weight)
            assert found.low <= found.value <= found.high
            assert found.high - found.low > 0.01
            inside += found.low <= truth <= found.high
        assert inside >= 400 * 0.9
