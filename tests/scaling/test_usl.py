"""The law fitted to what it made itself: recovered, covered, and told apart from what it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.estimate import Estimate
from heapswap.scaling.model import Law
from heapswap.scaling.usl import LEAST_BLOCKS, Numbers, fit, measurable, predicted

LEVELS = (1, 2, 4, 8, 16)


def law(rate: float, contention: float, coherence: float) -> Law:
    return Law(
        rate=Estimate(value=rate),
        contention=Estimate(value=contention),
        coherence=Estimate(value=coherence),
        peak=None,
    )


def runs(truth: Law, blocks: int, noise: float = 0.0, seed: int = 0) -> Numbers:
    """Blocks x levels; half of the noise is common to a block, as a slow minute of the machine is."""
    random = np.random.default_rng(seed)
    exact = np.array([predicted(truth, level) for level in LEVELS])
    common, own = random.normal(0, noise / 2, (blocks, 1)), random.normal(0, noise / 2, (blocks, len(LEVELS)))
    return np.asarray(exact * np.exp(common + own), dtype=np.float64)


def covers(seen: Estimate, value: float) -> bool:
    assert seen.low is not None
    assert seen.high is not None
    return seen.low <= value <= seen.high


def fitted(throughput: Numbers) -> Law:
    found = fit(LEVELS, throughput)
    assert found is not None
    return found


@settings(max_examples=60)
@given(st.floats(1, 1e6), st.floats(0, 0.9), st.floats(0, 0.1))
def test_what_the_law_made_gives_its_parameters(rate: float, contention: float, coherence: float) -> None:
    found = fitted(runs(law(rate, contention, coherence), 1))
    assert found.rate.value == pytest.approx(rate, rel=1e-6)
    assert found.contention.value == pytest.approx(contention, abs=1e-6)
    assert found.coherence.value == pytest.approx(coherence, abs=1e-6)


@pytest.mark.parametrize("blocks", [5, 6])
@pytest.mark.parametrize(("contention", "coherence"), [(0.05, 0.002), (0.3, 0.0005)])
def test_intervals_hold_the_truth_as_often_as_they_say(blocks: int, contention: float, coherence: float) -> None:
    """95 % were asked for; of 40 a binomial gives fewer than 33 in less than one case of a thousand."""
    truth, trials = law(1000, contention, coherence), 40
    held = [0, 0, 0]
    for seed in range(trials):
        found = fitted(runs(truth, blocks, noise=0.05, seed=seed))
        pairs = zip(
            (found.rate, found.contention, found.coherence),
            (truth.rate, truth.contention, truth.coherence),
            strict=True,
        )
        for place, (seen, true) in enumerate(pairs):
            held[place] += covers(seen, true.value)
    assert min(held) >= 33


def test_without_contention_the_limits_reach_zero_and_there_is_no_peak() -> None:
    found = fitted(runs(law(1000, 0, 0), 8, noise=0.03))
    assert found.contention.low == 0
    assert covers(found.contention, 0)
    assert not covers(found.contention, 0.05)
    assert found.coherence.low == 0
    exact = fitted(runs(law(1000, 0, 0), 8))
    assert exact.contention.value == pytest.approx(0, abs=1e-9)
    assert exact.peak is None


def test_a_retrograde_ramp_has_its_peak_inside() -> None:
    found = fitted(runs(law(1000, 0.05, 0.02), 8, noise=0.03))
    assert found.peak is not None
    assert covers(found.peak, (0.95 / 0.02) ** 0.5)
    assert not covers(found.peak, LEVELS[-1])


def test_a_ramp_that_falls_from_its_first_step_is_all_contention() -> None:
    found = fitted(np.array([[1000.0, 700.0, 400.0, 200.0, 100.0]]))
    assert found.contention.value <= 1
    assert found.peak is not None
    assert found.peak.value < 2


def test_superlinear_growth_is_no_contention_and_never_a_negative_one() -> None:
    found = fitted(np.array([[1000.0, 2200.0, 4600.0, 9500.0, 19500.0]]))
    assert (found.contention.value, found.coherence.value, found.peak) == (0, 0, None)


def test_fewer_than_four_steps_fit_nothing() -> None:
    assert fit((8,), np.array([[1000.0]])) is None
    assert fit((1, 2, 4), np.ones((9, 3))) is None
    nan = float("nan")
    assert fit(LEVELS, np.array([[1.0, 2.0, nan, nan, 3.0]])) is None


def test_a_few_blocks_have_no_interval_and_a_gap_costs_its_block_only() -> None:
    few = fitted(runs(law(1000, 0.1, 0.01), LEAST_BLOCKS - 1, noise=0.05))
    assert (few.rate.low, few.peak is not None and few.peak.high) == (None, None)
    with_gap = runs(law(1000, 0.1, 0.01), LEAST_BLOCKS + 1)
    with_gap[0, 2] = float("nan")
    assert fitted(with_gap).rate.low == pytest.approx(1000)


def test_the_same_numbers_give_the_same_interval() -> None:
    seen = runs(law(1000, 0.1, 0.01), 6, noise=0.05)
    assert fit(LEVELS, seen) == fit(LEVELS, seen)


def test_two_cores_are_not_enough_to_measure_scaling() -> None:
    assert not measurable((1, 2, 4, 8, 16), cores=2)
    assert not measurable((1, 2, 4, 4), cores=8)
    assert measurable((1, 2, 4, 8), cores=8)
