"""Lifetimes from followed blocks: weighed, and with intervals that hold."""

from itertools import chain

import numpy as np
import pytest

from heapswap.profiling.estimate import FEWEST
from heapswap.profiling.followed import PLACES
from heapswap.profiling.lifetimes import MIDDLE, SMALL, held, lifetimes, share, weights
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
    assert held(raw(samples=[Life()] * (FEWEST - 1)), 1.0, 1.0) == ()
    assert held(raw(Slot(numbers={"refused": 1}), samples=[Life()] * 99), 1.0, 1.0) == ()


def test_bytes_at_a_time_are_bytes_asked_for_times_how_long_they_live() -> None:
    """A large block for a tenth of the time, twenty times, and two that stay."""
    seen = raw(samples=[certain(ticks=100)] * 20, behind=behind_bytes([certain()] * 2))
    small, middle, large = held(seen, 1.0, 1000e-9)
    assert (small.up_to, middle.up_to, large.up_to) == (SMALL, MIDDLE, None)
    assert large.mean == pytest.approx((20 * 0.1 + 2) * 2**40)
    assert large.high == pytest.approx(large.mean), "each of them was followed"
    assert (small.mean, small.high, middle.mean) == (0, 0, 0)


def test_small_blocks_that_nobody_followed_may_be_there() -> None:
    """Blocks that are freed at once: hardly a byte at a time, and what three of them stand for above it."""
    lives = [Life(size=100, scale=14, ticks=1)] * 50
    small, _, _ = held(raw(samples=lives), 1.0, 1.0)
    stands_for = float(weights(raw(samples=lives).lives)[0]) * 100
    assert small.mean < 1
    assert small.high == pytest.approx(3 * stands_for, rel=0.01)


def test_the_mean_of_bytes_at_a_time_is_covered() -> None:
    """Drawn as the probe draws, with a lifetime that a size does not tell."""
    generator = np.random.default_rng(5)
    sizes = generator.integers(16, 1000, 20_000)
    ticks = np.where(generator.random(20_000) < 0.1, 500_000, 100)
    truth = float((sizes * np.minimum(ticks * 1e-9 / 1e-3, 1)).sum())
    chance = -np.expm1(-(sizes + 512.0) / 2.0**15)
    over, means = 0, []
    for _ in range(100):
        chosen = generator.random(20_000) < chance
        lives = [Life(size=int(s), scale=15, ticks=int(t)) for s, t in zip(sizes[chosen], ticks[chosen], strict=True)]
        small = held(raw(samples=lives), 1.0, 1e-3)[0]
        means.append(small.mean)
        over += small.high >= truth
    assert np.mean(means) == pytest.approx(truth, rel=0.05)
    assert over >= 95


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
