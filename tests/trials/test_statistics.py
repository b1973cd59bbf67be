"""The statistics against brute force, and what must not change them."""

from itertools import product
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from heapswap.trials.confirmation import (
    ARRANGEMENTS,
    Blocks,
    balance,
    crossing,
    distribution,
    looks,
    p_less,
    p_more,
    spent,
    statistics,
)
from heapswap.trials.intervals import detectable, estimate, highest_rate, interval, paired
from heapswap.trials.model import Slot, Stage
from heapswap.trials.statistics import Scale
from heapswap.trials.trouble import rarer
from heapswap.workload import Direction
from tests.trials.synthetic import run

few = settings(max_examples=50)
"""Fewer examples than usual, where each of them is dear."""

SECONDS = Scale(metric="wall", unit="s", direction=Direction.LESS)


def drawn(seed: int, count: int, effect: float = 0.0, spread: float = 0.05) -> Blocks:
    random = np.random.default_rng(seed)
    candidate = ARRANGEMENTS[random.integers(0, 6, count)]
    return Blocks(random.normal(0, spread, (count, 4)) + np.where(candidate, effect, 0.0), candidate)


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(-0.1, 0.1))
def test_the_probability_is_that_of_all_arrangements_counted_one_by_one(seed: int, count: int, shift: float) -> None:
    blocks = drawn(seed, count)
    sums = [sum(values) for values in product(*statistics(blocks, shift).tolist())]
    happened = balance(blocks, shift)
    assert p_less(blocks, shift) == pytest.approx(np.mean([value >= happened for value in sums]))
    assert p_more(blocks, shift) == pytest.approx(np.mean([value <= happened for value in sums]))


def test_blocks_are_equal_where_their_values_are() -> None:
    blocks = drawn(1, 5)
    again = Blocks(blocks.costs.copy(), blocks.candidate.copy())
    assert blocks == again
    assert hash(blocks) == hash(again)
    assert blocks != Blocks(blocks.costs, ~blocks.candidate)
    assert blocks != blocks.first(4)


@few
@given(st.integers(0, 1000))
def test_a_distribution_sums_to_one_and_is_symmetric(seed: int) -> None:
    probabilities, zero = distribution(statistics(drawn(seed, 6), 0.0))
    assert probabilities.sum() == pytest.approx(1.0)
    assert probabilities[: zero + 1] == pytest.approx(probabilities[zero:][::-1])


@few
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-0.2, 0.2))
def test_the_unit_of_a_metric_changes_nothing(seed: int, factor: float, shift: float) -> None:
    blocks = drawn(seed, 5)
    scaled = Blocks(blocks.costs + log(factor), blocks.candidate)
    assert p_less(scaled, shift) == pytest.approx(p_less(blocks, shift), abs=0.02)


@few
@given(st.integers(0, 1000))
def test_the_order_of_blocks_changes_nothing(seed: int) -> None:
    blocks = drawn(seed, 7)
    order = np.random.default_rng(seed).permutation(7)
    assert p_less(Blocks(blocks.costs[order], blocks.candidate[order]), -0.02) == pytest.approx(p_less(blocks, -0.02))


@few
@given(st.integers(0, 1000))
def test_exchanged_sides_exchange_the_tails(seed: int) -> None:
    blocks = drawn(seed, 6, effect=-0.05)
    assert p_more(Blocks(blocks.costs, ~blocks.candidate), 0.0) == pytest.approx(p_less(blocks, 0.0))


@few
@given(st.integers(0, 1000), st.floats(-0.2, 0.0), st.floats(0.05, 0.3))
def test_a_larger_gain_is_no_less_convincing(seed: int, effect: float, more: float) -> None:
    small, large = (p_less(drawn(seed, 6, effect=value), -0.02) for value in (effect, effect - more))
    # The clip follows the spread, so the order is kept up to a few steps of the grid.
    assert large <= small + 0.05


def test_the_test_keeps_its_level_under_any_noise() -> None:
    """2,000 trials of a true null, half of them with a shift as the null: p <= 0.05 in about 5 %."""
    random = np.random.default_rng(5)
    hits = 0
    for number in range(2000):
        shift = -0.02 if number % 2 else 0.0
        candidate = ARRANGEMENTS[random.integers(0, 6, 6)]
        drift = np.cumsum(random.standard_t(2, 24)).reshape(6, 4) * 0.05
        hits += p_less(Blocks(drift + np.where(candidate, shift, 0.0), candidate), shift) <= 0.05
    # Above 0.07 has a probability of 0.00004 at a true rate of 0.05.
    assert hits / 2000 < 0.07


