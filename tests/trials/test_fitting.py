"""The fit of screening: it finds differences under drift, its limits are honest, and its algebra is right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.trials.fitting import BEND, PASSES, PRIOR_WEIGHT, SLOW_WEIGHT, STEP, fit
from heapswap.trials.statistics import Numbers, Places

PRIOR = 0.05


def densely(costs: Numbers, arms: Places, count: int) -> tuple[Numbers, float, float]:
    """Differences, spread and degrees of freedom by the definition, with every matrix written out."""
    runs = len(costs)
    member = np.eye(count)[arms]
    steps = np.diff(np.eye(runs), axis=0)
    weight, stiffness, spread, freedom = np.ones(runs), np.full(runs - 1, STEP**-2), PRIOR, PRIOR_WEIGHT
    for turn in range(PASSES):
        trend = np.linalg.solve(np.diag(weight) + steps.T @ np.diag(stiffness) @ steps, np.diag(weight))
        rest = np.eye(runs) - trend
        normal = member.T @ np.diag(weight) @ rest @ member + 1e-3 * np.eye(count)
        arm_map = member @ np.linalg.solve(normal, member.T @ np.diag(weight) @ rest)
        centred = costs - np.median(costs)
        level = np.linalg.solve(normal, member.T @ np.diag(weight) @ rest @ centred)
        fitted = trend + rest @ arm_map
        residual = centred - fitted @ centred
        jump = steps @ trend @ (centred - member @ level)
        if turn > 1:
            freedom = PRIOR_WEIGHT + max(runs - np.trace(fitted), 0.0)
            spread = np.sqrt((PRIOR_WEIGHT * PRIOR**2 + weight @ residual**2) / freedom)
        weight = np.minimum(1.0, BEND * spread / np.maximum(np.abs(residual), 1e-12))
        weight[residual > 0] *= SLOW_WEIGHT
        stiffness = np.minimum(1.0, BEND * STEP * spread / np.maximum(np.abs(jump), 1e-12)) * STEP**-2
    return level - level[0], float(spread), float(freedom)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 6))
def test_the_fit_is_that_of_its_definition(seed: int, arms: int, each: int) -> None:
    random = np.random.default_rng(seed)
    numbers = random.permutation(np.repeat(np.arange(arms + 1), each + 1))
    costs = random.standard_t(3, len(numbers)) * 0.05 + np.cumsum(random.normal(0, 0.01, len(numbers)))
    found = fit(costs, numbers, arms + 1, PRIOR)
    difference, spread, freedom = densely(costs, numbers, arms + 1)
    assert found.difference == pytest.approx(difference, rel=1e-6, abs=1e-9)
    assert (found.spread, found.freedom) == pytest.approx((spread, freedom), rel=1e-6)


def test_a_screening_fit_finds_the_candidate_under_drift() -> None:
    random = np.random.default_rng(2)
    arms = np.array([0, 1, 2, 3] * 8)
    costs = np.linspace(0, 0.5, 32) + random.normal(0, 0.01, 32) + np.where(arms == 2, -0.1, 0.0)
    found = fit(costs, arms, 5, 0.05)
    assert found.difference[2] == pytest.approx(-0.1, abs=0.02)
    assert np.abs(found.difference[[1, 3]]).max() < 0.02
    assert np.isnan(found.difference[4])
    assert np.isinf(found.error[4])


def test_limits_of_a_screening_fit_are_honest() -> None:
    random = np.random.default_rng(4)
    misses = 0
    for _ in range(300):
        arms = np.concatenate([random.permutation(6) for _ in range(3)])
        found = fit(random.normal(0, 0.05, 18), arms, 6, 0.05)
        misses += int((np.abs(found.difference[1:]) > 2.6 * found.error[1:]).sum())
    # At 2.6 standard errors of a dozen degrees of freedom about 2 % are outside.
    assert misses / 1500 < 0.05
