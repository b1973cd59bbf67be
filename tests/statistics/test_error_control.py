"""Whole simulated trials: how often the answer is wrong, and how often a true gain is found."""

import pytest

from tests.statistics.simulate import SCENARIOS, simulate

NOTHING_TO_GAIN = (
    "equal",
    "threshold",
    "bimodal",
    "bimodal-rare",
    "heavy-tailed",
    "bursts",
    "drift",
    "position",
    "every-metric",
    "memory-mild",
    "memory-rare",
)

ONLY_IN_FULL = "memory-half"
"""What is asked of it, tests/trials/test_proof.py computes exactly."""

SHORT = 40
"""At the stated rate of 0.6 %, four or more wrong adopts of 40 have a probability of 0.0001; a pipeline that errs in
one trial of six fails this test nine times of ten."""


@pytest.mark.parametrize("scenario", NOTHING_TO_GAIN)
def test_a_wrong_adopt_is_rare(scenario: str) -> None:
    assert simulate(scenario, SHORT).wrong <= 3


def test_a_true_gain_is_found() -> None:
    """At a true rate of 0.9, fewer than 28 of 40 have a probability of 0.0001."""
    line = simulate("gain", SHORT)
    assert line.right >= 28
    assert line.wrong <= 3


def test_a_true_gain_is_found_on_a_noisy_machine() -> None:
    """At a true rate of 0.6, fewer than 13 of 40 have a probability of 0.0001."""
    line = simulate("gain-machine", SHORT)
    assert line.right >= 13
    assert line.wrong <= 3


def test_half_the_memory_of_a_pool_of_threads_is_found_in_fifty_runs() -> None:
    """At a true rate of 0.45, fewer than 8 of 40 have a probability of 0.0002."""
    line = simulate("threaded", SHORT)
    assert line.right >= 8
    assert line.wrong <= 3


def test_a_slow_mode_that_leaves_a_gain_may_be_adopted() -> None:
    """At a true rate of 0.7, fewer than 18 of 40 have a probability of 0.0003."""
    assert simulate("memory-better", SHORT).right >= 18


def test_a_trial_ends_within_its_budget() -> None:
    line = simulate("gain", 10)
    # Seconds are budgeted, and a faster candidate has more runs in them.
    assert line.most_runs <= 135


def test_every_scenario_is_tested() -> None:
    assert {*NOTHING_TO_GAIN, "gain", "gain-machine", "threaded", "memory-better", ONLY_IN_FULL} == set(SCENARIOS)
