"""What slow runs may cost: how many runs show that they cannot eat a gain, and how seldom that is said wrongly."""

from math import comb, expm1, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.trials.confirmation import ARRANGEMENTS, Blocks
from heapswap.trials.intervals import highest_rate
from heapswap.trials.proof import (
    DOUBT,
    SUPPOSED,
    bearable,
    highest_price,
    mean_is_better,
    slow_runs,
    tail_is_clear,
    tail_is_worse,
)
from heapswap.trials.statistics import Numbers

STEADY = np.zeros(14)
"""A baseline without any slow run."""

UNHURRIED = 70
"""More candidate runs than a trial ever makes of one finalist."""


def side(difference: float, runs: int, slow: int = 0, times: float = SUPPOSED) -> Numbers:
    """So many runs alike, but for some that cost so many times as much."""
    return np.where(np.arange(runs) < slow, difference + log(times), difference)


def runs_needed(difference: float) -> int:
    """The fewest runs, none of them slow, after which the tail is clear."""
    return next(runs for runs in range(1, 100) if tail_is_clear(difference, side(difference, runs), STEADY))


@pytest.mark.parametrize(("gain", "runs"), [(0.05, 49), (0.10, 49), (0.35, 18), (0.50, 8), (0.70, 1)])
def test_a_large_gain_needs_fewer_runs_to_be_safe_from_a_tail(gain: float, runs: int) -> None:
    assert runs_needed(log(1 - gain)) == runs


def test_a_tail_needs_no_more_slow_runs_than_the_baseline_has() -> None:
    slow = side(log(0.9), 50, slow=6, times=2.0)
    assert not tail_is_clear(log(0.9), slow, STEADY)
    assert tail_is_worse(slow, np.zeros(60))
    # The same slow runs on both sides are the machine's.
    assert tail_is_clear(log(0.9), slow, side(0.0, 30, slow=4, times=2.0))


def test_slow_runs_count_at_their_own_price() -> None:
    """Two of twenty at half as much again cannot eat a gain of 41 %; two at three times the usual could."""
    gain = log(1 - 0.41)
    assert tail_is_clear(gain, side(gain, 20, slow=2, times=1.55), STEADY)
    assert not tail_is_clear(gain, side(gain, 20, slow=2, times=3.0), STEADY)


def test_what_was_not_seen_is_supposed_to_cost_as_much_as_the_dearest_run() -> None:
    """One run at six times the usual: such a mode could hide where one of three times could not."""
    seen = side(0.0, 40, slow=1, times=6.0)
    assert highest_price(seen) == pytest.approx(5 * highest_rate(1, 40, DOUBT))
    assert highest_price(seen) > 2 * highest_price(side(0.0, 40, slow=1))


@given(st.integers(1, 60), st.lists(st.floats(1.51, SUPPOSED), max_size=20))
def test_the_price_lies_between_none_seen_and_all_as_dear_as_supposed(usual: int, ratios: list[float]) -> None:
    runs = usual + 2 * len(ratios)
    costs = np.concatenate([np.zeros(runs - len(ratios)), np.log(np.array(ratios))])
    price = highest_price(costs)
    assert (SUPPOSED - 1) * highest_rate(0, runs, DOUBT) <= price + 1e-9
    assert price <= (SUPPOSED - 1) * highest_rate(slow_runs(costs), runs, DOUBT) + 1e-9
    # More than is seen of them, in any case.
    assert price >= float(np.expm1(costs).clip(0).mean())


def eating(gain: float, times: float) -> float:
    """The rate at which runs that cost so many times the usual eat a gain exactly."""
    return expm1(-log(1 - gain)) / (times - 1)


def chance_of_clear(gain: float, times: float) -> tuple[float, float]:
    """How often a slow mode that eats the gain exactly is clear: after 20 runs, and at any look up to `UNHURRIED`.

    Exact, from the number of slow runs seen; a course whose tail was clear goes no further.
    """
    difference, rate = log(1 - gain), eating(gain, times)
    going, clear, once = {0: 1.0}, 0.0, 0.0
    for runs in range(5, UNHURRIED + 1, 5):
        more = [comb(5, seen) * rate**seen * (1 - rate) ** (5 - seen) for seen in range(6)]
        after: dict[int, float] = {}
        for before, chance in going.items():
            for seen, share in enumerate(more):
                after[before + seen] = after.get(before + seen, 0.0) + chance * share
        is_clear = {
            slow: slow < runs / 2 and tail_is_clear(difference, side(difference, runs, slow, times), STEADY)
            for slow in after
        }
        clear += sum(chance for slow, chance in after.items() if is_clear[slow])
        going = {slow: chance for slow, chance in after.items() if not is_clear[slow]}
        if runs == 20:
            once = sum(comb(20, slow) * rate**slow * (1 - rate) ** (20 - slow) for slow in after if is_clear[slow])
    return once, clear


@pytest.mark.parametrize(
    ("gain", "times"),
    [(gain, times) for gain in (0.2, 0.25, 0.3, 0.4) for times in (1.6, 2.0, 2.5) if eating(gain, times) < 0.45],
)
def test_a_mild_slow_mode_that_eats_the_gain_is_hardly_ever_clear(gain: float, times: float) -> None:
    """Not at all fourteen looks together: what was not seen is still priced at three times the usual."""
    once, ever = chance_of_clear(gain, times)
    assert once <= ever <= DOUBT


@pytest.mark.parametrize("gain", [0.25, 0.3, 0.4, 0.47])
def test_a_mode_as_dear_as_supposed_is_not_clear_at_one_look(gain: float) -> None:
    once, ever = chance_of_clear(gain, SUPPOSED)
    assert once <= DOUBT
    # Every block is another look; their number is bounded by the budget.
    assert ever <= 5 * DOUBT


def test_what_slow_runs_may_cost_is_what_the_gain_leaves() -> None:
    assert bearable(log(0.5)) == pytest.approx(1.0)
    assert bearable(log(1.1)) == 0.0


def test_a_better_median_with_a_worse_mean_is_no_gain_in_the_mean() -> None:
    random = np.random.default_rng(3)
    candidate = ARRANGEMENTS[random.integers(0, 6, 12)]
    blocks = Blocks(random.normal(0, 0.01, (12, 4)) + np.where(candidate, -0.1, 0.0), candidate)
    assert mean_is_better(blocks)
    costs = blocks.costs.copy()
    rows, columns = np.nonzero(blocks.candidate)
    costs[rows[::4], columns[::4]] += log(2.0)
    assert not mean_is_better(Blocks(costs, blocks.candidate))