def test_five_blocks_can_reach_one_in_7776() -> None:
    assert p_less(drawn(1, 5, effect=-2.0), 0.0) == pytest.approx(1 / 7776)


@few
@given(st.integers(1, 120))
def test_looks_end_with_the_last_block_and_share_the_error(most: int) -> None:
    planned = looks(most)
    assert planned[-1] == most
    assert list(planned) == sorted(set(planned))
    assert sum(spent(planned, 0.004)) == pytest.approx(0.004)


def test_a_test_looks_only_when_a_look_is_due() -> None:
    blocks = drawn(1, 7, effect=-1.0)
    assert crossing(blocks.first(4), 0.0, (5, 8, 11), 0.01) is None
    assert crossing(blocks, 0.0, (5, 8, 11), 0.01) == 5


def test_the_interval_covers_the_truth_and_its_limits_are_those_of_the_test() -> None:
    covered = 0
    for seed in range(120):
        blocks = drawn(seed, 8, effect=-0.1)
        limits = interval(blocks, 0.01)
        assert limits is not None
        found = estimate(blocks)
        assert found is not None
        assert limits[0] < found.difference < limits[1]
        covered += limits[0] <= -0.1 <= limits[1]
        assert p_less(blocks, limits[1] + 1e-3) <= 0.0051
    # 110 or fewer of 120 have a probability of 0.0000002 at a coverage of 0.99.
    assert covered > 110


def test_too_few_blocks_have_no_interval() -> None:
    assert interval(drawn(1, 2), 0.01) is None
    assert interval(Blocks(np.zeros((0, 4)), np.zeros((0, 4), dtype=np.bool_)), 0.01) is None


def test_blocks_without_any_difference_have_an_interval_at_zero() -> None:
    blocks = drawn(1, 6, spread=0.0)
    limits = interval(blocks, 0.01)
    assert limits is not None
    assert limits[0] <= 0.0 <= limits[1]
    assert limits[1] - limits[0] < 0.01


@few
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_rates_are_compared_by_fishers_test(bad: int, runs: int, base_bad: int, base: int) -> None:
    bad, base_bad = min(bad, runs), min(base_bad, base)
    table = np.array([[bad, runs - bad], [base_bad, base - base_bad]])
    assert rarer(bad, runs, base_bad, base) == pytest.approx(
        scipy_stats.fisher_exact(table, "greater").pvalue, abs=1e-9
    )


def test_none_seen_of_so_many_bounds_a_rate() -> None:
    assert highest_rate(0, 10, 0.05) == pytest.approx(1 - 0.05 ** (1 / 10))
    assert highest_rate(3, 3, 0.05) == 1.0


def test_paired_limits_agree_with_the_signed_rank_test() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1.0, 12)
    limits = paired(differences, 0.01)
    assert limits is not None
    inside, outside = limits[0] + 1e-9, limits[0] - 1e-9
    assert scipy_stats.wilcoxon(differences - inside, method="exact").pvalue > 0.01
    assert scipy_stats.wilcoxon(differences - outside, method="exact").pvalue <= 0.01
    assert paired(differences[:5], 0.01) is None


def test_more_blocks_detect_less() -> None:
    assert detectable(0.05, 11, 0.004) < detectable(0.05, 5, 0.004)


@few
@given(st.floats(0.001, 0.9), st.sampled_from(list(Direction)))
def test_an_effect_survives_the_way_to_costs_and_back(ratio: float, direction: Direction) -> None:
    measure = Scale(metric="rps", unit="1", direction=direction)
    sign = -1 if direction is Direction.LESS else 1
    assert measure.effect(measure.improvement(ratio)) == pytest.approx(sign * ratio)
    assert measure.effect(measure.worsening(ratio)) == pytest.approx(-sign * ratio)
    assert measure.improvement(ratio) < 0 < measure.worsening(ratio)


def test_a_run_that_failed_has_no_cost() -> None:
    slot = Slot(stage=Stage.SCREENING, block=1, position=0, candidate="a")
    assert SECONDS.cost(run(slot, {"wall": 2.0})) == pytest.approx(log(2))
    assert SECONDS.cost(run(slot, {"wall": 0.0})) == pytest.approx(log(1e-4))
